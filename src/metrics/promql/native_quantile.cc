#include "metrics/promql/native_quantile.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "metrics/promql/kahan.h"
#include "model/value.h"

namespace sextant::promql {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// How much of an exponential bucket lies below a value inside of it, on a logarithmic scale.
double ExponentialShare(const HistogramBucket& bucket, double at) {
  double log_lower = std::log2(std::fabs(bucket.lower));
  double log_upper = std::log2(std::fabs(bucket.upper));
  double log_at = std::log2(std::fabs(at));
  if (at > 0) return (log_at - log_lower) / (log_upper - log_lower);
  return 1 - (log_at - log_upper) / (log_lower - log_upper);
}

// A zero bucket beside buckets of one sign only is taken to hold observations of that sign.
void NarrowZeroBucket(const FloatHistogram& histogram, HistogramBucket& bucket) {
  if (histogram.negative_buckets.empty() && !histogram.positive_buckets.empty()) {
    bucket.lower = 0;
  } else if (histogram.positive_buckets.empty() && !histogram.negative_buckets.empty()) {
    bucket.upper = 0;
  }
}

}  // namespace

NativeQuantile HistogramQuantile(double q, const FloatHistogram& histogram) {
  if (q < 0) return {-kInfinity};
  if (q > 1) return {kInfinity};
  if (histogram.count == 0 || std::isnan(q)) return {model::NormalNan()};
  bool has_nan = std::isnan(histogram.sum);
  // NaN observations count but are in no bucket: then the rank is found from below.
  bool is_forward = has_nan || q < 0.5;
  double rank = (is_forward ? q : 1 - q) * histogram.count;
  std::vector<HistogramBucket> buckets = AllBuckets(histogram);
  if (!is_forward) std::reverse(buckets.begin(), buckets.end());
  HistogramBucket bucket;
  double count = 0;
  for (const HistogramBucket& next : buckets) {
    bucket = next;
    if (bucket.count == 0) continue;
    count += bucket.count;
    if (count >= rank) break;
  }
  bool is_custom = UsesCustomBuckets(histogram);
  if (!is_custom && bucket.lower < 0 && bucket.upper > 0) {
    NarrowZeroBucket(histogram, bucket);
  } else if (is_custom) {
    if (bucket.lower == -kInfinity) {
      if (bucket.upper <= 0) return {bucket.upper};
      bucket.lower = 0;
    } else if (bucket.upper == kInfinity) {
      return {bucket.lower};
    }
  }
  count = std::min(count, histogram.count);
  if (count < rank) {
    if (has_nan) return {model::NormalNan(), NanObservations::kResultIsNan};
    return {bucket.upper};
  }
  rank = is_forward ? rank - (count - bucket.count) : count - rank;
  NativeQuantile result;
  result.nan = has_nan ? NanObservations::kSkewed : NanObservations::kNone;
  double share = rank / bucket.count;
  if (is_custom || (bucket.lower <= 0 && bucket.upper >= 0)) {
    result.value = bucket.lower + (bucket.upper - bucket.lower) * share;
    return result;
  }
  double log_lower = std::log2(std::fabs(bucket.lower));
  double log_upper = std::log2(std::fabs(bucket.upper));
  result.value = bucket.lower > 0 ? std::exp2(log_lower + (log_upper - log_lower) * share)
                                  : -std::exp2(log_upper + (log_lower - log_upper) * (1 - share));
  return result;
}

double HistogramFraction(double lower, double upper, const FloatHistogram& histogram, bool& has_nan) {
  has_nan = false;
  if (histogram.count == 0 || std::isnan(lower) || std::isnan(upper)) return model::NormalNan();
  has_nan = std::isnan(histogram.sum);
  if (lower >= upper) return 0;
  bool is_custom = UsesCustomBuckets(histogram);
  double rank = 0;
  double lower_rank = 0;
  double upper_rank = 0;
  bool lower_found = false;
  bool upper_found = false;
  for (HistogramBucket bucket : AllBuckets(histogram)) {
    bool is_zero_bucket = false;
    if (is_custom) {
      if (bucket.lower == -kInfinity && bucket.upper > 0) bucket.lower = 0;
    } else if (bucket.lower <= 0 && bucket.upper >= 0) {
      is_zero_bucket = true;
      NarrowZeroBucket(histogram, bucket);
    }
    auto find = [&](double bound, bool& is_found, double& found_rank) {
      if (is_found) return;
      if (bucket.lower >= bound) {
        found_rank = rank;
        is_found = true;
      } else if (bucket.upper > bound) {
        double share = is_custom || is_zero_bucket ? (bound - bucket.lower) / (bucket.upper - bucket.lower)
                                                   : ExponentialShare(bucket, bound);
        found_rank = rank + bucket.count * share;
        is_found = true;
      }
    };
    find(lower, lower_found, lower_rank);
    find(upper, upper_found, upper_rank);
    if (lower_found && upper_found) break;
    rank += bucket.count;
  }
  // Beyond all buckets: everything that is in buckets, which leaves out NaN observations.
  double all = has_nan ? rank : histogram.count;
  if (!lower_found || lower_rank > histogram.count) lower_rank = all;
  if (!upper_found || upper_rank > histogram.count) upper_rank = all;
  return (upper_rank - lower_rank) / histogram.count;
}

double HistogramVariance(const FloatHistogram& histogram) {
  double mean = histogram.sum / histogram.count;
  KahanSum variance;
  for (const HistogramBucket& bucket : AllBuckets(histogram)) {
    if (bucket.count == 0) continue;
    double middle = 0;
    if (UsesCustomBuckets(histogram)) {
      middle = (bucket.upper + bucket.lower) / 2;
    } else if (!(bucket.lower <= 0 && bucket.upper >= 0)) {
      middle = std::sqrt(bucket.upper * bucket.lower);
      if (bucket.upper < 0) middle = -middle;
    }
    double delta = middle - mean;
    variance.Add(bucket.count * delta * delta);
  }
  return variance.Total() / histogram.count;
}

namespace {

// What a trim leaves of a bucket that it cuts: its count, and the middle of what is removed.
struct Cut {
  double kept = 0;
  double removed_middle = 0;
};

// Buckets that reach to infinity: nothing is known of the distribution inside, except that a first custom bucket with a
// positive bound is taken to begin at 0.
Cut CutInfinite(const HistogramBucket& bucket, double at, bool keeps_below) {
  if (bucket.lower == -kInfinity) {
    bool has_natural_start = at >= 0 && bucket.upper > at && bucket.upper != kInfinity;
    if (keeps_below) {
      if (at >= bucket.upper) return {bucket.count, 0};
      if (has_natural_start) return {bucket.count * at / bucket.upper, (at + bucket.upper) / 2};
      return {0, bucket.upper};
    }
    if (at <= bucket.lower) return {bucket.count, 0};
    if (has_natural_start) return {bucket.count * (1 - at / bucket.upper), at / 2};
    return {0, bucket.upper};
  }
  if (keeps_below) return {0, bucket.lower};
  return at <= bucket.lower ? Cut{bucket.count, 0} : Cut{0, bucket.lower};
}

double CountBelow(const HistogramBucket& bucket, double at, bool is_linear) {
  if (at <= bucket.lower) return 0;
  if (at >= bucket.upper) return bucket.count;
  double share = is_linear ? (at - bucket.lower) / (bucket.upper - bucket.lower) : ExponentialShare(bucket, at);
  return bucket.count * share;
}

Cut CutBucket(const HistogramBucket& bucket, double at, bool keeps_below, bool is_positive, bool is_custom) {
  if (std::isinf(bucket.lower) || std::isinf(bucket.upper)) return CutInfinite(bucket, at, keeps_below);
  double below = CountBelow(bucket, at, is_custom);
  auto middle = [&](double product) {
    if (is_custom) return (bucket.lower + bucket.upper) / 2;
    return is_positive ? std::sqrt(product) : -std::sqrt(product);
  };
  if (keeps_below) return {below, middle(std::fabs(bucket.lower) * std::fabs(at))};
  return {bucket.count - below, middle(std::fabs(at) * std::fabs(bucket.upper))};
}

// What remains of a histogram while it is trimmed.
struct Remainder {
  double count = 0;
  double removed_sum = 0;
  bool has_positive = false;
  bool has_negative = false;
};

void TrimBuckets(const std::vector<HistogramBucket>& buckets, bool is_positive, bool is_custom, double at,
                 bool keeps_below, std::vector<double>& counts, Remainder& remainder) {
  for (size_t i = 0; i < buckets.size(); ++i) {
    const HistogramBucket& bucket = buckets[i];
    if (bucket.count == 0) continue;
    if (!is_positive) {
      remainder.has_negative = true;
    } else if (is_custom) {
      if (bucket.lower < 0) remainder.has_negative = true;
      if (bucket.upper > 0) remainder.has_positive = true;
    } else {
      remainder.has_positive = true;
    }
    bool is_kept = keeps_below ? bucket.upper <= at : bucket.lower >= at;
    bool is_cut = keeps_below ? bucket.lower < at : bucket.upper > at;
    if (is_kept) {
      remainder.count += bucket.count;
      continue;
    }
    Cut cut = CutBucket(bucket, at, keeps_below, is_positive, is_custom);
    if (is_cut) {
      remainder.removed_sum += (bucket.count - cut.kept) * cut.removed_middle;
      remainder.count += cut.kept;
      counts[i] = cut.kept;
      continue;
    }
    double middle = cut.removed_middle;
    if (!is_positive) {
      middle = std::sqrt(bucket.lower * bucket.upper);
    } else if (!is_custom) {
      middle = std::sqrt(bucket.lower * bucket.upper);
    }
    remainder.removed_sum += bucket.count * middle;
    counts[i] = 0;
  }
}

}  // namespace

void TrimHistogram(FloatHistogram& histogram, double at, bool keeps_below) {
  bool is_custom = UsesCustomBuckets(histogram);
  Remainder remainder;
  TrimBuckets(PositiveBuckets(histogram), true, is_custom, at, keeps_below, histogram.positive_buckets, remainder);
  TrimBuckets(NegativeBuckets(histogram), false, is_custom, at, keeps_below, histogram.negative_buckets, remainder);
  if (histogram.zero_count > 0) {
    double below = CountBelow(ZeroBucket(histogram), at, true);
    histogram.zero_count = keeps_below ? below : histogram.zero_count - below;
    remainder.count += histogram.zero_count;
  }
  double sum = 0;
  if (remainder.count != 0) {
    sum = histogram.sum - remainder.removed_sum;
    if (!remainder.has_negative && sum < 0) sum = 0;
    if (!remainder.has_positive && sum > 0) sum = 0;
  }
  histogram.count = remainder.count;
  histogram.sum = sum;
  CompactHistogram(histogram);
}

}  // namespace sextant::promql
