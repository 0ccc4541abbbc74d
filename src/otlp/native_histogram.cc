#include "otlp/native_histogram.h"

#include "model/value.h"

namespace sextant::otlp {

namespace {

// A gap of more buckets than this begins a new span.
constexpr int64_t kMaxGap = 2;

void Finish(const Point& point, uint64_t count, const std::optional<double>& sum, Temporality temporality,
            model::FloatHistogram& out) {
  out.is_integer = true;
  // What is counted anew in each sample is a gauge.
  if (temporality == Temporality::kDelta) out.counter_reset_hint = model::CounterResetHint::kGauge;
  if (point.has_no_value) {
    int32_t schema = out.schema;
    out = model::FloatHistogram();
    out.is_integer = true;
    out.schema = schema;
    out.sum = model::StaleNan();
    return;
  }
  out.count = static_cast<double>(count);
  out.sum = sum.value_or(0);
}

}  // namespace

BucketLayout LayOutBuckets(const uint64_t* counts, size_t size, int32_t offset, int32_t scale_down,
                           bool is_exponential) {
  BucketLayout layout;
  if (size == 0) return layout;
  auto index_of = [&](int64_t i) { return ((offset + i) >> scale_down) + 1; };
  int64_t index = index_of(0);
  uint64_t count = 0;
  auto append = [&](uint64_t bucket) {
    ++layout.spans.back().length;
    layout.counts.push_back(static_cast<double>(bucket));
  };
  auto bridge = [&](int64_t gap) {
    if (gap > kMaxGap) {
      layout.spans.push_back({static_cast<int32_t>(gap), 0});
    } else {
      for (int64_t i = 0; i < gap; ++i) append(0);
    }
  };
  layout.spans.push_back({is_exponential ? static_cast<int32_t>(index) : offset, 0});
  for (size_t i = 0; i < size; ++i) {
    int64_t next = index_of(static_cast<int64_t>(i));
    if (next == index) {
      count += counts[i];
      continue;
    }
    // Empty buckets are only made when something follows them.
    if (count == 0) {
      count = counts[i];
      continue;
    }
    bridge(next - index - 1);
    append(count);
    count = counts[i];
    index = next;
  }
  bridge(index_of(static_cast<int64_t>(size) - 1) - index);
  append(count);
  return layout;
}

core::Result<model::FloatHistogram> ToNativeHistogram(const ExponentialPoint& point,
                                                      Temporality temporality) {
  constexpr int32_t kMinScale = -4;
  constexpr int32_t kMaxScale = 8;
  constexpr int32_t kMaxScaleDown = 31;
  if (point.scale < kMinScale) {
    return core::Fail(core::Code::kInvalidArgument,
                      "cannot convert exponential to native histogram. Scale must be >= -4, was {}",
                      point.scale);
  }
  model::FloatHistogram out;
  out.schema = std::min(point.scale, kMaxScale);
  int32_t scale_down = std::min(point.scale - out.schema, kMaxScaleDown);
  out.zero_threshold = kDefaultZeroThreshold;
  out.zero_count = static_cast<double>(point.zero_count);
  auto lay_out = [&](const ExponentialBuckets& buckets, auto& spans, auto& counts) {
    BucketLayout layout =
        LayOutBuckets(buckets.counts.data(), buckets.counts.size(), buckets.offset, scale_down, true);
    spans = std::move(layout.spans);
    counts = std::move(layout.counts);
  };
  lay_out(point.positive, out.positive_spans, out.positive_buckets);
  lay_out(point.negative, out.negative_spans, out.negative_buckets);
  Finish(point, point.count, point.sum, temporality, out);
  return out;
}

model::FloatHistogram ToCustomBuckets(const HistogramPoint& point, Temporality temporality) {
  model::FloatHistogram out;
  out.schema = model::kCustomBucketsSchema;
  size_t first = 0;
  while (first < point.bucket_counts.size() && point.bucket_counts[first] == 0) ++first;
  BucketLayout layout = LayOutBuckets(point.bucket_counts.data() + first, point.bucket_counts.size() - first,
                                      static_cast<int32_t>(first), 0, false);
  out.positive_spans = std::move(layout.spans);
  out.positive_buckets = std::move(layout.counts);
  out.custom_bounds = point.explicit_bounds;
  Finish(point, point.count, point.sum, temporality, out);
  return out;
}

}  // namespace sextant::otlp
