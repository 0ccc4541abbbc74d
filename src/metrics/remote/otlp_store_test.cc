#include "metrics/remote/otlp_store.h"

#include <gtest/gtest.h>

#include "metrics/remote/memory_store_test_util.h"

namespace sextant::remote {
namespace {

// A gauge with a point for each time, told apart by the attribute n.
otlp::MetricsData Gauge(const std::vector<int64_t>& times_ms, std::string_view name = "g") {
  otlp::MetricsData data;
  otlp::Metric& metric = data.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = data.memory.Copy(name);
  metric.kind = otlp::MetricKind::kGauge;
  for (int64_t time_ms : times_ms) {
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    point.time_ns = static_cast<uint64_t>(time_ms) * 1'000'000;
    point.value.kind = otlp::NumberKind::kInt;
    point.value.integer = time_ms;
  }
  return data;
}

class OtlpStoreTest : public testing::Test {
 protected:
  core::SystemClock clock_;
  core::Registry registry_;
  MemoryStore memory_;
  OtlpStore store_{memory_, clock_, registry_, core::Logger::Discard(), {}};
};

TEST_F(OtlpStoreTest, PointsThatDoNotFitAreCountedAndTheOthersStored) {
  auto stored = store_.StorePoints(Gauge({1'000, 3'000, 2'000, 4'000}));
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->points, 1u);
  EXPECT_EQ(stored->errors, (std::vector<std::string>{"out of order sample"}));
  EXPECT_EQ(memory_.Text(), "{__name__=\"g\"} 1000@1000 3000@3000 4000@4000 (gauge)\n");
}

TEST_F(OtlpStoreTest, AMetricWithoutATranslationIsOneErrorOfAllItsPoints) {
  otlp::MetricsData data = Gauge({1'000, 2'000});
  data.resources[0].scopes[0].metrics[0].kind = otlp::MetricKind::kSum;
  data.resources[0].scopes[0].metrics[0].temporality = otlp::Temporality::kDelta;
  auto stored = store_.StorePoints(data);
  ASSERT_TRUE(stored);
  EXPECT_EQ(stored->points, 2u);
  EXPECT_EQ(stored->errors.size(), 1u);
  EXPECT_EQ(memory_.Text(), "");
}

TEST_F(OtlpStoreTest, AStoreThatCannotWriteHasStoredNothing) {
  memory_.fails_commits = true;
  auto stored = store_.StorePoints(Gauge({1'000}));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().message(), "the disk is full");
  memory_.fails_commits = false;
  EXPECT_TRUE(store_.StorePoints(Gauge({1'000})));
  EXPECT_EQ(memory_.Text(), "{__name__=\"g\"} 1000@1000 (gauge)\n");
}

TEST_F(OtlpStoreTest, SeriesThatThereAreGoOnWhenThereIsNoRoomForOthers) {
  ASSERT_TRUE(store_.StoreAll(Gauge({1'000}, "known")));
  memory_.max_series = 1;
  otlp::MetricsData data = Gauge({2'000}, "new");
  otlp::Metric known = data.resources[0].scopes[0].metrics[0];
  known.name = "known";
  data.resources[0].scopes[0].metrics.push_back(known);
  core::Status stored = store_.StoreAll(std::move(data));
  ASSERT_FALSE(stored);
  EXPECT_EQ(stored.error().code(), core::Code::kInvalidArgument) << "sending it again does not help";
  EXPECT_EQ(
      stored.error().message(),
      "the limit of active series is reached (--series.limit) for a new series of new, job \"\", instance "
      "\"\"");
  EXPECT_EQ(memory_.Text(), "{__name__=\"known\"} 1000@1000 2000@2000 (gauge)\n");
  // Together with an error for which the whole request is refused.
  data = Gauge({3'000, 1'000}, "known");
  data.resources[0].scopes[0].metrics.push_back(Gauge({3'000}, "new").resources[0].scopes[0].metrics[0]);
  data.resources[0].scopes[0].metrics[1].name = "new";
  EXPECT_FALSE(store_.StoreAll(std::move(data)));
  EXPECT_EQ(memory_.Text(), "{__name__=\"known\"} 1000@1000 2000@2000 (gauge)\n");
}

TEST_F(OtlpStoreTest, AllOrNothingKeepsNothingOfARefusedRequest) {
  ASSERT_FALSE(store_.StoreAll(Gauge({2'000, 1'000})));
  EXPECT_EQ(memory_.Text(), "{__name__=\"g\"} (gauge)\n");  // known, and without samples
}

}  // namespace
}  // namespace sextant::remote
