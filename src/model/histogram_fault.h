// What a native histogram must be to be stored: the rules of Prometheus' histogram.Validate, in its words
// where it has some, and limits on what its data model leaves open. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "model/histogram.h"
#include "model/storage.h"

namespace sextant::model {

// Spans, buckets and custom bounds that one histogram may have together. Real ones have some hundreds.
inline constexpr size_t kMaxHistogramParts = 16'384;

// Buckets that the spans describe.
uint64_t CountBuckets(std::span<const BucketSpan> spans);

// What is wrong with schema, zero threshold, spans or bounds; empty: nothing.
std::string_view LayoutFault(const FloatHistogram& histogram);
// The same for the whole: the layout, as many buckets as in the spans, counts that are possible and agree.
std::string_view HistogramFault(const FloatHistogram& histogram);

// Why a sample was not taken; of a histogram that is invalid (null: the sample is none), what is wrong with
// it.
std::string_view RefusalText(AppendOutcome outcome, const FloatHistogram* histogram);

}  // namespace sextant::model
