// The parsers that have no fixture of node_exporter's, or whose odd inputs the fixtures lack.
#include <gtest/gtest.h>
#include <linux/netlink.h>

#include "agents/node/bcache_numbers.h"
#include "agents/node/ethtool_names.h"
#include "agents/node/host_files.h"
#include "agents/node/mdstat.h"
#include "agents/node/netlink.h"
#include "agents/node/textfile_parser.h"

namespace sextant::node {
namespace {

TEST(BcacheNumbers, AreInUnitsOf1024WithThousandths) {
  EXPECT_EQ(ParseBcacheNumber("12"), 12);
  EXPECT_EQ(ParseBcacheNumber("427.5k"), 427 * 1'024 + 500);
  EXPECT_EQ(ParseBcacheNumber("-1.1M"), -(1'048'576 + 102'400));
  EXPECT_EQ(ParseBcacheNumber("20.4G"), 20.0 * (1 << 30) + 400.0 * (1 << 20));
  EXPECT_FALSE(ParseBcacheNumber(""));
  EXPECT_FALSE(ParseBcacheNumber("G"));
  EXPECT_FALSE(ParseBcacheNumber("1.x"));
}

TEST(MetricNames, AreMadeOfAnyText) {
  EXPECT_EQ(MetricNamePart("fs.file-nr"), "fs_file_nr");
  EXPECT_EQ(MetricNamePart("a_.-_b__c"), "a_b__c");
  EXPECT_EQ(MetricNamePart(""), "");
}

TEST(EthtoolNames, AreNodeExporters) {
  EXPECT_EQ(EthtoolMetricName("rx_bytes"), "node_ethtool_received_bytes_total");
  EXPECT_EQ(EthtoolMetricName("port.rx_dropped"), "node_ethtool_port_received_dropped");
  EXPECT_EQ(EthtoolMetricName("tx_single_collisions"), "node_ethtool_transmitted_single_collisions");
  EXPECT_EQ(EthtoolMetricName("tx_tx_timeouts"), "node_ethtool_transmitted_tx_timeouts");
  EXPECT_EQ(EthtoolMetricName("rx_tx_rx_rx_rx"), "node_ethtool_received_transmitted_received_rx_received");
  EXPECT_EQ(EthtoolMetricName("duplicate metric"), "node_ethtool_duplicate_metric");
  EXPECT_EQ(EthtoolMetricName("[0]: Tx"), "node_ethtool_0_transmitted");
  EXPECT_EQ(EthtoolMetricName(""), "node_ethtool_");
}

TEST(Mdstat, SaysWhatIsWrong) {
  EXPECT_TRUE(ParseMdstat("Personalities : \nunused devices: <none>\n"));
  EXPECT_FALSE(ParseMdstat("md0 :\n"));
  EXPECT_FALSE(ParseMdstat("md0 : active raid1 sda[0]\n"));
  EXPECT_FALSE(ParseMdstat("md0 : active raid1 sda[0]\n 12 blocks [x/2] [UU]\n"));
  EXPECT_FALSE(ParseMdstat("md0 : active raid1 sda[0]\n 12 blocks [2/2] [UU]\n  resync = 8%\n"));
}

TEST(NetlinkAttributes, EndAtTheFirstThatIsNotWhole) {
  std::string bytes;
  const auto add = [&](uint16_t length, uint16_t type, std::string_view value) {
    const nlattr header{.nla_len = length, .nla_type = type};
    bytes += BytesOf(header);
    bytes += value;
  };
  add(8, 3 | NLA_F_NESTED, "abcd");
  add(6, 4, std::string_view("x\0\0\0", 4));
  add(200, 5, "");
  NetlinkAttributes attributes(bytes);
  uint16_t type = 0;
  std::string_view value;
  ASSERT_TRUE(attributes.Next(type, value));
  EXPECT_EQ(type, 3);
  EXPECT_EQ(value, "abcd");
  ASSERT_TRUE(attributes.Next(type, value));
  EXPECT_EQ(NetlinkText(value), "x");
  EXPECT_FALSE(attributes.Next(type, value));
  EXPECT_FALSE(attributes.Next(type, value));
}

TEST(Textfile, RefusesWhatTheOriginalRefuses) {
  EXPECT_TRUE(ParseTextfile(""));
  EXPECT_TRUE(ParseTextfile("a 1\n"));
  EXPECT_FALSE(ParseTextfile("a 1 1700000000000\n"));
  EXPECT_FALSE(ParseTextfile("# TYPE a counter\n# TYPE a gauge\na 1\n"));
  EXPECT_FALSE(ParseTextfile("a 1\n# TYPE a gauge\n"));
  EXPECT_FALSE(ParseTextfile("a{b=\"c\" 1\n"));
}

TEST(Textfile, AHistogramGetsItsLastBucket) {
  const auto families = ParseTextfile(
      "# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1e3\"} 2\nh_sum 7\nh_count 3\n");
  ASSERT_TRUE(families);
  ASSERT_EQ(families->size(), 1u);
  MetricSink sink;
  AddTextfileFamily(families->front(), "Help.", sink);
  EXPECT_EQ(sink.RenderText(),
            "# HELP h Help.\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1000\"} 2\n"
            "h_bucket{le=\"+Inf\"} 3\nh_sum 7\nh_count 3\n");
}

}  // namespace
}  // namespace sextant::node
