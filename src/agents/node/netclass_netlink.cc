// With --collector.netclass.netlink: network devices as rtnetlink and ethtool's netlink tell of them, which
// are those of our own network namespace. Three attributes that netlink does not tell are read from
// /sys/class/net.
#include <linux/ethtool.h>

#include <mutex>

#include "agents/node/link_modes.h"
#include "agents/node/link_statistics.h"
#include "agents/node/net_links.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

std::string DuplexName(uint8_t duplex) {
  switch (duplex) {
    case DUPLEX_HALF:
      return "Half";
    case DUPLEX_FULL:
      return "Full";
    case DUPLEX_UNKNOWN:
      return "Unknown";
    default:
      return fmt::format("Duplex({})", duplex);
  }
}

// Numbers that the files print as an int, and the original as what netlink tells.
std::optional<double> Unsigned(std::optional<int64_t> value) {
  if (!value) return std::nullopt;
  return static_cast<uint32_t>(*value);
}

std::optional<double> Number(std::optional<int64_t> value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

void Add(std::string_view property, MetricType type, std::string_view device, std::optional<double> value,
         MetricSink& sink) {
  if (!value) return;
  sink.GetFamily(fmt::format("node_network_{}", property),
                 fmt::format("Network device property: {}", property), type, {"device"})
      .Add({device}, *value);
}

void AddNames(const NetLink& link, std::string_view duplex, MetricSink& sink) {
  Add("up", MetricType::kGauge, link.name, link.operstate == "up" ? 1 : 0, sink);
  sink.GetFamily("node_network_info", "Names, addresses and states of a network device; always 1.",
                 MetricType::kGauge, {"address", "broadcast", "device", "duplex", "ifalias", "operstate"})
      .Add({link.address, link.broadcast, link.name, duplex, link.alias, link.operstate}, 1);
  for (const std::string& name : link.alternative_names) {
    sink.GetFamily("node_network_altnames_info", "Another name of a network device; always 1.",
                   MetricType::kGauge, {"altname", "device"})
        .Add({name, link.name}, 1);
  }
}

void AddProperties(const NetLink& link, MetricSink& sink) {
  const auto gauge = [&](std::string_view property, std::optional<double> value) {
    Add(property, MetricType::kGauge, link.name, value, sink);
  };
  const auto counter = [&](std::string_view property, std::optional<double> value) {
    Add(property, MetricType::kCounter, link.name, value, sink);
  };
  gauge("carrier", Number(link.carrier));
  counter("carrier_changes_total", Unsigned(link.carrier_changes));
  counter("carrier_up_changes_total", Unsigned(link.carrier_up_count));
  counter("carrier_down_changes_total", Unsigned(link.carrier_down_count));
  gauge("flags", link.flags);
  gauge("iface_id", Unsigned(link.ifindex));
  gauge("iface_link", Unsigned(link.iflink));
  gauge("iface_link_mode", Number(link.link_mode));
  gauge("dormant", Number(link.link_mode));  // as the original has it; the files tell a flag of the device
  gauge("mtu_bytes", Unsigned(link.mtu));
  gauge("net_dev_group", Unsigned(link.netdev_group));
  gauge("transmit_queue_length", Unsigned(link.tx_queue_len));
  gauge("protocol_type", Number(link.type));
}

class NetclassNetlinkCollector final : public Collector {
 public:
  NetclassNetlinkCollector(const NodeOptions& options, std::shared_ptr<Netlink> route,
                           std::shared_ptr<Netlink> generic)
      : ignored_devices_(options.netclass_ignored_devices),
        with_statistics_(options.netclass_statistics),
        route_(std::move(route)),
        modes_(std::move(generic)) {}

  std::string_view name() const override { return "netclass"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    auto modes = modes_.List();
    // An old kernel: nobody knows speed and duplex.
    if (!modes && modes.error().code() != core::Code::kNotFound) return tl::unexpected(modes.error());
    SEXTANT_ASSIGN(const std::vector<NetLink> links, ListNetLinks(*route_, with_statistics_));
    ForgetOthers(links);
    for (const NetLink& link : links) {
      if (ignored_devices_.Matches(link.name)) continue;
      const LinkMode* mode = nullptr;
      if (modes) {
        const auto found = modes->find(link.name);
        if (found != modes->end()) mode = &found->second;
      }
      AddNames(link, mode != nullptr ? DuplexName(mode->duplex) : "", sink);
      AddProperties(link, sink);
      if (mode != nullptr) {
        Add("speed_bytes", MetricType::kGauge, link.name, mode->speed_megabits * 1e6 / 8, sink);
      }
      AddFiles(paths, link.name, sink);
      if (with_statistics_ && link.statistics) AddStatistics(link.name, *link.statistics, sink);
    }
    return {};
  }

 private:
  // Open files are of the devices that they were opened for, which may have another name by now.
  void ForgetOthers(const std::vector<NetLink>& links) {
    std::vector<std::pair<std::string, int64_t>> devices;
    for (const NetLink& link : links) devices.emplace_back(link.name, link.ifindex.value_or(0));
    {
      const std::lock_guard lock(mutex_);
      if (devices == known_devices_) return;
      known_devices_ = std::move(devices);
    }
    files_.Forget();
  }

  void AddFiles(const HostPaths& paths, const std::string& device, MetricSink& sink) {
    static constexpr std::pair<const char*, std::string_view> kFiles[] = {
        {"addr_assign_type", "address_assign_type"},
        {"dev_id", "device_id"},
        {"name_assign_type", "name_assign_type"}};
    if (!IsPathComponent(device)) return;
    for (const auto& [file, property] : kFiles) {
      Add(property, MetricType::kGauge, device,
          Number(files_.Number(paths.Sys(fmt::format("class/net/{}/{}", device, file)))), sink);
    }
  }

  // Gauges, as in the original.
  static void AddStatistics(std::string_view device, const rtnl_link_stats64& counters, MetricSink& sink) {
    for (const LinkStatistic& statistic : kLinkStatistics) {
      Add(fmt::format("{}_total", statistic.name), MetricType::kGauge, device,
          static_cast<double>(counters.*statistic.counter), sink);
    }
  }

  const Pattern ignored_devices_;
  const bool with_statistics_;
  const std::shared_ptr<Netlink> route_;
  LinkModes modes_;
  OpenFiles files_;
  std::mutex mutex_;
  std::vector<std::pair<std::string, int64_t>> known_devices_;  // guarded by mutex_: names and indices
};

}  // namespace

std::unique_ptr<Collector> MakeNetclassNetlinkCollector(const NodeOptions& options,
                                                        std::shared_ptr<Netlink> route,
                                                        std::shared_ptr<Netlink> generic) {
  return std::make_unique<NetclassNetlinkCollector>(options, std::move(route), std::move(generic));
}

}  // namespace sextant::node
