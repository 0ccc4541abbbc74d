// Collectors that ask the kernel over netlink, with answers that are written here.
#include "agents/node/netlink.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/gen_stats.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/nl80211.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>

#include <cerrno>
#include <limits>

#include "agents/node/collectors.h"
#include "agents/node/generic_netlink.h"
#include "agents/node/link_modes.h"
#include "agents/node/netlink_recording.h"
#include "agents/node/test_tree.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

template <typename T>
std::string Attribute(uint16_t type, const T& value) {
  return NetlinkAttribute(type, BytesOf(value));
}

std::string Text(uint16_t type, std::string_view text) {
  return NetlinkAttribute(type, std::string(text) + '\0');
}

template <typename T>
std::string Message(uint16_t type, const T& header, std::string_view attributes) {
  std::string body(BytesOf(header));
  body.resize(NLMSG_ALIGN(body.size()), '\0');
  return NetlinkMessage(type, body + std::string(attributes));
}

std::string Refusal(int error) {
  nlmsgerr body{};
  body.error = error;
  return NetlinkMessage(NLMSG_ERROR, BytesOf(body));
}

std::shared_ptr<NetlinkRecording> Route(uint16_t type, std::vector<std::string> datagrams) {
  auto route = std::make_shared<NetlinkRecording>();
  route->Answer(type, std::move(datagrams));
  route->NameDevice(2, "eth0");
  route->NameDevice(3, "eth1");
  return route;
}

struct Collected {
  core::Status status;
  std::string text;
};

Collected Collect(Collector& collector, const HostPaths& paths = {}) {
  MetricSink sink;
  Collected collected;
  collected.status = collector.Collect(paths, sink);
  collected.text = sink.RenderText();
  return collected;
}

TEST(NetlinkDatagrams, EndTheDumpOrRefuseIt) {
  std::string seen;
  const NetlinkReader read = [&](uint16_t type, std::string_view body) {
    seen += fmt::format("{}:{};", type, body);
  };
  const auto more = ReadNetlinkDatagram(NetlinkMessage(20, "abc") + NetlinkMessage(21, ""), read);
  ASSERT_TRUE(more);
  EXPECT_FALSE(*more);
  const auto done =
      ReadNetlinkDatagram(NetlinkMessage(22, "x") + NetlinkDone() + NetlinkMessage(23, ""), read);
  ASSERT_TRUE(done);
  EXPECT_TRUE(*done);
  EXPECT_EQ(seen, "20:abc;21:;22:x;");
  const auto refused = ReadNetlinkDatagram(Refusal(-EPERM), read);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message(), HasSubstr("Operation not permitted"));
  // What is no errno is no reason to believe anything.
  EXPECT_FALSE(ReadNetlinkDatagram(Refusal(std::numeric_limits<int>::min()), read));
  EXPECT_FALSE(ReadNetlinkDatagram(NetlinkMessage(NLMSG_ERROR, ""), read));
  // Cut anywhere, it is read as far as it is whole.
  const std::string whole = NetlinkMessage(30, "abcd") + NetlinkMessage(31, "efgh");
  for (size_t size = 0; size < whole.size(); ++size) {
    seen.clear();
    const auto cut = ReadNetlinkDatagram(whole.substr(0, size), read);
    ASSERT_TRUE(cut) << size;
    EXPECT_FALSE(*cut);
    EXPECT_EQ(seen, size < 20 ? "" : "30:abcd;") << size;
  }
}

std::string Neighbour(int index, uint16_t state) {
  ndmsg header{};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = index;
  header.ndm_state = state;
  return Message(RTM_NEWNEIGH, header, "");
}

TEST(ArpNetlink, CountsNeighboursByDeviceAndState) {
  const auto route = Route(RTM_GETNEIGH, {});
  route->Answer(RTM_GETNEIGH,
                {Neighbour(2, NUD_REACHABLE) + Neighbour(2, NUD_STALE) + Neighbour(3, NUD_STALE),
                 Neighbour(2, NUD_STALE) + Neighbour(2, NUD_NOARP) + Neighbour(77, NUD_STALE) +
                     NetlinkMessage(RTM_NEWNEIGH, "short") + NetlinkDone()});
  const auto collector = MakeArpCollector(DefaultNodeOptions(), route);
  const Collected collected = Collect(*collector);
  ASSERT_TRUE(collected.status) << collected.status.error().message();
  EXPECT_THAT(collected.text, AllOf(HasSubstr("node_arp_entries{device=\"eth0\"} 3\n"),
                                    HasSubstr("node_arp_entries{device=\"eth1\"} 1\n"),
                                    HasSubstr("node_arp_states{device=\"eth0\",state=\"reachable\"} 1\n"),
                                    HasSubstr("node_arp_states{device=\"eth0\",state=\"stale\"} 2\n")));
  ASSERT_EQ(route->requests().size(), 1u);
  EXPECT_EQ(NetlinkStruct<ndmsg>(route->requests()[0].second).ndm_family, AF_INET);
  route->Answer(RTM_GETNEIGH, {Neighbour(2, NUD_STALE)});  // and no end
  EXPECT_THAT(Collect(*collector).status.error().message(), HasSubstr("listing neighbours"));
}

rtnl_link_stats64 Statistics() {
  rtnl_link_stats64 statistics{};
  auto* counters = reinterpret_cast<__u64*>(&statistics);
  for (size_t i = 0; i < sizeof statistics / sizeof *counters; ++i) counters[i] = i + 1;
  return statistics;
}

std::string Link(int index, std::string_view name, std::string_view attributes = {},
                 unsigned flags = IFF_UP) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_type = 1;
  header.ifi_flags = flags;
  return Message(RTM_NEWLINK, header, Text(IFLA_IFNAME, name) + std::string(attributes));
}

TEST(NetdevNetlink, SumsAsProcNetDevDoes) {
  const auto route =
      Route(RTM_GETLINK, {Link(2, "eth0", Attribute(IFLA_STATS64, Statistics())) + Link(3, "eth1"),
                          NetlinkMessage(RTM_NEWLINK, "short") + NetlinkDone()});
  const auto text = Collect(*MakeNetdevCollector(DefaultNodeOptions(), route)).text;
  EXPECT_THAT(text,
              AllOf(HasSubstr("# TYPE node_network_receive_packets_total counter\n"),
                    HasSubstr("node_network_receive_packets_total{device=\"eth0\"} 1\n"),
                    HasSubstr("node_network_transmit_bytes_total{device=\"eth0\"} 4\n"),
                    HasSubstr("node_network_receive_drop_total{device=\"eth0\"} 23\n"),      // 7 + 16
                    HasSubstr("node_network_receive_frame_total{device=\"eth0\"} 50\n"),     // 11..14
                    HasSubstr("node_network_transmit_carrier_total{device=\"eth0\"} 76\n"),  // 17 18 20 21
                    Not(HasSubstr("eth1"))));
  NodeOptions options = DefaultNodeOptions();
  options.netdev_details = true;
  EXPECT_THAT(Collect(*MakeNetdevCollector(options, route)).text,
              AllOf(HasSubstr("node_network_receive_missed_errors_total{device=\"eth0\"} 16\n"),
                    HasSubstr("node_network_receive_nohandler_total{device=\"eth0\"} 24\n"),
                    Not(HasSubstr("receive_drop_total"))));
}

TEST(RouteNetlink, TellsEachHop) {
  rtmsg header{};
  header.rtm_family = AF_INET;
  header.rtm_type = RTN_UNICAST;
  header.rtm_protocol = RTPROT_STATIC;
  const uint32_t gateway = htonl(0x0a000001);
  const uint32_t network = htonl(0x0a010000);
  const std::string default_route = Message(
      RTM_NEWROUTE, header,
      Attribute(RTA_OIF, uint32_t{2}) + Attribute(RTA_GATEWAY, gateway) + Attribute(RTA_PRIORITY, 100u));
  const auto hop = [&](int index, uint8_t weight, std::string_view attributes) {
    rtnexthop next{};
    next.rtnh_len = static_cast<uint16_t>(sizeof next + attributes.size());
    next.rtnh_hops = weight;
    next.rtnh_ifindex = index;
    return std::string(BytesOf(next)) + std::string(attributes);
  };
  header.rtm_dst_len = 16;
  header.rtm_protocol = RTPROT_BGP;
  const std::string hops = hop(2, 0, Attribute(RTA_GATEWAY, gateway)) + hop(3, 9, "");
  const std::string two_ways =
      Message(RTM_NEWROUTE, header, Attribute(RTA_DST, network) + NetlinkAttribute(RTA_MULTIPATH, hops));
  header.rtm_type = RTN_LOCAL;
  const auto route =
      Route(RTM_GETROUTE, {default_route, two_ways + Message(RTM_NEWROUTE, header, "") +
                                              NetlinkMessage(RTM_NEWROUTE, "short") + NetlinkDone()});
  const std::string text = Collect(*MakeNetworkRouteCollector(route)).text;
  EXPECT_THAT(
      text,
      AllOf(HasSubstr(
                "node_network_route_info{dest=\"default\",device=\"eth0\",gw=\"10.0.0.1\",priority=\"100\","
                "proto=\"static\",src=\"\",weight=\"\"} 1\n"),
            HasSubstr(
                "node_network_route_info{dest=\"10.1.0.0/16\",device=\"eth0\",gw=\"10.0.0.1\",priority=\"0\","
                "proto=\"bgp\",src=\"\",weight=\"1\"} 1\n"),
            HasSubstr("device=\"eth1\",gw=\"\",priority=\"0\",proto=\"bgp\",src=\"\",weight=\"10\"} 1\n"),
            HasSubstr("node_network_routes{device=\"eth0\"} 2\n"),
            HasSubstr("node_network_routes{device=\"eth1\"} 1\n")));
}

TEST(QdiscNetlink, TellsTheOutermostQueue) {
  tcmsg header{};
  header.tcm_ifindex = 2;
  header.tcm_parent = TC_H_ROOT;
  gnet_stats_basic basic{};
  basic.bytes = 1'000;
  basic.packets = 10;
  gnet_stats_queue queue{};
  queue.qlen = 5;
  queue.backlog = 400;
  queue.drops = 3;
  queue.requeues = 2;
  queue.overlimits = 1;
  const std::string attributes =
      Text(TCA_KIND, "fq") +
      NetlinkAttribute(TCA_STATS2, Attribute(TCA_STATS_BASIC, basic) + Attribute(TCA_STATS_QUEUE, queue));
  std::string datagram = Message(RTM_NEWQDISC, header, attributes);
  header.tcm_parent = 0x10001;  // within another
  datagram += Message(RTM_NEWQDISC, header, Text(TCA_KIND, "pfifo"));
  header.tcm_parent = TC_H_ROOT;
  header.tcm_ifindex = 99;  // gone meanwhile
  datagram += Message(RTM_NEWQDISC, header, Text(TCA_KIND, "gone"));
  const auto route = Route(RTM_GETQDISC, {datagram + NetlinkMessage(RTM_NEWQDISC, "short") + NetlinkDone()});
  const std::string text = Collect(*MakeQdiscCollector(DefaultNodeOptions(), route)).text;
  for (const char* line : {"node_qdisc_bytes_total{device=\"eth0\",kind=\"fq\"} 1000\n",
                           "node_qdisc_packets_total{device=\"eth0\",kind=\"fq\"} 10\n",
                           "node_qdisc_drops_total{device=\"eth0\",kind=\"fq\"} 3\n",
                           "node_qdisc_requeues_total{device=\"eth0\",kind=\"fq\"} 2\n",
                           "node_qdisc_overlimits_total{device=\"eth0\",kind=\"fq\"} 1\n",
                           "node_qdisc_current_queue_length{device=\"eth0\",kind=\"fq\"} 5\n",
                           "node_qdisc_backlog{device=\"eth0\",kind=\"fq\"} 400\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, AllOf(Not(HasSubstr("pfifo")), Not(HasSubstr("gone"))));
}

std::string Generic(uint8_t command, std::string_view attributes) {
  return NetlinkMessage(0x1c, GenericNetlinkRequest(command, attributes));
}

std::string Family(std::string_view name, uint16_t id) {
  return Generic(CTRL_CMD_NEWFAMILY, Attribute(CTRL_ATTR_FAMILY_ID, id) + Text(CTRL_ATTR_FAMILY_NAME, name));
}

std::string Mode(std::string_view device, uint32_t megabits, uint8_t duplex) {
  return Generic(
      ETHTOOL_MSG_LINKMODES_GET_REPLY,
      NetlinkAttribute(ETHTOOL_A_LINKMODES_HEADER | NLA_F_NESTED,
                       Attribute(ETHTOOL_A_HEADER_DEV_INDEX, 2u) + Text(ETHTOOL_A_HEADER_DEV_NAME, device)) +
          Attribute(ETHTOOL_A_LINKMODES_SPEED, megabits) + Attribute(ETHTOOL_A_LINKMODES_DUPLEX, duplex));
}

constexpr uint16_t kEthtool = 21;

std::shared_ptr<NetlinkRecording> Ethtool(std::vector<std::string> modes) {
  auto generic = std::make_shared<NetlinkRecording>();
  generic->Answer(GENL_ID_CTRL, {Family("nlctrl", 16) + Family(ETHTOOL_GENL_NAME, kEthtool), NetlinkDone()});
  generic->Answer(kEthtool, std::move(modes));
  return generic;
}

std::string UplinkAttributes() {
  return NetlinkAttribute(IFLA_ADDRESS, "\x02\xfc\x10\x01\x01\x01") +
         NetlinkAttribute(IFLA_BROADCAST, "\xff\xff\xff\xff\xff\xff") + Text(IFLA_IFALIAS, "uplink") +
         NetlinkAttribute(IFLA_PROP_LIST | NLA_F_NESTED,
                          Text(IFLA_ALT_IFNAME, "enp1s0") + Text(IFLA_ALT_IFNAME, "wan")) +
         Attribute(IFLA_OPERSTATE, uint8_t{6}) + Attribute(IFLA_CARRIER, uint8_t{1}) +
         Attribute(IFLA_CARRIER_CHANGES, 9u) + Attribute(IFLA_CARRIER_UP_COUNT, 5u) +
         Attribute(IFLA_CARRIER_DOWN_COUNT, 4u) + Attribute(IFLA_LINK, 7u) +
         Attribute(IFLA_LINKMODE, uint8_t{1}) + Attribute(IFLA_MTU, 9'000u) + Attribute(IFLA_GROUP, 2u) +
         Attribute(IFLA_TXQLEN, 0xffffffffu) + Attribute(IFLA_STATS64, Statistics());
}

TEST(NetclassNetlink, TellsWhatTheOriginalTells) {
  const TestTree tree;
  tree.Write("class/net/eth0/addr_assign_type", "3\n");
  tree.Write("class/net/eth0/dev_id", "0x20\n");
  tree.Write("class/net/eth0/name_assign_type", "4\n");
  const HostPaths paths{.sysfs = tree.path().string()};
  const auto route =
      Route(RTM_GETLINK, {Link(2, "eth0", UplinkAttributes(), 0x11043), Link(3, "eth1") + NetlinkDone()});
  const auto generic =
      Ethtool({Mode("eth0", 10'000, DUPLEX_FULL) + Mode("eth9", 0xffffffff, DUPLEX_UNKNOWN) + NetlinkDone()});
  const auto collector = MakeNetclassNetlinkCollector(DefaultNodeOptions(), route, generic);
  const Collected collected = Collect(*collector, paths);
  ASSERT_TRUE(collected.status) << collected.status.error().message();
  for (const char* line : {"# TYPE node_network_up gauge\n",
                           "node_network_up{device=\"eth0\"} 1\n",
                           "node_network_up{device=\"eth1\"} 0\n",
                           "node_network_info{address=\"02:fc:10:01:01:01\",broadcast=\"ff:ff:ff:ff:ff:ff\","
                           "device=\"eth0\",duplex=\"Full\","
                           "ifalias=\"uplink\",operstate=\"up\"} 1\n",
                           "node_network_info{address=\"\",broadcast=\"\",device=\"eth1\",duplex=\"\","
                           "ifalias=\"\",operstate=\"\"} 1\n",
                           "node_network_altnames_info{altname=\"enp1s0\",device=\"eth0\"} 1\n",
                           "node_network_altnames_info{altname=\"wan\",device=\"eth0\"} 1\n",
                           "node_network_address_assign_type{device=\"eth0\"} 3\n",
                           "node_network_device_id{device=\"eth0\"} 32\n",
                           "node_network_name_assign_type{device=\"eth0\"} 4\n",
                           "node_network_carrier{device=\"eth0\"} 1\n",
                           "# TYPE node_network_carrier_changes_total "
                           "counter\nnode_network_carrier_changes_total{device=\"eth0\"} 9\n",
                           "node_network_carrier_up_changes_total{device=\"eth0\"} 5\n",
                           "node_network_carrier_down_changes_total{device=\"eth0\"} 4\n",
                           "node_network_flags{device=\"eth0\"} 69699\n",
                           "node_network_iface_id{device=\"eth0\"} 2\n",
                           "node_network_iface_link{device=\"eth0\"} 7\n",
                           "node_network_iface_link{device=\"eth1\"} 3\n",
                           "node_network_iface_link_mode{device=\"eth0\"} 1\n",
                           "node_network_dormant{device=\"eth0\"} 1\n",
                           "node_network_mtu_bytes{device=\"eth0\"} 9000\n",
                           "node_network_net_dev_group{device=\"eth0\"} 2\n",
                           "node_network_transmit_queue_length{device=\"eth0\"} 4.294967295e+09\n",
                           "node_network_protocol_type{device=\"eth0\"} 1\n",
                           "node_network_speed_bytes{device=\"eth0\"} 1.25e+09\n"}) {
    EXPECT_THAT(collected.text, HasSubstr(line));
  }
  EXPECT_THAT(collected.text, AllOf(Not(HasSubstr("eth9")), Not(HasSubstr("receive_bytes_total")),
                                    Not(HasSubstr("mtu_bytes{device=\"eth1\"}"))));
  EXPECT_TRUE(Collect(*collector, paths).status);
  // The family is asked for once, and with it only what it is needed for.
  ASSERT_EQ(generic->requests().size(), 3u);
  EXPECT_EQ(generic->requests()[0].first, GENL_ID_CTRL);
  EXPECT_EQ(generic->requests()[2].first, kEthtool);
}

TEST(NetclassNetlink, HasStatisticsWhenAsked) {
  NodeOptions options = DefaultNodeOptions();
  options.netclass_statistics = true;
  options.netclass_ignored_devices = *Pattern::Make("^eth1$");
  const auto route = Route(RTM_GETLINK, {Link(2, "eth0", UplinkAttributes()) +
                                         Link(3, "eth1", UplinkAttributes()) + NetlinkDone()});
  const auto text =
      Collect(*MakeNetclassNetlinkCollector(options, route, Ethtool({NetlinkDone()})), {.sysfs = "/none"})
          .text;
  EXPECT_THAT(text, AllOf(HasSubstr("# TYPE node_network_receive_packets_total gauge\n"),
                          HasSubstr("node_network_receive_packets_total{device=\"eth0\"} 1\n"),
                          HasSubstr("node_network_receive_nohandler_total{device=\"eth0\"} 24\n"),
                          HasSubstr("node_network_transmit_window_errors_total{device=\"eth0\"} 21\n"),
                          HasSubstr("duplex=\"\""), Not(HasSubstr("speed_bytes")), Not(HasSubstr("eth1"))));
}

TEST(NetclassNetlink, AKernelWithoutEthtoolKnowsNoSpeeds) {
  const auto route = Route(RTM_GETLINK, {Link(2, "eth0", UplinkAttributes()) + NetlinkDone()});
  const auto generic = std::make_shared<NetlinkRecording>();
  generic->Answer(GENL_ID_CTRL, {Family("nlctrl", 16) + NetlinkDone()});
  const Collected without = Collect(*MakeNetclassNetlinkCollector(DefaultNodeOptions(), route, generic));
  EXPECT_TRUE(without.status);
  EXPECT_THAT(without.text, AllOf(HasSubstr("node_network_mtu_bytes{device=\"eth0\"} 9000\n"),
                                  Not(HasSubstr("speed_bytes"))));
  // An error is one.
  const auto refusing = Ethtool({Refusal(-EPERM)});
  EXPECT_THAT(
      Collect(*MakeNetclassNetlinkCollector(DefaultNodeOptions(), route, refusing)).status.error().message(),
      HasSubstr("listing the modes of network devices"));
  EXPECT_THAT(Collect(*MakeNetclassNetlinkCollector(DefaultNodeOptions(), Route(RTM_GETLINK, {}),
                                                    Ethtool({NetlinkDone()})))
                  .status.error()
                  .message(),
              HasSubstr("listing network devices"));
}

TEST(LinkModes, NeedADevice) {
  EXPECT_FALSE(ParseLinkMode(""));
  EXPECT_FALSE(ParseLinkMode(GenericNetlinkRequest(0, Attribute(ETHTOOL_A_LINKMODES_SPEED, 10u))));
  EXPECT_FALSE(ParseLinkMode("ab"));
}

TEST(TcpstatNetlink, AsksForBothFamilies) {
  const TestTree tree;
  tree.Write("net/tcp6", "");
  inet_diag_msg socket{};
  socket.idiag_state = 10;
  const auto diagnosis = std::make_shared<NetlinkRecording>();
  diagnosis->Answer(SOCK_DIAG_BY_FAMILY,
                    {NetlinkMessage(SOCK_DIAG_BY_FAMILY, BytesOf(socket)), NetlinkDone()});
  EXPECT_THAT(Collect(*MakeTcpstatCollector(diagnosis), {.procfs = tree.path().string()}).text,
              HasSubstr("node_tcp_connection_states{state=\"listen\"} 2\n"));
  ASSERT_EQ(diagnosis->requests().size(), 2u);
  EXPECT_EQ(NetlinkStruct<inet_diag_req_v2>(diagnosis->requests()[1].second).sdiag_family, AF_INET6);
}

TEST(WifiNetlink, TellsDevicesNetworksAndStations) {
  constexpr uint16_t kFamily = 30;
  const auto generic = std::make_shared<NetlinkRecording>();
  generic->Answer(GENL_ID_CTRL, {Family(NL80211_GENL_NAME, kFamily) + NetlinkDone()});
  // One answer to all: each reader takes what is its own.
  const std::string elements("\x01\x01x\x00\x04home", 9);
  const std::string message = Generic(
      NL80211_CMD_NEW_INTERFACE,
      Text(NL80211_ATTR_IFNAME, "wlan0") + Attribute(NL80211_ATTR_IFINDEX, 5u) +
          Attribute(NL80211_ATTR_WIPHY_FREQ, 5'180u) +
          NetlinkAttribute(NL80211_ATTR_BSS,
                           NetlinkAttribute(NL80211_BSS_BSSID, "\x02\x02\x02\x02\x02\x02") +
                               NetlinkAttribute(NL80211_BSS_INFORMATION_ELEMENTS, elements) +
                               Attribute(NL80211_BSS_STATUS, 1u)) +
          NetlinkAttribute(NL80211_ATTR_MAC, "\x04\x04\x04\x04\x04\x04") +
          NetlinkAttribute(NL80211_ATTR_STA_INFO, Attribute(NL80211_STA_INFO_SIGNAL, int8_t{-40}) +
                                                      Attribute(NL80211_STA_INFO_RX_BYTES64, uint64_t{77})));
  generic->Answer(kFamily, {message + NetlinkDone()});
  EXPECT_THAT(
      Collect(*MakeWifiCollector(DefaultNodeOptions(), generic)).text,
      AllOf(
          HasSubstr("node_wifi_interface_frequency_hertz{device=\"wlan0\"} 5.18e+09\n"),
          HasSubstr("node_wifi_station_info{bssid=\"02:02:02:02:02:02\",device=\"wlan0\",mode=\"client\","
                    "ssid=\"home\"} "
                    "1\n"),
          HasSubstr("node_wifi_station_signal_dbm{device=\"wlan0\",mac_address=\"04:04:04:04:04:04\"} -40\n"),
          HasSubstr("node_wifi_station_receive_bytes_total{device=\"wlan0\",mac_address=\"04:04:04:04:04:"
                    "04\"} 77\n")));
  generic->Answer(GENL_ID_CTRL, {Family("nlctrl", 16) + NetlinkDone()});
  EXPECT_EQ(Collect(*MakeWifiCollector(DefaultNodeOptions(), generic)).status.error().code(),
            core::Code::kNotFound);
}

}  // namespace
}  // namespace sextant::node
