#include "agents/node/usage/process_usage.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agents/node/node_agent.h"
#include "agents/node/usage/process_test_files.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A tree of /proc, what watches it, and what that says.
struct Watched {
  explicit Watched(UsageLimits limits = {})
      : usage({.procfs = (tree.path() / "proc").string()}, clock, limits) {
    std::filesystem::create_directories(tree.path() / "proc");
  }

  void Look(bool with_io = true) {
    const core::Status looked = usage.Look(with_io);
    ASSERT_TRUE(looked) << looked.error().message();
  }
  std::string Expose() {
    clock.Advance(15'000);
    Look();
    MetricSink sink;
    usage.Expose(sink);
    EXPECT_TRUE(sink.TakeStatus());
    return sink.RenderText();
  }
  void End(int pid) const { std::filesystem::remove_all(tree.path() / "proc" / std::to_string(pid)); }

  TestTree tree;
  core::ManualClock clock{1'700'000'000'000};
  ProcessUsage usage;
};

std::string Cpu(const std::string& name, const std::string& seconds) {
  return "sextant_process_cpu_seconds_total{name=\"" + name + "\"} " + seconds + "\n";
}

TEST(ProcessUsage, CountsByNameFromTheFirstLookOn) {
  Watched watched;
  WriteProcess(watched.tree, {.pid = 1, .name = "init", .ticks = 500, .pages = 10});
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 100});
  WriteProcessIo(watched.tree, 5, 1'000, 1'000);
  EXPECT_THAT(watched.Expose(), AllOf(HasSubstr(Cpu("init", "0")), HasSubstr(Cpu("web", "0")),
                                      HasSubstr("sextant_process_threads{name=\"web\"} 3\n")));
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 150});
  WriteProcess(watched.tree, {.pid = 6, .name = "web", .ticks = 30});  // new: counts whole
  WriteProcessIo(watched.tree, 5, 4'000, 1'000);
  WriteProcessIo(watched.tree, 6, 0, 70);
  EXPECT_THAT(watched.Expose(), AllOf(HasSubstr(Cpu("web", "0.8")), HasSubstr(Cpu("init", "0")),
                                      HasSubstr("sextant_process_count{name=\"web\"} 2\n"),
                                      HasSubstr("sextant_process_read_bytes_total{name=\"web\"} 3000\n"),
                                      HasSubstr("sextant_process_written_bytes_total{name=\"web\"} 70\n")));
}

TEST(ProcessUsage, CountersStayWhenProcessesEndAndPidsComeAgain) {
  Watched watched;
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 100});
  watched.Expose();
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 200});
  EXPECT_THAT(watched.Expose(), HasSubstr(Cpu("web", "1")));
  watched.End(5);
  EXPECT_THAT(watched.Expose(),
              AllOf(HasSubstr(Cpu("web", "1")), HasSubstr("sextant_process_count{name=\"web\"} 0\n")));
  // The same pid, another process: all it has used is new, though it is less than before.
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 40, .start = 2});
  EXPECT_THAT(watched.Expose(), HasSubstr(Cpu("web", "1.4")));
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 90, .start = 3});
  EXPECT_THAT(watched.Expose(), HasSubstr(Cpu("web", "2.3")));
  // Executing another program moves what comes from then on.
  WriteProcess(watched.tree, {.pid = 5, .name = "db", .ticks = 190, .start = 3});
  EXPECT_THAT(watched.Expose(), AllOf(HasSubstr(Cpu("web", "2.3")), HasSubstr(Cpu("db", "0"))));
  WriteProcess(watched.tree, {.pid = 5, .name = "db", .ticks = 290, .start = 3});
  EXPECT_THAT(watched.Expose(), HasSubstr(Cpu("db", "1")));
}

TEST(ProcessUsage, LooksOfOthersCountOnce) {
  Watched watched;
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 100});
  WriteProcessIo(watched.tree, 5, 10, 10);
  watched.Expose();
  for (int ticks = 110; ticks <= 200; ticks += 10) {
    WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = ticks});
    WriteProcessIo(watched.tree, 5, ticks, 10);
    watched.clock.Advance(1'000);
    watched.Look(/*with_io=*/ticks % 20 == 0);
  }
  EXPECT_THAT(watched.Expose(), AllOf(HasSubstr(Cpu("web", "1")),
                                      HasSubstr("sextant_process_read_bytes_total{name=\"web\"} 190\n")));
}

TEST(ProcessUsage, SaysWhatItDoesNotSee) {
  Watched watched({.top_count = 10, .group_limit = 100, .process_limit = 2});
  for (int pid = 1; pid <= 3; ++pid) WriteProcess(watched.tree, {.pid = pid, .ticks = 100});
  EXPECT_THAT(watched.Expose(), HasSubstr("sextant_processes_overlooked 1\n"));
  // What had been overlooked does not count what it used meanwhile.
  watched.End(1);
  EXPECT_THAT(watched.Expose(),
              AllOf(HasSubstr(Cpu("sleep", "0")), HasSubstr("sextant_processes_overlooked 0\n")));
}

TEST(ProcessUsage, AFailedLookChangesNothing) {
  Watched watched;
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 100});
  watched.Expose();
  watched.tree.Write("proc/6/stat", "6 (x) S 1");
  EXPECT_FALSE(watched.usage.Look(true));
  watched.End(6);
  WriteProcess(watched.tree, {.pid = 5, .name = "web", .ticks = 200});
  EXPECT_THAT(watched.Expose(), HasSubstr(Cpu("web", "1")));
}

TEST(ProcessUsage, HostileNamesAreOneSeriesEach) {
  Watched watched;
  WriteProcess(watched.tree, {.pid = 1, .name = "a\nb\"\\\xff"});
  WriteProcess(watched.tree, {.pid = 2, .name = "a\tb\"\\\xfe"});  // the same when it is written
  WriteProcess(watched.tree, {.pid = 3, .name = "(other)"});
  WriteProcess(watched.tree, {.pid = 4, .name = ""});
  EXPECT_THAT(watched.Expose(), AllOf(HasSubstr("sextant_process_count{name=\"a?b\\\"\\\\?\"} 2\n"),
                                      HasSubstr("sextant_process_count{name=\"(other)\"} 1\n"),
                                      HasSubstr("sextant_process_count{name=\"\"} 1\n")));
}

TEST(ProcessUsage, ShowsTheGreatestNow) {
  Watched watched;
  for (int pid = 1; pid <= 9; ++pid) WriteProcess(watched.tree, {.pid = pid, .name = "idle"});
  WriteProcess(watched.tree, {.pid = 20, .name = "big", .pages = 1'000});
  WriteProcess(watched.tree, {.pid = 30, .name = "busy"});
  WriteProcessIo(watched.tree, 9, 0, 0);
  watched.Look();
  EXPECT_EQ(watched.usage.Greatest(1).interval_seconds, 0);
  watched.clock.Advance(10'000);
  WriteProcess(watched.tree, {.pid = 30, .name = "busy", .ticks = 500});
  WriteProcessIo(watched.tree, 9, 0, 5'000);
  watched.Look();
  const ProcessUsage::Picture picture = watched.usage.Greatest(1);
  EXPECT_EQ(picture.interval_seconds, 10);
  EXPECT_EQ(picture.processes, 11u);
  EXPECT_EQ(picture.threads, 33u);
  ASSERT_EQ(picture.top_processes.size(), 3u);
  EXPECT_EQ(picture.top_processes[0].pid, 30);
  EXPECT_NEAR(picture.top_processes[0].now.cpu_cores, 0.49, 0.02);
  EXPECT_EQ(picture.top_processes[1].name, "big");
  EXPECT_EQ(picture.top_processes[2].pid, 9);
  EXPECT_EQ(picture.top_processes[2].now.written_bytes_per_second, 500);
  ASSERT_EQ(picture.top_groups.size(), 3u);
  EXPECT_EQ(picture.top_groups[2].processes, 9u);
  std::string busiest;
  watched.usage.GreatestByCpu(5, [&](const ProcessUsage::Share& share) { busiest += share.name; });
  EXPECT_EQ(busiest, "busy");
}

TEST(ProcessUsage, IsACollectorThatIsOffByDefault) {
  const TestTree tree;
  WriteProcess(tree, {.pid = 1, .name = "init"});
  const std::vector<std::string> paths = {"--path.procfs=" + (tree.path() / "proc").string(),
                                          "--path.sysfs=" + (tree.path() / "sys").string(),
                                          "--collector.disable-defaults"};
  std::vector<std::string> flags = paths;
  flags.insert(flags.end(),
               {"--collector.process_usage", "--collector.cgroup_usage", "--collector.usage.top=3"});
  const core::ManualClock clock{1'700'000'000'000};
  NodeAgent agent(ParseNodeFlags(flags)->options, {}, clock, core::Logger(clock, {}));
  EXPECT_THAT(agent.RenderText(),
              AllOf(HasSubstr("sextant_process_count{name=\"init\"} 1\n"),
                    HasSubstr("node_scrape_collector_success{collector=\"process_usage\"} 1\n"),
                    HasSubstr("node_scrape_collector_success{collector=\"cgroup_usage\"} 0\n")));
  EXPECT_FALSE(ParseNodeFlags({})->options.collectors.contains("process_usage"));
  for (const char* wrong : {"0", "101", "x"}) {
    EXPECT_FALSE(ParseNodeFlags(std::vector<std::string>{std::string("--collector.usage.top=") + wrong}));
  }
}

}  // namespace
}  // namespace sextant::node
