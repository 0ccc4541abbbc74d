#include "pipeline/processors/host_detectors.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netpacket/packet.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "config/text.h"

namespace sextant::pipeline {

namespace {

using core::Code;
using core::Fail;
using core::Result;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\n\r\v\f";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// As in a query: "%2C", and "+" for a space.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      int high = i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
      int low = i + 2 < text.size() ? HexDigit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

Result<std::string> OsHostName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return core::FailErrno(errno, "failed getting OS hostname");
  if (name[0] == '\0') return Fail(Code::kUnavailable, "the host has no name");
  return std::string(name);
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, FreeAddresses>;

struct FreeInterfaces {
  void operator()(ifaddrs* list) const { freeifaddrs(list); }
};

Result<AddressList> LookUp(const std::string& name, int flags) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  addrinfo* list = nullptr;
  if (int failed = getaddrinfo(name.c_str(), nullptr, &hints, &list); failed != 0) {
    return Fail(Code::kUnavailable, "looking up {}: {}", name, gai_strerror(failed));
  }
  return AddressList(list);
}

std::string WithoutLastDot(std::string name) {
  if (name.ends_with('.')) name.pop_back();
  return name;
}

Result<std::string> CanonicalName() {
  SEXTANT_ASSIGN(std::string name, OsHostName());
  SEXTANT_ASSIGN(AddressList list, LookUp(name, AI_CANONNAME));
  return WithoutLastDot(list->ai_canonname != nullptr ? list->ai_canonname : name);
}

// The name of the first of the host's addresses that has one.
Result<std::string> ReverseName() {
  SEXTANT_ASSIGN(std::string name, OsHostName());
  SEXTANT_ASSIGN(AddressList list, LookUp(name, 0));
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    char found[NI_MAXHOST] = {};
    if (getnameinfo(one->ai_addr, one->ai_addrlen, found, sizeof found, nullptr, 0, NI_NAMEREQD) == 0) {
      return WithoutLastDot(found);
    }
  }
  return Fail(Code::kUnavailable, "no address of {} has a name", name);
}

Result<std::string> HostName(HostNameSource source) {
  switch (source) {
    case HostNameSource::kOs:
      return OsHostName();
    case HostNameSource::kDns:
    case HostNameSource::kCname:
      return CanonicalName();
    case HostNameSource::kLookup:
      return ReverseName();
  }
  return Fail(Code::kInvalidArgument, "unknown source");
}

std::string HostArch() {
  utsname name = {};
  if (uname(&name) != 0) return "";
  std::string_view machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine == "i386" || machine == "i686") return "x86";
  if (machine.starts_with("arm")) return "arm32";
  return std::string(machine);
}

std::string FirstLine(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(Trim(line));
}

std::string HostId() {
  std::string id = FirstLine("/etc/machine-id");
  return id.empty() ? FirstLine("/var/lib/dbus/machine-id") : id;
}

// A value of /etc/os-release.
std::string OsRelease(std::string_view key) {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    std::string_view rest = Trim(line);
    if (!rest.starts_with(key) || rest.substr(key.size(), 1) != "=") continue;
    rest.remove_prefix(key.size() + 1);
    if (rest.size() >= 2 && (rest.front() == '"' || rest.front() == '\'')) {
      rest = rest.substr(1, rest.size() - 2);
    }
    return std::string(rest);
  }
  return "";
}

// "Debian GNU/Linux 12 (bookworm) (Linux host 6.1.0 #1 SMP x86_64)"
std::string OsDescription() {
  utsname name = {};
  if (uname(&name) != 0) return OsRelease("PRETTY_NAME");
  std::string kernel =
      fmt::format("{} {} {} {} {}", name.sysname, name.nodename, name.release, name.version, name.machine);
  std::string system = OsRelease("PRETTY_NAME");
  return system.empty() ? kernel : fmt::format("{} ({})", system, kernel);
}

std::string OsBuildId() {
  std::string id = OsRelease("BUILD_ID");
  return id.empty() ? FirstLine("/proc/sys/kernel/osrelease") : id;
}

// Calls visit(interface) for each address of all interfaces that are up, but the loopback's.
template <typename Visit>
void ForEachInterface(Visit&& visit) {
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return;
  std::unique_ptr<ifaddrs, FreeInterfaces> all(first);
  for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
    bool is_ours = (one->ifa_flags & IFF_UP) != 0 && (one->ifa_flags & IFF_LOOPBACK) == 0;
    if (is_ours && one->ifa_addr != nullptr) visit(*one);
  }
}

std::vector<std::string> HostIps() {
  std::vector<std::string> ips;
  ForEachInterface([&](const ifaddrs& one) {
    const sockaddr& address = *one.ifa_addr;
    char text[INET6_ADDRSTRLEN] = {};
    const void* bytes = nullptr;
    if (address.sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    if (address.sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (bytes != nullptr && inet_ntop(address.sa_family, bytes, text, sizeof text) != nullptr) {
      ips.emplace_back(text);
    }
  });
  return ips;
}

std::vector<std::string> HostMacs() {
  std::vector<std::string> macs;
  ForEachInterface([&](const ifaddrs& one) {
    const sockaddr& address = *one.ifa_addr;
    if (address.sa_family != AF_PACKET) return;
    const auto& link = reinterpret_cast<const sockaddr_ll&>(address);
    if (link.sll_halen != 6) return;
    macs.push_back(fmt::format("{:02X}-{:02X}-{:02X}-{:02X}-{:02X}-{:02X}", link.sll_addr[0],
                               link.sll_addr[1], link.sll_addr[2], link.sll_addr[3], link.sll_addr[4],
                               link.sll_addr[5]));
  });
  return macs;
}

std::vector<std::string> HostInterfaces() {
  std::vector<std::string> names;
  ForEachInterface([&](const ifaddrs& one) {
    if (std::ranges::find(names, one.ifa_name) == names.end()) names.emplace_back(one.ifa_name);
  });
  return names;
}

}  // namespace

std::string EnvironmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? "" : value;
}

Result<DetectedAttributes> ParseResourceAttributes(std::string_view text) {
  DetectedAttributes attributes;
  std::string_view rest = Trim(text);
  while (!rest.empty()) {
    std::string_view pair = rest.substr(0, rest.find(','));
    rest.remove_prefix(std::min(rest.size(), pair.size() + 1));
    size_t equals = pair.find('=');
    std::string_view key = Trim(pair.substr(0, equals));
    if (equals == std::string_view::npos || key.empty()) {
      return Fail(Code::kInvalidArgument, "invalid resource format, invalid text: {}", config::Quote(pair));
    }
    std::optional<std::string> value = Unescape(Trim(pair.substr(equals + 1)));
    if (!value) {
      return Fail(Code::kInvalidArgument, "invalid resource format in attribute: {}", config::Quote(pair));
    }
    auto found =
        std::ranges::find(attributes, key, [](const auto& item) -> const std::string& { return item.first; });
    if (found != attributes.end()) {
      found->second = DetectedValue::Text(*value);
    } else {
      attributes.emplace_back(key, DetectedValue::Text(*value));
    }
  }
  return attributes;
}

const AttributeDefaults& SystemAttributes() {
  static const AttributeDefaults kAll = {
      {"host.arch", false},
      {"host.cpu.cache.l2.size", false},
      {"host.cpu.family", false},
      {"host.cpu.model.id", false},
      {"host.cpu.model.name", false},
      {"host.cpu.stepping", false},
      {"host.cpu.vendor.id", false},
      {"host.id", false},
      {"host.interface", false},
      {"host.ip", false},
      {"host.mac", false},
      {"host.name", true},
      {"os.build.id", false},
      {"os.description", false},
      {"os.name", true},
      {"os.type", true},
      {"os.version", true},
  };
  return kAll;
}

Result<DetectedAttributes> DetectSystem(const std::vector<HostNameSource>& sources) {
  std::string host_name;
  std::string reasons;
  for (HostNameSource source : sources) {
    Result<std::string> name = HostName(source);
    if (name) {
      host_name = *name;
      break;
    }
    reasons += (reasons.empty() ? "" : "; ") + name.error().message();
  }
  if (host_name.empty()) {
    return Fail(Code::kUnavailable, "all hostname sources failed to get hostname: {}", reasons);
  }
  DetectedAttributes attributes;
  auto add = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) attributes.emplace_back(name, DetectedValue::Text(value));
  };
  add("host.name", host_name);
  add("os.type", "linux");
  add("os.name", OsRelease("ID"));
  add("os.version", OsRelease("VERSION_ID"));
  add("os.description", OsDescription());
  add("os.build.id", OsBuildId());
  add("host.id", HostId());
  add("host.arch", HostArch());
  attributes.emplace_back("host.ip", DetectedValue::List(HostIps()));
  attributes.emplace_back("host.mac", DetectedValue::List(HostMacs()));
  attributes.emplace_back("host.interface", DetectedValue::List(HostInterfaces()));
  std::ifstream cpus("/proc/cpuinfo");
  for (auto& item : ParseCpuInfo(std::string(std::istreambuf_iterator<char>(cpus), {}))) {
    attributes.push_back(std::move(item));
  }
  return attributes;
}

DetectedAttributes ParseCpuInfo(std::string_view text) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {
      {"vendor_id", "host.cpu.vendor.id"}, {"cpu family", "host.cpu.family"},
      {"model", "host.cpu.model.id"},      {"model name", "host.cpu.model.name"},
      {"stepping", "host.cpu.stepping"},   {"cache size", "host.cpu.cache.l2.size"},
  };
  DetectedAttributes found;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    // An empty line ends the first processor.
    if (Trim(line).empty()) break;
    size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    std::string_view key = Trim(line.substr(0, colon));
    std::string_view value = Trim(line.substr(colon + 1));
    const auto* name = std::ranges::find(kNames, key, [](const auto& pair) { return pair.first; });
    if (name == std::end(kNames) || value.empty()) continue;
    if (key != "cache size") {
      found.emplace_back(name->second, DetectedValue::Text(std::string(value)));
      continue;
    }
    int64_t kilobytes = 0;  // "512 KB", of which the original gives the number
    if (std::from_chars(value.data(), value.data() + value.size(), kilobytes).ec == std::errc()) {
      found.emplace_back(name->second, DetectedValue::Int(kilobytes));
    }
  }
  return found;
}

}  // namespace sextant::pipeline
