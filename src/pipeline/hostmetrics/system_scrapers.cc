// What the host as a whole does: CPUs, load, memory, paging, processes by their state, uptime.
#include <unistd.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "agents/node/host_tables.h"
#include "agents/node/proc_stat.h"
#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;
using enum HostMetricKind;

// ---- cpu

enum CpuMetric : size_t { kCpuTime, kCpuUtilization, kCpuPhysicalCount, kCpuLogicalCount, kCpuFrequency };
constexpr HostMetric kCpuMetrics[] = {
    {"system.cpu.time", "Total seconds each logical CPU spent on each mode.", "s", kCounter, true, true},
    {"system.cpu.utilization",
     "Difference in system.cpu.time since the last measurement per logical CPU, divided by the elapsed time "
     "(value in interval [0,1]).",
     "1", kGauge, true, false},
    {"system.cpu.physical.count", "Number of available physical CPUs.", "{cpu}", kSum, false, false},
    {"system.cpu.logical.count", "Number of available logical CPUs.", "{cpu}", kSum, false, false},
    {"system.cpu.frequency", "Current frequency of the CPU core in Hz.", "Hz", kGauge, true, false},
};

struct CpuState {
  std::string_view name;
  node::CpuMode mode;
};
constexpr CpuState kCpuStates[] = {
    {"user", node::kUser}, {"system", node::kSystem},   {"idle", node::kIdle},   {"interrupt", node::kIrq},
    {"nice", node::kNice}, {"softirq", node::kSoftirq}, {"steal", node::kSteal}, {"wait", node::kIowait},
};

class CpuScraper final : public HostScraper {
 public:
  explicit CpuScraper(const CpuScraperConfig& config) : wanted_(kCpuMetrics, config.metrics) {}
  std::string_view name() const override { return "cpu"; }

  void Scrape(HostLook& look) override {
    auto stat = node::ReadProcStat(files_, look.paths);
    if (!stat) return look.Fail(stat.error(), wanted_.table().size());
    const uint64_t now_ns = NowNs(look.clock);
    HostPoints points(wanted_, look.data, static_cast<uint64_t>(stat->boot_time_seconds) * 1'000'000'000,
                      now_ns);
    for (const auto& [number, times] : stat->cpus) {
      const std::string cpu = fmt::format("cpu{}", number);
      for (const CpuState& state : kCpuStates)
        points.Add(kCpuTime, times[state.mode], {{"cpu", cpu}, {"state", state.name}});
    }
    AddUtilization(*stat, look.clock.MonotonicNs(), points);
    points.Add(kCpuLogicalCount, static_cast<double>(stat->cpus.size()));
    if (wanted_.Has(kCpuPhysicalCount))
      points.Add(kCpuPhysicalCount, static_cast<double>(CountCores(look.paths, *stat)));
    if (wanted_.Has(kCpuFrequency)) AddFrequencies(look, points);
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  void AddUtilization(const node::ProcStat& stat, int64_t now_ns, HostPoints& points) {
    const double seconds = static_cast<double>(now_ns - before_ns_) * 1e-9;
    if (before_ns_ != 0 && seconds > 0) {
      for (const auto& [number, times] : stat.cpus) {
        auto before = before_.find(number);
        if (before == before_.end()) continue;
        for (const CpuState& state : kCpuStates) {
          points.Add(kCpuUtilization, (times[state.mode] - before->second[state.mode]) / seconds,
                     {{"cpu", fmt::format("cpu{}", number)}, {"state", state.name}});
        }
      }
    }
    before_ = stat.cpus;
    before_ns_ = now_ns;
  }

  // Cores, which several logical CPUs may share.
  static size_t CountCores(const node::HostPaths& paths, const node::ProcStat& stat) {
    std::set<std::pair<std::string, std::string>> cores;
    for (const auto& [number, times] : stat.cpus) {
      const std::string folder = paths.Sys(fmt::format("devices/system/cpu/cpu{}/topology/", number));
      auto package = node::ReadAttribute(folder + "physical_package_id");
      auto core = node::ReadAttribute(folder + "core_id");
      if (package && core) cores.emplace(*package, *core);
    }
    return cores.empty() ? stat.cpus.size() : cores.size();
  }

  static void AddFrequencies(HostLook& look, HostPoints& points) {
    auto text = ReadProc(look.paths, "cpuinfo");
    if (!text) return look.Fail(text.error(), 1);
    std::string_view rest = *text;
    std::string_view line;
    std::string cpu;
    while (node::NextLine(rest, line)) {
      const size_t colon = line.find(':');
      if (colon == std::string_view::npos) continue;
      const std::string_view key = node::TrimSpace(line.substr(0, colon));
      const std::string_view value = node::TrimSpace(line.substr(colon + 1));
      if (key == "processor") cpu = fmt::format("cpu{}", value);
      auto mhz = node::ParseFloat(value);
      if (key == "cpu MHz" && mhz) points.Add(kCpuFrequency, *mhz * 1e6, {{"cpu", cpu}});
    }
  }

  const WantedMetrics wanted_;
  node::OpenFiles files_;
  std::map<uint64_t, node::CpuTimes> before_;
  int64_t before_ns_ = 0;
};

// ---- load

enum LoadMetric : size_t { kLoad1, kLoad5, kLoad15 };
constexpr HostMetric kLoadMetrics[] = {
    {"system.cpu.load_average.1m", "Average CPU Load over 1 minute.", "{thread}", kGauge, true, true},
    {"system.cpu.load_average.5m", "Average CPU Load over 5 minutes.", "{thread}", kGauge, true, true},
    {"system.cpu.load_average.15m", "Average CPU Load over 15 minutes.", "{thread}", kGauge, true, true},
};

class LoadScraper final : public HostScraper {
 public:
  explicit LoadScraper(const LoadScraperConfig& config)
      : wanted_(kLoadMetrics, config.metrics), is_per_cpu_(config.cpu_average) {}
  std::string_view name() const override { return "load"; }

  void Scrape(HostLook& look) override {
    auto loads = Read(look.paths);
    if (!loads) return look.Fail(loads.error(), wanted_.table().size());
    HostPoints points(wanted_, look.data, 0, NowNs(look.clock));
    for (size_t i = 0; i < loads->size(); ++i) points.Add(i, (*loads)[i]);
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  Result<std::array<double, 3>> Read(const node::HostPaths& paths) {
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "loadavg"));
    SEXTANT_ASSIGN(auto loads, node::ParseLoadAverages(text).map_error(core::AddContext("loadavg")));
    if (!is_per_cpu_) return loads;
    SEXTANT_ASSIGN(const node::ProcStat stat, node::ReadProcStat(files_, paths));
    if (stat.cpus.empty()) return core::Fail(core::Code::kInvalidArgument, "/proc/stat names no CPU");
    for (double& load : loads) load /= static_cast<double>(stat.cpus.size());
    return loads;
  }

  const WantedMetrics wanted_;
  const bool is_per_cpu_;
  node::OpenFiles files_;
};

// ---- memory

enum MemoryMetric : size_t {
  kMemoryUsage,
  kMemoryUtilization,
  kMemoryAvailable,
  kMemoryDirty,
  kMemoryShared,
  kMemoryLimit,
  kMemoryPageSize,
  kHugePageSize,
  kHugeLimit,
  kHugeUsage,
  kHugeReserved,
  kHugeSurplus,
  kHugeUtilization
};
constexpr HostMetric kMemoryMetrics[] = {
    {"system.memory.usage", "Bytes of memory in use.", "By", kSum, false, true},
    {"system.memory.utilization", "Percentage of memory bytes in use.", "1", kGauge, true, false},
    {"system.linux.memory.available",
     "An estimate of how much memory is available for starting new applications, without swapping.", "By",
     kSum, false, false},
    {"system.linux.memory.dirty", "The amount of dirty memory according to /proc/meminfo.", "By", kSum, false,
     false},
    {"system.memory.linux.shared", "Shared memory, mostly of tmpfs.", "By", kSum, false, false},
    {"system.memory.limit", "Total bytes of memory available.", "By", kSum, false, false},
    {"system.memory.page_size", "A constant value for the system's configured page size.", "By", kGauge,
     false, false},
    {"system.memory.linux.hugepages.page_size", "The size of a huge page.", "By", kSum, false, false},
    {"system.memory.linux.hugepages.limit", "The number of huge pages that there are.", "{page}", kSum, false,
     false},
    {"system.memory.linux.hugepages.usage", "The number of huge pages in a state.", "{page}", kSum, false,
     false},
    {"system.memory.linux.hugepages.reserved", "The number of reserved huge pages.", "{page}", kSum, false,
     false},
    {"system.memory.linux.hugepages.surplus", "The number of surplus huge pages.", "{page}", kSum, false,
     false},
    {"system.memory.linux.hugepages.utilization", "The part of the huge pages in a state.", "1", kGauge, true,
     false},
};

class MemoryScraper final : public HostScraper {
 public:
  explicit MemoryScraper(const MemoryScraperConfig& config) : wanted_(kMemoryMetrics, config.metrics) {}
  std::string_view name() const override { return "memory"; }

  void Scrape(HostLook& look) override {
    if (Status read = Read(look.paths); !read) return look.Fail(read.error(), wanted_.table().size());
    HostPoints points(wanted_, look.data, 0, NowNs(look.clock));
    AddStates(points);
    points.Add(kMemoryAvailable, Of("MemAvailable"));
    points.Add(kMemoryDirty, Of("Dirty"));
    points.Add(kMemoryShared, Of("Shmem"));
    points.Add(kMemoryLimit, Of("MemTotal"));
    points.Add(kMemoryPageSize, static_cast<double>(::sysconf(_SC_PAGESIZE)));
    AddHugePages(points);
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  Status Read(const node::HostPaths& paths) {
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "meminfo"));
    lines_.clear();
    std::string_view rest = text;
    std::string_view line;
    while (node::NextLine(rest, line)) {
      SEXTANT_ASSIGN(const node::MeminfoLine parsed,
                     node::ParseMeminfoLine(line).map_error(core::AddContext("meminfo")));
      lines_.insert_or_assign(std::string(parsed.key), parsed.value);
    }
    if (Of("MemTotal") <= 0) return core::Fail(core::Code::kInvalidArgument, "meminfo: no MemTotal");
    return {};
  }

  double Of(std::string_view key) const {
    auto found = lines_.find(key);
    return found == lines_.end() ? 0 : found->second;
  }

  void AddStates(HostPoints& points) const {
    const double total = Of("MemTotal");
    const double reclaimable = Of("SReclaimable");
    const double cached = Of("Cached") + reclaimable;
    // Kernels before 3.14 do not tell what is available.
    const double available =
        lines_.contains("MemAvailable") ? Of("MemAvailable") : Of("MemFree") + Of("Buffers") + cached;
    const std::pair<std::string_view, double> states[] = {
        {"used", total - available},       {"free", Of("MemFree")},
        {"buffered", Of("Buffers")},       {"cached", cached},
        {"slab_reclaimable", reclaimable}, {"slab_unreclaimable", Of("SUnreclaim")}};
    for (const auto& [state, bytes] : states) {
      points.Add(kMemoryUsage, bytes, {{"state", state}});
      points.Add(kMemoryUtilization, bytes / total, {{"state", state}});
    }
  }

  void AddHugePages(HostPoints& points) const {
    constexpr std::string_view kState = "system.memory.linux.hugepages.state";
    const double total = Of("HugePages_Total");
    const double free = Of("HugePages_Free");
    points.Add(kHugePageSize, Of("Hugepagesize"));
    points.Add(kHugeLimit, total);
    points.Add(kHugeReserved, Of("HugePages_Rsvd"));
    points.Add(kHugeSurplus, Of("HugePages_Surp"));
    for (const auto& [state, pages] :
         {std::pair<std::string_view, double>("free", free), {"used", total - free}}) {
      points.Add(kHugeUsage, pages, {{kState, state}});
      if (total > 0) points.Add(kHugeUtilization, pages / total, {{kState, state}});
    }
  }

  const WantedMetrics wanted_;
  std::map<std::string, double, std::less<>> lines_;
};

// ---- paging

enum PagingMetric : size_t { kPagingUsage, kPagingUtilization, kPagingOperations, kPagingFaults };
constexpr HostMetric kPagingMetrics[] = {
    {"system.paging.usage", "Swap (unix) or pagefile (windows) usage.", "By", kSum, false, true},
    {"system.paging.utilization", "Swap (unix) or pagefile (windows) utilization.", "1", kGauge, true, false},
    {"system.paging.operations", "The number of paging operations.", "{operations}", kCounter, false, true},
    {"system.paging.faults", "The number of page faults.", "{faults}", kCounter, false, true},
};

class PagingScraper final : public HostScraper {
 public:
  explicit PagingScraper(const PagingScraperConfig& config) : wanted_(kPagingMetrics, config.metrics) {}
  std::string_view name() const override { return "paging"; }

  void Scrape(HostLook& look) override {
    HostPoints points(wanted_, look.data, BootTimeNs(files_, look.paths), NowNs(look.clock));
    if (Status added = AddUsage(look.paths, points); !added) look.Fail(added.error(), 1);
    if (Status added = AddCounts(look.paths, points); !added) look.Fail(added.error(), 2);
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  Status AddUsage(const node::HostPaths& paths, HostPoints& points) const {
    if (!wanted_.HasAnyOf({kPagingUsage, kPagingUtilization})) return {};
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "swaps"));
    SEXTANT_ASSIGN(const auto swaps, node::ParseSwaps(text).map_error(core::AddContext("swaps")));
    for (const node::SwapLine& swap : swaps) {
      const double free = swap.size_bytes - swap.used_bytes;
      for (const auto& [state, bytes] :
           {std::pair<std::string_view, double>("used", swap.used_bytes), {"free", free}}) {
        points.Add(kPagingUsage, bytes, {{"device", swap.device}, {"state", state}});
        if (swap.size_bytes > 0) {
          points.Add(kPagingUtilization, bytes / swap.size_bytes,
                     {{"device", swap.device}, {"state", state}});
        }
      }
    }
    return {};
  }

  Status AddCounts(const node::HostPaths& paths, HostPoints& points) const {
    if (!wanted_.HasAnyOf({kPagingOperations, kPagingFaults})) return {};
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "vmstat"));
    std::map<std::string_view, double> counts;
    std::string_view rest = text;
    std::string_view line;
    while (node::NextLine(rest, line)) {
      const std::string_view key = node::NextField(line);
      SEXTANT_ASSIGN(counts[key],
                     node::ParseFloat(node::NextField(line)).map_error(core::AddContext("vmstat: {}", key)));
    }
    struct Operation {
      std::string_view key;
      std::string_view type;
      std::string_view direction;
    };
    constexpr Operation kOperations[] = {{"pswpin", "major", "page_in"},
                                         {"pswpout", "major", "page_out"},
                                         {"pgpgin", "minor", "page_in"},
                                         {"pgpgout", "minor", "page_out"}};
    for (const Operation& one : kOperations) {
      points.Add(kPagingOperations, counts[one.key], {{"direction", one.direction}, {"type", one.type}});
    }
    points.Add(kPagingFaults, counts["pgmajfault"], {{"type", "major"}});
    points.Add(kPagingFaults, counts["pgfault"] - counts["pgmajfault"], {{"type", "minor"}});
    return {};
  }

  const WantedMetrics wanted_;
  node::OpenFiles files_;
};

// ---- processes

enum ProcessesMetric : size_t { kProcessesCreated, kProcessesCount };
constexpr HostMetric kProcessesMetrics[] = {
    {"system.processes.created", "Total number of created processes.", "{processes}", kCounter, false, true},
    {"system.processes.count", "Total number of processes in each state.", "{processes}", kSum, false, true},
};

std::string_view StatusOfLetter(std::string_view letter) {
  if (letter == "R") return "running";
  if (letter == "S") return "sleeping";
  if (letter == "D") return "blocked";
  if (letter == "I") return "idle";
  if (letter == "T" || letter == "t") return "stopped";
  if (letter == "W") return "paging";
  if (letter == "Z") return "zombies";
  return "unknown";
}

class ProcessesScraper final : public HostScraper {
 public:
  explicit ProcessesScraper(const ProcessesScraperConfig& config)
      : wanted_(kProcessesMetrics, config.metrics) {}
  std::string_view name() const override { return "processes"; }

  void Scrape(HostLook& look) override {
    auto stat = node::ReadProcStat(files_, look.paths);
    if (!stat) return look.Fail(stat.error(), wanted_.table().size());
    HostPoints points(wanted_, look.data, static_cast<uint64_t>(stat->boot_time_seconds) * 1'000'000'000,
                      NowNs(look.clock));
    points.Add(kProcessesCreated, stat->forks);
    if (wanted_.Has(kProcessesCount)) {
      std::map<std::string_view, double> counts = CountStates(look.paths);
      // One line of /proc/stat tells these of one moment.
      counts["blocked"] = stat->processes_blocked;
      counts["running"] = stat->processes_running;
      for (const auto& [status, count] : counts) points.Add(kProcessesCount, count, {{"status", status}});
    }
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  static std::map<std::string_view, double> CountStates(const node::HostPaths& paths) {
    std::map<std::string_view, double> counts;
    for (const std::string& pid : node::ListNumbered(paths.procfs, "")) {
      if (!node::ParseUnsigned(pid)) continue;
      auto text = node::ReadHostFile(paths.Proc(pid) + "/stat");
      if (!text) continue;  // it has ended
      auto process = node::SplitProcessStat(*text, 1);
      ++counts[process ? StatusOfLetter(process->fields[0]) : "unknown"];
    }
    return counts;
  }

  const WantedMetrics wanted_;
  node::OpenFiles files_;
};

// ---- system

enum SystemMetric : size_t { kUptime };
constexpr HostMetric kSystemMetrics[] = {
    {"system.uptime", "The time the system has been running", "s", kGauge, true, true},
};

class SystemScraper final : public HostScraper {
 public:
  explicit SystemScraper(const SystemScraperConfig& config) : wanted_(kSystemMetrics, config.metrics) {}
  std::string_view name() const override { return "system"; }

  void Scrape(HostLook& look) override {
    auto uptime = Read(look.paths);
    if (!uptime) return look.Fail(uptime.error(), 1);
    HostPoints points(wanted_, look.data, BootTimeNs(files_, look.paths), NowNs(look.clock));
    points.Add(kUptime, *uptime);
    points.Finish({}, HostScope(name()), look.version);
  }

 private:
  // Whole seconds, as the original tells them.
  static Result<double> Read(const node::HostPaths& paths) {
    SEXTANT_ASSIGN(const std::string text, ReadProc(paths, "uptime"));
    std::string_view rest = text;
    SEXTANT_ASSIGN(double seconds,
                   node::ParseFloat(node::NextField(rest)).map_error(core::AddContext("uptime")));
    return std::floor(seconds);
  }

  const WantedMetrics wanted_;
  node::OpenFiles files_;
};

// The table of a scraper whose only setting is which metrics it has.
template <typename Config>
config::Struct OnlyMetrics(std::span<const HostMetric> table) {
  return config::Struct::Of<Config>({config::Member<&Config::metrics>("metrics", SwitchesOf(table))});
}

}  // namespace

const config::Struct& FieldsOf(const CpuScraperConfig*) {
  static const config::Struct kFields = OnlyMetrics<CpuScraperConfig>(kCpuMetrics);
  return kFields;
}
const config::Struct& FieldsOf(const LoadScraperConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<LoadScraperConfig>({
      Member<&LoadScraperConfig::metrics>("metrics", SwitchesOf(kLoadMetrics)),
      Member<&LoadScraperConfig::cpu_average>("cpu_average"),
  });
  return kFields;
}
const config::Struct& FieldsOf(const MemoryScraperConfig*) {
  static const config::Struct kFields = OnlyMetrics<MemoryScraperConfig>(kMemoryMetrics);
  return kFields;
}
const config::Struct& FieldsOf(const PagingScraperConfig*) {
  static const config::Struct kFields = OnlyMetrics<PagingScraperConfig>(kPagingMetrics);
  return kFields;
}
const config::Struct& FieldsOf(const ProcessesScraperConfig*) {
  static const config::Struct kFields = OnlyMetrics<ProcessesScraperConfig>(kProcessesMetrics);
  return kFields;
}
const config::Struct& FieldsOf(const SystemScraperConfig*) {
  static const config::Struct kFields = OnlyMetrics<SystemScraperConfig>(kSystemMetrics);
  return kFields;
}

std::unique_ptr<HostScraper> MakeCpuScraper(const CpuScraperConfig& config) {
  return std::make_unique<CpuScraper>(config);
}
std::unique_ptr<HostScraper> MakeLoadScraper(const LoadScraperConfig& config) {
  return std::make_unique<LoadScraper>(config);
}
std::unique_ptr<HostScraper> MakeMemoryScraper(const MemoryScraperConfig& config) {
  return std::make_unique<MemoryScraper>(config);
}
std::unique_ptr<HostScraper> MakePagingScraper(const PagingScraperConfig& config) {
  return std::make_unique<PagingScraper>(config);
}
std::unique_ptr<HostScraper> MakeProcessesScraper(const ProcessesScraperConfig& config) {
  return std::make_unique<ProcessesScraper>(config);
}
std::unique_ptr<HostScraper> MakeSystemScraper(const SystemScraperConfig& config) {
  return std::make_unique<SystemScraper>(config);
}

}  // namespace sextant::pipeline
