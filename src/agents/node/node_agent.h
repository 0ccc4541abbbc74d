// The host agent: runs the enabled collectors and prints what they found, as node_exporter's /metrics does.
//
//   core::Result<node::ParsedNodeFlags> flags = node::ParseNodeFlags(arguments);
//   node::NodeAgent agent(flags->options, {.version = "0.1.0"}, clock, logger);
//   std::string body = agent.RenderText();  // Content-Type: text/plain; version=0.0.4; charset=utf-8
//
// Every exposition also holds node_scrape_collector_success and _duration_seconds per collector and
// node_exporter_build_info. A collector that fails costs its own metrics only; its error is logged when it
// appears, not at each scrape.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "agents/node/collectors.h"
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

class NodeAgent {
 public:
  // `clock` must outlive the agent.
  NodeAgent(NodeOptions options, BuildInfo build, const core::Clock& clock, core::Logger logger);
  // With collectors of the caller's, for tests.
  NodeAgent(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors, BuildInfo build,
            const core::Clock& clock, core::Logger logger);

  // Collects now and returns text exposition 0.0.4, families and samples sorted. Reads /proc and /sys: call
  // it where blocking for milliseconds (in the worst case the file system timeout) is allowed. Any thread,
  // also several at once.
  std::string RenderText();

 private:
  void RunCollector(Collector& collector, MetricSink& sink);
  void NoteOutcome(std::string_view collector, const core::Status& status);
  std::unique_ptr<MetricSink> TakeSink();
  void ReturnSink(std::unique_ptr<MetricSink> sink);

  const HostPaths paths_;
  const std::vector<std::unique_ptr<Collector>> collectors_;
  const BuildInfo build_;
  const core::Clock& clock_;
  const core::Logger logger_;
  std::mutex mutex_;
  std::unique_ptr<MetricSink> spare_sink_;  // guarded by mutex_; keeps its memory between scrapes
  std::map<std::string, std::string, std::less<>>
      errors_;  // guarded by mutex_; last error logged per collector
};

}  // namespace sextant::node
