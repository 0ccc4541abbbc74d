#include "metrics/tsdb/histogram_check.h"

#include <xxhash.h>

#include "model/value.h"

namespace sextant::tsdb {
namespace {

using model::BucketSpan;
using model::FloatHistogram;

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
