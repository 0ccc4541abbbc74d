#include "agents/node/net_links.h"

#include <gtest/gtest.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "agents/node/generic_netlink.h"
#include "agents/node/host_files.h"

namespace sextant::node {
namespace {

template <typename T>
std::string Number(uint16_t type, T value) {
  return NetlinkAttribute(type, BytesOf(value));
}

std::string Header(unsigned flags) {
  ifinfomsg header{};
  header.ifi_index = 7;
  header.ifi_type = 772;
  header.ifi_flags = flags;
  return std::string(BytesOf(header));
}

TEST(NetLinks, ReadsAMessage) {
  const std::string body =
      Header(IFF_UP | 0x20000) + NetlinkAttribute(IFLA_IFNAME, std::string_view("eth0\0", 5)) +
      NetlinkAttribute(IFLA_ADDRESS, "\x02\xfc\x10") +
      NetlinkAttribute(IFLA_IFALIAS, std::string_view(" uplink \0", 9)) + Number<uint8_t>(IFLA_OPERSTATE, 6) +
      Number<uint8_t>(IFLA_CARRIER, 1) + Number(IFLA_MTU, 9'000u) + Number(IFLA_LINK, 3u) +
      Number(IFLA_TXQLEN, 0xffffffffu);
  const auto link = ParseNetLink(body);
  ASSERT_TRUE(link);
  EXPECT_EQ(link->name, "eth0");
  EXPECT_EQ(link->address, "02:fc:10");
  EXPECT_EQ(link->broadcast, "");
  EXPECT_EQ(link->alias, "uplink");
  EXPECT_EQ(link->operstate, "up");
  EXPECT_TRUE(link->is_up);
  EXPECT_EQ(link->dormant, 1);
  EXPECT_EQ(link->carrier, 1);
  EXPECT_EQ(link->ifindex, 7);
  EXPECT_EQ(link->iflink, 3);
  EXPECT_EQ(link->type, 772);
  EXPECT_EQ(link->mtu, 9'000);
  EXPECT_EQ(link->tx_queue_len, -1);  // as the file prints it
  EXPECT_EQ(link->carrier_changes, std::nullopt);
}

TEST(NetLinks, ToldNothingItSaysNothing) {
  EXPECT_FALSE(ParseNetLink(""));
  EXPECT_FALSE(ParseNetLink(Header(0)));
  EXPECT_FALSE(ParseNetLink(Header(0).substr(1)));
  const auto link = ParseNetLink(Header(0) + NetlinkAttribute(IFLA_IFNAME, "x") +
                                 Number<uint8_t>(IFLA_OPERSTATE, 200) + NetlinkAttribute(IFLA_MTU, "\x05"));
  ASSERT_TRUE(link);
  EXPECT_EQ(link->iflink, 7);  // its own
  EXPECT_EQ(link->operstate, "");
  EXPECT_FALSE(link->is_up);
  EXPECT_EQ(link->mtu, 5);
}

// The files of this machine are the other implementation.
TEST(NetLinks, SayWhatTheFilesSay) {
  NetlinkClient client(NETLINK_ROUTE);
  for (int round = 0; round < 2; ++round) {  // the second on the same socket
    const auto links = ListNetLinks(client);
    ASSERT_TRUE(links) << links.error().message();
    size_t compared = 0;
    for (const NetLink& link : *links) {
      const std::string folder = "/sys/class/net/" + link.name + "/";
      if (ReadNumber(folder + "ifindex") != link.ifindex) continue;  // of another network namespace
      ++compared;
      const auto number = [&](const char* file) { return ReadNumber(folder + file); };
      const auto text = [&](const char* file) { return ReadAttribute(folder + file); };
      EXPECT_EQ(number("iflink"), link.iflink) << link.name;
      EXPECT_EQ(number("link_mode"), link.link_mode) << link.name;
      EXPECT_EQ(number("mtu"), link.mtu) << link.name;
      EXPECT_EQ(number("netdev_group"), link.netdev_group) << link.name;
      EXPECT_EQ(number("tx_queue_len"), link.tx_queue_len) << link.name;
      EXPECT_EQ(number("type"), link.type) << link.name;
      EXPECT_EQ(number("carrier_changes"), link.carrier_changes) << link.name;
      EXPECT_EQ(number("carrier_up_count"), link.carrier_up_count) << link.name;
      EXPECT_EQ(number("carrier_down_count"), link.carrier_down_count) << link.name;
      EXPECT_EQ(number("carrier"), link.is_up ? link.carrier : std::nullopt) << link.name;
      EXPECT_EQ(number("dormant"), link.is_up ? link.dormant : std::nullopt) << link.name;
      EXPECT_EQ(text("operstate"), std::string(link.operstate)) << link.name;
      EXPECT_EQ(text("address"), link.address) << link.name;
      EXPECT_EQ(text("broadcast"), link.broadcast) << link.name;
      EXPECT_EQ(text("ifalias").value_or(""), link.alias) << link.name;
      if (!link.is_up) {
        EXPECT_EQ(text("duplex"), std::nullopt) << link.name;
        EXPECT_EQ(text("speed"), std::nullopt) << link.name;
      }
    }
    if (compared == 0) GTEST_SKIP() << "/sys/class/net is of another network namespace";
  }
}

}  // namespace
}  // namespace sextant::node
