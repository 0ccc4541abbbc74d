#include "metrics/promql/quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stoppable_sort.h"
#include "metrics/promql/query_context.h"
#include "model/value.h"

namespace sextant::promql {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Counts that differ by less are taken for equal: sums of rates are not exact.
constexpr double kSmallDeltaTolerance = 1e-12;

void SortAndCoalesce(std::vector<ClassicBucket>& buckets) {
  std::stable_sort(buckets.begin(), buckets.end(), [](const ClassicBucket& a, const ClassicBucket& b) {
    return a.upper_bound < b.upper_bound;
  });
  size_t last = 0;
  for (size_t i = 1; i < buckets.size(); ++i) {
    if (buckets[i].upper_bound == buckets[last].upper_bound) {
      buckets[last].count += buckets[i].count;
    } else {
      buckets[++last] = buckets[i];
    }
  }
  buckets.resize(last + 1);
}

// Removes falls in the counts: silently where they are rounding errors, with a note in `result` otherwise.
void EnsureMonotonic(std::vector<ClassicBucket>& buckets, BucketQuantileResult& result) {
  double previous = buckets[0].count;
  for (size_t i = 1; i < buckets.size(); ++i) {
    double current = buckets[i].count;
    if (current == previous) continue;
    if (AlmostEqual(previous, current, kSmallDeltaTolerance)) {
      buckets[i].count = previous;
      continue;
    }
    if (current < previous) {
      double bound = buckets[i].upper_bound;
      double difference = previous - current;
      if (!result.forced_monotonic) {
        result.forced_monotonic = true;
        result.min_bucket = result.max_bucket = bound;
        result.max_difference = difference;
      } else {
        result.min_bucket = std::min(result.min_bucket, bound);
        result.max_bucket = std::max(result.max_bucket, bound);
        result.max_difference = std::max(result.max_difference, difference);
      }
      buckets[i].count = previous;
      continue;
    }
    previous = current;
  }
}

}  // namespace

bool AlmostEqual(double a, double b, double epsilon) {
  if (model::IsStaleNan(a) || model::IsStaleNan(b)) return model::IsStaleNan(a) && model::IsStaleNan(b);
  if (std::isnan(a) && std::isnan(b)) return true;
  if (a == b) return true;
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  double sum = std::fabs(a) + std::fabs(b);
  double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) return difference < epsilon * kMinNormal;
  return difference / std::min(sum, std::numeric_limits<double>::max()) < epsilon;
}

namespace {

bool IsLess(double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; }

constexpr size_t kValuesAtOnce = 1 << 15;

double LeastFrom(const std::vector<double>& values, size_t begin, QueryContext& context) {
  double least = values[begin];
  for (size_t i = begin; i < values.size();) {
    if (context.Spend(2 * kValuesAtOnce)) return least;
    for (const size_t stop = std::min(values.size(), i + kValuesAtOnce); i < stop; ++i) {
      if (IsLess(values[i], least)) least = values[i];
    }
  }
  return least;
}

}  // namespace

double Quantile(double q, std::vector<double>& values, QueryContext& context) {
  if (values.empty() || std::isnan(q)) return model::NormalNan();
  if (q < 0) return -kInfinity;
  if (q > 1) return kInfinity;
  auto count = static_cast<double>(values.size());
  double rank = q * (count - 1);
  auto lower = static_cast<size_t>(std::max(0.0, std::floor(rank)));
  size_t upper = std::min(values.size() - 1, lower + 1);
  double weight = rank - std::floor(rank);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(lower);
  auto must_stop = [&] { return context.Spend(1); };
  if (!core::StoppableNthElement(values.begin(), nth, values.end(), IsLess, must_stop)) return values[lower];
  double low = values[lower];
  double high = upper == lower ? low : LeastFrom(values, upper, context);
  return low * (1 - weight) + high * weight;
}

BucketQuantileResult BucketQuantile(double q, std::vector<ClassicBucket>& buckets) {
  BucketQuantileResult result;
  result.value = model::NormalNan();
  if (std::isnan(q)) return result;
  if (q < 0 || q > 1) {
    result.value = q < 0 ? -kInfinity : kInfinity;
    return result;
  }
  SortAndCoalesce(buckets);
  if (buckets.back().upper_bound != kInfinity) return result;
  BucketQuantileResult repaired;
  EnsureMonotonic(buckets, repaired);
  if (buckets.size() < 2) return result;
  double observations = buckets.back().count;
  if (observations == 0) return result;
  result = repaired;

  double rank = q * observations;
  auto found = std::partition_point(buckets.begin(), buckets.end() - 1,
                                    [&](const ClassicBucket& bucket) { return !(bucket.count >= rank); });
  if (found == buckets.end() - 1) {
    result.value = buckets[buckets.size() - 2].upper_bound;
    return result;
  }
  if (found == buckets.begin() && found->upper_bound <= 0) {
    result.value = found->upper_bound;
    return result;
  }
  double start = 0;
  double count = found->count;
  if (found != buckets.begin()) {
    const ClassicBucket& before = *(found - 1);
    start = before.upper_bound;
    count -= before.count;
    rank -= before.count;
  }
  result.value = start + (found->upper_bound - start) * (rank / count);
  return result;
}

double BucketFraction(double lower, double upper, std::vector<ClassicBucket>& buckets) {
  if (buckets.empty()) return model::NormalNan();
  SortAndCoalesce(buckets);
  if (buckets.back().upper_bound != kInfinity) return model::NormalNan();
  double count = buckets.back().count;
  if (count == 0 || std::isnan(lower) || std::isnan(upper)) return model::NormalNan();
  if (lower >= upper) return 0;

  double rank = 0;
  double lower_rank = count;
  double upper_rank = count;
  bool lower_found = false;
  bool upper_found = false;
  for (size_t i = 0; i < buckets.size() && !(lower_found && upper_found); ++i) {
    const ClassicBucket& bucket = buckets[i];
    double low = -kInfinity;
    if (i > 0) {
      low = buckets[i - 1].upper_bound;
    } else if (bucket.upper_bound > 0) {
      low = 0;
    }
    auto interpolate = [&](double at) {
      if (low == -kInfinity) return bucket.count;  // nothing of a bucket without end counts
      return rank + (bucket.count - rank) * (at - low) / (bucket.upper_bound - low);
    };
    auto find = [&](double bound, bool& is_found, double& found_rank) {
      if (is_found) return;
      if (low >= bound) {
        found_rank = rank;
        is_found = true;
      } else if (low < bound && bucket.upper_bound > bound) {
        found_rank = interpolate(bound);
        is_found = true;
      }
    };
    find(lower, lower_found, lower_rank);
    find(upper, upper_found, upper_rank);
    rank = bucket.count;
  }
  if (!lower_found || lower_rank > count) lower_rank = count;
  if (!upper_found || upper_rank > count) upper_rank = count;
  return (upper_rank - lower_rank) / count;
}

}  // namespace sextant::promql
