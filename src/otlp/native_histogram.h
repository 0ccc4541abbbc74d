// OTLP's histograms as Prometheus' native ones: exponential ones, and ones of explicit bounds with custom
// buckets.
#pragma once

#include <cstdint>
#include <vector>

#include "core/result.h"
#include "model/histogram.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

// Native histograms have no other threshold of zero here.
inline constexpr double kDefaultZeroThreshold = 1e-128;

struct BucketLayout {
  std::vector<model::BucketSpan> spans;
  std::vector<double> counts;  // absolute
};

// Consecutive buckets from `offset` on as spans, without the long runs of empty ones. 2^scale_down buckets
// become one. With `is_exponential` indexes become Prometheus', which are one higher.
BucketLayout LayOutBuckets(const uint64_t* counts, size_t size, int32_t offset, int32_t scale_down,
                           bool is_exponential);

// kInvalidArgument, with Prometheus' text, for scales under -4.
core::Result<model::FloatHistogram> ToNativeHistogram(const ExponentialPoint& point, Temporality temporality);
model::FloatHistogram ToCustomBuckets(const HistogramPoint& point, Temporality temporality);

}  // namespace sextant::otlp
