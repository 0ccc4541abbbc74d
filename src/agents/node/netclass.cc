// node_network_up, node_network_info and the other attributes of /sys/class/net.
#include <net/if.h>

#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

struct Attribute {
  const char* file;
  std::string_view name;
  std::string_view help;
  MetricType type;
};

constexpr Attribute kAttributes[] = {
    {"addr_assign_type", "node_network_address_assign_type", "Network device property: address_assign_type",
     MetricType::kGauge},
    {"carrier", "node_network_carrier", "Network device property: carrier", MetricType::kGauge},
    {"carrier_changes", "node_network_carrier_changes_total",
     "Network device property: carrier_changes_total", MetricType::kCounter},
    {"carrier_down_count", "node_network_carrier_down_changes_total",
     "Network device property: carrier_down_changes_total", MetricType::kCounter},
    {"carrier_up_count", "node_network_carrier_up_changes_total",
     "Network device property: carrier_up_changes_total", MetricType::kCounter},
    {"dev_id", "node_network_device_id", "Network device property: device_id", MetricType::kGauge},
    {"dormant", "node_network_dormant", "Network device property: dormant", MetricType::kGauge},
    {"ifindex", "node_network_iface_id", "Network device property: iface_id", MetricType::kGauge},
    {"iflink", "node_network_iface_link", "Network device property: iface_link", MetricType::kGauge},
    {"link_mode", "node_network_iface_link_mode", "Network device property: iface_link_mode",
     MetricType::kGauge},
    {"mtu", "node_network_mtu_bytes", "Network device property: mtu_bytes", MetricType::kGauge},
    {"name_assign_type", "node_network_name_assign_type", "Network device property: name_assign_type",
     MetricType::kGauge},
    {"netdev_group", "node_network_net_dev_group", "Network device property: net_dev_group",
     MetricType::kGauge},
    {"type", "node_network_protocol_type", "Network device property: protocol_type", MetricType::kGauge},
    {"tx_queue_len", "node_network_transmit_queue_length", "Network device property: transmit_queue_length",
     MetricType::kGauge},
};

class NetclassCollector final : public Collector {
 public:
  explicit NetclassCollector(const NodeOptions& options)
      : ignored_devices_(options.netclass_ignored_devices),
        ignore_invalid_speed_(options.netclass_ignore_invalid_speed) {}

  std::string_view name() const override { return "netclass"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    const std::string base = paths.Sys("class/net");
    SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
    for (const std::string& name : names) {
      if (ignored_devices_.Matches(name)) continue;
      const std::string folder = base + "/" + name;
      // bonding_masters is a file among the devices.
      if (IsDirectory(folder)) CollectDevice(name, folder + "/", sink);
    }
    return {};
  }

 private:
  void CollectDevice(const std::string& device, const std::string& folder, MetricSink& sink) {
    const auto text = [&](const char* file) { return files_.Attribute(folder + file).value_or(""); };
    const std::string state = text("operstate");
    sink.GetFamily("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", MetricType::kGauge,
                   {"device"})
        .Add({device}, state == "up" ? 1 : 0);
    const auto flags = files_.Number(folder + "flags");
    const std::string_view admin_state = !flags ? "unknown" : (*flags & IFF_UP) != 0 ? "up" : "down";
    sink.GetFamily("node_network_info", "Non-numeric data from /sys/class/net/<iface>, value is always 1.",
                   MetricType::kGauge,
                   {"address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"})
        .Add(
            {text("address"), admin_state, text("broadcast"), device, text("duplex"), text("ifalias"), state},
            1);
    if (flags) {
      sink.GetFamily("node_network_flags", "Network device property: flags", MetricType::kGauge, {"device"})
          .Add({device}, static_cast<double>(*flags));
    }
    for (const Attribute& attribute : kAttributes) {
      const auto value = files_.Number(folder + attribute.file);
      if (!value) continue;  // not of this kind of device, or not while it is down
      sink.GetFamily(attribute.name, attribute.help, attribute.type, {"device"})
          .Add({device}, static_cast<double>(*value));
    }
    CollectSpeed(device, folder, sink);
  }

  // The file is in Mbit/s; -1 means unknown.
  void CollectSpeed(const std::string& device, const std::string& folder, MetricSink& sink) {
    const auto speed = files_.Number(folder + "speed");
    if (!speed || (*speed < 0 && ignore_invalid_speed_)) return;
    sink.GetFamily("node_network_speed_bytes", "Network device property: speed_bytes", MetricType::kGauge,
                   {"device"})
        .Add({device}, static_cast<double>(*speed) * 1'000 * 1'000 / 8);
  }

  const Pattern ignored_devices_;
  const bool ignore_invalid_speed_;
  OpenFiles files_;
};

}  // namespace

std::unique_ptr<Collector> MakeNetclassCollector(const NodeOptions& options) {
  return std::make_unique<NetclassCollector>(options);
}

}  // namespace sextant::node
