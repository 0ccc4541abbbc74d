#include "agents/node/node_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/sysinfo.h>

#include <condition_variable>

#include "agents/node/test_tree.h"

namespace sextant::node {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// An agent with one collector on a tree of the test's.
class AgentOnTree {
 public:
  explicit AgentOnTree(const TestTree& tree, std::vector<std::string> flags) {
    flags.push_back("--path.procfs=" + (tree.path() / "proc").string());
    flags.push_back("--path.sysfs=" + (tree.path() / "sys").string());
    flags.push_back("--path.udev.data=" + (tree.path() / "udev").string());
    flags.push_back("--collector.disable-defaults");
    auto parsed = ParseNodeFlags(flags);
    EXPECT_TRUE(parsed);
    core::LogOptions log;
    log.writer = [this](std::string_view line) { log_ += line; };
    agent_ = std::make_unique<NodeAgent>(std::move(parsed->options), BuildInfo{}, clock_,
                                         core::Logger(clock_, log));
  }

  std::string Render() { return agent_->RenderText(); }
  const std::string& log() const { return log_; }

 private:
  core::ManualClock clock_{1'700'000'000'500};
  std::string log_;
  std::unique_ptr<NodeAgent> agent_;
};

TEST(NodeAgent, FindsTheTrueMachine) {
  const core::SystemClock clock;
  NodeAgent agent(DefaultNodeOptions(), {.version = "1.2.3", .revision = "abc", .branch = "main"}, clock,
                  core::Logger::Discard());
  const std::string text = agent.RenderText();
  struct sysinfo info{};
  ASSERT_EQ(::sysinfo(&info), 0);
  std::string memory = "node_memory_MemTotal_bytes ";
  AppendGoFloat(static_cast<double>(info.totalram) * info.mem_unit, memory);
  EXPECT_THAT(text, HasSubstr(memory + "\n"));
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} "));
  EXPECT_THAT(text, HasSubstr("node_filesystem_size_bytes{device="));
  EXPECT_THAT(text, HasSubstr("node_network_receive_bytes_total{device=\"lo\"} "));
  EXPECT_THAT(text, HasSubstr("node_uname_info{domainname="));
  EXPECT_THAT(text, HasSubstr("node_exporter_build_info{branch=\"main\",program=\"sextant\",revision=\"abc\","
                              "version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"meminfo\"} 1\n"));
}

TEST(NodeAgent, AMalformedFileCostsItsCollectorOnlyAndIsLoggedOnce) {
  const TestTree tree;
  tree.Write("proc/loadavg", "0.5 one 0.1\n");
  tree.Write("proc/meminfo", "MemTotal: 10 kB\nMemFree: ten kB\n");
  tree.Write("proc/sys/fs/file-nr", "1\t0\t2\n");
  AgentOnTree agent(tree, {"--collector.loadavg", "--collector.meminfo", "--collector.filefd"});
  const std::string text = agent.Render();
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"loadavg\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"meminfo\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"filefd\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("node_filefd_maximum 2\n"));
  EXPECT_THAT(agent.log(), HasSubstr("collector=loadavg"));
  EXPECT_THAT(agent.log(), HasSubstr("loadavg: \\\"one\\\" is not a number"));
  const std::string log = agent.log();
  agent.Render();
  EXPECT_EQ(agent.log(), log);
  tree.Write("proc/loadavg", "0.5 0.25 0.1\n");
  EXPECT_THAT(agent.Render(), HasSubstr("node_load5 0.25\n"));
  EXPECT_THAT(agent.log(), HasSubstr("collector works again"));
}

TEST(NodeAgent, AbsentDataIsAFailureWithoutAWarning) {
  const TestTree tree;
  AgentOnTree agent(tree, {"--collector.pressure", "--collector.conntrack"});
  const std::string text = agent.Render();
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"pressure\"} 0\n"));
  EXPECT_EQ(agent.log(), "");
}

// What a hostile or broken kernel file may hold, for every collector that reads one.
TEST(NodeAgent, SurvivesAnyFileContent) {
  const char* files[] = {"proc/stat",
                         "proc/cpuinfo",
                         "proc/diskstats",
                         "proc/meminfo",
                         "proc/loadavg",
                         "proc/pressure/cpu",
                         "proc/pressure/io",
                         "proc/pressure/memory",
                         "proc/vmstat",
                         "proc/sys/fs/file-nr",
                         "proc/sys/kernel/random/entropy_avail",
                         "proc/sys/kernel/random/poolsize",
                         "proc/net/sockstat",
                         "proc/net/sockstat6",
                         "proc/net/netstat",
                         "proc/net/snmp",
                         "proc/net/snmp6",
                         "proc/net/dev",
                         "proc/net/softnet_stat",
                         "proc/schedstat",
                         "proc/1/mountinfo",
                         "proc/net/stat/nf_conntrack",
                         "proc/sys/net/netfilter/nf_conntrack_count",
                         "proc/sys/net/netfilter/nf_conntrack_max",
                         "sys/devices/system/cpu/isolated",
                         "sys/class/net/eth0/speed",
                         "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"};
  const std::string contents[] = {"",
                                  "\n\n\n",
                                  " ",
                                  ":",
                                  "a",
                                  "a: b c d e f g h i j k l\n",
                                  "cpu0\ncpu1 x\ncpu\n",
                                  "cpu99999999999999999999999 1 2 3\n",
                                  "1-99999999999\n",
                                  std::string(5, '\0'),
                                  "8 0 ../../etc 1 2 3 4 5 6 7 8 9 10 11\n",
                                  "1 2 sda\n",
                                  "Tcp: a b\nUdp: 1 2\n",
                                  "TcpExt: " + std::string(2'000, 'x') + "\nTcpExt: 1\n",
                                  "bad name{ 1\npgpg{} 1\n",
                                  "\xff\xfe 1 2 3 4 5 6 7 8 9 10 11 12 13\n",
                                  "1 1 0:0 / /x\\0 rw - ext4 /dev/sda rw\n36 35 98:0 / /\\04 rw - a b\n",
                                  "some total=\nfull total=x\n",
                                  "1e999 nan inf -1 0x10\n"};
  const TestTree tree;
  std::vector<std::string> flags;
  for (std::string_view name : CollectorNames()) flags.push_back("--collector." + std::string(name));
  flags.push_back("--no-collector.netdev.netlink");
  flags.push_back("--collector.cpu.info");
  flags.push_back("--collector.stat.softirq");
  AgentOnTree agent(tree, flags);
  for (const std::string& content : contents) {
    for (const char* file : files) tree.Write(file, content);
    EXPECT_THAT(agent.Render(), HasSubstr("node_scrape_collector_success{collector=\"uname\"} 1\n"));
  }
}

TEST(NodeAgent, CpuCountersNeverStepBackALittle) {
  const TestTree tree;
  tree.Write("proc/stat", "cpu0 100 0 0 10000 500 0 0 0 0 0\n");
  AgentOnTree agent(tree, {"--collector.cpu"});
  agent.Render();
  tree.Write("proc/stat", "cpu0 110 0 0 9900 499 0 0 0 0 0\n");
  std::string text = agent.Render();
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"iowait\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 1.1\n"));
  // Three seconds and more are a CPU that was replaced.
  tree.Write("proc/stat", "cpu0 10 0 0 200 0 0 0 0 0 0\n");
  text = agent.Render();
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"idle\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("node_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 0.1\n"));
}

TEST(NodeAgent, NetdevReadsProcWhenTold) {
  const TestTree tree;
  tree.Write("proc/net/dev",
             "Inter-|   Receive  |  Transmit\n face |bytes packets errs\n"
             "    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n eth0:1: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n");
  AgentOnTree agent(tree, {"--collector.netdev", "--no-collector.netdev.netlink",
                           "--collector.netdev.device-exclude=^eth0$"});
  const std::string text = agent.Render();
  EXPECT_THAT(text, HasSubstr("node_network_receive_bytes_total{device=\"eth0:1\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("node_network_receive_multicast_total{device=\"lo\"} 8\n"));
  EXPECT_THAT(text, HasSubstr("node_network_transmit_compressed_total{device=\"lo\"} 16\n"));
}

constexpr std::string_view kMountinfo =
    "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
    "23 22 0:5 / /dev rw - devtmpfs udev rw\n"
    "24 22 0:40 / /my\\040share rw master:1 - nfs4 server:/x rw\n"
    "25 22 8:2 / /data ro,relatime - xfs /dev/sdb rw\n"
    "26 22 8:2 / /data rw - xfs /dev/sdb rw\n";

struct FilesystemTest : ::testing::Test {
  void SetUp() override {
    tree.Write("proc/1/mountinfo", kMountinfo);
    paths.procfs = (tree.path() / "proc").string();
  }
  static std::string Collect(Collector& collector, const HostPaths& paths) {
    MetricSink sink;
    const auto status = collector.Collect(paths, sink);
    EXPECT_TRUE(status);
    return sink.RenderText();
  }
  TestTree tree;
  HostPaths paths;
};

TEST_F(FilesystemTest, ReportsMounts) {
  const auto collector = MakeFilesystemCollector(
      DefaultNodeOptions(), [](const std::string& path) -> core::Result<FilesystemUsage> {
        if (path == "/data") return core::Fail(core::Code::kIo, "Permission denied");
        return FilesystemUsage{
            .size_bytes = 100, .free_bytes = 50, .available_bytes = 40, .files = 10, .files_free = 5};
      });
  const std::string text = Collect(*collector, paths);
  EXPECT_THAT(text, HasSubstr("node_filesystem_avail_bytes{device=\"/dev/"
                              "sda1\",device_error=\"\",fstype=\"ext4\",mountpoint=\"/\"} 40\n"));
  EXPECT_THAT(text, HasSubstr("node_filesystem_size_bytes{device=\"server:/"
                              "x\",device_error=\"\",fstype=\"nfs4\",mountpoint=\"/my share\"} 100\n"));
  EXPECT_THAT(text, HasSubstr("node_filesystem_device_error{device=\"/dev/sdb\",device_error=\"Permission "
                              "denied\",fstype=\"xfs\",mountpoint=\"/data\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("node_filesystem_readonly{device=\"/dev/sdb\",device_error=\"Permission "
                              "denied\",fstype=\"xfs\",mountpoint=\"/data\"} 1\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "node_filesystem_mount_info{device=\"/dev/sda1\",major=\"8\",minor=\"1\",mountpoint=\"/\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("devtmpfs")));
}

// The table of mounts is only taken apart when it has changed.
TEST_F(FilesystemTest, FollowsTheTableOfMounts) {
  const auto collector = MakeFilesystemCollector(
      DefaultNodeOptions(),
      [](const std::string&) -> core::Result<FilesystemUsage> { return FilesystemUsage{.size_bytes = 100}; });
  const std::string readonly =
      "node_filesystem_readonly{device=\"/dev/new\",device_error=\"\",fstype=\"ext4\",";
  EXPECT_THAT(Collect(*collector, paths), Not(HasSubstr("/dev/new")));
  tree.Write("proc/1/mountinfo", "36 35 8:1 / /new rw - ext4 /dev/new rw\n");
  std::string text = Collect(*collector, paths);
  EXPECT_THAT(text, HasSubstr(readonly + "mountpoint=\"/new\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("/dev/sdb")));
  EXPECT_EQ(Collect(*collector, paths), text);
  tree.Write("proc/1/mountinfo", "36 35 8:1 / /new rw - ext4 /dev/new ro,errors=remount-ro\n");
  EXPECT_THAT(Collect(*collector, paths), HasSubstr(readonly + "mountpoint=\"/new\"} 1\n"));
}

// Linux 6.15 has a word of its own for ext4 after an error.
TEST_F(FilesystemTest, KnowsAllWaysToBeReadOnly) {
  tree.Write("proc/1/mountinfo",
             "1 0 8:1 / /a rw - ext4 /dev/a rw,emergency_ro,errors=remount-ro\n"
             "2 0 8:2 / /b ro,relatime - ext4 /dev/b rw\n3 0 8:3 / /c rw - ext4 /dev/c ro\n"
             "4 0 8:4 / /d rw,nosuid - ext4 /dev/d rw,errors=remount-ro\n");
  const auto collector = MakeFilesystemCollector(
      DefaultNodeOptions(),
      [](const std::string&) -> core::Result<FilesystemUsage> { return FilesystemUsage{.size_bytes = 100}; });
  const std::string text = Collect(*collector, paths);
  for (const auto& [device, is_read_only] : {std::pair("a", 1), {"b", 1}, {"c", 1}, {"d", 0}}) {
    EXPECT_THAT(text, HasSubstr(fmt::format("node_filesystem_readonly{{device=\"/dev/{0}\",device_error=\"\","
                                            "fstype=\"ext4\",mountpoint=\"/{0}\"}} {1}\n",
                                            device, is_read_only)));
  }
}

TEST_F(FilesystemTest, AHungMountDelaysOneCollectionAndIsLeftAloneUntilItAnswers) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable wake;
    bool is_open = false;
    int calls = 0;
    int returned = 0;
  };
  const auto gate = std::make_shared<Gate>();
  NodeOptions options = DefaultNodeOptions();
  options.filesystem_mount_timeout_ms = 50;
  options.filesystem_stat_workers = 1;
  const auto collector =
      MakeFilesystemCollector(options, [gate](const std::string& path) -> core::Result<FilesystemUsage> {
        if (path == "/my share") {
          std::unique_lock lock(gate->mutex);
          ++gate->calls;
          gate->wake.wait(lock, [&] { return gate->is_open; });
          ++gate->returned;
          gate->wake.notify_all();
        }
        return FilesystemUsage{.size_bytes = 100};
      });
  const std::string hung =
      "node_filesystem_device_error{device=\"server:/x\",device_error=\"mountpoint "
      "timeout\",fstype=\"nfs4\",mountpoint=\"/my share\"} 1\n";
  const std::string data =
      "node_filesystem_size_bytes{device=\"/dev/sdb\",device_error=\"\",fstype=\"xfs\",mountpoint=\"/data\"} "
      "100\n";

  std::string text = Collect(*collector, paths);
  EXPECT_THAT(text, HasSubstr(hung));
  EXPECT_THAT(text, Not(HasSubstr(data)));  // it came after the hung one
  text = Collect(*collector, paths);
  EXPECT_THAT(text, HasSubstr(hung));
  EXPECT_THAT(text, HasSubstr(data));
  EXPECT_EQ(gate->calls, 1);
  {
    std::unique_lock lock(gate->mutex);
    gate->is_open = true;
    gate->wake.notify_all();
    gate->wake.wait(lock, [&] { return gate->returned == 1; });
  }
  // The lost thread clears the mark right after its call returns.
  do {
    text = Collect(*collector, paths);
  } while (text.find(hung) != std::string::npos);
  EXPECT_THAT(text, HasSubstr("node_filesystem_size_bytes{device=\"server:/"
                              "x\",device_error=\"\",fstype=\"nfs4\",mountpoint=\"/my share\"} 100\n"));
}

// Slow mounts, each of which waits until two others are asked as well.
TEST_F(FilesystemTest, AsksAsManyMountsAtATimeAsItIsTold) {
  struct Meeting {
    std::mutex mutex;
    std::condition_variable wake;
    int present = 0;
    int most = 0;
  };
  constexpr int kWorkers = 3;
  std::string mounts;
  for (int i = 0; i < 9; ++i) mounts += fmt::format("{0} 1 8:{0} / /m{0} rw - ext4 /dev/m{0} rw\n", i);
  tree.Write("proc/1/mountinfo", mounts);
  const auto meeting = std::make_shared<Meeting>();
  NodeOptions options = DefaultNodeOptions();
  options.filesystem_mount_timeout_ms = 60'000;
  options.filesystem_stat_workers = kWorkers;
  const auto collector =
      MakeFilesystemCollector(options, [meeting](const std::string&) -> core::Result<FilesystemUsage> {
        std::unique_lock lock(meeting->mutex);
        meeting->most = std::max(meeting->most, ++meeting->present);
        meeting->wake.notify_all();
        meeting->wake.wait(lock, [&] { return meeting->most == kWorkers; });
        --meeting->present;
        return FilesystemUsage{.size_bytes = 100};
      });
  const std::string text = Collect(*collector, paths);
  for (int i = 0; i < 9; ++i) {
    EXPECT_THAT(text,
                HasSubstr(fmt::format(
                    "node_filesystem_size_bytes{{device=\"/dev/m{0}\",device_error=\"\",fstype=\"ext4\","
                    "mountpoint=\"/m{0}\"}} 100\n",
                    i)));
  }
  EXPECT_EQ(meeting->most, kWorkers);
}

// One that hangs keeps one worker; the others go on with what comes after it.
TEST_F(FilesystemTest, AHungMountStopsOneWorker) {
  struct Gate {
    std::mutex mutex;
    std::condition_variable wake;
    bool is_open = false;
  };
  const auto gate = std::make_shared<Gate>();
  NodeOptions options = DefaultNodeOptions();
  options.filesystem_mount_timeout_ms = 500;
  const auto collector =
      MakeFilesystemCollector(options, [gate](const std::string& path) -> core::Result<FilesystemUsage> {
        if (path == "/my share") {
          std::unique_lock lock(gate->mutex);
          gate->wake.wait(lock, [&] { return gate->is_open; });
        }
        return FilesystemUsage{.size_bytes = 100};
      });
  const std::string text = Collect(*collector, paths);
  EXPECT_THAT(text, AllOf(HasSubstr("device_error=\"mountpoint timeout\",fstype=\"nfs4\","),
                          HasSubstr("node_filesystem_size_bytes{device=\"/dev/sdb\",")));
  const std::lock_guard lock(gate->mutex);
  gate->is_open = true;
  gate->wake.notify_all();
}

TEST(NodeAgent, ChoosesCollectorsPerExposition) {
  const TestTree tree;
  tree.Write("proc/loadavg", "0.5 0.25 0.1 1/100 42\n");
  tree.Write("proc/sys/fs/file-nr", "1\t0\t2\n");
  auto parsed = ParseNodeFlags(std::vector<std::string>{"--path.procfs=" + (tree.path() / "proc").string(),
                                                        "--collector.disable-defaults", "--collector.loadavg",
                                                        "--collector.filefd"});
  ASSERT_TRUE(parsed);
  const core::ManualClock clock{1'700'000'000'500};
  NodeAgent agent(std::move(parsed->options), {}, clock, core::Logger::Discard());
  EXPECT_THAT(agent.RenderText({.collect = {"loadavg"}, .exclude = {}}),
              AllOf(HasSubstr("node_load5"), Not(HasSubstr("node_filefd"))));
  EXPECT_THAT(agent.RenderText({.collect = {}, .exclude = {"loadavg"}}),
              AllOf(HasSubstr("node_filefd"), Not(HasSubstr("node_load5"))));
  EXPECT_TRUE(agent.Check({.collect = {"loadavg"}, .exclude = {}}));
  EXPECT_THAT(agent.Check({.collect = {"cpu"}, .exclude = {}}).error().message(),
              HasSubstr("disabled collector: cpu"));
  EXPECT_THAT(agent.Check({.collect = {"nope"}, .exclude = {}}).error().message(),
              HasSubstr("missing collector: nope"));
  EXPECT_FALSE(agent.Check({.collect = {"loadavg"}, .exclude = {"filefd"}}));
}

// Hangs as long as it is told to.
class HangingCollector final : public Collector {
 public:
  struct Gate {
    std::mutex mutex;
    std::condition_variable wake;
    bool is_open = false;
    int runs = 0;

    void Open() {
      const std::lock_guard lock(mutex);
      is_open = true;
      wake.notify_all();
    }
    int Runs() {
      const std::lock_guard lock(mutex);
      return runs;
    }
  };

  explicit HangingCollector(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) { set_may_hang(true); }
  std::string_view name() const override { return "hanging"; }
  core::Status Collect(const HostPaths&, MetricSink& sink) override {
    std::unique_lock lock(gate_->mutex);
    ++gate_->runs;
    gate_->wake.wait(lock, [&] { return gate_->is_open; });
    sink.Gauge("node_came_back", "It came back.", 1);
    return {};
  }

 private:
  const std::shared_ptr<Gate> gate_;
};

TEST(NodeAgent, GivesUpACollectorThatHangs) {
  const auto gate = std::make_shared<HangingCollector::Gate>();
  std::vector<std::unique_ptr<Collector>> collectors;
  collectors.push_back(std::make_unique<HangingCollector>(gate));
  const auto add = [&](std::string_view name, bool may_hang) {
    collectors.push_back(std::make_unique<StatelessCollector>(
        name, [name](const HostPaths&, MetricSink& sink) -> core::Status {
          sink.GetFamily("node_fine", "Fine.", MetricType::kGauge, {"name"}).Add({name}, 1);
          return {};
        }));
    collectors.back()->set_may_hang(may_hang);
  };
  add("behind_it", true);
  add("elsewhere", false);
  const core::SystemClock clock;
  std::string log;
  core::LogOptions log_options;
  log_options.writer = [&](std::string_view line) { log += line; };
  NodeAgent agent({}, std::move(collectors), {}, clock, core::Logger(clock, log_options),
                  /*collect_timeout_ms=*/20);
  for (int i = 0; i < 3; ++i) {
    const std::string text = agent.RenderText();
    EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"hanging\"} 0\n"));
    EXPECT_THAT(text, HasSubstr("node_fine{name=\"behind_it\"} 1\n"));
    EXPECT_THAT(text, HasSubstr("node_fine{name=\"elsewhere\"} 1\n"));
  }
  EXPECT_EQ(gate->Runs(), 1);                              // it is left alone as long as it hangs
  EXPECT_EQ(log.find("it hangs"), log.rfind("it hangs"));  // said once
  gate->Open();
  std::string text;
  while (text.find("node_came_back 1\n") == std::string::npos) text = agent.RenderText();
  EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"hanging\"} 1\n"));
  EXPECT_THAT(log, HasSubstr("collector works again"));
}

TEST(NodeAgent, WarnsOnceOfABadTextfile) {
  const TestTree tree;
  tree.Write("text/bad.prom", "not an exposition {\n");
  tree.Write("text/good.prom", "# HELP x_total X.\n# TYPE x_total counter\nx_total{a=\"b\"} 3\n");
  tree.Write("text/late.prom", "late 1 1700000000000\n");
  tree.Write("text/clash.prom", "node_textfile_scrape_error{a=\"b\"} 7\n");
  AgentOnTree agent(
      tree, {"--collector.textfile", "--collector.textfile.directory=" + (tree.path() / "text").string()});
  for (int i = 0; i < 2; ++i) {
    const std::string text = agent.Render();
    EXPECT_THAT(text, HasSubstr("# TYPE x_total counter\nx_total{a=\"b\"} 3\n"));
    EXPECT_THAT(text,
                HasSubstr("node_textfile_mtime_seconds{file=\"" + (tree.path() / "text/good.prom").string()));
    EXPECT_THAT(text, Not(HasSubstr("late 1")));
    EXPECT_THAT(text, HasSubstr("node_scrape_collector_success{collector=\"textfile\"}"));
  }
  EXPECT_THAT(agent.log(), HasSubstr("bad.prom"));
  EXPECT_THAT(agent.log(), HasSubstr("late has a timestamp"));
  EXPECT_EQ(agent.log().find("bad.prom"), agent.log().rfind("bad.prom"));
}

}  // namespace
}  // namespace sextant::node
