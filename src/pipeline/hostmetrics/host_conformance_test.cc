// node_exporter's own fixtures: what the scrapers say of its /proc must be what its expected output says,
// under the collector's names.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {
namespace {

namespace fs = std::filesystem;

fs::path Fixtures() {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return fs::path(folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT) / "kube/node_exporter/fixtures";
}

class HostConformanceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(Fixtures())) GTEST_SKIP() << "no conformance data";
    std::ifstream file(Fixtures() / "e2e-output.txt");
    std::string line;
    while (std::getline(file, line)) {
      size_t space = line.rfind(' ');
      if (!line.starts_with('#') && space != std::string::npos)
        expected_[line.substr(0, space)] = std::strtod(line.c_str() + space, nullptr);
    }
    paths_.procfs = Fixtures() / "proc";
    paths_.sysfs = Fixtures() / "sys";
  }

  // "name{value of attribute,…}" and the value, of all points.
  std::map<std::string, double> Look(HostScraper& scraper) {
    otlp::MetricsData data;
    HostLook look{paths_, clock_, "1.2.3", data};
    scraper.Scrape(look);
    for (const std::string& error : look.errors) ADD_FAILURE() << error;
    std::map<std::string, double> values;
    for (const otlp::ResourceMetrics& resource : data.resources) {
      for (const otlp::Metric& metric : resource.scopes.at(0).metrics) {
        for (const otlp::NumberPoint& point : metric.numbers) {
          std::string attributes;
          for (const otlp::KeyValue& attribute : point.attributes)
            attributes += (attributes.empty() ? "" : ",") + otlp::ValueText(attribute.value);
          values[fmt::format("{}{{{}}}", metric.name, attributes)] = point.value.AsDouble();
        }
      }
    }
    return values;
  }

  // Whether the output has the series; compares then.
  bool Compare(const std::map<std::string, double>& values, const std::string& ours,
               const std::string& theirs) {
    auto expected = expected_.find(theirs);
    if (expected == expected_.end()) return false;
    auto found = values.find(ours);
    if (found == values.end()) {
      ADD_FAILURE() << ours << " is missing";
    } else {
      EXPECT_DOUBLE_EQ(found->second, expected->second) << ours;
    }
    return true;
  }

  std::map<std::string, double> expected_;
  node::HostPaths paths_;
  core::SystemClock clock_;
};

TEST_F(HostConformanceTest, Cpu) {
  auto scraper = MakeCpuScraper({});
  auto values = Look(*scraper);
  const std::pair<std::string, std::string> modes[] = {
      {"user", "user"}, {"system", "system"},   {"idle", "idle"},   {"interrupt", "irq"},
      {"nice", "nice"}, {"softirq", "softirq"}, {"steal", "steal"}, {"wait", "iowait"}};
  size_t compared = 0;
  for (int cpu = 0; cpu < 64; ++cpu) {
    for (const auto& [ours, theirs] : modes) {
      compared += Compare(values, fmt::format("system.cpu.time{{cpu{},{}}}", cpu, ours),
                          fmt::format("node_cpu_seconds_total{{cpu=\"{}\",mode=\"{}\"}}", cpu, theirs));
    }
  }
  EXPECT_EQ(compared, values.size());
  EXPECT_GE(compared, 8u);
}

TEST_F(HostConformanceTest, Disks) {
  auto scraper = MakeDiskScraper({});
  auto values = Look(*scraper);
  const std::pair<std::string, std::string> pairs[] = {
      {"system.disk.io{{{},read}}", "read_bytes_total"},
      {"system.disk.io{{{},write}}", "written_bytes_total"},
      {"system.disk.operations{{{},read}}", "reads_completed_total"},
      {"system.disk.operations{{{},write}}", "writes_completed_total"},
      {"system.disk.operation_time{{{},read}}", "read_time_seconds_total"},
      {"system.disk.operation_time{{{},write}}", "write_time_seconds_total"},
      {"system.disk.merged{{{},read}}", "reads_merged_total"},
      {"system.disk.merged{{{},write}}", "writes_merged_total"},
      {"system.disk.io_time{{{}}}", "io_time_seconds_total"},
      {"system.disk.weighted_io_time{{{}}}", "io_time_weighted_seconds_total"},
      {"system.disk.pending_operations{{{}}}", "io_now"}};
  size_t compared = 0;
  for (const auto& [name, value] : values) {
    if (!name.starts_with("system.disk.io_time{")) continue;
    const std::string device = name.substr(20, name.size() - 21);
    for (const auto& [ours, theirs] : pairs) {
      compared += Compare(values, fmt::format(fmt::runtime(ours), device),
                          fmt::format("node_disk_{}{{device=\"{}\"}}", theirs, device));
    }
  }
  EXPECT_GE(compared, 5 * std::size(pairs));
}

TEST_F(HostConformanceTest, LoadAndMemory) {
  auto load = MakeLoadScraper({});
  auto values = Look(*load);
  EXPECT_TRUE(Compare(values, "system.cpu.load_average.1m{}", "node_load1"));
  EXPECT_TRUE(Compare(values, "system.cpu.load_average.5m{}", "node_load5"));
  EXPECT_TRUE(Compare(values, "system.cpu.load_average.15m{}", "node_load15"));
  auto memory = MakeMemoryScraper({});
  values = Look(*memory);
  EXPECT_TRUE(Compare(values, "system.memory.usage{free}", "node_memory_MemFree_bytes"));
  EXPECT_TRUE(Compare(values, "system.memory.usage{buffered}", "node_memory_Buffers_bytes"));
  EXPECT_TRUE(Compare(values, "system.memory.usage{slab_reclaimable}", "node_memory_SReclaimable_bytes"));
  EXPECT_TRUE(Compare(values, "system.memory.usage{slab_unreclaimable}", "node_memory_SUnreclaim_bytes"));
}

TEST_F(HostConformanceTest, PagingAndProcesses) {
  auto paging = MakePagingScraper({});
  auto values = Look(*paging);
  EXPECT_TRUE(Compare(values, "system.paging.faults{major}", "node_vmstat_pgmajfault"));
  EXPECT_TRUE(Compare(values, "system.paging.operations{page_in,minor}", "node_vmstat_pgpgin"));
  EXPECT_TRUE(Compare(values, "system.paging.operations{page_out,minor}", "node_vmstat_pgpgout"));
  EXPECT_TRUE(Compare(values, "system.paging.operations{page_in,major}", "node_vmstat_pswpin"));
  auto processes = MakeProcessesScraper({});
  values = Look(*processes);
  EXPECT_TRUE(Compare(values, "system.processes.created{}", "node_forks_total"));
  EXPECT_TRUE(Compare(values, "system.processes.count{blocked}", "node_procs_blocked"));
  EXPECT_TRUE(Compare(values, "system.processes.count{running}", "node_procs_running"));
}

}  // namespace
}  // namespace sextant::pipeline
