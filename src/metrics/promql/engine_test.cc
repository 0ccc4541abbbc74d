// The engine as its users see it: values, errors, limits, cancellation, statistics. The language itself is
// covered by Prometheus' scripts (promqltest_script_test.cc) and by the reference evaluator
// (reference_test.cc).
#include "metrics/promql/engine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "metrics/promql/promqltest.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

using model::Labels;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr TimestampMs kMinute = 60'000;

class EngineTest : public testing::Test {
 protected:
  EngineTest() {
    for (int i = 0; i <= 60; ++i) {
      storage_.Add(Labels::Of({{"__name__", "requests_total"}, {"job", "a"}, {"instance", "1"}}), i * kMinute,
                   i * 60);
      storage_.Add(Labels::Of({{"__name__", "requests_total"}, {"job", "a"}, {"instance", "2"}}), i * kMinute,
                   i * 120);
      storage_.Add(Labels::Of({{"__name__", "requests_total"}, {"job", "b"}, {"instance", "1"}}), i * kMinute,
                   i * 6);
      storage_.Add(Labels::Of({{"__name__", "up"}, {"job", "a"}, {"instance", "1"}}), i * kMinute, 1);
    }
  }

  QueryOutcome Instant(std::string_view query, TimestampMs time_ms = 30 * kMinute,
                       QueryOptions options = {}) {
    return Engine(options_, clock_, nullptr).Instant(storage_, query, time_ms, options);
  }
  QueryOutcome Range(std::string_view query, TimestampMs start_ms = 10 * kMinute,
                     TimestampMs end_ms = 30 * kMinute, DurationMs step_ms = kMinute) {
    return Engine(options_, clock_, nullptr).Range(storage_, query, start_ms, end_ms, step_ms);
  }
  std::string Failure(const QueryOutcome& outcome) {
    return outcome ? "no failure"
                   : std::string(QueryErrorTypeText(outcome.error().type)) + ": " + outcome.error().message;
  }
  // "labels=value" of every element of an instant vector.
  std::vector<std::string> Elements(std::string_view query) {
    QueryOutcome outcome = Instant(query);
    if (!outcome) return {Failure(outcome)};
    std::vector<std::string> elements;
    for (const VectorSample& sample : std::get<VectorResult>(outcome->value)) {
      elements.push_back(sample.labels.ToMetricString() + "=" + model::FormatValue(sample.value));
    }
    return elements;
  }

  EngineOptions options_;
  core::SystemClock clock_;
  TestStorage storage_;
};

TEST_F(EngineTest, AnswersEveryTypeOfExpression) {
  QueryOutcome scalar = Instant("1 + 2");
  ASSERT_TRUE(scalar);
  EXPECT_EQ(std::get<ScalarResult>(scalar->value).value, 3);
  EXPECT_EQ(std::get<ScalarResult>(scalar->value).time_ms, 30 * kMinute);
  QueryOutcome text = Instant("\"x\"");
  ASSERT_TRUE(text);
  EXPECT_EQ(std::get<StringResult>(text->value).value, "x");
  EXPECT_THAT(Elements("up"), ElementsAre("up{instance=\"1\", job=\"a\"}=1"));
  QueryOutcome matrix = Instant("up[3m]");
  ASSERT_TRUE(matrix);
  const MatrixResult& series = std::get<MatrixResult>(matrix->value);
  ASSERT_EQ(series.size(), 1U);
  ASSERT_EQ(series[0].floats.size(), 3U);  // open on the left
  EXPECT_EQ(series[0].floats[0].time_ms, 28 * kMinute);
}

TEST_F(EngineTest, DropsMetricNamesAtOnceByDefault) {
  EXPECT_THAT(Elements("sum by (job) (rate(requests_total[5m]))"),
              ElementsAre("{job=\"a\"}=3", "{job=\"b\"}=0.1"));
  EXPECT_THAT(Elements("rate(requests_total{job=\"b\"}[5m])"),
              ElementsAre("{instance=\"1\", job=\"b\"}=0.1"));
  EXPECT_THAT(Elements("-up"), ElementsAre("{instance=\"1\", job=\"a\"}=-1"));
  EXPECT_THAT(Elements("up > bool 0"), ElementsAre("{instance=\"1\", job=\"a\"}=1"));
  EXPECT_THAT(Elements("up > 0"), ElementsAre("up{instance=\"1\", job=\"a\"}=1"));
  EXPECT_THAT(Elements("up * on (job, instance) up"), ElementsAre("{instance=\"1\", job=\"a\"}=1"));
  EXPECT_THAT(Elements("last_over_time(up[5m])"), ElementsAre("up{instance=\"1\", job=\"a\"}=1"));
  EXPECT_THAT(Elements("rate({job=\"a\"}[5m])"),
              ElementsAre("execution: vector cannot contain metrics with the same labelset"));
  EXPECT_THAT(Elements("rate({job=\"a\"}[5m]) > 1e9"),
              ElementsAre("execution: vector cannot contain metrics with the same labelset"));
  EXPECT_THAT(Elements("sum(rate({job=\"a\"}[5m]))"),
              ElementsAre("execution: vector cannot contain metrics with the same labelset"));
}

TEST_F(EngineTest, OrdersARangeByLabels) {
  QueryOutcome outcome = Range("requests_total");
  ASSERT_TRUE(outcome);
  const MatrixResult& series = std::get<MatrixResult>(outcome->value);
  ASSERT_EQ(series.size(), 3U);
  EXPECT_LT(series[0].labels, series[1].labels);
  EXPECT_LT(series[1].labels, series[2].labels);
  EXPECT_EQ(series[0].floats.size(), 21U);
}

TEST_F(EngineTest, ReportsParseErrorsAsBadData) {
  EXPECT_THAT(Failure(Instant("sum(")), testing::StartsWith("bad_data: 1:5: parse error: "));
  EXPECT_EQ(
      Failure(Range("up[5m]")),
      "bad_data: invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
  EXPECT_EQ(Failure(Range("up", 0, 10, 0)),
            "bad_data: zero or negative query resolution step widths are not accepted");
  EXPECT_EQ(Failure(Range("up", 10, 0, 1)), "bad_data: end timestamp must not be before start time");
}

TEST_F(EngineTest, StopsAtTheSampleLimit) {
  options_.max_samples = 50;
  EXPECT_TRUE(Instant("requests_total"));
  EXPECT_EQ(Failure(Range("requests_total")),
            "execution: query processing would load too many samples into memory in query execution");
  EXPECT_EQ(Failure(Instant("requests_total[60m]")),
            "execution: query processing would load too many samples into memory in query execution");
}

TEST_F(EngineTest, StopsAtTheByteLimit) {
  options_.max_bytes = 500;
  EXPECT_THAT(Failure(Range("requests_total")), HasSubstr("more than 500 bytes of memory"));
}

TEST_F(EngineTest, AllQueriesShareOneMemory) {
  core::Registry registry;
  core::MemoryBudget budget(4 << 20, registry);
  core::MemoryShare& share = budget.AddShare("queries", 0.5);
  options_.memory = &share;
  EXPECT_TRUE(Range("requests_total"));
  EXPECT_EQ(share.used_bytes(), 0u);
  ASSERT_TRUE(share.Take(2 << 20));
  EXPECT_THAT(Failure(Range("requests_total")), HasSubstr("memory for queries is used up"));
  share.GiveBack(2 << 20);
  EXPECT_TRUE(Range("requests_total"));
  EXPECT_EQ(share.used_bytes(), 0u);
}

TEST_F(EngineTest, StopsWhenCancelled) {
  std::atomic<bool> cancelled{true};
  QueryOptions options;
  options.cancelled = &cancelled;
  EXPECT_EQ(Failure(Instant("up", kMinute, options)),
            "canceled: query was canceled in expression evaluation");
}

TEST_F(EngineTest, WaitingCountsAndMayTakeTooLong) {
  QueryOptions options;
  options.queued_ns = 1'500'000'000;
  QueryOutcome outcome = Instant("up", kMinute, options);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->stats.queue_seconds, 1.5);
  options.timeout_ms = 1'000;
  EXPECT_EQ(Failure(Instant("up", kMinute, options)), "timeout: query timed out in query queue");
}

TEST_F(EngineTest, StopsWhenTimeIsUp) {
  options_.timeout_ms = 0;
  EXPECT_EQ(Failure(Instant("up")), "timeout: query timed out in expression evaluation");
}

TEST_F(EngineTest, SurvivesAbsurdTimesAndDurations) {
  constexpr TimestampMs kHuge = std::numeric_limits<TimestampMs>::max();
  EXPECT_EQ(Failure(Instant("up", kHuge)), "bad_data: timestamp out of range");
  EXPECT_EQ(Failure(Instant("up", -kHuge)), "bad_data: timestamp out of range");
  EXPECT_EQ(Failure(Range("up", -kHuge, kHuge, 1)), "bad_data: timestamp out of range");
  EXPECT_TRUE(Instant("sum_over_time(up[290y] offset -290y)"));
  EXPECT_TRUE(Instant("up @ 9000000000000"));
  EXPECT_THAT(Failure(Instant("count_over_time(vector(1)[290y:1ms])")), HasSubstr("too many samples"));
  options_.parser.duration_expressions = true;
  EXPECT_THAT(Failure(Instant("up offset (1e300)")), HasSubstr("duration"));
  EXPECT_THAT(Failure(Instant("rate(up[5m - 10m])")), HasSubstr("duration must be greater than 0"));
  EXPECT_THAT(Failure(Instant("rate(up[5m / 0])")), HasSubstr("division by zero"));
}

TEST_F(EngineTest, SurvivesDeepNesting) {
  std::string query = "up";
  for (int i = 0; i < 900; ++i) query = "-(" + query + ")";
  QueryOutcome outcome = Instant(query);
  if (!outcome) {
    EXPECT_EQ(outcome.error().type, QueryErrorType::kBadData);
  }
  query = "1";
  for (int i = 0; i < 900; ++i) query += "+1";
  outcome = Instant(query);
  ASSERT_TRUE(outcome) << Failure(outcome);
  EXPECT_EQ(std::get<ScalarResult>(outcome->value).value, 901);
}

TEST_F(EngineTest, GivesAnnotationsTheirPlace) {
  QueryOutcome outcome = Instant("1 +\n  rate(up[5m])");
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->infos, ElementsAre("PromQL info: metric might not be a counter, name does not end in "
                                          "_total/_sum/_count/_bucket: \"up\" (2:8)"));
  outcome = Instant("quantile(2, up)");
  ASSERT_TRUE(outcome);
  EXPECT_THAT(outcome->warnings,
              ElementsAre("PromQL warning: quantile value should be between 0 and 1, got 2 (1:10)"));
  EXPECT_THAT(outcome->infos, IsEmpty());
}

TEST_F(EngineTest, CountsSamples) {
  QueryOptions options;
  options.per_step_stats = true;
  QueryOutcome outcome =
      Engine(options_, clock_, nullptr)
          .Range(storage_, "rate(requests_total[5m])", 10 * kMinute, 12 * kMinute, kMinute, options);
  ASSERT_TRUE(outcome);
  EXPECT_EQ(outcome->stats.total_samples, 3 * 3 * 5);
  EXPECT_THAT(outcome->stats.samples_per_step, ElementsAre(15, 15, 15));
  EXPECT_GT(outcome->stats.peak_samples, 0);
  EXPECT_GT(outcome->stats.peak_bytes, 0);
}

TEST_F(EngineTest, PublishesItsMetrics) {
  core::Registry registry;
  Engine engine(options_, clock_, &registry);
  ASSERT_TRUE(engine.Instant(storage_, "up", kMinute));
  std::string text = registry.RenderText();
  EXPECT_THAT(text, HasSubstr("prometheus_engine_queries 0"));
  EXPECT_THAT(text, HasSubstr("prometheus_engine_query_samples_total 1"));
  EXPECT_THAT(text, HasSubstr("prometheus_engine_queries_concurrent_max 20"));
}

TEST_F(EngineTest, LooksBackAsFarAsItIsTold) {
  storage_.Add(Labels::Of({{"__name__", "old"}}), 0, 7);
  EXPECT_THAT(std::get<VectorResult>(Instant("old", 5 * kMinute)->value), IsEmpty());
  EXPECT_EQ(std::get<VectorResult>(Instant("old", 5 * kMinute - 1)->value).size(), 1U);
  QueryOptions options;
  options.lookback_ms = 20 * kMinute;
  EXPECT_EQ(std::get<VectorResult>(Instant("old", 15 * kMinute, options)->value).size(), 1U);
}

TEST_F(EngineTest, KeepsTieOrderOfTopk) {
  EXPECT_THAT(Elements("topk(1, requests_total{job=\"a\"})"),
              ElementsAre("requests_total{instance=\"2\", job=\"a\"}=3600"));
  EXPECT_THAT(Elements("bottomk(2, requests_total)"),
              ElementsAre("requests_total{instance=\"1\", job=\"b\"}=180",
                          "requests_total{instance=\"1\", job=\"a\"}=1800"));
}

// As upstream, which replaces an extreme only by what is beyond it.
TEST_F(EngineTest, OfZerosOfBothSignsTheEarliestCounts) {
  for (int i = 0; i < 6; ++i) {
    double zero = i % 2 == 0 ? 0.0 : -0.0;
    storage_.Add(Labels::Of({{"__name__", "zeros"}}), i * kMinute, zero);
  }
  for (const char* query : {"max_over_time(zeros[2m])", "min_over_time(zeros[2m])"}) {
    SCOPED_TRACE(query);
    QueryOutcome range = Range(query, 2 * kMinute, 5 * kMinute);
    ASSERT_TRUE(range);
    const MatrixResult& matrix = std::get<MatrixResult>(range->value);
    ASSERT_EQ(matrix.size(), 1U);
    ASSERT_EQ(matrix[0].floats.size(), 4U);
    for (const FloatPoint& point : matrix[0].floats) {
      EXPECT_EQ(std::signbit(point.value), (point.time_ms / kMinute - 1) % 2 != 0) << point.time_ms;
      QueryOutcome instant = Instant(query, point.time_ms);
      ASSERT_TRUE(instant);
      EXPECT_EQ(std::signbit(std::get<VectorResult>(instant->value)[0].value), std::signbit(point.value));
    }
  }
}

TEST_F(EngineTest, EvaluatesAParsedExpression) {
  ParseResult<ExprPtr> expr = ParseExpr("rate(up[5m])");
  ASSERT_TRUE(expr);
  Engine engine(options_, clock_, nullptr);
  QueryOutcome outcome = engine.Instant(storage_, **expr, 30 * kMinute);
  ASSERT_TRUE(outcome);
  ASSERT_EQ(outcome->infos.size(), 1U);
  EXPECT_THAT(outcome->infos[0], testing::EndsWith("\"up\""));
  // The tree is not changed by it.
  EXPECT_TRUE(engine.Range(storage_, **expr, 0, kMinute, 1000));
}

// Prometheus' scripts are written for delayed name removal; with names removed at once, hardly any answer
// differs.
TEST(EngineWithoutDelayedNameRemoval, PassesTheScripts) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::filesystem::path folder = dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT;
  folder /= "prometheus/promql";
  if (!std::filesystem::exists(folder)) GTEST_SKIP();
  EngineOptions options = PromqltestEngineOptions();
  options.delayed_name_removal = false;
  core::SystemClock clock;
  Engine engine(options, clock, nullptr);
  int failures = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".test") continue;
    std::ifstream file(entry.path());
    std::string script{std::istreambuf_iterator<char>(file), {}};
    core::Result<PromqltestReport> report = RunPromqltest(script, engine);
    ASSERT_TRUE(report) << report.error().message();
    failures += static_cast<int>(report->failures.size());
    if (std::getenv("SEXTANT_PROMQLTEST_VERBOSE") == nullptr) continue;
    for (const PromqltestFailure& failure : report->failures) {
      printf("%s:%d: %s\n    %s\n", entry.path().stem().c_str(), failure.line, failure.expr.c_str(),
             failure.message.c_str());
    }
  }
  EXPECT_LE(failures, 60);
}

}  // namespace
}  // namespace sextant::promql
