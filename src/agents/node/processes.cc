// node_processes_*: how many processes and threads there are, and what they do.
#include <map>

#include "agents/node/collectors.h"
#include "agents/node/host_tables.h"

namespace sextant::node {
namespace {

struct Stat {
  std::string state;
  double threads = 0;
};

core::Result<Stat> ReadStat(const std::string& path) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const ProcessFields process,
                 SplitProcessStat(text, 18).map_error(core::AddContext("{}", path)));
  SEXTANT_ASSIGN(const double threads,
                 ParseFloat(process.fields[17]).map_error(core::AddContext("{}", path)));
  return Stat{std::string(process.fields[0]), threads};
}

struct Totals {
  double processes = 0;
  double threads = 0;
  std::map<std::string, double> process_states;
  std::map<std::string, double> thread_states;
};

void CountThreads(const std::string& process, const Stat& stat, Totals& totals) {
  const std::string tasks = process + "/task";
  if (stat.threads <= 1) {
    if (IsDirectory(tasks)) ++totals.thread_states[stat.state];  // the process is its only thread
    return;
  }
  const auto threads = ListDirectory(tasks);
  if (!threads) return;  // it ended
  for (const std::string& thread : *threads) {
    const auto thread_stat = ReadStat(tasks + "/" + thread + "/stat");
    if (thread_stat) ++totals.thread_states[thread_stat->state];
  }
}

core::Status CollectLimit(const std::string& path, std::string_view name, std::string_view help,
                          MetricSink& sink) {
  SEXTANT_ASSIGN(const std::string text, ReadHostFile(path));
  SEXTANT_ASSIGN(const double value, ParseFloat(TrimSpace(text)).map_error(core::AddContext("{}", path)));
  sink.Gauge(name, help, value);
  return {};
}

core::Status CollectProcesses(const HostPaths& paths, MetricSink& sink) {
  SEXTANT_TRY(ListDirectory(paths.procfs));
  Totals totals;
  for (const std::string& name : ListNumbered(paths.procfs, "")) {
    if (!ParseUnsigned(name)) continue;
    const auto stat = ReadStat(paths.Proc(name) + "/stat");
    if (!stat && stat.error().code() == core::Code::kInvalidArgument) return tl::unexpected(stat.error());
    if (!stat) continue;  // it ended
    ++totals.processes;
    totals.threads += stat->threads;
    ++totals.process_states[stat->state];
    CountThreads(paths.Proc(name), *stat, totals);
  }
  sink.Gauge("node_processes_pids", "Processes.", totals.processes);
  sink.Gauge("node_processes_threads", "Threads of all processes.", totals.threads);
  auto& states =
      sink.GetFamily("node_processes_state", "Processes by their state.", MetricType::kGauge, {"state"});
  for (const auto& [state, count] : totals.process_states) states.Add({state}, count);
  auto& thread_states = sink.GetFamily("node_processes_threads_state", "Threads by their state.",
                                       MetricType::kGauge, {"thread_state"});
  for (const auto& [state, count] : totals.thread_states) thread_states.Add({state}, count);
  SEXTANT_TRY(CollectLimit(paths.Proc("sys/kernel/threads-max"), "node_processes_max_threads",
                           "Most threads that there can be.", sink));
  return CollectLimit(paths.Proc("sys/kernel/pid_max"), "node_processes_max_processes",
                      "Most processes that there can be.", sink);
}

}  // namespace

std::unique_ptr<Collector> MakeProcessesCollector() {
  return std::make_unique<StatelessCollector>("processes", CollectProcesses);
}

}  // namespace sextant::node
