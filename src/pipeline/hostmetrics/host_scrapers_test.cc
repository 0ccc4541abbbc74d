#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "pipeline/component_harness.h"
#include "pipeline/hostmetrics/host_metrics_receiver.h"
#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kStat =
    "cpu  300 20 30 4000 50 6 7 8 9 1\n"
    "cpu0 100 10 20 3000 40 5 6 7 8 1\n"
    "cpu1 200 10 10 1000 10 1 1 1 1 0\n"
    "intr 5\nctxt 6\nbtime 1000\nprocesses 77\nprocs_running 3\nprocs_blocked 1\n";

// A host's files, below a folder of their own.
class Host {
 public:
  Host() {
    Write("proc/stat", kStat);
    Write("proc/loadavg", "1.50 0.75 0.25 1/100 4242\n");
    Write("proc/uptime", "4242.99 1.00\n");
    Write("proc/meminfo",
          "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 600 kB\nBuffers: 50 kB\nCached: 200 kB\n"
          "SReclaimable: 30 kB\nSUnreclaim: 20 kB\nDirty: 4 kB\nHugePages_Total: 10\nHugePages_Free: 4\n"
          "Hugepagesize: 2048 kB\n");
    Write(
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/sda2                               partition 1000 250 -2\n");
    Write("proc/vmstat", "pgpgin 10\npgpgout 20\npswpin 3\npswpout 4\npgfault 100\npgmajfault 7\n");
    Write("proc/diskstats",
          "   8 0 sda 10 1 200 1500 20 2 400 2500 3 4000 5000 0 0 0 0\n"
          "   7 0 loop0 0 0 0 0 0 0 0 0 0 0 0\n");
    Write("proc/net/dev",
          "Inter-| Receive | Transmit\n face |bytes\n"
          "  eth0: 1000 10 1 2 0 0 0 0 2000 20 3 4 0 0 0 0\n"
          "    lo: 5 5 0 0 0 0 0 0 5 5 0 0 0 0 0 0\n");
    Write("proc/net/tcp",
          "  sl  local_address rem_address   st\n"
          "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n"
          "   1: 0100007F:1F90 0100007F:9999 01 00000000:00000000\n"
          "   2: 0100007F:1F90 0100007F:9998 04 00000000:00000000\n");
    Write("proc/filesystems", "nodev\ttmpfs\n\text4\n");
    Write("proc/1/mountinfo",
          "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n"
          "23 22 8:3 / /old ro,relatime - ext4 /dev/sda3 ro\n"
          "24 22 0:5 / /tmp rw - tmpfs tmpfs rw\n");
    Write("proc/42/stat",
          "42 (a (worker)) S 7 0 0 0 -1 0 100 0 3 0 150 50 0 0 20 0 4 0 200000 8192 2 0 0 0 0 0 0 0 0 0 0 0 "
          "0 0 "
          "0 0 0 0 25 0 0\n");
    Write("proc/42/cmdline", std::string_view("/bin/work\0--fast\0", 17));
    Write("proc/42/io", "rchar: 1\nwchar: 2\nsyscr: 3\nsyscw: 4\nread_bytes: 5\nwrite_bytes: 6\n");
    Write("proc/42/status",
          "Name:\ta\nUid:\t0\t0\t0\t0\nSigPnd:\t0000000000000002\nShdPnd:\t0000000000000101\n"
          "voluntary_ctxt_switches:\t11\nnonvoluntary_ctxt_switches:\t12\n");
    Write("proc/42/cgroup", "0::/system.slice/work.service\n");
    Write("proc/43/stat", "43 (gone) Z 1 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 300000 0 0\n");
    paths.procfs = root / "proc";
    paths.sysfs = root / "sys";
    paths.rootfs = root.path();
  }

  void Write(const std::string& name, std::string_view text) const {
    fs::path path = root / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }

  TestDirectory root;
  node::HostPaths paths;
};

// What a scraper makes of a host: "name{key=value,…} 1.5" lines, the process' attributes before them.
class HostScrapersTest : public testing::Test {
 protected:
  template <typename Config>
  Config Read(const std::string& yaml) {
    auto document = config::Document::Parse(yaml, "c.yml");
    EXPECT_TRUE(document);
    Config config;
    core::Status read = config::DecodeInto(document->root(), config);
    EXPECT_TRUE(read) << read.error().message();
    return config;
  }
  template <typename Config>
  std::string ErrorOf(const std::string& yaml) {
    auto document = config::Document::Parse(yaml, "c.yml");
    Config config;
    core::Status read = config::DecodeInto(document->root(), config);
    return read ? "" : std::string(read.error().message());
  }

  std::vector<std::string> Look(HostScraper& scraper) {
    otlp::MetricsData data;
    HostLook look{host_.paths, clock_, "1.2.3", data};
    scraper.Scrape(look);
    errors_ = look.errors;
    missing_points_ = look.missing_points;
    std::vector<std::string> lines;
    for (const otlp::ResourceMetrics& resource : data.resources) {
      std::string of;
      for (const otlp::KeyValue& attribute : resource.resource.attributes)
        of += fmt::format("{}={} ", attribute.key, otlp::ValueText(attribute.value));
      for (const otlp::Metric& metric : resource.scopes.at(0).metrics) {
        for (const otlp::NumberPoint& point : metric.numbers) {
          std::string attributes;
          for (const otlp::KeyValue& attribute : point.attributes) {
            attributes += fmt::format("{}{}={}", attributes.empty() ? "" : ",", attribute.key,
                                      otlp::ValueText(attribute.value));
          }
          lines.push_back(fmt::format("{}{}{{{}}} {}", of, metric.name, attributes, point.value.AsDouble()));
          start_ns_ = point.start_ns;
        }
      }
    }
    return lines;
  }

  Host host_;
  core::SystemClock clock_;
  std::vector<std::string> errors_;
  size_t missing_points_ = 0;
  uint64_t start_ns_ = 0;  // of the last point
};

TEST_F(HostScrapersTest, Cpu) {
  auto scraper = MakeCpuScraper({});
  std::vector<std::string> lines = Look(*scraper);
  EXPECT_EQ(lines.size(), 16u);
  EXPECT_THAT(lines, Contains("system.cpu.time{cpu=cpu0,state=user} 1"));
  EXPECT_THAT(lines, Contains("system.cpu.time{cpu=cpu1,state=wait} 0.1"));
  EXPECT_EQ(start_ns_, 1'000'000'000'000u);

  scraper = MakeCpuScraper(Read<CpuScraperConfig>(
      "metrics: {system.cpu.time: {enabled: false}, system.cpu.logical.count: {enabled: "
      "true}, system.cpu.physical.count: {enabled: true}, system.cpu.utilization: "
      "{enabled: true}}"));
  host_.Write("sys/devices/system/cpu/cpu0/topology/core_id", "0\n");
  host_.Write("sys/devices/system/cpu/cpu0/topology/physical_package_id", "0\n");
  host_.Write("sys/devices/system/cpu/cpu1/topology/core_id", "0\n");
  host_.Write("sys/devices/system/cpu/cpu1/topology/physical_package_id", "0\n");
  EXPECT_EQ(Look(*scraper),
            (std::vector<std::string>{"system.cpu.physical.count{} 1", "system.cpu.logical.count{} 2"}));
  // Nothing was done since.
  EXPECT_THAT(Look(*scraper), Contains("system.cpu.utilization{cpu=cpu1,state=user} 0"));
  EXPECT_EQ(ErrorOf<CpuScraperConfig>("metrics: {system.cpu.tim: {enabled: true}}"),
            "c.yml:1:11: metrics.system.cpu.tim: unknown metric; did you mean \"system.cpu.time\"?");
}

TEST_F(HostScrapersTest, LoadMemoryPagingAndUptime) {
  auto load = MakeLoadScraper(Read<LoadScraperConfig>("cpu_average: true"));
  EXPECT_EQ(Look(*load), (std::vector<std::string>{"system.cpu.load_average.1m{} 0.75",
                                                   "system.cpu.load_average.5m{} 0.375",
                                                   "system.cpu.load_average.15m{} 0.125"}));
  auto memory =
      MakeMemoryScraper(Read<MemoryScraperConfig>("metrics: {system.memory.utilization: {enabled: true}, "
                                                  "system.linux.memory.available: {enabled: true}}"));
  std::vector<std::string> lines = Look(*memory);
  EXPECT_EQ(lines.size(), 13u);
  EXPECT_THAT(lines, Contains("system.memory.usage{state=used} 409600"));
  EXPECT_THAT(lines, Contains("system.memory.usage{state=cached} 235520"));
  EXPECT_THAT(lines, Contains("system.memory.utilization{state=free} 0.1"));
  EXPECT_THAT(lines, Contains("system.linux.memory.available{} 614400"));
  auto paging = MakePagingScraper({});
  EXPECT_EQ(Look(*paging), (std::vector<std::string>{
                               "system.paging.usage{device=/dev/sda2,state=used} 256000",
                               "system.paging.usage{device=/dev/sda2,state=free} 768000",
                               "system.paging.operations{direction=page_in,type=major} 3",
                               "system.paging.operations{direction=page_out,type=major} 4",
                               "system.paging.operations{direction=page_in,type=minor} 10",
                               "system.paging.operations{direction=page_out,type=minor} 20",
                               "system.paging.faults{type=major} 7", "system.paging.faults{type=minor} 93"}));
  auto system = MakeSystemScraper({});
  EXPECT_EQ(Look(*system), (std::vector<std::string>{"system.uptime{} 4242"}));
}

TEST_F(HostScrapersTest, DisksAndInterfaces) {
  auto disk = MakeDiskScraper({});
  EXPECT_EQ(Look(*disk),
            (std::vector<std::string>{
                "system.disk.io{device=sda,direction=read} 102400",
                "system.disk.io{device=sda,direction=write} 204800",
                "system.disk.operations{device=sda,direction=read} 10",
                "system.disk.operations{device=sda,direction=write} 20", "system.disk.io_time{device=sda} 4",
                "system.disk.operation_time{device=sda,direction=read} 1.5",
                "system.disk.operation_time{device=sda,direction=write} 2.5",
                "system.disk.weighted_io_time{device=sda} 5", "system.disk.pending_operations{device=sda} 3",
                "system.disk.merged{device=sda,direction=read} 1",
                "system.disk.merged{device=sda,direction=write} 2"}));
  disk = MakeDiskScraper(Read<DiskScraperConfig>("exclude: {devices: ['^sd'], match_type: regexp}"));
  EXPECT_THAT(Look(*disk), IsEmpty());

  auto network =
      MakeNetworkScraper(Read<NetworkScraperConfig>("include: {interfaces: [eth0], match_type: strict}"));
  std::vector<std::string> lines = Look(*network);
  EXPECT_THAT(lines, Contains("system.network.io{device=eth0,direction=transmit} 2000"));
  EXPECT_THAT(lines, Contains("system.network.dropped{device=eth0,direction=receive} 2"));
  EXPECT_THAT(lines, Contains("system.network.connections{protocol=tcp,state=LISTEN} 1"));
  EXPECT_THAT(lines, Contains("system.network.connections{protocol=tcp,state=FIN_WAIT1} 1"));
  EXPECT_THAT(lines, Contains("system.network.connections{protocol=tcp,state=TIME_WAIT} 0"));
  EXPECT_THAT(lines, Not(Contains(HasSubstr("device=lo"))));
  EXPECT_EQ(ErrorOf<NetworkScraperConfig>("include: {interfaces: [eth0]}"),
            "c.yml:1:10: include: unrecognized match_type: '', valid types are: [regexp strict]");
  EXPECT_THAT(ErrorOf<NetworkScraperConfig>("include: {interfaces: ['('], match_type: regexp}"),
              HasSubstr("is no regular expression"));
}

TEST_F(HostScrapersTest, FileSystems) {
  node::UsageReader usage = [&](const std::string& path) -> core::Result<node::FilesystemUsage> {
    if (path.ends_with("/old")) return core::Fail(core::Code::kIo, "Input/output error");
    return node::FilesystemUsage{
        .size_bytes = 1000, .free_bytes = 400, .available_bytes = 300, .files = 50, .files_free = 20};
  };
  auto scraper = MakeFilesystemScraper(
      Read<FilesystemScraperConfig>("metrics: {system.filesystem.utilization: {enabled: true}}"), usage);
  const std::string root = "device=/dev/sda1,mode=rw,mountpoint=/,type=ext4";
  EXPECT_EQ(Look(*scraper), (std::vector<std::string>{
                                fmt::format("system.filesystem.usage{{{},state=used}} 600", root),
                                fmt::format("system.filesystem.usage{{{},state=free}} 300", root),
                                fmt::format("system.filesystem.usage{{{},state=reserved}} 100", root),
                                fmt::format("system.filesystem.inodes.usage{{{},state=used}} 30", root),
                                fmt::format("system.filesystem.inodes.usage{{{},state=free}} 20", root),
                                fmt::format("system.filesystem.utilization{{{}}} {}", root, 600.0 / 900)}));
  EXPECT_EQ(errors_, (std::vector<std::string>{"failed to read usage at /old: Input/output error"}));
  scraper = MakeFilesystemScraper(
      Read<FilesystemScraperConfig>("include_virtual_filesystems: true\n"
                                    "include_fs_types: {fs_types: [tmpfs], match_type: strict}"),
      usage);
  EXPECT_THAT(Look(*scraper), Contains(HasSubstr("mountpoint=/tmp,type=tmpfs,state=used} 600")));
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(HostScrapersTest, ProcessesByTheirState) {
  auto scraper = MakeProcessesScraper({});
  EXPECT_EQ(Look(*scraper),
            (std::vector<std::string>{
                "system.processes.created{} 77", "system.processes.count{status=blocked} 1",
                "system.processes.count{status=running} 3", "system.processes.count{status=sleeping} 1",
                "system.processes.count{status=zombies} 1"}));
}

TEST_F(HostScrapersTest, Processes) {
  auto scraper = MakeProcessScraper(Read<ProcessScraperConfig>(R"(
include: {names: ['worker'], match_type: regexp}
mute_process_exe_error: true
resource_attributes: {process.executable.path: {enabled: false}, process.cgroup: {enabled: true}}
metrics:
  process.context_switches: {enabled: true}
  process.disk.operations: {enabled: true}
  process.paging.faults: {enabled: true}
  process.signals_pending: {enabled: true}
  process.threads: {enabled: true}
)"));
  std::vector<std::string> lines = Look(*scraper);
  const std::string of =
      "process.pid=42 process.parent_pid=7 process.executable.name=a (worker) process.command=/bin/work "
      "process.command_line=/bin/work --fast process.owner=root "
      "process.cgroup=0::/system.slice/work.service ";
  const double page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  const std::vector<std::string> expected = {"process.cpu.time{state=user} 1.5",
                                             "process.cpu.time{state=system} 0.5",
                                             "process.cpu.time{state=wait} 0.25",
                                             fmt::format("process.memory.usage{{}} {}", 2 * page_bytes),
                                             "process.memory.virtual{} 8192",
                                             "process.disk.io{direction=read} 5",
                                             "process.disk.io{direction=write} 6",
                                             "process.disk.operations{direction=read} 3",
                                             "process.disk.operations{direction=write} 4",
                                             "process.paging.faults{type=major} 3",
                                             "process.paging.faults{type=minor} 100",
                                             "process.signals_pending{} 3",
                                             "process.threads{} 4",
                                             "process.context_switches{type=involuntary} 12",
                                             "process.context_switches{type=voluntary} 11"};
  ASSERT_EQ(lines.size(), expected.size());
  for (size_t i = 0; i < lines.size(); ++i) EXPECT_EQ(lines[i], of + expected[i]);
  EXPECT_EQ(start_ns_, 3'000'000'000'000u);  // 2,000 seconds after the host
  EXPECT_THAT(errors_, IsEmpty());
}

TEST_F(HostScrapersTest, CommandsMayBeAnyBytesAndVeryLong) {
  host_.Write("proc/42/cmdline", "\xff\xfe" + std::string(1'000'000, 'x'));
  auto scraper = MakeProcessScraper(Read<ProcessScraperConfig>(
      "mute_process_all_errors: true\ninclude: {names: [worker], match_type: regexp}"));
  std::vector<std::string> lines = Look(*scraper);
  ASSERT_FALSE(lines.empty());
  EXPECT_THAT(lines[0], HasSubstr("process.command_line=\uFFFD\uFFFDxxx"));
  EXPECT_LT(lines[0].size(), 3 * kHostTextBytes);
}

TEST_F(HostScrapersTest, ErrorsOfProcessesAreCountedUnlessMuted) {
  fs::remove(host_.root / "proc/42/io");
  auto scraper = MakeProcessScraper(Read<ProcessScraperConfig>(
      "exclude: {names: [gone], match_type: strict}\nmute_process_exe_error: true"));
  Look(*scraper);
  ASSERT_EQ(errors_.size(), 1u);
  EXPECT_THAT(errors_[0], StartsWith("error reading disk usage for process \"a (worker)\" (pid 42): "));
  EXPECT_EQ(missing_points_, 1u);
  scraper = MakeProcessScraper(Read<ProcessScraperConfig>("mute_process_all_errors: true"));
  Look(*scraper);
  EXPECT_THAT(errors_, IsEmpty());
  // A young process is left alone.
  scraper = MakeProcessScraper(Read<ProcessScraperConfig>("scrape_process_delay: 1000000h"));
  EXPECT_THAT(Look(*scraper), IsEmpty());
  EXPECT_THAT(ErrorOf<ProcessScraperConfig>("metrics: {process.handles: {enabled: true}}"),
              HasSubstr("process.handles is there on Windows only"));
}

TEST_F(HostScrapersTest, BrokenFilesAreErrorsAndNoPoints) {
  for (const char* file : {"stat", "loadavg", "meminfo", "swaps", "vmstat", "diskstats", "net/dev", "net/tcp",
                           "uptime", "1/mountinfo", "42/stat", "42/io", "42/status"}) {
    host_.Write(std::string("proc/") + file, "\xff ? ) (\n? 1\n?\n\n9 9");
  }
  std::unique_ptr<HostScraper> scrapers[] = {
      MakeCpuScraper({}),       MakeDiskScraper({}),    MakeFilesystemScraper({}), MakeLoadScraper({}),
      MakeMemoryScraper({}),    MakeNetworkScraper({}), MakePagingScraper({}),     MakeProcessScraper({}),
      MakeProcessesScraper({}), MakeSystemScraper({})};
  for (auto& scraper : scrapers) Look(*scraper);
  Look(*scrapers[1]);
  EXPECT_THAT(errors_, Not(IsEmpty()));
  EXPECT_GT(missing_points_, 0u);
}

TEST(HostMetricsReceiverTest, LooksAtTheHostAtItsInterval) {
  Host host;
  ComponentHarness harness;
  ComponentType type = HostMetricsReceiverType();
  auto config = harness.Read(type, fmt::format("root_path: {}\ncollection_interval: 50ms\ninitial_delay: 0s\n"
                                               "scrapers: {{load: , disk: }}",
                                               host.root.path()));
  ASSERT_TRUE(config) << config.error().message();
  NotingConsumer consumer;
  auto receiver = type.make_receiver(harness.Settings(type), *config,
                                     {.traces = nullptr, .metrics = &consumer, .logs = nullptr});
  ASSERT_TRUE(receiver);
  ASSERT_TRUE((*receiver)->Start());
  std::vector<Telemetry> batches = consumer.WaitForBatches(2);
  (*receiver)->Shutdown();
  ASSERT_GE(batches.size(), 2u);
  const otlp::MetricsData& data = batches[1].metrics();
  ASSERT_EQ(data.resources.size(), 2u);
  EXPECT_EQ(data.resources[1].scopes[0].scope.name,
            "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver/internal/"
            "scraper/loadscraper");
  EXPECT_EQ(batches[1].CountItems(), 14u);
  EXPECT_GE(
      harness.MetricValue("otelcol_scraper_scraped_metric_points{receiver=\"hostmetrics\",scraper=\"disk\"}"),
      22);
}

TEST(HostMetricsReceiverTest, MistakesAreRefusedByName) {
  ComponentHarness harness;
  ComponentType type = HostMetricsReceiverType();
  EXPECT_EQ(harness.ErrorOf(type, "scrapers: {}"),
            "c.yml:1:1: must specify at least one scraper when using hostmetrics receiver");
  EXPECT_THAT(harness.ErrorOf(type, "scrapers: {nfs: }"),
              HasSubstr("scrapers.nfs: nfs is not supported yet"));
  EXPECT_THAT(harness.ErrorOf(type, "scrapers: {cpus: }"), HasSubstr("did you mean \"cpu\"?"));
  EXPECT_THAT(harness.ErrorOf(type, "scrapers: {cpu: }\ncollection_interval: 0s"),
              HasSubstr("requires positive value"));
  EXPECT_THAT(harness.ErrorOf(type, "scrapers: {cpu: }\nroot_path: /no/such"),
              HasSubstr("invalid root_path"));
  EXPECT_THAT(harness.ErrorOf(type, "scrapers: {cpu: }\ntimeout: 5s"), HasSubstr("timeout"));
}

}  // namespace
}  // namespace sextant::pipeline
