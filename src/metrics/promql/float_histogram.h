// Arithmetic on native histograms (model::FloatHistogram): adding with reconciled resolutions, zero buckets and custom
// bounds; counter resets; buckets as intervals. Follows Prometheus' histogram.FloatHistogram. Pure functions.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/histogram.h"

namespace sextant::promql {

using model::FloatHistogram;

bool UsesCustomBuckets(const FloatHistogram& histogram);

// A bucket as an interval. Bounds of the zero bucket are ± its threshold; custom buckets may reach to ±infinity.
struct HistogramBucket {
  double lower = 0;
  double upper = 0;
  double count = 0;
  bool lower_inclusive = false;
  bool upper_inclusive = true;
};

// Buckets of one sign as they are stored, nearest to zero first.
std::vector<HistogramBucket> PositiveBuckets(const FloatHistogram& histogram);
std::vector<HistogramBucket> NegativeBuckets(const FloatHistogram& histogram);
HistogramBucket ZeroBucket(const FloatHistogram& histogram);
// All buckets from the smallest values to the greatest; the zero bucket when it is not empty; what it covers is cut off.
std::vector<HistogramBucket> AllBuckets(const FloatHistogram& histogram);

// Multiplies or divides all counts and the sum. A result of negative counts is a gauge.
void MultiplyHistogram(FloatHistogram& histogram, double factor);
void DivideHistogram(FloatHistogram& histogram, double divisor);
// Removes empty buckets and joins spans.
void CompactHistogram(FloatHistogram& histogram);
// The histogram in a coarser (or the same) exponential schema.
FloatHistogram CopyToSchema(const FloatHistogram& histogram, int32_t schema);
// Equal in every number, span and bucket (not in the counter reset hint).
bool EqualHistograms(const FloatHistogram& a, const FloatHistogram& b);
// Whether a counter was reset between two histograms of a series.
bool DetectReset(const FloatHistogram& current, const FloatHistogram& previous);
// Whether count, sum or any bucket is infinite.
bool HasOverflow(const FloatHistogram& histogram);

// How an addition went.
struct HistogramCombination {
  bool is_compatible = true;  // false: exponential with custom buckets; nothing was changed
  bool counter_reset_collision = false;
  bool bounds_reconciled = false;  // different custom bounds: those of both remain
};
HistogramCombination AddHistogram(FloatHistogram& into, const FloatHistogram& other);
HistogramCombination SubtractHistogram(FloatHistogram& from, const FloatHistogram& other);

// Adds with Neumaier's compensation in every number; `compensation` is empty at first and belongs to `into`.
HistogramCombination KahanAddHistogram(FloatHistogram& into, const FloatHistogram& other,
                                       std::unique_ptr<FloatHistogram>& compensation);

// `{count:2, sum:3, (1,2]:2}`, as count_values writes it.
std::string FormatHistogram(const FloatHistogram& histogram);

}  // namespace sextant::promql
