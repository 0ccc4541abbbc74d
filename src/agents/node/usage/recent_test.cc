#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "agents/node/usage/host_watch.h"
#include "agents/node/usage/process_test_files.h"

namespace sextant::node {
namespace {

using ::testing::ElementsAre;

bool WantsAll(std::string_view) { return true; }

TEST(RecentRing, KeepsTheLastHour) {
  RecentRing ring;
  for (int i = 0; i < static_cast<int>(kRecentSlots) + 10; ++i) {
    std::vector<RecentRing::Sample> samples = {{{"a", "", ""}, static_cast<float>(i)}};
    if (i == 5) samples.push_back({{"gone", "device", "x"}, 1});
    ring.Add(1'000 * i, samples, {});
  }
  const RecentRing::Window all = ring.Copy(0, WantsAll, true);
  ASSERT_EQ(all.times_ms.size(), kRecentSlots);
  EXPECT_EQ(all.times_ms.front(), 10'000);
  EXPECT_EQ(all.times_ms.back(), 3'609'000);
  EXPECT_EQ(all.processes.size(), kRecentSlots);
  ASSERT_EQ(all.series.size(), 2u);
  EXPECT_EQ(all.series[0].values.front(), 10);
  EXPECT_EQ(all.series[0].values.back(), 3'609);
  const RecentRing::Window last =
      ring.Copy(3'608'000, [](std::string_view metric) { return metric == "a"; }, false);
  ASSERT_EQ(last.series.size(), 1u);
  EXPECT_THAT(last.series[0].values, ElementsAre(3'608, 3'609));
  EXPECT_TRUE(last.processes.empty());
  EXPECT_TRUE(ring.Copy(9'999'000, WantsAll, true).times_ms.empty());
  for (size_t i = 0; i < 2 * kRecentSlots; ++i) ring.Add(4'000'000, {}, {});
  EXPECT_TRUE(ring.Copy(0, WantsAll, false).series.empty());  // nothing of them is left
}

TEST(RecentRing, HasAMemoryLimit) {
  RecentRing ring;
  EXPECT_EQ(ring.MemoryBytes(), 0u);
  std::vector<RecentRing::Sample> samples;
  for (size_t i = 0; i < kRecentColumns + 7; ++i) samples.push_back({{"a", "b", std::to_string(i)}, 1});
  ring.Add(1'000, samples, {});
  const RecentRing::Window window = ring.Copy(0, WantsAll, false);
  EXPECT_EQ(window.series.size(), kRecentColumns);
  EXPECT_EQ(window.dropped_samples, 7u);
  EXPECT_LT(ring.MemoryBytes(), 3u << 20);
}

TEST(RecentRing, CutsNames) {
  RecentRing::ProcessShare share;
  share.SetName(std::string(100, 'x'));
  EXPECT_EQ(share.name(), std::string(24, 'x'));
  share.SetName("short");
  EXPECT_EQ(share.name(), "short");
}

struct Host {
  Host() {
    options.paths.procfs = (tree.path() / "proc").string();
    options.paths.sysfs = (tree.path() / "sys").string();
  }
  // The files of /proc after so many seconds of the same work.
  void Write(int seconds) const {
    tree.Write("proc/stat", fmt::format("cpu  {} 0 {} {} 0 0 0 0 0 0\ncpu0 1 1 1 1\n", 100 + 50 * seconds,
                                        100 + 50 * seconds, 1'000 + 100 * seconds));
    tree.Write("proc/meminfo",
               "MemTotal: 100 kB\nMemFree: 10 kB\nMemAvailable: 40 kB\nCached: 20 kB\n"
               "SwapTotal: 8 kB\nSwapFree: 6 kB\n");
    tree.Write("proc/loadavg", "1.50 0.50 0.25 1/100 4\n");
    tree.Write("proc/pressure/io", fmt::format("some avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"
                                               "full avg10=0.00 avg60=0.00 avg300=0.00 total={}\n",
                                               250'000 * seconds, 100'000 * seconds));
    tree.Write("proc/diskstats",
               fmt::format("8 0 sda 1 0 {} 5 2 0 {} 9 0 {} 10\n8 1 sda1 1 0 {} 5 2 0 9 9 0 9 9\n",
                           10 * seconds, 20 * seconds, 500 * seconds, 10 * seconds));
    tree.Write("proc/net/dev",
               fmt::format("Inter-| Receive\n face |bytes\n  lo: {0} 1 0 0 0 0 0 0 {0} 1 0 0 0 0 0 0\n"
                           "eth0:{0} 1 0 0 0 0 0 0 {1} 1 0 0 0 0 0 0\n",
                           1'000 * seconds, 2'000 * seconds));
    WriteProcess(tree, {.pid = 4, .name = "busy", .ticks = 100 + 70 * seconds});
    WriteProcess(tree, {.pid = 5, .name = "idle", .ticks = 100});
  }

  TestTree tree;
  NodeOptions options = DefaultNodeOptions();
  core::ManualClock clock{1'700'000'000'000};
};

float LastOf(const RecentRing::Window& window, const std::string& metric, const std::string& value) {
  for (const RecentRing::Series& series : window.series) {
    if (series.name.metric == metric && series.name.value == value) return series.values.back();
  }
  return -1;
}

TEST(RecentHost, SamplesASecondAtATime) {
  Host host;
  HostWatch watch(host.options, host.clock);
  for (int second = 0; second <= 3; ++second) {
    host.Write(second);
    watch.recent().Sample();
    host.clock.Advance(1'000);
  }
  const RecentRing::Window window = watch.recent().ring().Copy(0, WantsAll, true);
  EXPECT_THAT(window.times_ms, ElementsAre(1'700'000'001'000, 1'700'000'002'000, 1'700'000'003'000));
  EXPECT_FLOAT_EQ(LastOf(window, "cpu", "user"), 0.25f);
  EXPECT_FLOAT_EQ(LastOf(window, "cpu", "idle"), 0.5f);
  EXPECT_EQ(LastOf(window, "memory_bytes", "available"), 40 * 1024);
  EXPECT_EQ(LastOf(window, "memory_bytes", "swap_used"), 2 * 1024);
  EXPECT_EQ(LastOf(window, "load", "1m"), 1.5f);
  EXPECT_FLOAT_EQ(LastOf(window, "pressure", "io_some"), 0.25f);
  EXPECT_FLOAT_EQ(LastOf(window, "pressure", "io_full"), 0.1f);
  EXPECT_EQ(LastOf(window, "pressure", "cpu_some"), -1);
  EXPECT_EQ(LastOf(window, "disk_read_bytes", "sda"), 10 * 512);
  EXPECT_EQ(LastOf(window, "disk_written_bytes", "sda"), 20 * 512);
  EXPECT_FLOAT_EQ(LastOf(window, "disk_busy", "sda"), 0.5f);
  EXPECT_EQ(LastOf(window, "disk_read_bytes", "sda1"), -1);
  EXPECT_EQ(LastOf(window, "network_received_bytes", "eth0"), 1'000);
  EXPECT_EQ(LastOf(window, "network_sent_bytes", "eth0"), 2'000);
  EXPECT_EQ(LastOf(window, "network_sent_bytes", "lo"), -1);
  ASSERT_EQ(window.processes.size(), 3u);
  EXPECT_EQ(window.processes[2][0].name(), "busy");
  EXPECT_FLOAT_EQ(window.processes[2][0].cpu_cores, 0.7f);
  EXPECT_EQ(window.processes[2][1].name(), "");
}

TEST(RecentHost, GoesOnWithWhatThereIs) {
  Host host;
  HostWatch watch(host.options, host.clock);
  for (const char* wrong : {"", "cpu x y\n", "cpu", "\xff\xfe\n\n\n:::", "some total=\nfull total=x\n"}) {
    for (const char* file : {"proc/stat", "proc/meminfo", "proc/loadavg", "proc/pressure/io",
                             "proc/diskstats", "proc/net/dev", "proc/9/stat"}) {
      host.tree.Write(file, wrong);
    }
    watch.recent().Sample();
    host.clock.Advance(1'000);
  }
  EXPECT_EQ(watch.recent().ring().Copy(0, WantsAll, true).times_ms.size(), 4u);
}

TEST(HostWatch, SharesItsLooksWithTheCollectors) {
  Host host;
  host.Write(0);
  HostWatch watch(host.options, host.clock);
  EXPECT_TRUE(watch.options().collectors.contains("process_usage"));
  EXPECT_TRUE(watch.options().collectors.contains("cpu"));
  EXPECT_EQ(watch.options().process_usage.get(), &watch.processes());
}

TEST(CgroupUsage, FindsTheGroupOfAProcess) {
  Host host;
  host.tree.Write("sys/fs/cgroup/cgroup.controllers", "");
  host.tree.Write("sys/fs/cgroup/system.slice/web.service/memory.current", "1\n");
  host.tree.Write("proc/7/cgroup", "9:name=systemd:/\n0::/system.slice/web.service/worker\n");
  host.tree.Write("proc/8/cgroup", "0::/\n");
  HostWatch watch(host.options, host.clock);
  ASSERT_TRUE(watch.cgroups().Look());
  const auto found = watch.cgroups().FindProcess(7);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->name, "web.service");
  EXPECT_FALSE(watch.cgroups().FindProcess(8));
  EXPECT_FALSE(watch.cgroups().FindProcess(9));
}

}  // namespace
}  // namespace sextant::node
