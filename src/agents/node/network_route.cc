// node_network_route_info and node_network_routes: the routing table, over rtnetlink.
#include <arpa/inet.h>
#include <linux/rtnetlink.h>

#include <map>

#include "agents/node/collectors.h"
#include "agents/node/netlink.h"

namespace sextant::node {
namespace {

struct Hop {
  std::string device;
  std::string gateway;
  std::string weight;  // empty: the only one
};

struct Route {
  std::string source;
  std::string destination;
  uint32_t priority = 0;
  std::string_view protocol;
  std::vector<Hop> hops;
};

std::string_view ProtocolName(uint8_t protocol) {
  static constexpr std::pair<uint8_t, std::string_view> kNames[] = {
      {0, "unspec"}, {1, "redirect"}, {2, "kernel"},   {3, "boot"},   {4, "static"},    {8, "gated"},
      {9, "ra"},     {10, "mrt"},     {11, "zebra"},   {12, "bird"},  {13, "dnrouted"}, {14, "xorp"},
      {15, "ntk"},   {16, "dhcp"},    {17, "mrouted"}, {42, "babel"}, {186, "bgp"},     {187, "isis"},
      {188, "ospf"}, {189, "rip"},    {192, "eigrp"}};
  for (const auto& [number, name] : kNames) {
    if (number == protocol) return name;
  }
  return "unknown";
}

std::string FormatAddress(uint8_t family, std::string_view bytes) {
  char text[INET6_ADDRSTRLEN];
  const size_t size = family == AF_INET ? 4 : 16;
  if (bytes.size() < size || ::inet_ntop(family, bytes.data(), text, sizeof text) == nullptr) return "";
  return text;
}

// Several next hops: a header each, with attributes of its own.
void ReadHops(Netlink& route, uint8_t family, std::string_view bytes, std::vector<Hop>& hops) {
  while (bytes.size() >= sizeof(rtnexthop)) {
    const auto header = NetlinkStruct<rtnexthop>(bytes);
    if (header.rtnh_len < sizeof header || header.rtnh_len > bytes.size()) break;
    Hop hop{route.DeviceName(static_cast<uint32_t>(header.rtnh_ifindex)), "",
            std::to_string(header.rtnh_hops + 1)};
    NetlinkAttributes attributes(bytes.substr(sizeof header, header.rtnh_len - sizeof header));
    uint16_t type = 0;
    std::string_view value;
    while (attributes.Next(type, value)) {
      if (type == RTA_GATEWAY) hop.gateway = FormatAddress(family, value);
    }
    hops.push_back(std::move(hop));
    bytes.remove_prefix(std::min<size_t>(RTNH_ALIGN(header.rtnh_len), bytes.size()));
  }
}

std::optional<Route> ReadRoute(Netlink& netlink, std::string_view body) {
  if (body.size() < sizeof(rtmsg)) return std::nullopt;
  const auto message = NetlinkStruct<rtmsg>(body);
  const bool is_ip = message.rtm_family == AF_INET || message.rtm_family == AF_INET6;
  if (!is_ip || message.rtm_type != RTN_UNICAST) return std::nullopt;
  Route route;
  route.protocol = ProtocolName(message.rtm_protocol);
  route.destination = "default";
  Hop only;
  NetlinkAttributes attributes(BehindNetlinkStruct(body, sizeof message));
  uint16_t type = 0;
  std::string_view value;
  while (attributes.Next(type, value)) {
    if (type == RTA_DST && message.rtm_dst_len > 0) {
      route.destination = fmt::format("{}/{}", FormatAddress(message.rtm_family, value), message.rtm_dst_len);
    } else if (type == RTA_PREFSRC) {
      route.source = FormatAddress(message.rtm_family, value);
    } else if (type == RTA_GATEWAY) {
      only.gateway = FormatAddress(message.rtm_family, value);
    } else if (type == RTA_OIF) {
      only.device = netlink.DeviceName(NetlinkStruct<uint32_t>(value));
    } else if (type == RTA_PRIORITY) {
      route.priority = NetlinkStruct<uint32_t>(value);
    } else if (type == RTA_MULTIPATH) {
      ReadHops(netlink, message.rtm_family, value, route.hops);
    }
  }
  if (route.hops.empty()) route.hops.push_back(std::move(only));
  return route;
}

core::Status CollectRoutes(Netlink& netlink, MetricSink& sink) {
  auto& info =
      sink.GetFamily("node_network_route_info", "A route of the kernel's table; always 1.",
                     MetricType::kGauge, {"dest", "device", "gw", "priority", "proto", "src", "weight"});
  std::map<std::string, double> routes_of_device;
  const auto read = [&](uint16_t type, std::string_view body) {
    if (type != RTM_NEWROUTE) return;
    const auto route = ReadRoute(netlink, body);
    if (!route) return;
    for (const Hop& hop : route->hops) {
      info.Add({route->destination, hop.device, hop.gateway, std::to_string(route->priority), route->protocol,
                route->source, hop.weight},
               1);
      ++routes_of_device[hop.device];
    }
  };
  const rtmsg request{};
  SEXTANT_TRY(
      netlink.Dump(RTM_GETROUTE, BytesOf(request), read).map_error(core::AddContext("listing routes")));
  auto& counts =
      sink.GetFamily("node_network_routes", "Routes over a device.", MetricType::kGauge, {"device"});
  for (const auto& [device, count] : routes_of_device) counts.Add({device}, count);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeNetworkRouteCollector(std::shared_ptr<Netlink> route) {
  return std::make_unique<StatelessCollector>(
      "network_route",
      [route = std::move(route)](const HostPaths&, MetricSink& sink) { return CollectRoutes(*route, sink); });
}

}  // namespace sextant::node
