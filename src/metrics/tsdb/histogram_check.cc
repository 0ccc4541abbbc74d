#include "metrics/tsdb/histogram_check.h"

#include <xxhash.h>

#include <cmath>
#include <limits>

#include "model/value.h"

namespace sextant::tsdb {
namespace {

using model::BucketSpan;
using model::FloatHistogram;

constexpr int32_t kMinSchema = -4;
constexpr int32_t kMaxSchema = 8;
// Up to here doubles hold every whole number.
constexpr double kMaxExactCount = 9007199254740992.0;  // 2^53

std::string_view SpansFault(std::span<const BucketSpan> spans) {
  int64_t index = 0;
  for (size_t i = 0; i < spans.size(); ++i) {
    if (i > 0 && spans[i].offset < 0) return "a span has a negative offset";
    index += int64_t{spans[i].offset} + spans[i].length;
    if (index > std::numeric_limits<int32_t>::max()) return "a bucket's index is too large";
  }
  return "";
}

std::string_view CustomLayoutFault(const FloatHistogram& histogram) {
  for (size_t i = 0; i < histogram.custom_bounds.size(); ++i) {
    // Also NaN and -Inf, which are not above anything.
    double before = i == 0 ? -std::numeric_limits<double>::infinity() : histogram.custom_bounds[i - 1];
    if (!(histogram.custom_bounds[i] > before)) return "the custom bounds do not ascend";
  }
  if (!histogram.custom_bounds.empty() && std::isinf(histogram.custom_bounds.back())) {
    return "the last custom bound must not be infinite";
  }
  uint64_t covered = 0;
  for (const BucketSpan& span : histogram.positive_spans) {
    if (span.offset < 0) return "a span has a negative offset";
    covered += static_cast<uint64_t>(span.offset) + span.length;
  }
  if (covered > histogram.custom_bounds.size() + 1) return "there are more buckets than custom bounds";
  if (histogram.zero_threshold != 0) return "custom buckets have no zero bucket";
  if (!histogram.negative_spans.empty()) return "custom buckets have no negative side";
  return "";
}

std::string_view BucketsFault(std::span<const double> buckets, bool is_integer, double& sum) {
  for (double count : buckets) {
    if (count < 0) return "a bucket has a negative count";
    if (is_integer && !(std::floor(count) == count && std::isfinite(count))) {
      return "a count of an integer histogram is not whole";
    }
    sum += count;
  }
  return "";
}

std::string_view IntegerCountFault(const FloatHistogram& histogram, double sum_of_buckets) {
  for (double count : {histogram.count, histogram.zero_count}) {
    if (!(count >= 0 && std::floor(count) == count && std::isfinite(count))) {
      return "a count of an integer histogram is not whole";
    }
  }
  // Larger counts have been rounded on their way.
  if (histogram.count > kMaxExactCount) return "";
  double observed = sum_of_buckets + histogram.zero_count;
  // Observations of NaN are in the count, but in no bucket.
  if (std::isnan(histogram.sum) ? observed > histogram.count : observed != histogram.count) {
    return "the count is not that of the buckets";
  }
  return "";
}

// Buckets of one side, ascending, without empty ones.
class UsedBuckets {
 public:
  UsedBuckets(std::span<const BucketSpan> spans, std::span<const double> counts)
      : spans_(spans), counts_(counts) {
    index_ = spans_.empty() ? 0 : spans_[0].offset;
    Settle();
  }
  bool at_end() const { return place_ >= counts_.size() || span_ >= spans_.size(); }
  int64_t index() const { return index_; }
  double count() const { return counts_[place_]; }
  void Advance() {
    Step();
    Settle();
  }

 private:
  void Step() {
    ++place_;
    ++index_;
    ++in_span_;
  }
  void Settle() {
    while (true) {
      while (span_ < spans_.size() && in_span_ >= spans_[span_].length) {
        in_span_ = 0;
        if (++span_ < spans_.size()) index_ += spans_[span_].offset;
      }
      if (at_end() || count() != 0) return;
      Step();
    }
  }

  std::span<const BucketSpan> spans_;
  std::span<const double> counts_;
  size_t span_ = 0;
  uint32_t in_span_ = 0;
  size_t place_ = 0;
  int64_t index_ = 0;
};

bool AnyFell(std::span<const BucketSpan> spans_before, std::span<const double> before,
             std::span<const BucketSpan> spans_after, std::span<const double> after) {
  UsedBuckets now(spans_after, after);
  for (UsedBuckets then(spans_before, before); !then.at_end(); then.Advance()) {
    while (!now.at_end() && now.index() < then.index()) now.Advance();
    if (now.at_end() || now.index() != then.index() || now.count() < then.count()) return true;
  }
  return false;
}

template <typename T>
uint64_t HashOf(const std::vector<T>& values, uint64_t seed) {
  return XXH3_64bits_withSeed(values.data(), values.size() * sizeof(T), seed + values.size());
}

}  // namespace

bool IsStaleMarker(const FloatHistogram& histogram) { return model::IsStaleNan(histogram.sum); }

uint64_t CountBuckets(std::span<const BucketSpan> spans) {
  uint64_t count = 0;
  for (const BucketSpan& span : spans) count += span.length;
  return count;
}

std::string_view LayoutFault(const FloatHistogram& histogram) {
  uint64_t parts = histogram.positive_spans.size() + histogram.negative_spans.size() +
                   histogram.custom_bounds.size() + CountBuckets(histogram.positive_spans) +
                   CountBuckets(histogram.negative_spans);
  if (parts > kMaxHistogramParts) return "there are too many buckets";
  if (histogram.schema == model::kCustomBucketsSchema) return CustomLayoutFault(histogram);
  if (histogram.schema < kMinSchema || histogram.schema > kMaxSchema) return "the schema is not known";
  if (!histogram.custom_bounds.empty()) return "an exponential schema has no custom bounds";
  std::string_view fault = SpansFault(histogram.positive_spans);
  return fault.empty() ? SpansFault(histogram.negative_spans) : fault;
}

std::string_view HistogramFault(const FloatHistogram& histogram) {
  if (std::string_view fault = LayoutFault(histogram); !fault.empty()) return fault;
  if (histogram.positive_buckets.size() != CountBuckets(histogram.positive_spans) ||
      histogram.negative_buckets.size() != CountBuckets(histogram.negative_spans)) {
    return "the spans have another number of buckets";
  }
  if (histogram.schema == model::kCustomBucketsSchema && histogram.zero_count != 0) {
    return "custom buckets have no zero bucket";
  }
  double sum = 0;
  std::string_view fault = BucketsFault(histogram.negative_buckets, histogram.is_integer, sum);
  if (fault.empty()) fault = BucketsFault(histogram.positive_buckets, histogram.is_integer, sum);
  if (!fault.empty() || !histogram.is_integer) return fault;
  return IntegerCountFault(histogram, sum);
}

uint64_t HistogramBits(const FloatHistogram& histogram) {
  if (IsStaleMarker(histogram)) return model::kStaleNanBits;
  const double numbers[] = {histogram.zero_threshold, histogram.zero_count, histogram.count, histogram.sum};
  uint64_t hash = XXH3_64bits_withSeed(
      numbers, sizeof numbers,
      static_cast<uint64_t>(static_cast<uint32_t>(histogram.schema)) << 1 | (histogram.is_integer ? 1 : 0));
  static_assert(sizeof(BucketSpan) == 8, "spans are hashed as they lie");
  hash = HashOf(histogram.positive_spans, hash);
  hash = HashOf(histogram.negative_spans, hash);
  hash = HashOf(histogram.positive_buckets, hash);
  hash = HashOf(histogram.negative_buckets, hash);
  return HashOf(histogram.custom_bounds, hash);
}

bool ContinuesCounter(const FloatHistogram& before, const FloatHistogram& after) {
  if (before.is_integer != after.is_integer || before.schema != after.schema ||
      before.zero_threshold != after.zero_threshold || before.custom_bounds != after.custom_bounds) {
    return false;
  }
  if (!(after.count >= before.count) || !(after.zero_count >= before.zero_count)) return false;
  return !AnyFell(before.positive_spans, before.positive_buckets, after.positive_spans,
                  after.positive_buckets) &&
         !AnyFell(before.negative_spans, before.negative_buckets, after.negative_spans,
                  after.negative_buckets);
}

}  // namespace sextant::tsdb
