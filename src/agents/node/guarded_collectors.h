// Runs collectors that may hang (a driver that does not answer, a folder on a dead mount) one after the other
// on a thread of their own. A collector that takes longer than the timeout is given up together with its
// thread, and reported as failed until its call comes back; another thread goes on with the rest. So there
// are never more lost threads than collectors.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agents/node/collectors.h"
#include "agents/node/metric_sink.h"
#include "core/clock.h"

namespace sextant::node {

class GuardedCollectors {
 public:
  GuardedCollectors(HostPaths paths, std::vector<std::unique_ptr<Collector>> collectors,
                    core::DurationMs timeout_ms);
  ~GuardedCollectors();
  GuardedCollectors(const GuardedCollectors&) = delete;
  GuardedCollectors& operator=(const GuardedCollectors&) = delete;

  struct Outcome {
    std::string_view collector;
    core::Status status;
    std::string warnings;
    double seconds = 0;
  };

  // Runs the wanted collectors, and `meanwhile` on the calling thread. Then adds what was collected in time
  // to `sink` and hands out the outcome of each, in order. Any thread; calls at the same time wait for each
  // other.
  std::vector<Outcome> Run(const std::function<bool(std::string_view name)>& is_wanted,
                           const std::function<void()>& meanwhile, MetricSink& sink);

 private:
  struct Shared;

  void StartWorker();

  const core::DurationMs timeout_ms_;
  const std::shared_ptr<Shared> shared_;  // outlives this when a worker hangs
  std::mutex run_mutex_;                  // one Run at a time
  std::thread worker_;                    // guarded by run_mutex_
};

}  // namespace sextant::node
