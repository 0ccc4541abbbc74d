#include "metrics/promql/float_histogram.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "metrics/promql/annotations.h"
#include "metrics/promql/kahan.h"

namespace sextant::promql {

namespace {

using model::BucketSpan;
using model::CounterResetHint;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Buckets by index, ascending; the form in which histograms are combined.
struct IndexedBucket {
  int64_t index = 0;
  double count = 0;
  double compensation = 0;
};
using Indexed = std::vector<IndexedBucket>;

Indexed ToIndexed(const std::vector<BucketSpan>& spans, const std::vector<double>& buckets,
                  const std::vector<double>* compensations = nullptr) {
  Indexed indexed;
  indexed.reserve(buckets.size());
  int64_t index = 0;
  size_t next = 0;
  for (const BucketSpan& span : spans) {
    index += span.offset;
    for (uint32_t i = 0; i < span.length && next < buckets.size(); ++i, ++next, ++index) {
      double compensation = compensations && next < compensations->size() ? (*compensations)[next] : 0;
      indexed.push_back({index, buckets[next], compensation});
    }
  }
  return indexed;
}

void FromIndexed(const Indexed& indexed, std::vector<BucketSpan>& spans, std::vector<double>& buckets,
                 std::vector<double>* compensations = nullptr) {
  spans.clear();
  buckets.clear();
  if (compensations) compensations->clear();
  int64_t next = 0;
  for (const IndexedBucket& bucket : indexed) {
    if (spans.empty() || bucket.index != next) {
      spans.push_back({static_cast<int32_t>(bucket.index - next), 0});
    }
    ++spans.back().length;
    next = bucket.index + 1;
    buckets.push_back(bucket.count);
    if (compensations) compensations->push_back(bucket.compensation);
  }
}

// Folds buckets into a schema that is `by` powers of two coarser.
Indexed Coarsen(const Indexed& fine, int32_t by) {
  if (by <= 0) return fine;
  Indexed coarse;
  for (const IndexedBucket& bucket : fine) {
    int64_t index = ((bucket.index - 1) >> by) + 1;
    if (!coarse.empty() && coarse.back().index == index) {
      KahanSum sum{coarse.back().count, coarse.back().compensation};
      sum.Add(bucket.count);
      coarse.back().count = sum.sum;
      coarse.back().compensation = sum.compensation + bucket.compensation;
    } else {
      coarse.push_back({index, bucket.count, bucket.compensation});
    }
  }
  return coarse;
}

double ExponentialBound(int64_t index, int32_t schema) {
  if (schema < 0) {
    int64_t exponent = index * (int64_t{1} << -schema);
    if (exponent == 1024) return std::numeric_limits<double>::max();
    return std::ldexp(1.0, static_cast<int>(std::clamp<int64_t>(exponent, -5000, 5000)));
  }
  int64_t fraction_index = index & ((int64_t{1} << schema) - 1);
  double fraction = 0.5 * std::exp2(static_cast<double>(fraction_index) / static_cast<double>(int64_t{1} << schema));
  int64_t exponent = (index >> schema) + 1;
  if (fraction == 0.5 && exponent == 1025) return std::numeric_limits<double>::max();
  return std::ldexp(fraction, static_cast<int>(std::clamp<int64_t>(exponent, -5000, 5000)));
}

// The upper bound of a bucket's index.
double Bound(const FloatHistogram& histogram, int64_t index) {
  if (!UsesCustomBuckets(histogram)) return ExponentialBound(index, histogram.schema);
  if (index < 0) return -kInfinity;
  auto i = static_cast<size_t>(index);
  return i < histogram.custom_bounds.size() ? histogram.custom_bounds[i] : kInfinity;
}

HistogramBucket ToBucket(const FloatHistogram& histogram, const IndexedBucket& indexed, bool is_positive) {
  HistogramBucket bucket;
  double far = Bound(histogram, indexed.index);
  double near = Bound(histogram, indexed.index - 1);
  bucket.lower = is_positive ? near : -far;
  bucket.upper = is_positive ? far : -near;
  bucket.count = indexed.count;
  bucket.lower_inclusive = !is_positive;
  bucket.upper_inclusive = is_positive;
  if (UsesCustomBuckets(histogram) && indexed.index == 0) bucket.lower_inclusive = true;
  return bucket;
}

std::vector<HistogramBucket> BucketsOf(const FloatHistogram& histogram, bool is_positive) {
  Indexed indexed = is_positive ? ToIndexed(histogram.positive_spans, histogram.positive_buckets)
                                : ToIndexed(histogram.negative_spans, histogram.negative_buckets);
  std::vector<HistogramBucket> buckets;
  buckets.reserve(indexed.size());
  for (const IndexedBucket& bucket : indexed) buckets.push_back(ToBucket(histogram, bucket, is_positive));
  return buckets;
}

struct ZeroAt {
  double count = 0;
  double threshold = 0;
};

// What the zero bucket counts when its threshold grows; the threshold may grow further, to the edge of a filled bucket.
ZeroAt GrowZeroBucket(const FloatHistogram& histogram, double threshold) {
  if (threshold == histogram.zero_threshold) return {histogram.zero_count, threshold};
  for (;;) {
    double count = histogram.zero_count;
    for (const HistogramBucket& bucket : PositiveBuckets(histogram)) {
      if (bucket.lower >= threshold) break;
      count += bucket.count;
      if (bucket.upper > threshold) {
        if (bucket.count != 0) threshold = bucket.upper;
        break;
      }
    }
    bool is_done = true;
    for (const HistogramBucket& bucket : NegativeBuckets(histogram)) {
      if (bucket.upper <= -threshold) break;
      count += bucket.count;
      if (bucket.lower < -threshold) {
        if (bucket.count != 0) {
          // The positive side must be looked at again with the greater threshold.
          threshold = -bucket.lower;
          is_done = false;
        }
        break;
      }
    }
    if (is_done) return {count, threshold};
  }
}

void DropBucketsInZeroBucket(FloatHistogram& histogram) {
  auto drop = [&](std::vector<BucketSpan>& spans, std::vector<double>& buckets) {
    Indexed indexed = ToIndexed(spans, buckets);
    std::erase_if(indexed, [&](const IndexedBucket& bucket) {
      return bucket.count == 0 || ExponentialBound(bucket.index - 1, histogram.schema) < histogram.zero_threshold;
    });
    FromIndexed(indexed, spans, buckets);
  };
  drop(histogram.positive_spans, histogram.positive_buckets);
  drop(histogram.negative_spans, histogram.negative_buckets);
}

// Gives both the same zero threshold; returns what the other one's zero bucket then counts.
double ReconcileZeroBuckets(FloatHistogram& histogram, const FloatHistogram& other) {
  ZeroAt zero{other.zero_count, other.zero_threshold};
  while (zero.threshold != histogram.zero_threshold) {
    if (histogram.zero_threshold > zero.threshold) zero = GrowZeroBucket(other, histogram.zero_threshold);
    if (zero.threshold > histogram.zero_threshold) {
      ZeroAt grown = GrowZeroBucket(histogram, zero.threshold);
      histogram.zero_count = grown.count;
      histogram.zero_threshold = grown.threshold;
      DropBucketsInZeroBucket(histogram);
    }
  }
  return zero.count;
}

// Counter reset hints of a sum; true when they contradict each other.
bool CombineHints(FloatHistogram& into, const FloatHistogram& other) {
  CounterResetHint a = into.counter_reset_hint;
  CounterResetHint b = other.counter_reset_hint;
  if (a == b || a == CounterResetHint::kGauge) return false;
  if (b == CounterResetHint::kGauge) {
    into.counter_reset_hint = CounterResetHint::kGauge;
    return false;
  }
  into.counter_reset_hint = CounterResetHint::kUnknown;
  return a != CounterResetHint::kUnknown && b != CounterResetHint::kUnknown;
}

std::vector<double> IntersectBounds(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  return both;
}

// Buckets of custom bounds `from`, counted into those of `to`, which is a subset.
Indexed MapToBounds(const Indexed& indexed, const std::vector<double>& from, const std::vector<double>& to) {
  Indexed mapped;
  for (const IndexedBucket& bucket : indexed) {
    auto i = static_cast<size_t>(bucket.index);
    size_t target = to.size();
    if (i < from.size()) {
      target = static_cast<size_t>(std::lower_bound(to.begin(), to.end(), from[i]) - to.begin());
    }
    if (!mapped.empty() && mapped.back().index == static_cast<int64_t>(target)) {
      mapped.back().count += bucket.count;
      mapped.back().compensation += bucket.compensation;
    } else {
      mapped.push_back({static_cast<int64_t>(target), bucket.count, bucket.compensation});
    }
  }
  return mapped;
}

// a + sign · b by index. With compensation when asked for.
Indexed MergeBuckets(const Indexed& a, const Indexed& b, double sign, bool is_compensated) {
  Indexed merged;
  merged.reserve(a.size() + b.size());
  size_t i = 0;
  size_t j = 0;
  while (i < a.size() || j < b.size()) {
    if (j == b.size() || (i < a.size() && a[i].index < b[j].index)) {
      merged.push_back(a[i++]);
    } else if (i == a.size() || b[j].index < a[i].index) {
      merged.push_back({b[j].index, sign * b[j].count, 0});
      ++j;
    } else {
      IndexedBucket bucket = a[i++];
      double increment = sign * b[j++].count;
      if (is_compensated) {
        KahanSum sum{bucket.count, bucket.compensation};
        sum.Add(increment);
        bucket.count = sum.sum;
        bucket.compensation = sum.compensation;
      } else {
        bucket.count += increment;
      }
      merged.push_back(bucket);
    }
  }
  return merged;
}

// Without those that the zero bucket holds.
Indexed OutsideOfZero(Indexed indexed, int32_t schema, double threshold) {
  std::erase_if(indexed, [&](const IndexedBucket& bucket) { return ExponentialBound(bucket.index, schema) <= threshold; });
  return indexed;
}

void AddScalar(double& value, double* compensation, double increment) {
  if (!compensation) {
    value += increment;
    return;
  }
  KahanSum sum{value, *compensation};
  sum.Add(increment);
  value = sum.sum;
  *compensation = sum.compensation;
}

HistogramCombination Combine(FloatHistogram& into, const FloatHistogram& other, double sign,
                             FloatHistogram* compensation) {
  HistogramCombination outcome;
  if (UsesCustomBuckets(into) != UsesCustomBuckets(other)) {
    outcome.is_compatible = false;
    return outcome;
  }
  outcome.counter_reset_collision = CombineHints(into, other);
  bool is_custom = UsesCustomBuckets(into);
  // The compensation shares the layout of its histogram before any of it changes.
  auto indexed = [&](bool is_positive) {
    const auto& spans = is_positive ? into.positive_spans : into.negative_spans;
    const auto& buckets = is_positive ? into.positive_buckets : into.negative_buckets;
    const std::vector<double>* compensations =
        !compensation ? nullptr : is_positive ? &compensation->positive_buckets : &compensation->negative_buckets;
    return ToIndexed(spans, buckets, compensations);
  };
  Indexed positive = indexed(true);
  Indexed negative = indexed(false);
  if (!is_custom) {
    double threshold_before = into.zero_threshold;
    double zero_count = ReconcileZeroBuckets(into, other);
    AddScalar(into.zero_count, compensation ? &compensation->zero_count : nullptr, sign * zero_count);
    if (into.zero_threshold != threshold_before) {
      auto is_covered = [&](const IndexedBucket& bucket) {
        return ExponentialBound(bucket.index - 1, into.schema) < into.zero_threshold;
      };
      std::erase_if(positive, is_covered);
      std::erase_if(negative, is_covered);
    }
  }
  AddScalar(into.count, compensation ? &compensation->count : nullptr, sign * other.count);
  AddScalar(into.sum, compensation ? &compensation->sum : nullptr, sign * other.sum);

  Indexed other_positive = ToIndexed(other.positive_spans, other.positive_buckets);
  Indexed other_negative = ToIndexed(other.negative_spans, other.negative_buckets);
  if (is_custom && into.custom_bounds != other.custom_bounds) {
    outcome.bounds_reconciled = true;
    std::vector<double> bounds = IntersectBounds(into.custom_bounds, other.custom_bounds);
    positive = MapToBounds(positive, into.custom_bounds, bounds);
    other_positive = MapToBounds(other_positive, other.custom_bounds, bounds);
    into.custom_bounds = std::move(bounds);
  } else if (!is_custom) {
    int32_t schema = std::min(into.schema, other.schema);
    positive = Coarsen(positive, into.schema - schema);
    negative = Coarsen(negative, into.schema - schema);
    other_positive = OutsideOfZero(Coarsen(other_positive, other.schema - schema), schema, into.zero_threshold);
    other_negative = OutsideOfZero(Coarsen(other_negative, other.schema - schema), schema, into.zero_threshold);
    into.schema = schema;
  }
  bool is_compensated = compensation != nullptr;
  FromIndexed(MergeBuckets(positive, other_positive, sign, is_compensated), into.positive_spans, into.positive_buckets,
              is_compensated ? &compensation->positive_buckets : nullptr);
  FromIndexed(MergeBuckets(negative, other_negative, sign, is_compensated), into.negative_spans, into.negative_buckets,
              is_compensated ? &compensation->negative_buckets : nullptr);
  if (compensation) {
    compensation->counter_reset_hint = into.counter_reset_hint;
    compensation->schema = into.schema;
    compensation->zero_threshold = into.zero_threshold;
    compensation->custom_bounds = into.custom_bounds;
    compensation->positive_spans = into.positive_spans;
    compensation->negative_spans = into.negative_spans;
  }
  return outcome;
}

bool SameBits(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }

bool SameIndexed(const std::vector<BucketSpan>& spans_a, const std::vector<double>& a,
                 const std::vector<BucketSpan>& spans_b, const std::vector<double>& b) {
  Indexed x = ToIndexed(spans_a, a);
  Indexed y = ToIndexed(spans_b, b);
  return x.size() == y.size() && std::equal(x.begin(), x.end(), y.begin(), [](const auto& p, const auto& q) {
           return p.index == q.index && SameBits(p.count, q.count);
         });
}

// Whether any bucket of `previous` counts more than the same one of `current`.
bool AnyBucketFell(const Indexed& current, const Indexed& previous) {
  size_t i = 0;
  for (const IndexedBucket& bucket : previous) {
    while (i < current.size() && current[i].index < bucket.index) {
      if (current[i].count < 0) return true;
      ++i;
    }
    double now = i < current.size() && current[i].index == bucket.index ? current[i].count : 0;
    if (now < bucket.count) return true;
  }
  return false;
}

bool CustomBucketsFell(const FloatHistogram& current, const FloatHistogram& previous) {
  std::vector<double> bounds = IntersectBounds(current.custom_bounds, previous.custom_bounds);
  Indexed now = MapToBounds(ToIndexed(current.positive_spans, current.positive_buckets), current.custom_bounds, bounds);
  Indexed before =
      MapToBounds(ToIndexed(previous.positive_spans, previous.positive_buckets), previous.custom_bounds, bounds);
  return AnyBucketFell(now, before);
}

void Scale(FloatHistogram& histogram, double factor, bool divides) {
  auto apply = [&](double& value) { value = divides ? value / factor : value * factor; };
  apply(histogram.zero_count);
  apply(histogram.count);
  apply(histogram.sum);
  for (double& bucket : histogram.positive_buckets) apply(bucket);
  for (double& bucket : histogram.negative_buckets) apply(bucket);
  if (factor < 0) histogram.counter_reset_hint = CounterResetHint::kGauge;
}

}  // namespace

bool UsesCustomBuckets(const FloatHistogram& histogram) { return histogram.schema == model::kCustomBucketsSchema; }

std::vector<HistogramBucket> PositiveBuckets(const FloatHistogram& histogram) { return BucketsOf(histogram, true); }
std::vector<HistogramBucket> NegativeBuckets(const FloatHistogram& histogram) { return BucketsOf(histogram, false); }

HistogramBucket ZeroBucket(const FloatHistogram& histogram) {
  return {-histogram.zero_threshold, histogram.zero_threshold, histogram.zero_count, true, true};
}

std::vector<HistogramBucket> AllBuckets(const FloatHistogram& histogram) {
  std::vector<HistogramBucket> all;
  double threshold = histogram.zero_threshold;
  std::vector<HistogramBucket> negative = NegativeBuckets(histogram);
  for (size_t i = negative.size(); i-- > 0;) {
    HistogramBucket bucket = negative[i];
    if (bucket.lower < 0 && bucket.lower > -threshold) break;
    if (bucket.upper < 0 && bucket.upper > -threshold) bucket.upper = -threshold;
    all.push_back(bucket);
  }
  if (histogram.zero_count > 0) all.push_back(ZeroBucket(histogram));
  for (HistogramBucket bucket : PositiveBuckets(histogram)) {
    if (!UsesCustomBuckets(histogram)) {
      if (bucket.upper > 0 && bucket.upper < threshold) continue;
      if (bucket.lower > 0 && bucket.lower < threshold) bucket.lower = threshold;
    }
    all.push_back(bucket);
  }
  return all;
}

void MultiplyHistogram(FloatHistogram& histogram, double factor) { Scale(histogram, factor, false); }

void DivideHistogram(FloatHistogram& histogram, double divisor) {
  Scale(histogram, divisor, true);
  // Division by zero leaves no buckets: they would all be infinite or not a number.
  if (divisor == 0) {
    histogram.positive_spans.clear();
    histogram.positive_buckets.clear();
    histogram.negative_spans.clear();
    histogram.negative_buckets.clear();
  }
}

void CompactHistogram(FloatHistogram& histogram) {
  auto compact = [](std::vector<BucketSpan>& spans, std::vector<double>& buckets) {
    Indexed indexed = ToIndexed(spans, buckets);
    std::erase_if(indexed, [](const IndexedBucket& bucket) { return bucket.count == 0; });
    FromIndexed(indexed, spans, buckets);
  };
  compact(histogram.positive_spans, histogram.positive_buckets);
  compact(histogram.negative_spans, histogram.negative_buckets);
}

FloatHistogram CopyToSchema(const FloatHistogram& histogram, int32_t schema) {
  FloatHistogram copy = histogram;
  if (schema >= histogram.schema || UsesCustomBuckets(histogram)) return copy;
  int32_t by = histogram.schema - schema;
  FromIndexed(Coarsen(ToIndexed(histogram.positive_spans, histogram.positive_buckets), by), copy.positive_spans,
              copy.positive_buckets);
  FromIndexed(Coarsen(ToIndexed(histogram.negative_spans, histogram.negative_buckets), by), copy.negative_spans,
              copy.negative_buckets);
  copy.schema = schema;
  return copy;
}

bool EqualHistograms(const FloatHistogram& a, const FloatHistogram& b) {
  if (a.schema != b.schema || !SameBits(a.count, b.count) || !SameBits(a.sum, b.sum)) return false;
  if (UsesCustomBuckets(a) && a.custom_bounds != b.custom_bounds) return false;
  if (a.zero_threshold != b.zero_threshold || !SameBits(a.zero_count, b.zero_count)) return false;
  return SameIndexed(a.negative_spans, a.negative_buckets, b.negative_spans, b.negative_buckets) &&
         SameIndexed(a.positive_spans, a.positive_buckets, b.positive_spans, b.positive_buckets);
}

bool DetectReset(const FloatHistogram& current, const FloatHistogram& previous) {
  if (current.counter_reset_hint == CounterResetHint::kReset) return true;
  if (current.counter_reset_hint == CounterResetHint::kNotReset) return false;
  if (current.count < previous.count) return true;
  if (UsesCustomBuckets(current) != UsesCustomBuckets(previous)) return true;
  if (UsesCustomBuckets(current)) return CustomBucketsFell(current, previous);
  if (current.schema > previous.schema || current.zero_threshold < previous.zero_threshold) return true;
  ZeroAt zero = GrowZeroBucket(previous, current.zero_threshold);
  if (zero.threshold != current.zero_threshold || current.zero_count < zero.count) return true;
  int32_t by = previous.schema - current.schema;
  auto fell = [&](const std::vector<BucketSpan>& spans_now, const std::vector<double>& now,
                  const std::vector<BucketSpan>& spans_before, const std::vector<double>& before) {
    Indexed x = OutsideOfZero(ToIndexed(spans_now, now), current.schema, current.zero_threshold);
    Indexed y = OutsideOfZero(Coarsen(ToIndexed(spans_before, before), by), current.schema, current.zero_threshold);
    return AnyBucketFell(x, y);
  };
  return fell(current.positive_spans, current.positive_buckets, previous.positive_spans, previous.positive_buckets) ||
         fell(current.negative_spans, current.negative_buckets, previous.negative_spans, previous.negative_buckets);
}

bool HasOverflow(const FloatHistogram& histogram) {
  auto is_infinite = [](double value) { return std::isinf(value); };
  return is_infinite(histogram.zero_count) || is_infinite(histogram.count) || is_infinite(histogram.sum) ||
         std::any_of(histogram.positive_buckets.begin(), histogram.positive_buckets.end(), is_infinite) ||
         std::any_of(histogram.negative_buckets.begin(), histogram.negative_buckets.end(), is_infinite);
}

HistogramCombination AddHistogram(FloatHistogram& into, const FloatHistogram& other) {
  return Combine(into, other, 1, nullptr);
}

HistogramCombination SubtractHistogram(FloatHistogram& from, const FloatHistogram& other) {
  return Combine(from, other, -1, nullptr);
}

HistogramCombination KahanAddHistogram(FloatHistogram& into, const FloatHistogram& other,
                                       std::unique_ptr<FloatHistogram>& compensation) {
  if (!compensation) compensation = std::make_unique<FloatHistogram>();
  return Combine(into, other, 1, compensation.get());
}

std::string FormatHistogram(const FloatHistogram& histogram) {
  std::string out = fmt::format("{{count:{}, sum:{}", FormatG(histogram.count), FormatG(histogram.sum));
  auto append = [&](const HistogramBucket& bucket) {
    if (bucket.count == 0) return;
    out += fmt::format(", {}{},{}{}:{}", bucket.lower_inclusive ? '[' : '(', FormatG(bucket.lower),
                       FormatG(bucket.upper), bucket.upper_inclusive ? ']' : ')', FormatG(bucket.count));
  };
  std::vector<HistogramBucket> negative = NegativeBuckets(histogram);
  std::for_each(negative.rbegin(), negative.rend(), append);
  append(ZeroBucket(histogram));
  for (const HistogramBucket& bucket : PositiveBuckets(histogram)) append(bucket);
  return out + "}";
}

}  // namespace sextant::promql
