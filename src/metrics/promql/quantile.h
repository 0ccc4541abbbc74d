// Quantiles: of samples, and of classic histograms. Pure functions, but for the query that may be stopped.
#pragma once

#include <vector>

namespace sextant::promql {

class QueryContext;

// The q-quantile of the values with linear interpolation between neighbours; reorders `values`. NaN counts as
// smallest. NaN when there are no values or q is NaN; -Inf for q < 0, +Inf for q > 1. Ends early when the
// query must stop: the next Tick fails then, and what is returned means nothing.
double Quantile(double q, std::vector<double>& values, QueryContext& context);

// A bucket of a classic histogram: how many observations are at most `upper_bound`.
struct ClassicBucket {
  double upper_bound = 0;
  double count = 0;
};

struct BucketQuantileResult {
  double value = 0;
  // The counts had to be repaired because they fell from one bucket to the next: where, and by how much at
  // most.
  bool forced_monotonic = false;
  double min_bucket = 0;
  double max_bucket = 0;
  double max_difference = 0;
};

// histogram_quantile for one classic histogram: linear interpolation inside a bucket, with 0 as the natural
// lower bound of the lowest one. Reorders and changes `buckets`, which must not be empty.
BucketQuantileResult BucketQuantile(double q, std::vector<ClassicBucket>& buckets);

// histogram_fraction for one classic histogram: the share of observations between lower and upper. Reorders
// and changes `buckets`.
double BucketFraction(double lower, double upper, std::vector<ClassicBucket>& buckets);

// Whether two numbers are equal up to a relative tolerance (Prometheus' util/almost).
bool AlmostEqual(double a, double b, double epsilon);

}  // namespace sextant::promql
