#include "otlp/native_histogram.h"

#include "model/value.h"
#include "otlp/test_util.h"

namespace sextant::otlp {
namespace {

using simdjson::dom::element;

template <typename T>
std::vector<T> List(element object, std::string_view key) {
  std::vector<T> list;
  simdjson::dom::array items;
  if (object[key].get(items) != simdjson::SUCCESS) return list;
  for (element item : items) {
    if constexpr (std::is_same_v<T, uint64_t>) {
      list.push_back(item.get_uint64());
    } else {
      list.push_back(item.get_int64());
    }
  }
  return list;
}

std::string SpansText(element object, std::string_view key) {
  std::string text;
  simdjson::dom::array items;
  if (object[key].get(items) != simdjson::SUCCESS) return text;
  for (element item : items) text += fmt::format("{}:{} ", IntOf(item, "offset"), IntOf(item, "length"));
  return text;
}

std::string SpansText(const std::vector<model::BucketSpan>& spans) {
  std::string text;
  for (const model::BucketSpan& span : spans) text += fmt::format("{}:{} ", span.offset, span.length);
  return text;
}

std::vector<double> Absolute(const std::vector<int64_t>& deltas) {
  std::vector<double> counts;
  int64_t count = 0;
  for (int64_t delta : deltas) counts.push_back(static_cast<double>(count += delta));
  return counts;
}

TEST(NativeHistogramTest, BucketsAreLaidOutAsTheTablesSay) {
  for (bool is_exponential : {true, false}) {
    simdjson::dom::parser parser;
    auto table =
        LoadTable(parser, is_exponential ? "prometheus-translation/exp_histogram_bucket_layout_cases.json"
                                         : "prometheus-translation/nhcb_bucket_layout_cases.json");
    if (!table) GTEST_SKIP();
    for (element one : table->get_array()) {
      SCOPED_TRACE(simdjson::to_string(one));
      std::vector<uint64_t> counts = List<uint64_t>(one, "bucket_counts");
      size_t first = 0;
      if (!is_exponential) {
        while (first < counts.size() && counts[first] == 0) ++first;
      }
      int64_t offset = is_exponential ? IntOf(one, "offset") : static_cast<int64_t>(first);
      BucketLayout layout =
          LayOutBuckets(counts.data() + first, counts.size() - first, static_cast<int32_t>(offset),
                        static_cast<int32_t>(IntOf(one, "scale_down")), is_exponential);
      EXPECT_EQ(SpansText(layout.spans), SpansText(one, "want_spans"));
      EXPECT_EQ(layout.counts, Absolute(List<int64_t>(one, "want_deltas")));
    }
  }
}

ExponentialBuckets BucketsOf(element object, std::string_view key) {
  ExponentialBuckets buckets;
  element found = object[key];
  buckets.offset = static_cast<int32_t>(IntOf(found, "offset"));
  buckets.counts = List<uint64_t>(found, "bucket_counts");
  return buckets;
}

TEST(NativeHistogramTest, ExponentialHistogramsBecomeNativeAsTheTableSays) {
  simdjson::dom::parser parser;
  auto table = LoadTable(parser, "prometheus-translation/exp_to_native_histogram_cases.json");
  if (!table) GTEST_SKIP();
  for (element one : table->get_array()) {
    SCOPED_TRACE(TextOf(one, "name"));
    element input = one["input"];
    ExponentialPoint point;
    point.count = static_cast<uint64_t>(IntOf(input, "count"));
    double sum = 0;
    if (input["sum"].get(sum) == simdjson::SUCCESS) point.sum = sum;
    point.scale = static_cast<int32_t>(IntOf(input, "scale"));
    point.zero_count = static_cast<uint64_t>(IntOf(input, "zero_count"));
    point.positive = BucketsOf(input, "positive");
    point.negative = BucketsOf(input, "negative");
    auto made = ToNativeHistogram(point, Temporality::kCumulative);
    if (std::string error = TextOf(one, "want_error"); !error.empty()) {
      ASSERT_FALSE(made.has_value());
      EXPECT_EQ(made.error().message(), error);
      continue;
    }
    ASSERT_TRUE(made.has_value());
    element want = one["want"];
    EXPECT_EQ(made->count, static_cast<double>(IntOf(want, "Count")));
    double want_sum = 0;
    [[maybe_unused]] auto error = want["Sum"].get(want_sum);
    EXPECT_EQ(made->sum, want_sum);
    EXPECT_EQ(made->schema, IntOf(want, "Schema"));
    EXPECT_EQ(made->zero_threshold, 1e-128);
    EXPECT_EQ(made->zero_count, static_cast<double>(IntOf(want, "ZeroCount")));
    EXPECT_EQ(SpansText(made->positive_spans), SpansText(want, "PositiveSpans"));
    EXPECT_EQ(SpansText(made->negative_spans), SpansText(want, "NegativeSpans"));
    EXPECT_EQ(made->positive_buckets, Absolute(List<int64_t>(want, "PositiveBuckets")));
    EXPECT_EQ(made->negative_buckets, Absolute(List<int64_t>(want, "NegativeBuckets")));
  }
}

TEST(NativeHistogramTest, DeltasAreGaugesAndEndsAreStale) {
  ExponentialPoint point;
  point.count = 1;
  point.positive.counts = {1};
  auto delta = ToNativeHistogram(point, Temporality::kDelta);
  EXPECT_EQ(delta->counter_reset_hint, model::CounterResetHint::kGauge);
  point.has_no_value = true;
  auto end = ToNativeHistogram(point, Temporality::kCumulative);
  EXPECT_TRUE(model::IsStaleNan(end->sum));
  EXPECT_TRUE(end->positive_buckets.empty());
  // Scales that no one has do no harm.
  point.has_no_value = false;
  point.scale = INT32_MAX;
  point.positive.offset = INT32_MIN;
  EXPECT_EQ(ToNativeHistogram(point, Temporality::kCumulative)->schema, 8);
}

}  // namespace
}  // namespace sextant::otlp
