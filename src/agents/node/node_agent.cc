#include "agents/node/node_agent.h"

#include <utility>

namespace sextant::node {

std::vector<std::unique_ptr<Collector>> MakeCollectors(const NodeOptions& options, const core::Clock& clock) {
  using Maker = std::unique_ptr<Collector> (*)(const NodeOptions&, const core::Clock&);
  const std::pair<std::string_view, Maker> makers[] = {
      {"conntrack", [](const auto&, const auto&) { return MakeConntrackCollector(); }},
      {"cpu", [](const auto& o, const auto&) { return MakeCpuCollector(o); }},
      {"cpufreq", [](const auto& o, const auto&) { return MakeCpufreqCollector(o); }},
      {"diskstats", [](const auto& o, const auto&) { return MakeDiskstatsCollector(o); }},
      {"entropy", [](const auto&, const auto&) { return MakeEntropyCollector(); }},
      {"filefd", [](const auto&, const auto&) { return MakeFilefdCollector(); }},
      {"filesystem",
       [](const auto& o, const auto&) { return MakeFilesystemCollector(o, ReadFilesystemUsage); }},
      {"loadavg", [](const auto&, const auto&) { return MakeLoadavgCollector(); }},
      {"meminfo", [](const auto&, const auto&) { return MakeMeminfoCollector(); }},
      {"netclass", [](const auto& o, const auto&) { return MakeNetclassCollector(o); }},
      {"netdev", [](const auto& o, const auto&) { return MakeNetdevCollector(o); }},
      {"netstat", [](const auto& o, const auto&) { return MakeNetstatCollector(o); }},
      {"os", [](const auto&, const auto&) { return MakeOsCollector(); }},
      {"pressure", [](const auto&, const auto&) { return MakePressureCollector(); }},
      {"schedstat", [](const auto&, const auto&) { return MakeSchedstatCollector(); }},
      {"sockstat", [](const auto&, const auto&) { return MakeSockstatCollector(); }},
      {"softnet", [](const auto&, const auto&) { return MakeSoftnetCollector(); }},
      {"stat", [](const auto& o, const auto&) { return MakeStatCollector(o); }},
      {"time", [](const auto&, const auto& c) { return MakeTimeCollector(c); }},
      {"timex", [](const auto&, const auto&) { return MakeTimexCollector(); }},
      {"uname", [](const auto&, const auto&) { return MakeUnameCollector(); }},
      {"vmstat", [](const auto& o, const auto&) { return MakeVmstatCollector(o); }},
  };
  std::vector<std::unique_ptr<Collector>> collectors;
  for (const auto& [name, make] : makers) {
    if (options.collectors.contains(name)) collectors.push_back(make(options, clock));
  }
  return collectors;
}

NodeAgent::NodeAgent(NodeOptions options, BuildInfo build, const core::Clock& clock, core::Logger logger)
    : NodeAgent(options.paths, MakeCollectors(options, clock), std::move(build), clock, std::move(logger)) {}

NodeAgent::NodeAgent(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors, BuildInfo build,
                     const core::Clock& clock, core::Logger logger)
    : paths_(std::move(paths)),
      collectors_(std::move(collectors)),
      build_(std::move(build)),
      clock_(clock),
      logger_(std::move(logger)) {}

std::string NodeAgent::RenderText() {
  std::unique_ptr<MetricSink> sink = TakeSink();
  for (const auto& collector : collectors_) RunCollector(*collector, *sink);
  sink->GetFamily("node_exporter_build_info",
                  "A metric with a constant '1' value labeled by version, revision, branch, and the program "
                  "that stands "
                  "in for node_exporter.",
                  MetricType::kGauge, {"branch", "program", "revision", "version"})
      .Add({build_.branch, "sextant", build_.revision, build_.version}, 1);
  std::string text = sink->RenderText();
  ReturnSink(std::move(sink));
  return text;
}

void NodeAgent::RunCollector(Collector& collector, MetricSink& sink) {
  const int64_t start_ns = clock_.MonotonicNs();
  core::Status status = collector.Collect(paths_, sink);
  if (core::Status sink_status = sink.TakeStatus(); status && !sink_status) status = std::move(sink_status);
  const double seconds = static_cast<double>(clock_.MonotonicNs() - start_ns) / 1e9;
  sink.GetFamily("node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.",
                 MetricType::kGauge, {"collector"})
      .Add({collector.name()}, seconds);
  sink.GetFamily("node_scrape_collector_success", "node_exporter: Whether a collector succeeded.",
                 MetricType::kGauge, {"collector"})
      .Add({collector.name()}, status ? 1 : 0);
  NoteOutcome(collector.name(), status);
}

void NodeAgent::NoteOutcome(std::string_view collector, const core::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    const auto known = errors_.find(collector);
    const std::string_view before =
        known == errors_.end() ? std::string_view() : std::string_view(known->second);
    const std::string_view now = status ? std::string_view() : std::string_view(status.error().message());
    if (before == now) return;
    errors_[std::string(collector)] = now;
  }
  if (status) {
    logger_.Info("collector works again", {{"collector", collector}});
  } else if (status.error().code() == core::Code::kNotFound) {
    logger_.Debug("collector has no data on this host", {{"collector", collector}, {"err", status.error()}});
  } else {
    logger_.Warn("collector failed", {{"collector", collector}, {"err", status.error()}});
  }
}

std::unique_ptr<MetricSink> NodeAgent::TakeSink() {
  {
    const std::lock_guard lock(mutex_);
    if (spare_sink_) return std::move(spare_sink_);
  }
  return std::make_unique<MetricSink>();
}

void NodeAgent::ReturnSink(std::unique_ptr<MetricSink> sink) {
  sink->Clear();
  const std::lock_guard lock(mutex_);
  if (!spare_sink_) spare_sink_ = std::move(sink);
}

}  // namespace sextant::node
