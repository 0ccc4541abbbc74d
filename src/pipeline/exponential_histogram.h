// Counts durations in exponential buckets, beginning with the finest scale and halving it whenever the
// buckets would be too many: what the collector's components do with their histograms (the data model's
// base-2 exponential histogram). Values are not negative. Not thread-safe.
#pragma once

#include <cstdint>
#include <vector>

#include "otlp/metrics.h"

namespace sextant::pipeline {

class ExponentialHistogram {
 public:
  static constexpr int32_t kDefaultMaxSize = 160;
  static constexpr int32_t kMinMaxSize = 2;
  static constexpr int32_t kMaxMaxSize = 16384;

  // A size below or above the limits is brought to them.
  explicit ExponentialHistogram(int32_t max_size);

  // Counts a value `times` times.
  void Observe(double value, uint64_t times = 1);
  // Puts what was counted into a point, whose attributes and times are left as they are.
  void WriteTo(otlp::ExponentialPoint& point) const;

 private:
  void Count(int32_t index, uint64_t times);
  void Coarsen(int32_t low, int32_t high);

  size_t max_size_;
  int32_t scale_;
  int32_t offset_ = 0;            // of the first bucket
  std::vector<uint64_t> counts_;  // of the buckets; empty at first
  uint64_t count_ = 0;
  uint64_t zero_count_ = 0;
  double sum_ = 0;
  double min_ = 0;
  double max_ = 0;
};

}  // namespace sextant::pipeline
