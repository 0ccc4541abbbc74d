// Scrapers of the receiver `hostmetrics`: each looks at one area of the host and makes points of it.
//
//   /proc, /sys ─► readers of agents/node ─► scraper ─► HostPoints ─► one resource of the batch
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/collectors.h"
#include "agents/node/host_files.h"
#include "agents/node/open_files.h"
#include "config/decode.h"
#include "core/clock.h"
#include "pipeline/hostmetrics/host_filter.h"
#include "pipeline/hostmetrics/host_metric.h"

namespace sextant::pipeline {

struct CpuScraperConfig {
  MetricSwitches metrics;
};
struct DiskScraperConfig {
  MetricSwitches metrics;
  HostFilter include;
  HostFilter exclude;
};
struct FilesystemScraperConfig {
  MetricSwitches metrics;
  bool include_virtual_filesystems = false;
  HostFilter include_devices;
  HostFilter exclude_devices;
  HostFilter include_fs_types;
  HostFilter exclude_fs_types;
  HostFilter include_mount_points;
  HostFilter exclude_mount_points;
};
struct LoadScraperConfig {
  MetricSwitches metrics;
  bool cpu_average = false;
};
struct MemoryScraperConfig {
  MetricSwitches metrics;
};
struct NetworkScraperConfig {
  MetricSwitches metrics;
  HostFilter include;
  HostFilter exclude;
};
struct PagingScraperConfig {
  MetricSwitches metrics;
};
struct ProcessesScraperConfig {
  MetricSwitches metrics;
};
struct SystemScraperConfig {
  MetricSwitches metrics;
};
struct ProcessScraperConfig {
  MetricSwitches metrics;
  std::map<std::string, bool, std::less<>> resource_attributes;
  HostFilter include;
  HostFilter exclude;
  bool mute_process_all_errors = false;
  bool mute_process_name_error = false;
  bool mute_process_exe_error = false;
  bool mute_process_io_error = false;
  bool mute_process_user_error = false;
  bool mute_process_cgroup_error = false;
  core::DurationMs scrape_process_delay_ms = 0;
};

const config::Struct& FieldsOf(const CpuScraperConfig*);
const config::Struct& FieldsOf(const DiskScraperConfig*);
const config::Struct& FieldsOf(const FilesystemScraperConfig*);
const config::Struct& FieldsOf(const LoadScraperConfig*);
const config::Struct& FieldsOf(const MemoryScraperConfig*);
const config::Struct& FieldsOf(const NetworkScraperConfig*);
const config::Struct& FieldsOf(const PagingScraperConfig*);
const config::Struct& FieldsOf(const ProcessesScraperConfig*);
const config::Struct& FieldsOf(const SystemScraperConfig*);
const config::Struct& FieldsOf(const ProcessScraperConfig*);

// One look at the host.
struct HostLook {
  const node::HostPaths& paths;
  const core::Clock& clock;
  std::string version;  // of the scopes
  otlp::MetricsData& data;
  // What could not be read, each with how many points are missing for it; the rest goes on.
  std::vector<std::string> errors = {};
  size_t missing_points = 0;

  void Fail(const core::Error& error, size_t points) {
    missing_points += points;
    errors.push_back(error.message());
  }
};

class HostScraper {
 public:
  virtual ~HostScraper() = default;
  virtual std::string_view name() const = 0;  // "cpu"
  // Adds to the look's data and errors. One thread at a time.
  virtual void Scrape(HostLook& look) = 0;
};

std::unique_ptr<HostScraper> MakeCpuScraper(const CpuScraperConfig& config);
std::unique_ptr<HostScraper> MakeDiskScraper(const DiskScraperConfig& config);
// `read_usage` as the node collector has it.
std::unique_ptr<HostScraper> MakeFilesystemScraper(const FilesystemScraperConfig& config,
                                                   node::UsageReader read_usage = node::ReadFilesystemUsage);
std::unique_ptr<HostScraper> MakeLoadScraper(const LoadScraperConfig& config);
std::unique_ptr<HostScraper> MakeMemoryScraper(const MemoryScraperConfig& config);
std::unique_ptr<HostScraper> MakeNetworkScraper(const NetworkScraperConfig& config);
std::unique_ptr<HostScraper> MakePagingScraper(const PagingScraperConfig& config);
std::unique_ptr<HostScraper> MakeProcessesScraper(const ProcessesScraperConfig& config);
std::unique_ptr<HostScraper> MakeSystemScraper(const SystemScraperConfig& config);
std::unique_ptr<HostScraper> MakeProcessScraper(const ProcessScraperConfig& config);

// Shared by them.

// "github.com/…/hostmetricsreceiver/internal/scraper/cpuscraper".
std::string HostScope(std::string_view scraper);
uint64_t NowNs(const core::Clock& clock);
// When the host was started, in nanoseconds since 1970; 0: not known.
uint64_t BootTimeNs(node::OpenFiles& files, const node::HostPaths& paths);
// A file below /proc, whole.
core::Result<std::string> ReadProc(const node::HostPaths& paths, std::string_view name);

}  // namespace sextant::pipeline
