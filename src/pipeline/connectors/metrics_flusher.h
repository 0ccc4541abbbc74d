// What connectors that make metrics have in common: they hand on what they counted, and nobody waits for the
// answer. Counts and logs what was not taken.
#pragma once

#include <string>

#include "core/log.h"
#include "core/metrics.h"
#include "pipeline/component.h"
#include "pipeline/consumer.h"

namespace sextant::pipeline {

class MetricsFlusher {
 public:
  MetricsFlusher(const ComponentSettings& settings, Consumer& next);
  // Hands metrics on, unless there are none. Any thread.
  void Send(otlp::MetricsData metrics);

 private:
  Consumer& next_;
  core::Logger logger_;
  core::Counter& lost_;
};

// Wall time in nanoseconds.
uint64_t NowNs(const core::Clock& clock);

}  // namespace sextant::pipeline
