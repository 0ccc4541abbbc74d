// Quantiles, fractions, variance and trimming of native histograms: what needs to look inside buckets. Observations are
// taken to be spread evenly in custom buckets and the zero bucket, and evenly on a logarithmic scale in exponential ones.
// Pure functions, after Prometheus' quantile.go.
#pragma once

#include "metrics/promql/float_histogram.h"

namespace sextant::promql {

// What observations of NaN do to a quantile.
enum class NanObservations { kNone, kResultIsNan, kSkewed };

struct NativeQuantile {
  double value = 0;
  NanObservations nan = NanObservations::kNone;
};
NativeQuantile HistogramQuantile(double q, const FloatHistogram& histogram);

// The share of observations between lower and upper. `has_nan` is set when there are NaN observations, which are in no
// fraction.
double HistogramFraction(double lower, double upper, const FloatHistogram& histogram, bool& has_nan);

// Variance of the observations, each taken to lie in the middle of its bucket.
double HistogramVariance(const FloatHistogram& histogram);

// Removes the observations above a value (`keeps_below`: the operator </) or below it (>/).
void TrimHistogram(FloatHistogram& histogram, double at, bool keeps_below);

}  // namespace sextant::promql
