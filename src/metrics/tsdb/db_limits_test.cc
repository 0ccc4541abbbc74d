// What the store does when there are more series than it may hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using ::testing::HasSubstr;

TEST(DbLimitsTest, TheMemoryLimitRefusesNewSeriesOnly) {
  Bench bench;
  bench.options.limits.max_head_bytes = 1 << 20;
  auto db = bench.Open();
  auto appender = db->NewAppender();
  AppendOutcome outcome = AppendOutcome::kOk;
  int made = 0;
  for (; outcome == AppendOutcome::kOk && made < 100'000; ++made) {
    outcome = appender->Append(0, MetricLabels("a", std::to_string(made)), kTestStart, 1).outcome;
  }
  EXPECT_EQ(outcome, AppendOutcome::kMemoryLimit);
  EXPECT_GT(made, 1000);
  ASSERT_TRUE(appender->Commit().has_value());
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a", "0"), kTestStart + 1, 1).has_value());
  EXPECT_THAT(bench.registry->RenderText(),
              HasSubstr("sextant_tsdb_series_refused_total{reason=\"memory\"} 1\n"));
  Cardinality costs = db->GetCardinality(3, CardinalityOrder::kSeries).value();
  EXPECT_EQ(costs.refused_by_memory, 1u);
  EXPECT_EQ(costs.max_head_bytes, uint64_t{1} << 20);
  EXPECT_EQ(costs.series, static_cast<uint64_t>(made - 1));
  EXPECT_EQ(costs.created, costs.series);
  EXPECT_EQ(costs.metrics.at(0).name, "a");
}

// Series that live for one scrape, without end: memory stays below the limit and a little, the series that
// stay are never refused, and each cut makes room for new ones.
TEST(DbLimitsTest, EndlessChurnStaysWithinTheMemoryLimit) {
  constexpr uint64_t kLimit = 2 << 20;
  constexpr uint64_t kSlack = 512 << 10;
  Bench bench;
  bench.options.limits.max_head_bytes = kLimit;
  bench.options.block_range_ms = 60'000;
  auto db = bench.Open();
  int refused = 0;
  int taken_after_refusal = 0;
  for (int round = 0; round < 400; ++round) {
    TimestampMs time_ms = kTestStart + round * 1000;
    bench.clock.Set(time_ms);
    auto appender = db->NewAppender();
    ASSERT_EQ(appender->Append(0, MetricLabels("steady"), time_ms, round).outcome, AppendOutcome::kOk);
    for (int i = 0; i < 200; ++i) {
      auto labels = model::Labels::Of(
          {{"__name__", "churn"}, {"pod", fmt::format("pod-{}-{}", round, i)}, {"n", std::to_string(i)}});
      AppendOutcome outcome = appender->Append(0, labels, time_ms, 1).outcome;
      ASSERT_TRUE(outcome == AppendOutcome::kOk || outcome == AppendOutcome::kMemoryLimit);
      if (outcome != AppendOutcome::kOk) {
        ++refused;
      } else if (refused > 0) {
        ++taken_after_refusal;
      }
    }
    ASSERT_TRUE(appender->Commit().has_value());
    appender.reset();
    if (round % 5 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
      ASSERT_LE(db->GetStats(0)->head_bytes, kLimit + kSlack) << "in round " << round;
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_GT(taken_after_refusal, 1000);
  EXPECT_EQ(ReadContents(*db, {model::Matcher::Equal("__name__", "steady")}).begin()->second.size(), 400u);
}

TEST(DbLimitsTest, TheFirstSeriesInOrderAreEnoughForALimit) {
  Bench bench;
  auto db = bench.Open();
  for (int i = 0; i < 3; ++i) {
    auto appender = db->NewAppender();
    for (int n = 0; n < 100; ++n) {
      appender->Append(0, MetricLabels("m", std::to_string((n * 37 + i) % 300)), kTestStart + i, 1);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  }
  auto querier = db->NewQuerier(kFirst, kLast).value();
  auto all = querier->Select({}, {.sorted = true}).value();
  for (size_t limit : {1u, 7u, 100u}) {
    auto some = querier->Select({}, {.sorted = true, .series_only = true, .limit = limit}).value();
    ASSERT_EQ(some->size(), limit);
    for (size_t i = 0; i < limit; ++i) EXPECT_EQ(some->labels(i), all->labels(i));
  }
}

}  // namespace
}  // namespace sextant::tsdb
