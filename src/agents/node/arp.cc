// node_arp_entries and node_arp_states: neighbours known by ARP, over rtnetlink as node_exporter reads them
// by default, or from /proc/net/arp (which knows no states).
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <map>

#include "agents/node/collectors.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

struct Device {
  double entries = 0;
  std::map<std::string_view, double> states;
};
using Devices = std::map<std::string, Device, std::less<>>;

std::string_view StateName(uint16_t state) {
  switch (state) {
    case NUD_INCOMPLETE:
      return "incomplete";
    case NUD_REACHABLE:
      return "reachable";
    case NUD_STALE:
      return "stale";
    case NUD_DELAY:
      return "delay";
    case NUD_PROBE:
      return "probe";
    case NUD_FAILED:
      return "failed";
    case NUD_PERMANENT:
      return "permanent";
    default:
      return "";
  }
}

core::Result<Devices> ReadNetlink(Netlink& route) {
  ndmsg request{};
  request.ndm_family = AF_INET;
  std::map<int, Devices::iterator> by_index;
  Devices devices;
  const auto read = [&](uint16_t type, std::string_view body) {
    if (type != RTM_NEWNEIGH || body.size() < sizeof(ndmsg)) return;
    const auto neighbour = NetlinkStruct<ndmsg>(body);
    if ((neighbour.ndm_state & NUD_NOARP) != 0) return;  // /proc/net/arp leaves them out, too
    auto known = by_index.find(neighbour.ndm_ifindex);
    if (known == by_index.end()) {
      std::string name = route.DeviceName(static_cast<uint32_t>(neighbour.ndm_ifindex));
      if (name.empty()) return;
      known = by_index.emplace(neighbour.ndm_ifindex, devices.try_emplace(std::move(name)).first).first;
    }
    Device& device = known->second->second;
    ++device.entries;
    ++device.states[StateName(neighbour.ndm_state)];
  };
  SEXTANT_TRY(
      route.Dump(RTM_GETNEIGH, BytesOf(request), read).map_error(core::AddContext("listing neighbours")));
  return devices;
}

// A heading, then lines whose last field is the device.
core::Result<Devices> ReadProc(const HostPaths& paths) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(paths.Proc("net/arp")));
  std::string_view rest = text;
  std::string_view line;
  std::vector<std::string_view> fields;
  Devices devices;
  NextLine(rest, line);
  while (NextLine(rest, line)) {
    SplitFields(line, fields);
    if (fields.size() == 6) ++devices[std::string(fields[5])].entries;
  }
  return devices;
}

// No `route`: from the file.
core::Status CollectArp(const NameFilter& filter, Netlink* route, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_ASSIGN(const Devices devices, route != nullptr ? ReadNetlink(*route) : ReadProc(paths));
  auto& entries = sink.GetFamily("node_arp_entries", "Number of ARP entries of each device.",
                                 MetricType::kGauge, {"device"});
  auto& states = sink.GetFamily("node_arp_states", "Number of ARP entries of each device in each state.",
                                MetricType::kGauge, {"device", "state"});
  for (const auto& [name, device] : devices) {
    if (filter.IsIgnored(name)) continue;
    entries.Add({name}, device.entries);
    for (const auto& [state, count] : device.states) states.Add({name, state}, count);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeArpCollector(const NodeOptions& options, std::shared_ptr<Netlink> route) {
  if (!options.arp_netlink) route = nullptr;
  return std::make_unique<StatelessCollector>("arp", [filter = options.arp_devices, route = std::move(route)](
                                                         const HostPaths& paths, MetricSink& sink) {
    return CollectArp(filter, route.get(), paths, sink);
  });
}

}  // namespace sextant::node
