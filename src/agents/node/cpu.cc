// node_cpu_seconds_total and other CPU facts: /proc/stat, /proc/cpuinfo (only with cpu.info) and
// /sys/devices/system/cpu.
#include <map>
#include <mutex>
#include <string>

#include "agents/node/collectors.h"
#include "agents/node/proc_stat.h"

namespace sextant::node {
namespace {

// Above this step back of the idle counter a CPU was replaced or reset; below, the kernel's accounting
// wavered.
constexpr double kIdleResetSeconds = 3.0;

struct CpuInfo {
  std::map<std::string_view, std::string_view> fields;
  std::string_view Get(std::string_view name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string_view() : found->second;
  }
};

// /proc/cpuinfo: "key\t: value" lines, a block per CPU.
std::vector<CpuInfo> ParseCpuInfo(std::string_view text) {
  std::vector<CpuInfo> cpus;
  std::string_view line;
  while (NextLine(text, line)) {
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = TrimSpace(line.substr(0, colon));
    if (key == "processor") cpus.emplace_back();
    if (!cpus.empty()) cpus.back().fields[key] = TrimSpace(line.substr(colon + 1));
  }
  return cpus;
}

class CpuCollector final : public Collector {
 public:
  explicit CpuCollector(const NodeOptions& options)
      : with_guest_(options.cpu_guest),
        with_info_(options.cpu_info),
        with_info_frequency_(options.collectors.contains("cpufreq")),
        flags_include_(options.cpu_info_flags_include),
        bugs_include_(options.cpu_info_bugs_include) {}

  std::string_view name() const override { return "cpu"; }

  core::Status Collect(const HostPaths& paths, MetricSink& sink) override {
    if (with_info_) SEXTANT_TRY(CollectInfo(paths, sink));
    SEXTANT_TRY(CollectTimes(paths, sink));
    SEXTANT_TRY(CollectIsolated(paths, sink));
    return CollectThrottles(paths, sink);
  }

 private:
  core::Status CollectInfo(const HostPaths& paths, MetricSink& sink) const {
    SEXTANT_ASSIGN(const std::string text, ReadHostFile(paths.Proc("cpuinfo")));
    const std::vector<CpuInfo> cpus = ParseCpuInfo(text);
    auto& info = sink.GetFamily("node_cpu_info", "CPU information from /proc/cpuinfo.", MetricType::kGauge,
                                {"cachesize", "core", "cpu", "family", "microcode", "model", "model_name",
                                 "package", "stepping", "vendor"});
    auto& frequency = sink.GetFamily("node_cpu_frequency_hertz", "CPU frequency in hertz from /proc/cpuinfo.",
                                     MetricType::kGauge, {"core", "cpu", "package"});
    for (const CpuInfo& cpu : cpus) {
      info.Add({cpu.Get("cache size"), cpu.Get("core id"), cpu.Get("processor"), cpu.Get("cpu family"),
                cpu.Get("microcode"), cpu.Get("model"), cpu.Get("model name"), cpu.Get("physical id"),
                cpu.Get("stepping"), cpu.Get("vendor_id")},
               1);
      if (const auto mhz = ParseFloat(cpu.Get("cpu MHz")); mhz && with_info_frequency_) {
        frequency.Add({cpu.Get("core id"), cpu.Get("processor"), cpu.Get("physical id")}, *mhz * 1e6);
      }
    }
    if (cpus.empty()) return {};
    AddWords(
        cpus.front().Get("flags"), flags_include_,
        sink.GetFamily("node_cpu_flag_info",
                       "The `flags` field of CPU information from /proc/cpuinfo taken from the first core.",
                       MetricType::kGauge, {"flag"}));
    AddWords(
        cpus.front().Get("bugs"), bugs_include_,
        sink.GetFamily("node_cpu_bug_info",
                       "The `bugs` field of CPU information from /proc/cpuinfo taken from the first core.",
                       MetricType::kGauge, {"bug"}));
    return {};
  }

  static void AddWords(std::string_view words, const Pattern& include, MetricFamily& family) {
    for (std::string_view word = NextField(words); !word.empty(); word = NextField(words)) {
      if (include.Matches(word)) family.Add({word}, 1);
    }
  }

  core::Status CollectTimes(const HostPaths& paths, MetricSink& sink) {
    SEXTANT_ASSIGN(ProcStat stat, ReadProcStat(files_, paths));
    const std::map<uint64_t, CpuTimes> cpus = NeverBackwards(std::move(stat.cpus));
    auto& seconds = sink.GetFamily("node_cpu_seconds_total", "Seconds the CPUs spent in each mode.",
                                   MetricType::kCounter, {"cpu", "mode"});
    auto& guest = sink.GetFamily("node_cpu_guest_seconds_total",
                                 "Seconds the CPUs spent in guests (VMs) for each mode.",
                                 MetricType::kCounter, {"cpu", "mode"});
    for (const auto& [number, times] : cpus) {
      const std::string cpu = std::to_string(number);
      seconds.Add({cpu, "idle"}, times[kIdle]);
      seconds.Add({cpu, "iowait"}, times[kIowait]);
      seconds.Add({cpu, "irq"}, times[kIrq]);
      seconds.Add({cpu, "nice"}, times[kNice]);
      seconds.Add({cpu, "softirq"}, times[kSoftirq]);
      seconds.Add({cpu, "steal"}, times[kSteal]);
      seconds.Add({cpu, "system"}, times[kSystem]);
      seconds.Add({cpu, "user"}, times[kUser]);
      if (!with_guest_) continue;
      guest.Add({cpu, "nice"}, times[kGuestNice]);
      guest.Add({cpu, "user"}, times[kGuest]);
    }
    return {};
  }

  // The kernel's idle and iowait counters may step back by a little, which a rate would take for a restart.
  std::map<uint64_t, CpuTimes> NeverBackwards(std::map<uint64_t, CpuTimes> cpus) {
    const std::lock_guard lock(mutex_);
    for (auto& [number, times] : cpus) {
      const auto found = last_.find(number);
      if (found == last_.end() || found->second[kIdle] - times[kIdle] >= kIdleResetSeconds) continue;
      for (size_t mode = 0; mode < kCpuModeCount; ++mode)
        times[mode] = std::max(times[mode], found->second[mode]);
    }
    last_ = cpus;
    return cpus;
  }

  // "1,3-5,9" → one sample per CPU.
  core::Status CollectIsolated(const HostPaths& paths, MetricSink& sink) {
    const auto text = files_.Attribute(paths.Sys("devices/system/cpu/isolated"));
    if (!text || text->empty()) return {};
    auto& isolated =
        sink.GetFamily("node_cpu_isolated",
                       "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.",
                       MetricType::kGauge, {"cpu"});
    std::string_view rest = *text;
    while (!rest.empty()) {
      const size_t comma = rest.find(',');
      const std::string_view range = rest.substr(0, comma);
      rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
      const size_t dash = range.find('-');
      SEXTANT_ASSIGN(const uint64_t first, ParseUnsigned(range.substr(0, dash)));
      uint64_t last = first;
      if (dash != std::string_view::npos) {
        SEXTANT_ASSIGN(last, ParseUnsigned(range.substr(dash + 1)));
      }
      if (last < first || last - first > kCpuLimit) {
        return core::Fail(core::Code::kInvalidArgument, "isolated CPUs: bad range {}", range);
      }
      for (uint64_t cpu = first; cpu <= last; ++cpu) isolated.Add({std::to_string(cpu)}, 1);
    }
    return {};
  }

  // Throttle counters are shared by the threads of a core and the cores of a package: the first CPU of each
  // speaks.
  core::Status CollectThrottles(const HostPaths& paths, MetricSink& sink) {
    const std::string base = paths.Sys("devices/system/cpu");
    const auto names = ListDirectory(base);
    if (!names) return {};
    std::map<std::pair<int64_t, int64_t>, double> cores;
    std::map<int64_t, double> packages;
    for (const std::string& cpu : *names) {
      if (!cpu.starts_with("cpu") || !ParseUnsigned(std::string_view(cpu).substr(3))) continue;
      const std::string folder = base + "/" + cpu;
      // Virtual machines have no such counters: skip the other reads.
      if (!IsDirectory(folder + "/thermal_throttle")) continue;
      const auto package = files_.Number(folder + "/topology/physical_package_id");
      const auto core_id = files_.Number(folder + "/topology/core_id");
      if (!package || !core_id) continue;
      if (const auto count = files_.Number(folder + "/thermal_throttle/core_throttle_count")) {
        cores.try_emplace({*package, *core_id}, static_cast<double>(*count));
      }
      if (const auto count = files_.Number(folder + "/thermal_throttle/package_throttle_count")) {
        packages.try_emplace(*package, static_cast<double>(*count));
      }
    }
    auto& core_throttles =
        sink.GetFamily("node_cpu_core_throttles_total", "Number of times this CPU core has been throttled.",
                       MetricType::kCounter, {"core", "package"});
    for (const auto& [id, count] : cores) {
      core_throttles.Add({std::to_string(id.second), std::to_string(id.first)}, count);
    }
    auto& package_throttles = sink.GetFamily("node_cpu_package_throttles_total",
                                             "Number of times this CPU package has been throttled.",
                                             MetricType::kCounter, {"package"});
    for (const auto& [id, count] : packages) package_throttles.Add({std::to_string(id)}, count);
    return {};
  }

  static constexpr uint64_t kCpuLimit = 65'536;

  const bool with_guest_;
  const bool with_info_;
  const bool with_info_frequency_;
  const Pattern flags_include_;
  const Pattern bugs_include_;
  OpenFiles files_;
  std::mutex mutex_;
  std::map<uint64_t, CpuTimes> last_;  // guarded by mutex_
};

}  // namespace

std::unique_ptr<Collector> MakeCpuCollector(const NodeOptions& options) {
  return std::make_unique<CpuCollector>(options);
}

}  // namespace sextant::node
