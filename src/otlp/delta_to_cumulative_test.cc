#include "otlp/delta_to_cumulative.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace sextant::otlp {
namespace {

class FakeClock final : public core::Clock {
 public:
  core::TimestampMs NowMs() const override { return now_ns / 1'000'000; }
  int64_t MonotonicNs() const override { return now_ns; }
  int64_t now_ns = 1;
};

class DeltaToCumulativeTest : public testing::Test {
 protected:
  // A metric of one point, converted; null when it was dropped.
  template <typename P>
  std::optional<P> Convert(MetricKind kind, std::vector<P> Metric::* points, P point) {
    MetricsData data;
    Metric& metric = data.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
    metric.name = "m";
    metric.kind = kind;
    metric.temporality = Temporality::kDelta;
    (metric.*points).push_back(std::move(point));
    EXPECT_TRUE(HasDeltas(data));
    converter_.Convert(data);
    EXPECT_FALSE(HasDeltas(data));
    std::vector<Metric>& left = data.resources[0].scopes[0].metrics;
    if (left.empty()) return std::nullopt;
    EXPECT_EQ(left[0].temporality, Temporality::kCumulative);
    return (left[0].*points)[0];
  }
  std::string Number(int64_t value, uint64_t start_ns, uint64_t time_ns, std::string_view key = {}) {
    NumberPoint point;
    point.start_ns = start_ns;
    point.time_ns = time_ns;
    point.value.kind = NumberKind::kInt;
    point.value.integer = value;
    KeyValue attribute{key, {}};
    if (!key.empty()) point.attributes = Attributes(&attribute, 1);
    auto converted = Convert(MetricKind::kSum, &Metric::numbers, point);
    if (!converted) return "dropped";
    return fmt::format("{}@{}^{}", converted->value.integer, converted->time_ns, converted->start_ns);
  }

  FakeClock clock_;
  DeltaToCumulative converter_{clock_, {.max_stale_ms = 1000, .max_streams = 2}};
};

TEST_F(DeltaToCumulativeTest, NumbersAreSummedUpByStream) {
  EXPECT_EQ(Number(5, 10, 20), "5@20^10");
  EXPECT_EQ(Number(7, 20, 30), "12@30^10");
  EXPECT_EQ(Number(1, 20, 30), "dropped");  // not later
  EXPECT_EQ(Number(1, 5, 40), "dropped");   // of an older stream
  EXPECT_EQ(Number(1, 30, 40), "13@40^10");
  EXPECT_EQ(Number(3, 30, 40, "other"), "3@40^30");
  EXPECT_EQ(Number(3, 30, 40, "third"), "dropped");  // one stream too many
  DeltaToCumulative::Counts counts = converter_.counts();
  EXPECT_EQ(counts.points, 7u);
  EXPECT_EQ(counts.dropped, 3u);
  EXPECT_EQ(counts.over_limit, 1u);
  EXPECT_EQ(counts.streams, 2u);
  clock_.now_ns += 3'600'000'000'000;
  EXPECT_EQ(Number(3, 30, 50, "third"), "3@50^30");
  EXPECT_EQ(converter_.counts().streams, 1u);
}

// The values of the collector's own test.
TEST_F(DeltaToCumulativeTest, HistogramsBeginAnewWithOtherBounds) {
  auto histogram = [&](uint64_t time_ns, std::vector<double> bounds, std::vector<uint64_t> counts) {
    HistogramPoint point;
    point.time_ns = time_ns;
    point.explicit_bounds = std::move(bounds);
    point.bucket_counts = std::move(counts);
    auto converted = Convert(MetricKind::kHistogram, &Metric::histograms, point);
    return converted ? converted->bucket_counts : std::vector<uint64_t>();
  };
  using Counts = std::vector<uint64_t>;
  EXPECT_EQ(histogram(10, {0.01, 0.1, 1, 10, 100}, {1, 2, 3, 4, 5}), (Counts{1, 2, 3, 4, 5}));
  EXPECT_EQ(histogram(20, {0.01, 0.1, 1, 10, 100}, {1, 0, 1, 0, 1}), (Counts{2, 2, 4, 4, 6}));
  EXPECT_EQ(histogram(30, {0.1, 1, 10, 100}, {1, 2, 3, 4}), (Counts{1, 2, 3, 4}));
}

TEST_F(DeltaToCumulativeTest, ExponentialHistogramsMeetAtTheCoarserScale) {
  auto convert = [&](uint64_t time_ns, int32_t scale, int32_t offset, std::vector<uint64_t> counts) {
    ExponentialPoint point;
    point.time_ns = time_ns;
    point.scale = scale;
    point.sum = 1;
    point.positive = {offset, std::move(counts)};
    auto converted = Convert(MetricKind::kExponentialHistogram, &Metric::exponentials, point);
    return fmt::format("{} {} {} {}", converted->scale, converted->positive.offset,
                       fmt::join(converted->positive.counts, ","), *converted->sum);
  };
  EXPECT_EQ(convert(1, 1, 0, {1, 2, 3, 4}), "1 0 1,2,3,4 1");
  EXPECT_EQ(convert(2, 0, 1, {5}), "0 0 3,12 2");
  EXPECT_EQ(convert(3, 0, -2, {1}), "0 -2 1,0,3,12 3");
  // Far apart: as coarse as it takes for 160 buckets.
  std::string far = convert(4, 0, 1'000'000, {1});
  EXPECT_EQ(far.substr(0, 4), "-13 ");
}

}  // namespace
}  // namespace sextant::otlp
