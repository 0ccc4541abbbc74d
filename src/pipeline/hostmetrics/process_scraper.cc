// Each process: a resource of its own with what it uses.
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <map>
#include <optional>

#include "agents/node/host_tables.h"
#include "agents/node/proc_stat.h"
#include "agents/node/usage/process_reader.h"
#include "config/text.h"
#include "pipeline/fields.h"
#include "pipeline/hostmetrics/host_scraper.h"

namespace sextant::pipeline {

namespace {

using core::Result;
using core::Status;
using enum HostMetricKind;

enum ProcessMetric : size_t {
  kCpuTime,
  kCpuUtilization,
  kMemoryUsage,
  kMemoryVirtual,
  kMemoryUtilization,
  kDiskIo,
  kDiskOperations,
  kPagingFaults,
  kSignalsPending,
  kThreads,
  kOpenFiles,
  kHandles,
  kContextSwitches,
  kUptime
};
constexpr HostMetric kProcessMetrics[] = {
    {"process.cpu.time", "Total CPU seconds broken down by different states.", "s", kCounter, true, true},
    {"process.cpu.utilization",
     "Percentage of total CPU time used by the process since last scrape, expressed as a value between 0 and "
     "1. "
     "On the first scrape, no data point is emitted for this metric.",
     "1", kGauge, true, false},
    {"process.memory.usage", "The amount of physical memory in use.", "By", kSum, false, true},
    {"process.memory.virtual", "Virtual memory size.", "By", kSum, false, true},
    {"process.memory.utilization", "Percentage of total physical memory that is used by the process.", "1",
     kGauge, true, false},
    {"process.disk.io", "Disk bytes transferred.", "By", kCounter, false, true},
    {"process.disk.operations", "Number of disk operations performed by the process.", "{operations}",
     kCounter, false, false},
    {"process.paging.faults", "Number of page faults the process has made.", "{faults}", kCounter, false,
     false},
    {"process.signals_pending", "Number of pending signals for the process.", "{signals}", kSum, false,
     false},
    {"process.threads", "Process threads count.", "{threads}", kSum, false, false},
    {"process.open_file_descriptors", "Number of file descriptors in use by the process.", "{count}", kSum,
     false, false},
    {"process.handles", "Number of handles held by the process.", "{count}", kSum, false, false},
    {"process.context_switches", "Number of times the process has been context switched.", "{count}",
     kCounter, false, false},
    {"process.uptime", "The time the process has been running.", "s", kGauge, true, false},
};

// Attributes of a process, and whether they are there unless they are disabled.
struct ProcessAttribute {
  std::string_view name;
  bool is_default;
};
constexpr ProcessAttribute kAttributes[] = {
    {"process.pid", true},
    {"process.parent_pid", true},
    {"process.executable.name", true},
    {"process.executable.path", true},
    {"process.command", true},
    {"process.command_line", true},
    {"process.owner", true},
    {"process.cgroup", false},
};
using AttributeSwitches = std::map<std::string, bool, std::less<>>;

// Positions in /proc/PID/stat behind the name.
enum StatField : size_t {
  kParent = 1,
  kMinorFaults = 7,
  kMajorFaults = 9,
  kUserTicks = 11,
  kSystemTicks = 12,
  kThreadCount = 17,
  kStartTicks = 19,
  kVirtualBytes = 20,
  kResidentPages = 21,
  kWaitTicks = 39,
  kStatFields
};
constexpr double kTicksPerSecond = 100;  // USER_HZ

// "Name:\tvalue" lines of /proc/PID/status and /proc/PID/io.
class Lines {
 public:
  explicit Lines(std::string text) : text_(std::move(text)) {}

  std::string_view Of(std::string_view key) const {
    std::string_view rest = text_;
    std::string_view line;
    while (node::NextLine(rest, line)) {
      if (line.size() > key.size() && line.starts_with(key) && line[key.size()] == ':')
        return node::TrimSpace(line.substr(key.size() + 1));
    }
    return {};
  }
  double Number(std::string_view key) const {
    auto number = node::ParseFloat(Of(key));
    return number ? *number : 0;
  }

 private:
  std::string text_;
};

struct Process {
  int64_t pid = 0;
  std::string folder;  // "/proc/1"
  std::string stat;    // the file
  node::ProcessFields parts;
  std::array<double, kStatFields> fields{};
  uint64_t start_ns = 0;
  std::string name;
  std::string executable;
  std::string command;
  std::string command_line;
  std::string owner;
  std::string cgroup;
};

Result<std::string> ReadLink(const std::string& path) {
  char target[4'096];
  const ssize_t got = ::readlink(path.c_str(), target, sizeof target);
  if (got < 0) return core::FailErrno(errno, path);
  return std::string(target, static_cast<size_t>(got));
}

class ProcessScraper final : public HostScraper {
 public:
  explicit ProcessScraper(const ProcessScraperConfig& config)
      : config_(config), wanted_(kProcessMetrics, config.metrics) {}
  std::string_view name() const override { return "process"; }

  void Scrape(HostLook& look) override {
    auto stat = node::ReadProcStat(files_, look.paths);
    if (!stat) return look.Fail(stat.error(), wanted_.table().size());
    boot_ns_ = static_cast<uint64_t>(stat->boot_time_seconds) * 1'000'000'000;
    cpus_ = std::max<double>(1, static_cast<double>(stat->cpus.size()));
    total_bytes_ = wanted_.Has(kMemoryUtilization) ? TotalMemory(look.paths) : 0;
    std::map<int64_t, Before> seen;
    size_t count = 0;
    for (const std::string& pid : node::ListNumbered(look.paths.procfs, "")) {
      auto number = node::ParseUnsigned(pid);
      if (!number || ++count > node::kProcessLimit) continue;
      ScrapeProcess(static_cast<int64_t>(*number), pid, look, seen);
    }
    before_ = std::move(seen);
  }

 private:
  struct Before {
    uint64_t start_ns = 0;
    int64_t looked_ns = 0;
    double user = 0;
    double system = 0;
    double wait = 0;
  };

  static double TotalMemory(const node::HostPaths& paths) {
    auto text = ReadProc(paths, "meminfo");
    return text ? Lines(std::move(*text)).Number("MemTotal") * 1'024 : 0;
  }

  void Note(HostLook& look, bool is_muted, size_t points, const std::string& what, const core::Error& error) {
    if (is_muted || config_.mute_process_all_errors) return;
    look.missing_points += points;
    look.errors.push_back(what + ": " + std::string(error.message()));
  }

  void ScrapeProcess(int64_t pid, const std::string& text, HostLook& look, std::map<int64_t, Before>& seen) {
    Process process;
    process.pid = pid;
    process.folder = look.paths.Proc(text);
    if (Status read = ReadStat(process); !read) {
      // One that has ended meanwhile is no error.
      if (read.error().code() != core::Code::kNotFound) {
        Note(look, config_.mute_process_name_error, 1,
             fmt::format("error reading process name for pid {}", pid), read.error());
      }
      return;
    }
    const Result<std::string> arguments = node::ReadHostFile(process.folder + "/cmdline");
    if (arguments) SetCommand(*arguments, process);
    // What nobody asks for makes no errors either.
    if (!IsIncluded(config_.include, config_.exclude, process.name)) return;
    const auto age_ns = static_cast<int64_t>(NowNs(look.clock)) - static_cast<int64_t>(process.start_ns);
    if (config_.scrape_process_delay_ms > age_ns / 1'000'000) return;
    if (!arguments) {
      Note(look, false, 0,
           fmt::format("error reading command for process \"{}\" (pid {})", process.name, pid),
           arguments.error());
    }
    ReadExecutable(process, look);
    ReadOwner(process, look);
    HostPoints points(wanted_, look.data, process.start_ns, NowNs(look.clock));
    AddPoints(process, look, points, seen);
    points.Finish(AttributesOf(process, look.data.memory), HostScope(name()), look.version);
  }

  Status ReadStat(Process& process) const {
    SEXTANT_ASSIGN(process.stat, node::ReadHostFile(process.folder + "/stat"));
    SEXTANT_ASSIGN(process.parts, node::SplitProcessStat(process.stat, kResidentPages + 1));
    for (size_t i = kParent; i < kStatFields && i < process.parts.fields.size(); ++i) {
      auto number = node::ParseFloat(process.parts.fields[i]);
      if (number) process.fields[i] = *number;
    }
    process.name = process.parts.name;
    // What no clock can tell comes from no kernel.
    const double since_boot_ns = std::clamp(process.fields[kStartTicks] / kTicksPerSecond * 1e9, 0.0, 1e18);
    process.start_ns = boot_ns_ + static_cast<uint64_t>(since_boot_ns);
    return {};
  }

  void ReadExecutable(Process& process, HostLook& look) {
    if (!Wants("process.executable.path")) return;
    if (auto executable = ReadLink(process.folder + "/exe")) {
      process.executable = std::move(*executable);
    } else {
      Note(look, config_.mute_process_exe_error, 1,
           fmt::format("error reading process executable for pid {}", process.pid), executable.error());
    }
  }

  // From arguments that each end in a zero byte.
  static void SetCommand(std::string_view arguments, Process& process) {
    while (arguments.ends_with('\0')) arguments.remove_suffix(1);
    process.command = arguments.substr(0, arguments.find('\0'));
    process.command_line = arguments;
    std::ranges::replace(process.command_line, '\0', ' ');
    // The kernel cuts names after 15 characters.
    const std::string_view file = std::string_view(process.command).substr(process.command.rfind('/') + 1);
    if (process.name.size() >= 15 && file.starts_with(process.name)) process.name = file;
  }

  void ReadOwner(Process& process, HostLook& look) {
    if (Wants("process.owner")) {
      auto owner = OwnerOf(process);
      if (owner) {
        process.owner = std::move(*owner);
      } else {
        Note(look, config_.mute_process_user_error, 0,
             fmt::format("error reading username for process \"{}\" (pid {})", process.name, process.pid),
             owner.error());
      }
    }
    if (!Wants("process.cgroup")) return;
    auto cgroup = node::ReadHostFile(process.folder + "/cgroup");
    if (cgroup) {
      process.cgroup = node::TrimSpace(*cgroup);
      while (process.cgroup.ends_with('\n')) process.cgroup.pop_back();
    } else {
      Note(look, config_.mute_process_cgroup_error, 0,
           fmt::format("error reading process cgroup for pid {}", process.pid), cgroup.error());
    }
  }

  Result<std::string> OwnerOf(const Process& process) {
    SEXTANT_ASSIGN(std::string text, node::ReadHostFile(process.folder + "/status"));
    const Lines status(std::move(text));
    std::string_view ids = status.Of("Uid");
    const std::string id(node::NextField(ids));
    SEXTANT_ASSIGN(const uint64_t uid, node::ParseUnsigned(id));
    if (auto known = owners_.find(uid); known != owners_.end()) return known->second;
    char buffer[4'096];
    struct passwd entry{};
    struct passwd* found = nullptr;
    ::getpwuid_r(static_cast<uid_t>(uid), &entry, buffer, sizeof buffer, &found);
    if (found == nullptr) return core::Fail(core::Code::kNotFound, "user: unknown userid {}", uid);
    return owners_.emplace(uid, found->pw_name).first->second;
  }

  void AddPoints(const Process& process, HostLook& look, HostPoints& points,
                 std::map<int64_t, Before>& seen) {
    AddCpu(process, look.clock.MonotonicNs(), points, seen);
    const double resident = process.fields[kResidentPages] * static_cast<double>(::sysconf(_SC_PAGESIZE));
    points.Add(kMemoryUsage, resident);
    points.Add(kMemoryVirtual, process.fields[kVirtualBytes]);
    // In percent, whatever its unit says: as the original has it.
    if (total_bytes_ > 0) points.Add(kMemoryUtilization, resident / total_bytes_ * 100);
    points.Add(kPagingFaults, process.fields[kMajorFaults], {{"type", "major"}});
    points.Add(kPagingFaults, process.fields[kMinorFaults], {{"type", "minor"}});
    points.Add(kThreads, process.fields[kThreadCount]);
    const uint64_t now_ns = NowNs(look.clock);
    points.Add(kUptime,
               now_ns > process.start_ns ? static_cast<double>(now_ns - process.start_ns) * 1e-9 : 0);
    AddIo(process, look, points);
    AddStatus(process, look, points);
    if (!wanted_.Has(kOpenFiles)) return;
    auto files = node::ListDirectory(process.folder + "/fd");
    if (files) {
      points.Add(kOpenFiles, static_cast<double>(files->size()));
    } else {
      Note(look, false, 1,
           fmt::format("error reading open file descriptor count for process \"{}\" (pid {})", process.name,
                       process.pid),
           files.error());
    }
  }

  void AddCpu(const Process& process, int64_t now_ns, HostPoints& points, std::map<int64_t, Before>& seen) {
    Before now{process.start_ns, now_ns, process.fields[kUserTicks] / kTicksPerSecond,
               process.fields[kSystemTicks] / kTicksPerSecond, process.fields[kWaitTicks] / kTicksPerSecond};
    points.Add(kCpuTime, now.user, {{"state", "user"}});
    points.Add(kCpuTime, now.system, {{"state", "system"}});
    points.Add(kCpuTime, now.wait, {{"state", "wait"}});
    if (!wanted_.Has(kCpuUtilization)) return;
    auto before = before_.find(process.pid);
    const bool is_known = before != before_.end() && before->second.start_ns == process.start_ns;
    const double seconds =
        is_known ? static_cast<double>(now_ns - before->second.looked_ns) * 1e-9 * cpus_ : 0;
    if (seconds > 0) {
      points.Add(kCpuUtilization, (now.user - before->second.user) / seconds, {{"state", "user"}});
      points.Add(kCpuUtilization, (now.system - before->second.system) / seconds, {{"state", "system"}});
      points.Add(kCpuUtilization, (now.wait - before->second.wait) / seconds, {{"state", "wait"}});
    }
    seen.emplace(process.pid, now);
  }

  void AddIo(const Process& process, HostLook& look, HostPoints& points) {
    if (!wanted_.HasAnyOf({kDiskIo, kDiskOperations})) return;
    auto text = node::ReadHostFile(process.folder + "/io");
    if (!text) {
      return Note(
          look, config_.mute_process_io_error, 1,
          fmt::format("error reading disk usage for process \"{}\" (pid {})", process.name, process.pid),
          text.error());
    }
    const Lines io(std::move(*text));
    points.Add(kDiskIo, io.Number("read_bytes"), {{"direction", "read"}});
    points.Add(kDiskIo, io.Number("write_bytes"), {{"direction", "write"}});
    points.Add(kDiskOperations, io.Number("syscr"), {{"direction", "read"}});
    points.Add(kDiskOperations, io.Number("syscw"), {{"direction", "write"}});
  }

  void AddStatus(const Process& process, HostLook& look, HostPoints& points) {
    if (!wanted_.HasAnyOf({kContextSwitches, kSignalsPending})) return;
    auto text = node::ReadHostFile(process.folder + "/status");
    if (!text) {
      return Note(look, false, 2,
                  fmt::format("error reading context switch counts for process \"{}\" (pid {})", process.name,
                              process.pid),
                  text.error());
    }
    const Lines status(std::move(*text));
    points.Add(kContextSwitches, status.Number("nonvoluntary_ctxt_switches"), {{"type", "involuntary"}});
    points.Add(kContextSwitches, status.Number("voluntary_ctxt_switches"), {{"type", "voluntary"}});
    auto shared = node::ParseUnsigned(status.Of("ShdPnd"), 16);
    auto own = node::ParseUnsigned(status.Of("SigPnd"), 16);
    points.Add(kSignalsPending, std::popcount((shared ? *shared : 0) | (own ? *own : 0)));
  }

  bool Wants(std::string_view attribute) const {
    auto found = config_.resource_attributes.find(attribute);
    if (found != config_.resource_attributes.end()) return found->second;
    return std::ranges::find(kAttributes, attribute, &ProcessAttribute::name)->is_default;
  }

  otlp::Attributes AttributesOf(const Process& process, otlp::Memory& memory) const {
    std::vector<otlp::KeyValue> list;
    auto add = [&](std::string_view key, const otlp::AnyValue& value) {
      if (Wants(key)) list.push_back({key, value});
    };
    auto text = [&](const std::string& value) { return otlp::AnyValue::Text(CopyHostText(value, memory)); };
    add("process.pid", otlp::AnyValue::Int(process.pid));
    add("process.parent_pid", otlp::AnyValue::Int(static_cast<int64_t>(process.fields[kParent])));
    add("process.executable.name", text(process.name));
    add("process.executable.path", text(process.executable));
    add("process.command", text(process.command));
    add("process.command_line", text(process.command_line));
    if (!process.owner.empty()) add("process.owner", text(process.owner));
    add("process.cgroup", text(process.cgroup));
    return memory.CopyList(std::span<const otlp::KeyValue>(list));
  }

  const ProcessScraperConfig config_;
  const WantedMetrics wanted_;
  node::OpenFiles files_;
  std::map<int64_t, Before> before_;  // by pid
  std::map<uint64_t, std::string> owners_;
  uint64_t boot_ns_ = 0;
  double cpus_ = 1;
  double total_bytes_ = 0;
};

// ---- settings

struct AttributeSwitch {
  bool enabled = false;
};

const config::Struct& FieldsOf(const AttributeSwitch*) {
  using namespace config;
  static const Struct kFields = Struct::Of<AttributeSwitch>({
      Member<&AttributeSwitch::enabled>("enabled"),
      NotYet("metrics_include", "use include and exclude"),
      NotYet("metrics_exclude", "use include and exclude"),
  });
  return kFields;
}

Result<AttributeSwitches> ReadAttributes(config::Node node) {
  if (!node.IsMapping()) return node.Fail("expected a mapping, got {}", node.Describe());
  AttributeSwitches switches;
  for (config::Node child : node.children()) {
    auto known = std::ranges::find(kAttributes, child.key(), &ProcessAttribute::name);
    if (known == std::end(kAttributes)) {
      std::vector<std::string_view> names;
      for (const ProcessAttribute& attribute : kAttributes) names.push_back(attribute.name);
      return child.FailAtKey(core::Code::kInvalidArgument,
                             "unknown field" + config::Suggestion(child.key(), names));
    }
    AttributeSwitch read{known->is_default};
    if (!child.IsNull()) SEXTANT_TRY(config::DecodeInto(child, read));
    switches.emplace(child.key(), read.enabled);
  }
  return switches;
}

config::CodecFor<AttributeSwitches> ResourceAttributes() {
  return config::Custom<AttributeSwitches>(
      ReadAttributes, [](const AttributeSwitches& switches, config::YamlWriter& out) {
        out.BeginMapping();
        for (const ProcessAttribute& attribute : kAttributes) {
          auto found = switches.find(attribute.name);
          out.Key(attribute.name);
          out.BeginMapping();
          out.Key("enabled");
          out.Bool(found == switches.end() ? attribute.is_default : found->second);
          out.EndMapping();
        }
        out.EndMapping();
      });
}

Status CheckProcess(ProcessScraperConfig& config, config::Node node) {
  auto handles = config.metrics.find("process.handles");
  if (handles != config.metrics.end() && handles->second)
    return node.Fail("metrics: process.handles is there on Windows only");
  return {};
}

}  // namespace

const config::Struct& FieldsOf(const ProcessScraperConfig*) {
  using namespace config;
  using C = ProcessScraperConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::metrics>("metrics", SwitchesOf(kProcessMetrics)),
          Member<&C::resource_attributes>("resource_attributes", ResourceAttributes()),
          Member<&C::include>("include", FilterOf("names")),
          Member<&C::exclude>("exclude", FilterOf("names")),
          Member<&C::mute_process_all_errors>("mute_process_all_errors"),
          Member<&C::mute_process_name_error>("mute_process_name_error"),
          Member<&C::mute_process_exe_error>("mute_process_exe_error"),
          Member<&C::mute_process_io_error>("mute_process_io_error"),
          Member<&C::mute_process_user_error>("mute_process_user_error"),
          Member<&C::mute_process_cgroup_error>("mute_process_cgroup_error"),
          Member<&C::scrape_process_delay_ms>("scrape_process_delay", GoDuration()),
      },
      &CheckProcess);
  return kFields;
}

std::unique_ptr<HostScraper> MakeProcessScraper(const ProcessScraperConfig& config) {
  return std::make_unique<ProcessScraper>(config);
}

}  // namespace sextant::pipeline
