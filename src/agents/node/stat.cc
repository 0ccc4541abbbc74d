// node_boot_time_seconds, node_intr_total, node_forks_total and their like, from /proc/stat.
#include "agents/node/collectors.h"
#include "agents/node/proc_stat.h"

namespace sextant::node {
namespace {

core::Status CollectStat(OpenFiles& files, bool with_softirq, const HostPaths& paths, MetricSink& sink) {
  SEXTANT_ASSIGN(const ProcStat stat, ReadProcStat(files, paths));
  sink.Counter("node_intr_total", "Total number of interrupts serviced.", stat.interrupts);
  sink.Counter("node_context_switches_total", "Total number of context switches.", stat.context_switches);
  sink.Counter("node_forks_total", "Total number of forks.", stat.forks);
  sink.Gauge("node_boot_time_seconds", "Node boot time, in unixtime.", stat.boot_time_seconds);
  sink.Gauge("node_procs_running", "Number of processes in runnable state.", stat.processes_running);
  sink.Gauge("node_procs_blocked", "Number of processes blocked waiting for I/O to complete.",
             stat.processes_blocked);
  if (!with_softirq) return {};
  auto& softirqs =
      sink.GetFamily("node_softirqs_total", "Number of softirq calls.", MetricType::kCounter, {"vector"});
  for (size_t i = 0; i < stat.softirqs.size(); ++i) softirqs.Add({kSoftirqVectorNames[i]}, stat.softirqs[i]);
  return {};
}

}  // namespace

std::unique_ptr<Collector> MakeStatCollector(const NodeOptions& options) {
  return std::make_unique<FileCollector>(
      "stat",
      [with_softirq = options.stat_softirq](OpenFiles& files, const HostPaths& paths, MetricSink& sink) {
        return CollectStat(files, with_softirq, paths, sink);
      });
}

}  // namespace sextant::node
