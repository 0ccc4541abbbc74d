// What the store asks of native histograms, and how two of them compare. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "model/histogram.h"
#include "model/histogram_fault.h"

namespace sextant::tsdb {

using model::CountBuckets;
using model::HistogramFault;
using model::kMaxHistogramParts;
using model::LayoutFault;

// The end of a histogram series: only the sum counts, which is the stale marker.
bool IsStaleMarker(const model::FloatHistogram& histogram);

// What stands for a histogram where a float has its bits: the same for equal ones (hints apart), and that of
// the float's for a stale marker.
uint64_t HistogramBits(const model::FloatHistogram& histogram);

// Calls `visit(index, place)` for each bucket: its index in the schema, and its place among the buckets.
template <typename Visit>
void VisitBuckets(std::span<const model::BucketSpan> spans, Visit visit) {
  int64_t index = 0;
  size_t place = 0;
  for (const model::BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length; ++i) visit(index++, place++);
  }
}

// Whether a counter histogram may have grown from `before` without a reset: no count is lower, no bucket that
// was in use is missing. False when the two cannot be compared (another schema, threshold, bounds or kind).
bool ContinuesCounter(const model::FloatHistogram& before, const model::FloatHistogram& after);

}  // namespace sextant::tsdb
