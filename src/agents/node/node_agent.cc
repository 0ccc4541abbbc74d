#include "agents/node/node_agent.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sextant::node {

NodeAgent::NodeAgent(NodeOptions options, BuildInfo build, const core::Clock& clock, core::Logger logger)
    : NodeAgent(options.paths, MakeCollectors(options, clock), std::move(build), clock, std::move(logger)) {}

namespace {

std::vector<std::string> NamesOf(const std::vector<std::unique_ptr<Collector>>& collectors) {
  std::vector<std::string> names;
  for (const auto& collector : collectors) names.emplace_back(collector->name());
  return names;
}

bool Contains(const std::vector<std::string>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

bool CollectorChoice::Includes(std::string_view collector) const {
  if (!collect.empty()) return Contains(collect, collector);
  return !Contains(exclude, collector);
}

NodeAgent::NodeAgent(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors, BuildInfo build,
                     const core::Clock& clock, core::Logger logger, core::DurationMs collect_timeout_ms)
    : paths_(std::move(paths)),
      names_(NamesOf(collectors)),
      build_(std::move(build)),
      clock_(clock),
      logger_(std::move(logger)) {
  std::vector<std::unique_ptr<Collector>> guarded;
  for (auto& collector : collectors) {
    (collector->may_hang() ? guarded : collectors_).push_back(std::move(collector));
  }
  guarded_ = std::make_unique<GuardedCollectors>(paths_, std::move(guarded), collect_timeout_ms);
}

core::Status NodeAgent::Check(const CollectorChoice& choice) const {
  if (!choice.collect.empty() && !choice.exclude.empty()) {
    return core::Fail(core::Code::kInvalidArgument, "Combined collect and exclude queries are not allowed.");
  }
  for (const std::string& name : choice.collect) {
    if (Contains(names_, name)) continue;
    const auto table = CollectorTable();
    const bool exists =
        std::any_of(table.begin(), table.end(), [&](const auto& e) { return e.name == name; });
    return core::Fail(core::Code::kInvalidArgument,
                      "Couldn't create filtered metrics handler: couldn't create collector: {} collector: {}",
                      exists ? "disabled" : "missing", name.substr(0, 100));
  }
  return {};
}

std::string NodeAgent::RenderText(const CollectorChoice& choice) {
  std::unique_ptr<MetricSink> sink = TakeSink();
  std::vector<Outcome> outcomes;
  const auto run_others = [&] {
    for (const auto& collector : collectors_) {
      if (choice.Includes(collector->name())) outcomes.push_back(RunCollector(*collector, *sink));
    }
  };
  std::vector<Outcome> guarded =
      guarded_->Run([&](std::string_view name) { return choice.Includes(name); }, run_others, *sink);
  std::move(guarded.begin(), guarded.end(), std::back_inserter(outcomes));
  for (const Outcome& outcome : outcomes) {
    AddOutcome(outcome, *sink);
    NoteOutcome(outcome);
  }
  sink->GetFamily("node_exporter_build_info", "Which program stands in for node_exporter; always 1.",
                  MetricType::kGauge, {"branch", "program", "revision", "version"})
      .Add({build_.branch, "sextant", build_.revision, build_.version}, 1);
  std::string text = sink->RenderText();
  ReturnSink(std::move(sink));
  return text;
}

NodeAgent::Outcome NodeAgent::RunCollector(Collector& collector, MetricSink& sink) {
  const int64_t start_ns = clock_.MonotonicNs();
  Outcome outcome;
  outcome.collector = collector.name();
  outcome.status = collector.Collect(paths_, sink);
  if (core::Status sink_status = sink.TakeStatus(); outcome.status && !sink_status) {
    outcome.status = std::move(sink_status);
  }
  outcome.warnings = sink.TakeWarnings();
  outcome.seconds = static_cast<double>(clock_.MonotonicNs() - start_ns) / 1e9;
  return outcome;
}

void NodeAgent::AddOutcome(const Outcome& outcome, MetricSink& sink) {
  sink.GetFamily("node_scrape_collector_duration_seconds", "How long a collector took.", MetricType::kGauge,
                 {"collector"})
      .Add({outcome.collector}, outcome.seconds);
  sink.GetFamily("node_scrape_collector_success", "Whether a collector succeeded (0 or 1).",
                 MetricType::kGauge, {"collector"})
      .Add({outcome.collector}, outcome.status ? 1 : 0);
}

void NodeAgent::NoteOutcome(const Outcome& outcome) {
  const std::string& now = outcome.status ? outcome.warnings : outcome.status.error().message();
  {
    const std::lock_guard lock(mutex_);
    const auto known = errors_.find(outcome.collector);
    if ((known == errors_.end() ? std::string_view() : std::string_view(known->second)) == now) return;
    errors_[std::string(outcome.collector)] = now;
  }
  if (outcome.status && now.empty()) {
    logger_.Info("collector works again", {{"collector", outcome.collector}});
  } else if (outcome.status) {
    logger_.Warn("collector lacks some of its data", {{"collector", outcome.collector}, {"err", now}});
  } else if (outcome.status.error().code() == core::Code::kNotFound) {
    logger_.Debug("collector has no data on this host", {{"collector", outcome.collector}, {"err", now}});
  } else {
    logger_.Warn("collector failed", {{"collector", outcome.collector}, {"err", now}});
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
