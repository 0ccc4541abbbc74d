// PromQL over native histograms that went through the whole metrics store.
#include <gtest/gtest.h>

#include "metrics/promql/engine.h"
#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"

namespace sextant::api {
namespace {

using model::TimestampMs;
using tsdb::kTestStart;

constexpr model::DurationMs kIntervalMs = 10'000;

class StoredHistogramsTest : public ::testing::Test {
 protected:
  void Append(TimestampMs time_ms, const model::FloatHistogram& histogram) {
    auto appender = db_->NewAppender();
    model::Sample sample{.time_ms = time_ms, .histogram = &histogram};
    ASSERT_EQ(appender->AppendSample(0, tsdb::MetricLabels("h"), sample).outcome, model::AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
  }

  // The values of the answer's only series, or none.
  std::vector<double> Ask(std::string_view query, TimestampMs time_ms) {
    auto outcome = engine_.Instant(*db_, query, time_ms);
    EXPECT_TRUE(outcome.has_value()) << outcome.error().message;
    std::vector<double> values;
    for (const auto& sample : std::get<promql::VectorResult>(outcome->value)) {
      EXPECT_EQ(sample.histogram, nullptr);
      values.push_back(sample.value);
    }
    return values;
  }

  tsdb::Bench bench_;
  std::unique_ptr<tsdb::Db> db_ = bench_.Open();
  promql::Engine engine_{{}, bench_.clock, nullptr};
};

TEST_F(StoredHistogramsTest, RatesAndQuantilesOverResetsAndRestarts) {
  // Ten observations in each interval; the counter begins anew in the middle.
  for (int i = 0; i <= 40; ++i) {
    double scale = i <= 20 ? i + 1 : i - 20;
    Append(kTestStart + i * kIntervalMs, tsdb::CounterHistogram(scale));
    if (i == 30) {
      db_.reset();
      db_ = bench_.Open();
    }
  }
  TimestampMs end_ms = kTestStart + 40 * kIntervalMs;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Ask("histogram_count(h)", end_ms), std::vector{200.0});
    std::vector<double> rate = Ask("histogram_count(rate(h[1m]))", end_ms);
    ASSERT_EQ(rate.size(), 1u);
    EXPECT_DOUBLE_EQ(rate[0], 1);
    std::vector<double> over_reset = Ask("histogram_count(rate(h[5m]))", end_ms);
    ASSERT_EQ(over_reset.size(), 1u);
    EXPECT_NEAR(over_reset[0], 1, 1e-9);
    EXPECT_EQ(Ask("resets(h[6m])", end_ms), std::vector{1.0});
    std::vector<double> median = Ask("histogram_quantile(0.5, rate(h[1m]))", end_ms);
    ASSERT_EQ(median.size(), 1u);
    EXPECT_GT(median[0], 0.917) << "the bucket that the fifth of ten observations is in";
    EXPECT_LT(median[0], 1.091);
    db_.reset();
    db_ = bench_.Open();
  }
  ASSERT_TRUE(tsdb::AppendOne(*db_, tsdb::MetricLabels("h"), end_ms + 1000, model::StaleNan()).has_value());
  EXPECT_TRUE(Ask("histogram_count(h)", end_ms + 1000).empty()) << "it has ended";
}

}  // namespace
}  // namespace sextant::api
