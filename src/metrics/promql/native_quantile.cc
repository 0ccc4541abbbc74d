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
        double share = bucket.lower == -kInfinity        ? 1  // nothing of a bucket without end counts
                       : is_custom || is_zero_bucket ? (bound - bucket.lower) / (bucket.upper - bucket.lower)
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

// The part of a bucket that a trim keeps: how many observations, and where their middle is.
struct Kept {
  double count = 0;
  double middle = 0;
};

double Middle(double lower, double upper, bool is_linear, bool is_positive) {
  if (is_linear) return (lower + upper) / 2;
  double middle = std::sqrt(std::fabs(lower) * std::fabs(upper));
  return is_positive ? middle : -middle;
}

// Buckets that reach to infinity: nothing is known of the distribution inside. What may lie on the kept side is kept, as
// near to the rest as it can be; a first custom bucket with a positive bound is taken to begin at 0.
Kept KeepOfInfinite(const HistogramBucket& bucket, double at, bool keeps_below) {
  if (bucket.lower == -kInfinity) {
    double start = bucket.upper > 0 ? 0 : bucket.upper;
    Kept all{bucket.count, (start + bucket.upper) / 2};
    if (keeps_below ? at >= bucket.upper : at <= bucket.lower) return all;
    if (keeps_below && bucket.upper <= 0) return {bucket.count, at};
    if (at < 0 || at >= bucket.upper || bucket.upper == kInfinity) return {};
    double below = bucket.count * at / bucket.upper;
    return keeps_below ? Kept{below, at / 2} : Kept{bucket.count * (1 - at / bucket.upper), (at + bucket.upper) / 2};
  }
  bool is_kept = keeps_below == (at == kInfinity);
  return is_kept ? Kept{bucket.count, keeps_below ? bucket.lower : std::max(at, bucket.lower)} : Kept{};
}

Kept KeepOf(const HistogramBucket& bucket, double at, bool keeps_below, bool is_linear, bool is_positive) {
  if (std::isinf(bucket.lower) || std::isinf(bucket.upper)) return KeepOfInfinite(bucket, at, keeps_below);
  if (keeps_below ? bucket.upper <= at : bucket.lower >= at) {
    return {bucket.count, Middle(bucket.lower, bucket.upper, is_linear, is_positive)};
  }
  if (keeps_below ? bucket.lower >= at : bucket.upper <= at) return {};
  double share = is_linear ? (at - bucket.lower) / (bucket.upper - bucket.lower) : ExponentialShare(bucket, at);
  double below = bucket.count * share;
  return keeps_below ? Kept{below, Middle(bucket.lower, at, is_linear, is_positive)}
                     : Kept{bucket.count - below, Middle(at, bucket.upper, is_linear, is_positive)};
}

}  // namespace

void TrimHistogram(FloatHistogram& histogram, double at, bool keeps_below) {
  bool is_custom = UsesCustomBuckets(histogram);
  double count = 0;
  double sum = 0;
  bool is_trimmed = false;
  auto keep = [&](const HistogramBucket& bucket, bool is_linear, bool is_positive, double& target) {
    if (bucket.count == 0) return;
    Kept kept = KeepOf(bucket, at, keeps_below, is_linear, is_positive);
    is_trimmed = is_trimmed || kept.count != bucket.count;
    target = kept.count;
    count += kept.count;
    if (kept.count != 0) sum += kept.count * kept.middle;
  };
  std::vector<HistogramBucket> positive = PositiveBuckets(histogram);
  std::vector<HistogramBucket> negative = NegativeBuckets(histogram);
  HistogramBucket zero = ZeroBucket(histogram);
  if (!is_custom) NarrowZeroBucket(histogram, zero);
  for (size_t i = 0; i < positive.size(); ++i) keep(positive[i], is_custom, true, histogram.positive_buckets[i]);
  for (size_t i = 0; i < negative.size(); ++i) keep(negative[i], false, false, histogram.negative_buckets[i]);
  keep(zero, true, true, histogram.zero_count);
  // An untouched histogram keeps its true sum; for others it is known from the middles of what is left.
  if (is_trimmed) {
    histogram.count = count;
    histogram.sum = sum;
  }
  CompactHistogram(histogram);
}

}  // namespace sextant::promql
