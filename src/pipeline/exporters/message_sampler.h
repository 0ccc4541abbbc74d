// Lets through the first messages of a kind in each second, and then some of those that follow (zap's
// sampler). Messages are told apart by a hash; two kinds may share a counter. Thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/clock.h"

namespace sextant::pipeline {

class MessageSampler {
 public:
  // `initial` messages a second pass, then each `thereafter`-th; 0: none of those. `clock` outlives it.
  MessageSampler(const core::Clock& clock, int64_t initial, int64_t thereafter)
      : clock_(clock), initial_(initial), thereafter_(thereafter) {}

  bool Passes(std::string_view message);

 private:
  static constexpr int64_t kTickNs = 1'000'000'000;
  struct Counter {
    int64_t reset_ns = INT64_MIN;
    int64_t count = 0;
  };

  const core::Clock& clock_;
  const int64_t initial_;
  const int64_t thereafter_;
  std::mutex mutex_;
  std::array<Counter, 4096> counters_;  // guarded by mutex_
};

}  // namespace sextant::pipeline
