// node_qdisc_*: queues of network devices, over rtnetlink.
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <simdjson.h>

#include "agents/node/collectors.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

struct Queue {
  std::string device;
  std::string kind;
  uint64_t bytes = 0;
  uint64_t packets = 0;
  uint64_t drops = 0;
  uint64_t requeues = 0;
  uint64_t overlimits = 0;
  uint64_t length = 0;
  uint64_t backlog = 0;
};

void ReadStats(std::string_view nested, Queue& queue) {
  NetlinkAttributes attributes(nested);
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type == TCA_STATS_BASIC) {
      const auto basic = NetlinkStruct<gnet_stats_basic>(value);
      queue.bytes = basic.bytes;
      queue.packets = basic.packets;
    } else if (type == TCA_STATS_QUEUE) {
      const auto stats = NetlinkStruct<gnet_stats_queue>(value);
      queue.length = stats.qlen;
      queue.backlog = stats.backlog;
      queue.drops = stats.drops;
      queue.requeues = stats.requeues;
      queue.overlimits = stats.overlimits;
    }
  }
}

// Only the outermost queue of each device.
core::Result<std::vector<Queue>> ReadKernel(Netlink& route) {
  std::vector<Queue> queues;
  const auto read = [&](uint16_t type, std::string_view body) {
    if (type != RTM_NEWQDISC || body.size() < sizeof(tcmsg)) return;
    const auto message = NetlinkStruct<tcmsg>(body);
    if (message.tcm_parent != TC_H_ROOT && message.tcm_parent != 0) return;
    Queue queue;
    queue.device = route.DeviceName(static_cast<uint32_t>(message.tcm_ifindex));
    if (queue.device.empty()) return;
    NetlinkAttributes attributes(BehindNetlinkStruct(body, sizeof message));
    uint16_t attribute = 0;
    std::string_view value;
    while (attributes.Next(attribute, value)) {
      if (attribute == TCA_KIND) queue.kind = NetlinkText(value);
      if (attribute == TCA_STATS2) ReadStats(value, queue);
    }
    queues.push_back(std::move(queue));
  };
  const tcmsg request{};
  SEXTANT_TRY(route.Dump(RTM_GETQDISC, BytesOf(request), read).map_error(core::AddContext("listing queues")));
  return queues;
}

// A file of --collector.qdisc.fixtures: what the kernel would say, as JSON.
core::Result<std::vector<Queue>> ReadFixtures(const std::string& folder) {
  const std::string path = folder + "/results.json";
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  simdjson::dom::parser parser;
  simdjson::dom::array entries;
  if (parser.parse(text).get(entries) != simdjson::SUCCESS) {
    return core::Fail(core::Code::kInvalidArgument, "{}: not a JSON array", path);
  }
  std::vector<Queue> queues;
  for (const simdjson::dom::element entry : entries) {
    const auto number = [&](std::string_view key) {
      uint64_t value = 0;
      return entry[key].get(value) == simdjson::SUCCESS ? value : 0;
    };
    const auto string = [&](std::string_view key) {
      std::string_view value;
      return std::string(entry[key].get(value) == simdjson::SUCCESS ? value : std::string_view());
    };
    queues.push_back({string("IfaceName"), string("Kind"), number("Bytes"), number("Packets"),
                      number("Drops"), number("Requeues"), number("Overlimits"), number("Qlen"),
                      number("Backlog")});
  }
  return queues;
}

core::Status CollectQdisc(Netlink& route, const NameFilter& devices, const std::string& fixtures,
                          MetricSink& sink) {
  SEXTANT_ASSIGN(const std::vector<Queue> queues,
                 fixtures.empty() ? ReadKernel(route) : ReadFixtures(fixtures));
  for (const Queue& queue : queues) {
    if (devices.IsIgnored(queue.device)) continue;
    const auto add = [&](std::string_view name, std::string_view help, MetricType type, uint64_t value) {
      sink.GetFamily(name, help, type, {"device", "kind"})
          .Add({queue.device, queue.kind}, static_cast<double>(value));
    };
    add("node_qdisc_bytes_total", "Bytes sent.", MetricType::kCounter, queue.bytes);
    add("node_qdisc_packets_total", "Packets sent.", MetricType::kCounter, queue.packets);
    add("node_qdisc_drops_total", "Packets dropped.", MetricType::kCounter, queue.drops);
    add("node_qdisc_requeues_total", "Packets put back into the queue.", MetricType::kCounter,
        queue.requeues);
    add("node_qdisc_overlimits_total", "Times that the queue was over its limit.", MetricType::kCounter,
        queue.overlimits);
    add("node_qdisc_current_queue_length", "Packets in the queue.", MetricType::kGauge, queue.length);
    add("node_qdisc_backlog", "Bytes in the queue.", MetricType::kGauge, queue.backlog);
  }
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeQdiscCollector(const NodeOptions& options, std::shared_ptr<Netlink> route) {
  return std::make_unique<StatelessCollector>(
      "qdisc",
      [devices = options.qdisc_devices, fixtures = options.qdisc_fixtures, route = std::move(route)](
          const HostPaths&, MetricSink& sink) { return CollectQdisc(*route, devices, fixtures, sink); });
}

}  // namespace sextant::node
