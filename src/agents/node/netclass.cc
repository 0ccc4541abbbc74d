// node_network_up, node_network_info and the other attributes of /sys/class/net. What netlink tells of a
// device as well is taken from there, which costs a third.
#include <linux/magic.h>
#include <net/if.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include <algorithm>
#include <mutex>

#include "agents/node/net_links.h"
#include "agents/node/open_files.h"

namespace sextant::node {
namespace {

struct Attribute {
  const char* file;
  std::string_view name;
  std::string_view help;
  MetricType type;
  std::optional<int64_t> NetLink::* linked = nullptr;  // the same number over netlink
  bool needs_up = false;                               // cannot be read while the device is down
};

constexpr Attribute kAttributes[] = {
    {"addr_assign_type", "node_network_address_assign_type", "Network device property: address_assign_type",
     MetricType::kGauge},
    {"carrier", "node_network_carrier", "Network device property: carrier", MetricType::kGauge,
     &NetLink::carrier, true},
    {"carrier_changes", "node_network_carrier_changes_total",
     "Network device property: carrier_changes_total", MetricType::kCounter, &NetLink::carrier_changes},
    {"carrier_down_count", "node_network_carrier_down_changes_total",
     "Network device property: carrier_down_changes_total", MetricType::kCounter,
     &NetLink::carrier_down_count},
    {"carrier_up_count", "node_network_carrier_up_changes_total",
     "Network device property: carrier_up_changes_total", MetricType::kCounter, &NetLink::carrier_up_count},
    {"dev_id", "node_network_device_id", "Network device property: device_id", MetricType::kGauge},
    {"dormant", "node_network_dormant", "Network device property: dormant", MetricType::kGauge,
     &NetLink::dormant, true},
    {"ifindex", "node_network_iface_id", "Network device property: iface_id", MetricType::kGauge,
     &NetLink::ifindex},
    {"iflink", "node_network_iface_link", "Network device property: iface_link", MetricType::kGauge,
     &NetLink::iflink},
    {"link_mode", "node_network_iface_link_mode", "Network device property: iface_link_mode",
     MetricType::kGauge, &NetLink::link_mode},
    {"mtu", "node_network_mtu_bytes", "Network device property: mtu_bytes", MetricType::kGauge,
     &NetLink::mtu},
    {"name_assign_type", "node_network_name_assign_type", "Network device property: name_assign_type",
     MetricType::kGauge},
    {"netdev_group", "node_network_net_dev_group", "Network device property: net_dev_group",
     MetricType::kGauge, &NetLink::netdev_group},
    {"type", "node_network_protocol_type", "Network device property: protocol_type", MetricType::kGauge,
     &NetLink::type},
    {"tx_queue_len", "node_network_transmit_queue_length", "Network device property: transmit_queue_length",
     MetricType::kGauge, &NetLink::tx_queue_len},
};

class NetclassCollector final : public Collector {
 public:
  NetclassCollector(const NodeOptions& options, std::shared_ptr<Netlink> route)
      : ignored_devices_(options.netclass_ignored_devices),
        ignore_invalid_speed_(options.netclass_ignore_invalid_speed),
        netlink_(std::move(route)) {}

  std::string_view name() const override { return "netclass"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    const std::string base = paths.Sys("class/net");
    SEXTANT_ASSIGN(const std::vector<std::string> names, ListDirectory(base));
    const std::vector<NetLink> links = LinksOf(base, names);
    if (links.empty()) ForgetOthers(known_folders_, FoldersOf(base, names));
    for (const std::string& name : names) {
      if (ignored_devices_.Matches(name)) continue;
      const std::string folder = base + "/" + name;
      const NetLink* const link = Find(links, name);
      // bonding_masters is a file among the devices.
      if (link != nullptr || IsDirectory(folder)) CollectDevice(name, folder + "/", link, sink);
    }
    return {};
  }

 private:
  using Identity = std::vector<std::pair<std::string, int64_t>>;

  static const NetLink* Find(const std::vector<NetLink>& links, std::string_view name) {
    const auto found = std::ranges::lower_bound(links, name, {}, &NetLink::name);
    return found != links.end() && found->name == name ? &*found : nullptr;
  }

  // The devices over netlink, if these files are of the same ones: netlink tells of our own network
  // namespace, the files of that in which they were mounted.
  std::vector<NetLink> LinksOf(const std::string& base, const std::vector<std::string>& names) {
    struct statfs info{};
    if (::statfs(base.c_str(), &info) != 0 || info.f_type != SYSFS_MAGIC) return {};
    auto links = ListNetLinks(*netlink_);
    if (!links) return {};
    const auto is_device = [&](const std::string& name) {
      return Find(*links, name) != nullptr || IsDirectory(base + "/" + name);
    };
    if (static_cast<size_t>(std::ranges::count_if(names, is_device)) != links->size()) return {};
    Identity identity;
    for (const NetLink& link : *links) {
      if (!std::ranges::binary_search(names, link.name)) return {};
      identity.emplace_back(link.name, link.ifindex.value_or(0));
    }
    {
      const std::lock_guard lock(mutex_);
      if (identity == known_devices_) return *std::move(links);
    }
    for (const auto& [name, index] : identity) {
      if (ReadNumber(base + "/" + name + "/ifindex") != index) return {};
    }
    ForgetOthers(known_devices_, std::move(identity));
    return *std::move(links);
  }

  // The folders that the names lead to, which stay with their devices when these get other names.
  static Identity FoldersOf(const std::string& base, const std::vector<std::string>& names) {
    Identity folders;
    struct stat info{};
    for (const std::string& name : names) {
      if (::stat((base + "/" + name).c_str(), &info) == 0) {
        folders.emplace_back(name, static_cast<int64_t>(info.st_ino));
      }
    }
    return folders;
  }

  // An open file goes on telling of the device that it was opened for, whatever has its name now.
  void ForgetOthers(Identity& known, Identity now) {
    {
      const std::lock_guard lock(mutex_);
      if (known == now) return;
      known = std::move(now);
    }
    files_.Forget();
  }

  void CollectDevice(const std::string& device, const std::string& folder, const NetLink* link,
                     MetricSink& sink) {
    const auto text = [&](const char* file) { return files_.Attribute(folder + file).value_or(""); };
    const bool is_readable = link == nullptr || link->is_up;
    const std::string state = link != nullptr ? std::string(link->operstate) : text("operstate");
    sink.GetFamily("node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", MetricType::kGauge,
                   {"device"})
        .Add({device}, state == "up" ? 1 : 0);
    const auto flags = files_.Number(folder + "flags");
    const std::string_view admin_state = !flags ? "unknown" : (*flags & IFF_UP) != 0 ? "up" : "down";
    const std::string duplex = is_readable ? text("duplex") : "";
    auto& infos =
        sink.GetFamily("node_network_info",
                       "Non-numeric data from /sys/class/net/<iface>, value is always 1.", MetricType::kGauge,
                       {"address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"});
    if (link != nullptr) {
      infos.Add({link->address, admin_state, link->broadcast, device, duplex, link->alias, state}, 1);
    } else {
      infos.Add({text("address"), admin_state, text("broadcast"), device, duplex, text("ifalias"), state}, 1);
    }
    if (flags) {
      sink.GetFamily("node_network_flags", "Network device property: flags", MetricType::kGauge, {"device"})
          .Add({device}, static_cast<double>(*flags));
    }
    for (const Attribute& attribute : kAttributes) {
      if (attribute.needs_up && !is_readable) continue;
      std::optional<int64_t> value;
      if (link != nullptr && attribute.linked != nullptr) value = link->*attribute.linked;
      if (!value) value = files_.Number(folder + attribute.file);
      if (!value) continue;  // not of this kind of device, or not while it is down
      sink.GetFamily(attribute.name, attribute.help, attribute.type, {"device"})
          .Add({device}, static_cast<double>(*value));
    }
    if (is_readable) CollectSpeed(device, folder, sink);
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
  const std::shared_ptr<Netlink> netlink_;
  std::mutex mutex_;
  // Those that the open files are of; guarded by mutex_.
  Identity known_devices_;  // names and indices, when netlink tells of the same
  Identity known_folders_;  // names and inodes, when it does not
};

}  // namespace

std::unique_ptr<Collector> MakeNetclassCollector(const NodeOptions& options, std::shared_ptr<Netlink> route) {
  return std::make_unique<NetclassCollector>(options, std::move(route));
}

}  // namespace sextant::node
