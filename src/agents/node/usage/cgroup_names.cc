#include "agents/node/usage/cgroup_names.h"

#include <algorithm>
#include <charconv>

namespace sextant::node {
namespace {

constexpr size_t kContainerIdDigits = 64;
constexpr size_t kShortIdDigits = 12;

bool IsHex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool TakeSuffix(std::string_view& text, std::string_view suffix) {
  if (!text.ends_with(suffix)) return false;
  text.remove_suffix(suffix.size());
  return true;
}

std::string_view LastPart(std::string_view path) { return path.substr(path.rfind('/') + 1); }

// "docker-ID.scope", "cri-containerd-ID.scope", "…slice:cri-containerd:ID", "ID": the id; else empty.
std::string_view ContainerId(std::string_view part) {
  TakeSuffix(part, ".scope");
  if (part.size() < kContainerIdDigits) return {};
  const std::string_view id = part.substr(part.size() - kContainerIdDigits);
  if (!IsHex(id)) return {};
  const std::string_view before = part.substr(0, part.size() - kContainerIdDigits);
  return before.empty() || before.back() == '-' || before.back() == ':' ? id : std::string_view();
}

// What watches a container from outside: "libpod-conmon-ID.scope", "crio-conmon-ID.scope".
bool IsMonitor(std::string_view part) { return part.find("conmon-") != std::string_view::npos; }

// "\x2d" is how systemd writes a dash inside a name.
std::string UnescapeUnit(std::string_view text) {
  std::string plain;
  for (size_t i = 0; i < text.size(); ++i) {
    unsigned char byte = 0;
    if (text.substr(i).starts_with("\\x") && i + 4 <= text.size() &&
        std::from_chars(text.data() + i + 2, text.data() + i + 4, byte, 16).ptr == text.data() + i + 4) {
      plain += static_cast<char>(byte);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

// A part such as "kubepods-burstable-pod8a…_….slice" or "pod8a…-…": the uid; else empty.
std::string PodUid(std::string_view part) {
  TakeSuffix(part, ".slice");
  const size_t at = part.rfind("pod");
  if (at == std::string_view::npos || (at > 0 && part[at - 1] != '-')) return {};
  std::string uid(part.substr(at + 3));
  std::ranges::replace(uid, '_', '-');
  std::string digits = uid;
  std::erase(digits, '-');
  return digits.size() == 32 && IsHex(digits) ? uid : std::string();
}

template <typename Take>
void ForEachPart(std::string_view path, Take&& take) {
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::string_view part = path.substr(0, path.find('/'));
    take(part);
    path.remove_prefix(part.size());
  }
}

// The slice of the user whose path it is, with a slash behind; empty: nobody's.
std::string UserPrefix(std::string_view path) {
  std::string prefix;
  ForEachPart(path, [&](std::string_view part) {
    if (part.starts_with("user-") && part.ends_with(".slice")) prefix = std::string(part) + "/";
  });
  return prefix;
}

bool IsUserManager(std::string_view part) { return part.starts_with("user@") && part.ends_with(".service"); }

bool IsLxc(std::string_view path, std::string_view& name) {
  name = LastPart(path);
  if (TakePrefix(name, "lxc.payload.")) return true;
  const std::string_view parent = path.substr(0, path.rfind('/'));
  return parent == "/lxc" || parent == "/lxc.payload";
}

}  // namespace

CgroupIdentity IdentifyCgroup(std::string_view path) {
  CgroupIdentity identity;
  const std::string_view part = LastPart(path);
  ForEachPart(path, [&](std::string_view each) {
    if (std::string uid = PodUid(each); !uid.empty()) identity.pod = std::move(uid);
  });
  if (const std::string_view id = ContainerId(part); !id.empty()) {
    identity.id = id.substr(0, kShortIdDigits);
    if (IsMonitor(part)) {
      identity.kind = "scope";
      identity.name = part.substr(0, part.find("conmon-") + 6);
      return identity;
    }
    identity.kind = "container";
    identity.name = identity.id;
    identity.full_id = id;
    return identity;
  }
  std::string_view name;
  if (IsLxc(path, name)) {
    identity.kind = "container";
    identity.name = name;
    return identity;
  }
  name = part;
  if (TakePrefix(name, "machine-") && TakeSuffix(name, ".scope")) {
    identity.kind = "machine";
    identity.name = UnescapeUnit(name);
    return identity;
  }
  for (const std::string_view kind : {"service", "scope"}) {
    std::string_view unit = part;
    if (!TakeSuffix(unit, kind) || !TakeSuffix(unit, ".") || unit.empty()) continue;
    identity.kind = kind;
    identity.name = UserPrefix(path) + std::string(part);
    return identity;
  }
  identity.kind = "cgroup";
  identity.name = path;
  return identity;
}

bool IsCgroupWhole(std::string_view path) {
  const std::string_view part = LastPart(path);
  std::string_view name;
  if (!ContainerId(part).empty() || IsLxc(path, name)) return true;
  return !IsUserManager(part) && (part.ends_with(".service") || part.ends_with(".scope"));
}

}  // namespace sextant::node
