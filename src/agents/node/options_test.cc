#include "agents/node/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sextant::node {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

core::Result<ParsedNodeFlags> Parse(std::vector<std::string> flags) { return ParseNodeFlags(flags); }

TEST(NodeFlags, DefaultsAreNodeExporters) {
  const auto parsed = Parse({});
  ASSERT_TRUE(parsed);
  const NodeOptions& options = parsed->options;
  EXPECT_TRUE(options.collectors.contains("hwmon"));
  EXPECT_TRUE(options.collectors.contains("textfile"));
  EXPECT_TRUE(options.collectors.contains("dmmultipath"));
  EXPECT_TRUE(options.collectors.contains("kernel_hung"));
  EXPECT_FALSE(options.collectors.contains("nvmesubsystem"));
  EXPECT_FALSE(options.collectors.contains("processes"));
  EXPECT_FALSE(options.collectors.contains("slabinfo"));
  EXPECT_GT(CollectorNames().size(), options.collectors.size());
  EXPECT_THAT(options.ipvs_backend_labels, ElementsAre("local_address", "local_mark", "local_port", "proto",
                                                       "remote_address", "remote_port"));
  EXPECT_TRUE(options.diskstats_devices.IsIgnored("sda1"));
  EXPECT_FALSE(options.diskstats_devices.IsIgnored("sda"));
  EXPECT_TRUE(options.diskstats_devices.IsIgnored("nvme0n1p2"));
  EXPECT_TRUE(options.filesystem_mount_points.IsIgnored("/sys/kernel"));
  EXPECT_FALSE(options.filesystem_mount_points.IsIgnored("/system"));
  EXPECT_TRUE(options.filesystem_types.IsIgnored("cgroup2"));
  EXPECT_FALSE(options.filesystem_types.IsIgnored("ext4"));
  EXPECT_FALSE(options.netdev_devices.IsIgnored("lo"));
}

TEST(NodeFlags, ReadsPathsAndPatterns) {
  const auto parsed =
      Parse({"--path.procfs=/host/proc/", "--path.rootfs", "/host", "--web.listen-address=:9100",
             "--collector.filesystem.mount-points-exclude=^/a", "--collector.netdev.device-include=^eth",
             "--collector.filesystem.mount-timeout=1s", "--no-collector.cpu.guest", "--log.level=debug"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.paths.procfs, "/host/proc");
  EXPECT_EQ(parsed->options.paths.rootfs, "/host");
  EXPECT_EQ(parsed->options.paths.Root("/"), "/host");
  EXPECT_EQ(parsed->options.paths.Root("/etc"), "/host/etc");
  EXPECT_TRUE(parsed->options.filesystem_mount_points.IsIgnored("/ab"));
  EXPECT_FALSE(parsed->options.filesystem_mount_points.IsIgnored("/sys"));
  EXPECT_TRUE(parsed->options.netdev_devices.IsIgnored("lo"));
  EXPECT_EQ(parsed->options.filesystem_mount_timeout_ms, 1'000);
  EXPECT_FALSE(parsed->options.cpu_guest);
  EXPECT_THAT(parsed->remaining, ElementsAre("--web.listen-address=:9100", "--log.level=debug"));
}

TEST(NodeFlags, AnIncludeReplacesTheDefaultExclude) {
  const auto parsed = Parse({"--collector.diskstats.device-include=^sda"});
  ASSERT_TRUE(parsed);
  EXPECT_FALSE(parsed->options.diskstats_devices.IsIgnored("sda1"));
  EXPECT_TRUE(parsed->options.diskstats_devices.IsIgnored("sdb"));
}

TEST(NodeFlags, AnEmptyPatternOfFieldsTakesAll) {
  const auto parsed = Parse({"--collector.vmstat.fields="});
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->options.vmstat_fields.Matches("anything"));
}

TEST(NodeFlags, ChoosesCollectors) {
  const auto without = Parse({"--no-collector.cpu", "--no-collector.devstat"});
  ASSERT_TRUE(without);
  EXPECT_FALSE(without->options.collectors.contains("cpu"));
  EXPECT_TRUE(without->options.collectors.contains("loadavg"));
  const auto only = Parse({"--collector.disable-defaults", "--collector.cpu", "--collector.uname"});
  ASSERT_TRUE(only);
  EXPECT_THAT(only->options.collectors, ElementsAre("cpu", "uname"));
}

TEST(NodeFlags, SomeFlagsMayBeRepeated) {
  const auto parsed = Parse({"--collector.sysctl.include=a.b", "--collector.sysctl.include=c:d,e",
                             "--collector.textfile.directory=/x", "--collector.textfile.directory=/y"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_THAT(parsed->options.sysctl_include, ElementsAre("a.b", "c:d,e"));
  EXPECT_THAT(parsed->options.textfile_directories, ElementsAre("/x", "/y"));
}

TEST(NodeFlags, TakesOldNames) {
  const auto parsed = Parse({"--collector.netdev.device-whitelist=^eth"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_TRUE(parsed->options.netdev_devices.IsIgnored("lo"));
  EXPECT_TRUE(Parse({"--collector.qdisk.device-exclude=^a"})->options.qdisc_devices.IsIgnored("ab"));
  EXPECT_FALSE(Parse({"--collector.netdev.device-whitelist=a", "--collector.netdev.device-include=b"}));
}

TEST(NodeFlags, ReadsThoseOfMountsAndNetworkDevices) {
  const auto defaults = Parse({});
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->options.filesystem_stat_workers, 4);
  EXPECT_FALSE(defaults->options.netclass_netlink);
  EXPECT_FALSE(defaults->options.netclass_statistics);
  const auto parsed = Parse({"--collector.filesystem.stat-workers=8", "--collector.netclass.netlink",
                             "--collector.netclass_rtnl.with-stats"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.filesystem_stat_workers, 8);
  EXPECT_TRUE(parsed->options.netclass_netlink);
  EXPECT_TRUE(parsed->options.netclass_statistics);
  EXPECT_EQ(Parse({"--collector.filesystem.stat-workers=0"})->options.filesystem_stat_workers, 1);
  EXPECT_FALSE(Parse({"--no-collector.netclass.netlink"})->options.netclass_netlink);
}

// As in the original, only those with a value exclude each other.
TEST(NodeFlags, EmptyFiltersExcludeNothing) {
  const auto no_include =
      Parse({"--collector.diskstats.device-include=", "--collector.diskstats.device-exclude=^b"});
  ASSERT_TRUE(no_include) << no_include.error().message();
  EXPECT_TRUE(no_include->options.diskstats_devices.IsIgnored("b"));
  EXPECT_FALSE(no_include->options.diskstats_devices.IsIgnored("a"));
  const auto no_exclude =
      Parse({"--collector.diskstats.device-include=^a", "--collector.diskstats.device-exclude="});
  ASSERT_TRUE(no_exclude) << no_exclude.error().message();
  EXPECT_TRUE(no_exclude->options.diskstats_devices.IsIgnored("b"));
  const auto neither = Parse({"--collector.diskstats.device-include="});
  ASSERT_TRUE(neither);
  EXPECT_TRUE(neither->options.diskstats_devices.IsIgnored("sda1"));  // the default stays
}

TEST(NodeFlags, ReadsThoseOfDaemons) {
  const auto parsed =
      Parse({"--collector.ntp", "--collector.ntp.server=192.0.2.1", "--collector.ntp.server-is-local",
             "--collector.ntp.max-distance=1.5s", "--collector.ntp.local-offset-tolerance=20ms",
             "--collector.runit.servicedir=/srv/", "--collector.supervisord.url=unix:///s"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  EXPECT_EQ(parsed->options.ntp.max_distance_ms, 1'500);
  EXPECT_EQ(parsed->options.ntp.offset_tolerance_ms, 20);
  EXPECT_EQ(parsed->options.runit_service_directory, "/srv");
  EXPECT_EQ(parsed->options.supervisord_url, "unix:///s");
  for (const char* address : {"127.0.0.1", "127.9.9.9", "::1"}) EXPECT_TRUE(IsLoopbackAddress(address));
  for (const char* address : {"128.0.0.1", "localhost", "::2", ""}) EXPECT_FALSE(IsLoopbackAddress(address));
}

TEST(NodeFlags, ReadsThoseOfPerf) {
  const auto parsed =
      Parse({"--collector.perf.cpus=0,2-6:2", "--collector.perf.tracepoint=sched:sched_switch",
             "--collector.perf.disable-hardware-profilers", "--collector.perf.cache-profilers=LLReadHit",
             "--collector.perf.cache-profilers=LLReadMiss"});
  ASSERT_TRUE(parsed) << parsed.error().message();
  const PerfOptions& perf = parsed->options.perf;
  EXPECT_THAT(perf.cpus, ElementsAre(0, 2, 4, 6));
  EXPECT_THAT(perf.tracepoints, ElementsAre("sched:sched_switch"));
  EXPECT_FALSE(perf.Wants(PerfGroup::kHardware, "CpuCycles"));
  EXPECT_TRUE(perf.Wants(PerfGroup::kSoftware, "PageFault"));
  EXPECT_TRUE(perf.Wants(PerfGroup::kCache, "LLReadMiss"));
  EXPECT_FALSE(perf.Wants(PerfGroup::kCache, "LLWriteHit"));
  EXPECT_THAT(*ParseCpuList("3,1-2,1"), ElementsAre(1, 2, 3));
  for (const char* wrong : {"", ",", "a", "1-", "1:0", "0-4096", "-1", "1-2-3", "1:2:3"}) {
    EXPECT_FALSE(ParseCpuList(wrong)) << wrong;
  }
}

TEST(NodeFlags, RefusesByName) {
  struct Case {
    std::vector<std::string> flags;
    core::Code code;
    std::string_view message;
  };
  const Case cases[] = {
      {{"--collector.devstat"}, core::Code::kUnimplemented, "no devstat collector"},
      {{"--collector.devstat.x=1"}, core::Code::kUnimplemented, "--collector.devstat.x"},
      {{"--collector.perf.cpus=2-1"},
       core::Code::kInvalidArgument,
       "--collector.perf.cpus: \"2-1\" is no list"},
      {{"--collector.perf.tracepoint=a"}, core::Code::kInvalidArgument, "SUBSYSTEM:EVENT"},
      {{"--collector.perf.cache-profilers=CpuCycles"},
       core::Code::kInvalidArgument,
       "unknown profiler CpuCycles"},
      {{"--collector.ntp", "--collector.ntp.server=192.0.2.1"},
       core::Code::kInvalidArgument,
       "--collector.ntp.server: 192.0.2.1 is no address of this host"},
      {{"--collector.ntp.protocol-version=5"}, core::Code::kInvalidArgument, "2 to 4, not 5"},
      {{"--collector.ntp.server-port=0"}, core::Code::kInvalidArgument, "--collector.ntp.server-port"},
      {{"--collector.ntp.max-distance=3"}, core::Code::kInvalidArgument, "--collector.ntp.max-distance"},
      {{"--collector.filesystem.stat-workers=101"},
       core::Code::kInvalidArgument,
       "--collector.filesystem.stat-workers"},
      {{"--collector.filesystem.stat-workers=four"},
       core::Code::kInvalidArgument,
       "--collector.filesystem.stat-workers: \"four\" is not a number"},
      {{"--collector.netclass.netlink=true"}, core::Code::kInvalidArgument, "takes no value"},
      {{"--collector.ipvs.backend-labels=proto,nonsense"}, core::Code::kInvalidArgument, "label nonsense"},
      {{"--collector.hwmon.chip-include=a", "--collector.hwmon.chip-exclude=b"},
       core::Code::kInvalidArgument,
       "mutually exclusive"},
      {{"--collector.nonsense"}, core::Code::kInvalidArgument, "unknown flag --collector.nonsense"},
      {{"--path.nonsense=/"}, core::Code::kInvalidArgument, "unknown flag --path.nonsense"},
      {{"--path.procfs"}, core::Code::kInvalidArgument, "--path.procfs needs a value"},
      {{"--path.procfs="}, core::Code::kInvalidArgument, "--path.procfs: an empty path"},
      {{"--path.procfs=/a", "--path.procfs=/b"}, core::Code::kInvalidArgument, "cannot be repeated"},
      {{"--collector.cpu", "--no-collector.cpu"}, core::Code::kInvalidArgument, "cannot be repeated"},
      {{"--collector.cpu=false"}, core::Code::kInvalidArgument, "takes no value"},
      {{"--collector.vmstat.fields=("},
       core::Code::kInvalidArgument,
       "--collector.vmstat.fields: not a regular expression"},
      {{"--collector.filesystem.mount-timeout=5"},
       core::Code::kInvalidArgument,
       "--collector.filesystem.mount-timeout"},
      {{"--collector.filesystem.mount-timeout=0s"}, core::Code::kInvalidArgument, "more than 0"},
      {{"--collector.netdev.device-include=a", "--collector.netdev.device-exclude=b"},
       core::Code::kInvalidArgument,
       "mutually exclusive"},
  };
  for (const Case& c : cases) {
    const auto parsed = Parse(c.flags);
    ASSERT_FALSE(parsed) << c.flags[0];
    EXPECT_EQ(parsed.error().code(), c.code) << c.flags[0];
    EXPECT_THAT(parsed.error().message(), HasSubstr(std::string(c.message)));
  }
}

}  // namespace
}  // namespace sextant::node
