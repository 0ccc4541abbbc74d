// How many items pass each edge of a graph per second, over the last seconds.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/component.h"
#include "pipeline/graph.h"
#include "pipeline/ticker.h"

namespace sextant::pipeline {

struct EdgeFlow {
  EdgeCounts counts;
  double items_per_second = 0;
  double refused_per_second = 0;
};

class FlowRecorder {
 public:
  // Looks at the graph once a second from now on; both must outlive this.
  FlowRecorder(const Graph& graph, Environment& environment);
  ~FlowRecorder();
  FlowRecorder(const FlowRecorder&) = delete;
  FlowRecorder& operator=(const FlowRecorder&) = delete;

  // Any thread.
  std::vector<EdgeFlow> Flows() const;
  // {"edges":[{"pipeline":…,"from":…,"to":…,"items":…,"itemsPerSecond":…,"refused":…,"refusedPerSecond":…,
  // "pending":…}],"components":[{"component":…,"pipeline":…,"signal":…,"queue":{"size":…,"capacity":…,
  // "unit":…},"sent":…,"sendFailed":…,"notQueued":…,"dropped":…,"droppedByReason":{…}}]}; "pipeline" of
  // processors only, "queue" of exporters that have one.
  std::string Json() const;

 private:
  struct Sample {
    int64_t time_ns = 0;
    std::vector<EdgeCounts> counts;
  };
  void Look();

  const Graph& graph_;
  const core::Clock& clock_;
  mutable std::mutex mutex_;
  std::deque<Sample> samples_;  // guarded by mutex_
  Ticker ticker_;
};

}  // namespace sextant::pipeline
