// Whole answers of netlink, as the host agent's collectors read them: links, neighbours, routes, queues,
// sockets, wireless devices, link modes. The input is one datagram; every collector gets it for an answer.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "agents/node/collectors.h"
#include "agents/node/net_links.h"
#include "agents/node/netlink_recording.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace sextant::node;
  const auto netlink = std::make_shared<NetlinkRecording>();
  netlink->AnswerAll({std::string(reinterpret_cast<const char*>(data), size), NetlinkDone()});
  for (uint32_t index = 1; index < 8; ++index) netlink->NameDevice(index, "eth" + std::to_string(index));
  NodeOptions options = DefaultNodeOptions();
  options.netclass_statistics = true;
  NodeOptions detailed = options;
  detailed.netdev_details = true;
  const HostPaths nowhere{.procfs = "/none", .sysfs = "/none", .rootfs = "/none", .udev_data = "/none"};
  MetricSink sink;
  const auto collect = [&](const std::unique_ptr<Collector>& collector) {
    static_cast<void>(collector->Collect(nowhere, sink));
    static_cast<void>(sink.RenderText());
    sink.Clear();
  };
  collect(MakeArpCollector(options, netlink));
  collect(MakeNetdevCollector(options, netlink));
  collect(MakeNetdevCollector(detailed, netlink));
  collect(MakeNetworkRouteCollector(netlink));
  collect(MakeQdiscCollector(options, netlink));
  collect(MakeTcpstatCollector(netlink));
  collect(MakeWifiCollector(options, netlink));
  collect(MakeNetclassNetlinkCollector(options, netlink, netlink));
  static_cast<void>(ListNetLinks(*netlink));
  return 0;
}
