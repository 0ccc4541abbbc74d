// The host agent: runs the enabled collectors and prints what they found, as node_exporter's /metrics does.
//
//   core::Result<node::ParsedNodeFlags> flags = node::ParseNodeFlags(arguments);
//   node::NodeAgent agent(flags->options, {.version = "0.1.0"}, clock, logger);
//   std::string body = agent.RenderText();  // Content-Type: text/plain; version=0.0.4; charset=utf-8
//
// Every exposition also holds node_scrape_collector_success and _duration_seconds per collector and
// node_exporter_build_info. A collector that fails costs its own metrics only; its error is logged when it
// appears, not at each scrape. One that hangs is given up after kCollectTimeoutMs and delays later
// expositions no more.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/collectors.h"
#include "agents/node/guarded_collectors.h"
#include "agents/node/metric_sink.h"
#include "agents/node/options.h"
#include "core/clock.h"
#include "core/log.h"

namespace sextant::node {

// What node_exporter_build_info says of us.
struct BuildInfo {
  std::string version;
  std::string revision;
  std::string branch;
};

inline constexpr core::DurationMs kCollectTimeoutMs = 2'000;

// Which of the enabled collectors an exposition is of; both empty: all.
struct CollectorChoice {
  std::vector<std::string> collect;  // only these
  std::vector<std::string> exclude;  // all but these

  bool Includes(std::string_view collector) const;
};

class NodeAgent {
 public:
  // `clock` must outlive the agent.
  NodeAgent(NodeOptions options, BuildInfo build, const core::Clock& clock, core::Logger logger);
  // With collectors of the caller's, for tests.
  NodeAgent(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors, BuildInfo build,
            const core::Clock& clock, core::Logger logger,
            core::DurationMs collect_timeout_ms = kCollectTimeoutMs);

  // Collects now and returns text exposition 0.0.4, families and samples sorted. Reads /proc and /sys: call
  // it where blocking for milliseconds (in the worst case the file system timeout) is allowed. Any thread,
  // also several at once.
  std::string RenderText(const CollectorChoice& choice = {});

  // kInvalidArgument, with node_exporter's text, for a choice that names a collector which does not exist or
  // is not enabled, or that both collects and excludes.
  core::Status Check(const CollectorChoice& choice) const;

 private:
  using Outcome = GuardedCollectors::Outcome;

  Outcome RunCollector(Collector& collector, MetricSink& sink);
  void AddOutcome(const Outcome& outcome, MetricSink& sink);
  void NoteOutcome(const Outcome& outcome);
  std::unique_ptr<MetricSink> TakeSink();
  void ReturnSink(std::unique_ptr<MetricSink> sink);

  const HostPaths paths_;
  const std::vector<std::string> names_;                // of all collectors
  std::vector<std::unique_ptr<Collector>> collectors_;  // that may not hang; fixed once constructed
  std::unique_ptr<GuardedCollectors> guarded_;          // the others
  const BuildInfo build_;
  const core::Clock& clock_;
  const core::Logger logger_;
  std::mutex mutex_;
  std::unique_ptr<MetricSink> spare_sink_;  // guarded by mutex_; keeps its memory between scrapes
  std::map<std::string, std::string, std::less<>>
      errors_;  // guarded by mutex_; last error logged per collector
};

}  // namespace sextant::node
