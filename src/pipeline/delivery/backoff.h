// How long to wait before each further try: longer each time, within limits, with jitter.
#pragma once

#include <cstdint>
#include <optional>

#include "core/clock.h"
#include "pipeline/delivery/delivery_config.h"

namespace sextant::pipeline {

class Backoff {
 public:
  // `seed` makes waits of different batches differ.
  Backoff(const RetryConfig& config, uint64_t seed)
      : config_(config), next_ms_(static_cast<double>(config.initial_interval_ms)), random_(seed) {}

  // The wait before the next try, at least `asked_ms`; nothing when it would come more than max_elapsed_time
  // after the first.
  std::optional<core::DurationMs> Next(core::DurationMs elapsed_ms, core::DurationMs asked_ms);

 private:
  double NextFraction();  // of [0, 1)

  const RetryConfig& config_;
  double next_ms_;
  uint64_t random_;
};

}  // namespace sextant::pipeline
