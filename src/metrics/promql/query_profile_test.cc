#include "metrics/promql/query_profile.h"

#include <gtest/gtest.h>

#include "metrics/promql/engine.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

class QueryProfileTest : public testing::Test {
 protected:
  QueryProfileTest() {
    for (const char* job : {"a", "b", "c"}) {
      for (int i = 0; i <= 60; ++i) {
        storage_.Add(model::Labels::Of({{"__name__", "x_total"}, {"job", job}}), i * 10'000, i);
      }
    }
  }

  core::SystemClock clock_;
  TestStorage storage_;
  Engine engine_{EngineOptions(), clock_, nullptr};
};

TEST_F(QueryProfileTest, CountsWhatEachNodeLooksAtAndGives) {
  QueryProfile profile(clock_);
  QueryOptions options;
  options.profile = &profile;
  ASSERT_TRUE(engine_.Range(storage_, "sum(rate(x_total[1m])) / 2", 120'000, 180'000, 30'000, options));
  const ProfileNode& root = profile.root();
  EXPECT_EQ(root.kind, "operation");
  EXPECT_EQ(root.name, "/");
  EXPECT_EQ(root.text, "sum(rate(x_total[1m])) / 2");
  ASSERT_EQ(root.operands.size(), 2U);
  const ProfileNode& sum = root.operands[0];
  EXPECT_EQ(sum.kind, "aggregation");
  EXPECT_EQ(sum.series, 1);
  EXPECT_EQ(sum.points, 3);
  ASSERT_EQ(sum.operands.size(), 1U);
  const ProfileNode& rate = sum.operands[0];
  EXPECT_EQ(rate.name, "rate");
  EXPECT_EQ(rate.text, "rate(x_total[1m])");
  EXPECT_EQ(rate.series, 3);
  EXPECT_EQ(rate.points, 9);
  EXPECT_EQ(rate.bytes, 3 * 3 * 8);
  // Six samples in each window of each series.
  EXPECT_EQ(rate.samples, 6 * 3 * 3);
  EXPECT_EQ(root.samples, rate.samples);
  ASSERT_EQ(rate.operands.size(), 1U);
  EXPECT_EQ(rate.operands[0].kind, "range");
  EXPECT_EQ(rate.operands[0].series, 3);
  EXPECT_EQ(rate.operands[0].samples, rate.samples);
  EXPECT_GE(root.time_ns, sum.time_ns);
  EXPECT_GE(sum.time_ns, rate.time_ns);
  EXPECT_LE(rate.self_ns, rate.time_ns);
  ASSERT_EQ(profile.selections().size(), 1U);
  EXPECT_EQ(profile.selections()[0].series, 3);
  EXPECT_EQ(profile.selections()[0].selector, R"({__name__="x_total"})");
}

TEST_F(QueryProfileTest, SubqueriesScalarsAndInvariants) {
  QueryProfile profile(clock_);
  QueryOptions options;
  options.profile = &profile;
  ASSERT_TRUE(engine_.Range(storage_, "max_over_time(x_total[1m:20s]) + scalar(count(x_total @ 60))", 120'000,
                            180'000, 30'000, options));
  const ProfileNode& root = profile.root();
  ASSERT_EQ(root.operands.size(), 2U);
  const ProfileNode& subquery = root.operands[0].operands[0];
  EXPECT_EQ(subquery.kind, "subquery");
  ASSERT_EQ(subquery.operands.size(), 1U);
  EXPECT_EQ(subquery.series, 3);
  EXPECT_EQ(subquery.operands[0].kind, "selector");
  EXPECT_GT(subquery.operands[0].samples, 0);
  EXPECT_EQ(root.operands[1].name, "scalar");
  EXPECT_TRUE(root.operands[1].is_step_invariant);
  EXPECT_EQ(root.operands[1].samples, 3);
}

TEST_F(QueryProfileTest, TheSameAnswerWithAndWithout) {
  for (const char* query : {"sum by (job) (rate(x_total[1m]))", "x_total[2m]", "time()", "absent(nothing)",
                            "topk(2, x_total) or vector(1)", "sort(x_total)"}) {
    QueryProfile profile(clock_);
    QueryOptions options;
    options.profile = &profile;
    QueryOutcome with = engine_.Instant(storage_, query, 120'000, options);
    QueryOutcome without = engine_.Instant(storage_, query, 120'000);
    ASSERT_TRUE(with && without) << query;
    EXPECT_EQ(with->stats.total_samples, without->stats.total_samples) << query;
    EXPECT_EQ(QueryValueTypeName(with->value), QueryValueTypeName(without->value));
    EXPECT_EQ(profile.root().text, query);
  }
}

TEST_F(QueryProfileTest, AQueryThatFailsIsToldAsFarAsItCame) {
  QueryProfile profile(clock_);
  QueryOptions options;
  options.profile = &profile;
  EXPECT_FALSE(engine_.Instant(storage_, "x_total / on () x_total", 120'000, options));
  EXPECT_EQ(profile.root().name, "/");
  EXPECT_EQ(profile.selections().size(), 1U);
}

}  // namespace
}  // namespace sextant::promql
