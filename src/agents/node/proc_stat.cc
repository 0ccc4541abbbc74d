#include "agents/node/proc_stat.h"

namespace sextant::node {
namespace {

// USER_HZ, the unit of the file's cpu columns on all Linux architectures that matter; node_exporter assumes
// it as well.
constexpr double kTicksPerSecond = 100;

core::Status ParseCpuLine(std::string_view name, std::string_view rest, ProcStat& stat) {
  if (name.empty()) return {};  // "cpu", the sum of all
  SEXTANT_ASSIGN(const uint64_t number, ParseUnsigned(name));
  CpuTimes& times = stat.cpus[number];
  for (double& seconds : times) {
    const std::string_view field = NextField(rest);
    if (field.empty()) break;  // old kernels have fewer columns
    SEXTANT_ASSIGN(seconds, ParseFloat(field));
    seconds /= kTicksPerSecond;
  }
  return {};
}

core::Status ParseSoftirqLine(std::string_view rest, ProcStat& stat) {
  NextField(rest);  // the sum
  for (std::string_view field = NextField(rest); !field.empty(); field = NextField(rest)) {
    if (stat.softirqs.size() >= kSoftirqVectorNames.size()) break;
    SEXTANT_ASSIGN(const double count, ParseFloat(field));
    stat.softirqs.push_back(count);
  }
  return {};
}

core::Status ParseLine(std::string_view line, ProcStat& stat) {
  const std::string_view key = NextField(line);
  if (key.starts_with("cpu")) return ParseCpuLine(key.substr(3), line, stat);
  if (key == "softirq") return ParseSoftirqLine(line, stat);
  double* target = nullptr;
  if (key == "intr") target = &stat.interrupts;
  if (key == "ctxt") target = &stat.context_switches;
  if (key == "btime") target = &stat.boot_time_seconds;
  if (key == "processes") target = &stat.forks;
  if (key == "procs_running") target = &stat.processes_running;
  if (key == "procs_blocked") target = &stat.processes_blocked;
  if (target == nullptr) return {};
  SEXTANT_ASSIGN(*target, ParseFloat(NextField(line)));
  return {};
}

}  // namespace

core::Result<ProcStat> ParseProcStat(std::string_view text) {
  ProcStat stat;
  std::string_view line;
  size_t line_number = 0;
  while (NextLine(text, line)) {
    ++line_number;
    SEXTANT_TRY(ParseLine(line, stat).map_error(core::AddContext("line {}", line_number)));
  }
  return stat;
}

core::Result<ProcStat> ReadProcStat(OpenFiles& files, const HostPaths& paths) {
  const std::string path = paths.Proc("stat");
  SEXTANT_ASSIGN(const std::string text, files.Read(path));
  return ParseProcStat(text).map_error(core::AddContext("{}", path));
}

}  // namespace sextant::node
