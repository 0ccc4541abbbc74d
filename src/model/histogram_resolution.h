// Native histograms with fewer, wider buckets: each step down in schema joins two neighbours into one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "model/histogram.h"

namespace sextant::model {

inline constexpr int32_t kMinExponentialSchema = -4;
inline constexpr int32_t kMaxExponentialSchema = 8;
// Finer ones, up to this, are known, and stored with the resolution of kMaxExponentialSchema.
inline constexpr int32_t kMaxReservedSchema = 52;

// Buckets that are written down, empty ones among them.
inline size_t BucketCount(const FloatHistogram& histogram) {
  return histogram.positive_buckets.size() + histogram.negative_buckets.size();
}

// Widens the buckets of an exponential histogram until its schema is at most `schema`. Those with custom
// bounds, those that are wide enough, and schemas that nobody knows stay as they are. Nothing gets wider than
// kMinExponentialSchema.
void ReduceResolution(FloatHistogram& histogram, int32_t schema);

}  // namespace sextant::model
