// node_ethtool_* and link capabilities of network devices, over the ioctl SIOCETHTOOL.
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>

#include "agents/node/collectors.h"
#include "agents/node/ethtool_names.h"

namespace sextant::node {
namespace {

constexpr uint32_t kStatisticsLimit = 100'000;
constexpr double kBytesPerMegabit = 1e6 / 8;

struct Speed {
  int bit;
  int megabits;
  std::string_view duplex;
  std::string_view physical;
};

// The modes that fit into the 32 bits of ETHTOOL_GSET.
constexpr Speed kSpeeds[] = {
    {0, 10, "half", "T"},        {1, 10, "full", "T"},          {2, 100, "half", "T"},
    {3, 100, "full", "T"},       {4, 1'000, "half", "T"},       {5, 1'000, "full", "T"},
    {12, 10'000, "full", "T"},   {17, 1'000, "full", "KX"},     {18, 10'000, "full", "KX4"},
    {19, 10'000, "full", "KR"},  {20, 10'000, "full", "R_FEC"}, {21, 20'000, "full", "MLD2"},
    {22, 20'000, "full", "KR2"}, {23, 40'000, "full", "KR4"},   {24, 40'000, "full", "CR4"},
    {25, 40'000, "full", "SR4"}, {26, 40'000, "full", "LR4"},   {27, 56'000, "full", "KR4"},
    {28, 56'000, "full", "CR4"}, {29, 56'000, "full", "SR4"},   {30, 56'000, "full", "LR4"},
    {31, 25'000, "full", "CR"},
};

constexpr std::pair<int, std::string_view> kPorts[] = {{7, "TP"},     {8, "AUI"},  {9, "MII"},
                                                       {10, "FIBRE"}, {11, "BNC"}, {16, "Backplane"}};
constexpr int kAutonegotiateBit = 6;
constexpr int kPauseBit = 13;
constexpr int kAsymmetricPauseBit = 14;

bool HasBit(uint32_t modes, int bit) { return (modes >> bit & 1) != 0; }

struct FdCloser {
  int fd;
  ~FdCloser() { ::close(fd); }
};

// One command of ethtool on a device; false when the driver does not know it.
bool Ask(int fd, std::string_view device, void* command) {
  ifreq request{};
  if (device.size() >= sizeof request.ifr_name) return false;
  std::memcpy(request.ifr_name, device.data(), device.size());
  request.ifr_data = static_cast<char*>(command);
  return ::ioctl(fd, SIOCETHTOOL, &request) == 0;
}

template <size_t N>
std::string_view Text(const char (&field)[N]) {
  return {field, ::strnlen(field, N)};
}

void AddCapabilities(std::string_view device, std::string_view which, uint32_t modes, MetricSink& sink) {
  for (const auto& [bit, what] : {std::pair<int, std::string_view>(kAutonegotiateBit, "autonegotiate"),
                                  {kPauseBit, "pause"},
                                  {kAsymmetricPauseBit, "asymmetricpause"}}) {
    sink.GetFamily(fmt::format("node_network_{}_{}", what, which),
                   fmt::format("Whether {} is {} by a network device (0 or 1).", what, which),
                   MetricType::kGauge, {"device"})
        .Add({device}, HasBit(modes, bit) ? 1 : 0);
  }
  for (const Speed& speed : kSpeeds) {
    if (!HasBit(modes, speed.bit)) continue;
    sink.GetFamily(fmt::format("node_network_{}_speed_bytes", which),
                   fmt::format("Speed {} by a network device, in bytes per second.", which),
                   MetricType::kGauge, {"device", "duplex", "mode"})
        .Add({device, speed.duplex, fmt::format("{}base{}", speed.megabits, speed.physical)},
             speed.megabits * kBytesPerMegabit);
  }
}

void CollectLink(int fd, std::string_view device, MetricSink& sink) {
  ethtool_cmd link{};
  link.cmd = ETHTOOL_GSET;
  if (!Ask(fd, device, &link)) return;
  AddCapabilities(device, "supported", link.supported, sink);
  AddCapabilities(device, "advertised", link.advertising, sink);
  for (const auto& [bit, port] : kPorts) {
    if (!HasBit(link.supported, bit)) continue;
    sink.GetFamily("node_network_supported_port_info", "Kinds of ports of a network device; always 1.",
                   MetricType::kGauge, {"device", "type"})
        .Add({device, port}, 1);
  }
  sink.GetFamily("node_network_autonegotiate", "Whether a network device negotiates (0 or 1).",
                 MetricType::kGauge, {"device"})
      .Add({device}, link.autoneg);
}

void CollectDriver(int fd, std::string_view device, MetricSink& sink) {
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (!Ask(fd, device, &driver)) return;
  sink.GetFamily("node_ethtool_info", "The driver of a network device; always 1.", MetricType::kGauge,
                 {"bus_info", "device", "driver", "expansion_rom_version", "firmware_version", "version"})
      .Add({Text(driver.bus_info), device, Text(driver.driver), Text(driver.erom_version),
            Text(driver.fw_version), Text(driver.version)},
           1);
}

// The driver's own statistics: how many, what they are called, and their values.
std::vector<std::pair<std::string, uint64_t>> ReadStatistics(int fd, std::string_view device) {
  // The count follows the header.
  alignas(ethtool_sset_info) char info[sizeof(ethtool_sset_info) + sizeof(uint32_t)] = {};
  ethtool_sset_info header{};
  header.cmd = ETHTOOL_GSSET_INFO;
  header.sset_mask = 1ULL << ETH_SS_STATS;
  std::memcpy(info, &header, sizeof header);
  if (!Ask(fd, device, info)) return {};
  std::memcpy(&header, info, sizeof header);
  if (header.sset_mask == 0) return {};
  uint32_t count = 0;
  std::memcpy(&count, info + sizeof header, sizeof count);
  if (count == 0 || count > kStatisticsLimit) return {};
  std::vector<char> strings_buffer(sizeof(ethtool_gstrings) + size_t{count} * ETH_GSTRING_LEN);
  ethtool_gstrings strings{};
  strings.cmd = ETHTOOL_GSTRINGS;
  strings.string_set = ETH_SS_STATS;
  strings.len = count;
  std::memcpy(strings_buffer.data(), &strings, sizeof strings);
  if (!Ask(fd, device, strings_buffer.data())) return {};
  std::vector<char> values_buffer(sizeof(ethtool_stats) + size_t{count} * sizeof(uint64_t));
  ethtool_stats values{};
  values.cmd = ETHTOOL_GSTATS;
  values.n_stats = count;
  std::memcpy(values_buffer.data(), &values, sizeof values);
  if (!Ask(fd, device, values_buffer.data())) return {};
  std::vector<std::pair<std::string, uint64_t>> statistics;
  for (uint32_t i = 0; i < count; ++i) {
    const char* name = strings_buffer.data() + sizeof strings + size_t{i} * ETH_GSTRING_LEN;
    uint64_t value = 0;
    std::memcpy(&value, values_buffer.data() + sizeof values + size_t{i} * sizeof value, sizeof value);
    statistics.emplace_back(std::string(name, ::strnlen(name, ETH_GSTRING_LEN)), value);
  }
  return statistics;
}

void CollectStatistics(int fd, std::string_view device, const Pattern& wanted, MetricSink& sink) {
  std::map<std::string, std::optional<std::pair<std::string, uint64_t>>> by_name;
  for (auto& [statistic, value] : ReadStatistics(fd, device)) {
    if (!wanted.Matches(statistic)) continue;
    // Different statistics may get the same name; then none of them is what the name says.
    const auto [known, is_new] =
        by_name.try_emplace(EthtoolMetricName(statistic), std::pair(statistic, value));
    if (!is_new) known->second.reset();
  }
  for (const auto& [name, statistic] : by_name) {
    if (!statistic) continue;
    sink.GetFamily(name, fmt::format("The driver's statistic {}.", statistic->first), MetricType::kUntyped,
                   {"device"})
        .Add({device}, static_cast<double>(statistic->second));
  }
}

core::Status CollectEthtool(const NameFilter& devices, const Pattern& wanted, const HostPaths& paths,
                            MetricSink& sink) {
  const std::string base = paths.Sys("class/net");
  SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return core::FailErrno(errno, "opening a socket for ethtool");
  const FdCloser closer{fd};
  for (const std::string& device : names) {
    if (devices.IsIgnored(device) || !IsDirectory(base + "/" + device)) continue;
    CollectLink(fd, device, sink);
    CollectDriver(fd, device, sink);
    CollectStatistics(fd, device, wanted, sink);
  }
  return {};
}

}  // namespace

std::string EthtoolMetricName(std::string_view statistic) {
  static constexpr std::string_view kTotals[] = {"rx_bytes", "rx_dropped", "rx_errors", "rx_packets",
                                                 "tx_bytes", "tx_errors",  "tx_packets"};
  std::string part = MetricNamePart(statistic);
  std::transform(part.begin(), part.end(), part.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; });
  part.erase(0, std::min(part.find_first_not_of('_'), part.size()));
  std::string name = "node_ethtool";
  std::string_view rest = part;
  std::string_view replaced;  // the word before, if another stands for it
  for (size_t underscore = 0; underscore != std::string_view::npos;) {
    underscore = rest.find('_');
    const std::string_view word = rest.substr(0, underscore);
    // The original's pattern takes the underscore behind a word with it, and so misses the same word after
    // it.
    const bool is_replaced = (word == "rx" || word == "tx") && word != replaced;
    replaced = is_replaced ? word : std::string_view();
    name += '_';
    name += !is_replaced ? word : word == "rx" ? "received" : "transmitted";
    if (underscore != std::string_view::npos) rest.remove_prefix(underscore + 1);
  }
  const bool is_total = std::find(std::begin(kTotals), std::end(kTotals), statistic) != std::end(kTotals);
  return is_total ? name + "_total" : name;
}

std::unique_ptr<Collector> MakeEthtoolCollector(const NodeOptions& options) {
  return std::make_unique<StatelessCollector>(
      "ethtool",
      [devices = options.ethtool_devices, wanted = options.ethtool_metrics](
          const HostPaths& paths, MetricSink& sink) { return CollectEthtool(devices, wanted, paths, sink); });
}

}  // namespace sextant::node
