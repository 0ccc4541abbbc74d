// Whatever a query is doing, it looks often enough whether it must stop, stops at each of these looks, and
// gives back what it held. No time is measured: a look is a question to the clock, and these are counted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <random>
#include <string>

#include "core/executor.h"
#include "core/parallel.h"
#include "metrics/promql/engine.h"
#include "metrics/promql/quantile.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/query_profile.h"
#include "metrics/promql/stable_sort.h"
#include "metrics/promql/test_storage.h"

namespace sextant::promql {
namespace {

using model::Labels;
using testing::HasSubstr;

constexpr TimestampMs kStep = 15'000;
constexpr int kSeries = 600;
constexpr size_t kSteps = 240;

// At every node kind of the language, with the features on that have some of their own.
constexpr const char* kQueries[] = {
    "x_total",
    "rate(x_total[5m])",
    "x_total[1h] @ 3600",
    "sum by (zone) (x_total)",
    "sum by (zone) (rate(x_total[2m]))",
    "avg without (pod) (x_total)",
    "stddev(x_total)",
    "topk(300, x_total)",
    "limitk(300, x_total)",
    "limit_ratio(0.5, x_total)",
    "quantile by (zone) (0.9, x_total)",
    "count_values(\"value\", x_total)",
    "x_total + x_total",
    "x_total * on (pod) group_left (node) info",
    "x_total > bool 3",
    "2 ^ x_total",
    "x_total and x_total",
    "x_total or info",
    "x_total unless info",
    "x_total + fill (1) info",
    "-x_total",
    "exp(x_total)",
    "clamp(x_total, 1, 2)",
    "timestamp(x_total)",
    "absent(nothing)",
    "absent_over_time(x_total[5m])",
    "scalar(x_total) + time()",
    "max_of(time(), 2)",
    "sort(x_total)",
    "sort_by_label(x_total, \"pod\")",
    "label_replace(x_total, \"a\", \"$1\", \"pod\", \"(.*)\")",
    "label_join(x_total, \"a\", \"-\", \"pod\", \"zone\")",
    "info(x_total)",
    "histogram_quantile(0.9, x_total)",
    "histogram_quantiles(x_total, \"q\", 0.1, 0.9)",
    "histogram_fraction(0, 1, x_total)",
    "histogram_quantile(0.9, h)",
    "histogram_count(h)",
    "sum(h)",
    "avg(rate(h[5m]))",
    "h * 2",
    "sum_over_time(h[5m])",
    "changes(h[5m])",
    "avg_over_time(x_total[5m])",
    "stddev_over_time(x_total[5m])",
    "max_over_time(x_total[5m])",
    "ts_of_max_over_time(x_total[5m])",
    "quantile_over_time(0.5, x_total[5m])",
    "mad_over_time(x_total[5m])",
    "deriv(x_total[5m])",
    "predict_linear(x_total[5m], 60)",
    "double_exponential_smoothing(x_total[5m], 0.5, 0.5)",
    "irate(x_total[5m])",
    "resets(x_total[5m])",
    "rate(x_total[5m] smoothed)",
    "increase(x_total[5m] anchored)",
    "max_over_time(x_total[10m:1m])",
    "x_total @ 600",
    "vector(time())",
};

// Counts the questions to it, and raises a flag at one of them.
class CountingClock final : public core::Clock {
 public:
  TimestampMs NowMs() const override { return 0; }
  int64_t MonotonicNs() const override {
    int64_t look = looks_.fetch_add(1) + 1;
    if (look == cancel_at_.load()) cancelled_ = true;
    if (!gap_seen_.load(std::memory_order_relaxed)) return look;
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    int64_t now_ns = now.tv_sec * 1'000'000'000 + now.tv_nsec;
    if (last_ns_ != 0) longest_ns_ = std::max(longest_ns_, now_ns - last_ns_);
    last_ns_ = now_ns;
    return look;
  }

  void Begin(int64_t cancel_at) {
    looks_ = 0;
    cancel_at_ = cancel_at;
    cancelled_ = false;
    last_ns_ = longest_ns_ = 0;
  }
  // For one thread only.
  void MeasureGaps() { gap_seen_ = true; }
  int64_t looks() const { return looks_.load(); }
  int64_t longest_us() const { return longest_ns_ / 1000; }
  const std::atomic<bool>& cancelled() const { return cancelled_; }

 private:
  mutable std::atomic<int64_t> looks_ = 0;
  std::atomic<int64_t> cancel_at_ = 0;
  mutable std::atomic<bool> cancelled_ = false;
  std::atomic<bool> gap_seen_ = false;
  mutable int64_t last_ns_ = 0;
  mutable int64_t longest_ns_ = 0;
};

HistogramPtr MakeHistogram(int seed, size_t buckets) {
  auto histogram = std::make_shared<model::FloatHistogram>();
  histogram->schema = 1;
  histogram->positive_spans = {{0, static_cast<uint32_t>(buckets)}};
  for (size_t i = 0; i < buckets; ++i) histogram->positive_buckets.push_back(seed + static_cast<double>(i));
  for (double count : histogram->positive_buckets) histogram->count += count;
  histogram->sum = seed;
  return histogram;
}

void Fill(TestStorage& storage, int series, size_t steps) {
  for (int i = 0; i < series; ++i) {
    std::string number = std::to_string(i);
    auto labels = [&](const char* name) {
      return Labels::Of({{"__name__", name},
                         {"pod", number},
                         {"zone", std::to_string(i % 7)},
                         {"le", std::to_string(i % 5)},
                         {"instance", number},
                         {"job", "a"}});
    };
    for (size_t k = 0; k < steps; ++k) {
      storage.Add(labels("x_total"), static_cast<TimestampMs>(k) * kStep, static_cast<double>(k % 50) + i);
    }
    storage.Add(Labels::Of({{"__name__", "info"}, {"pod", number}, {"node", std::to_string(i % 3)}}), 0, 1);
    storage.Add(Labels::Of({{"__name__", "target_info"}, {"instance", number}, {"job", "a"}, {"v", "1"}}), 0,
                1);
    if (i % 10 != 0) continue;
    Labels histogram = Labels::Of({{"__name__", "h"}, {"pod", number}});
    for (size_t k = 0; k < steps; ++k) {
      storage.AddHistogram(histogram, static_cast<TimestampMs>(k) * kStep,
                           MakeHistogram(static_cast<int>(k), 8));
    }
  }
}

class QueryStopTest : public testing::Test {
 protected:
  void SetUp() override { Fill(storage_, kSeries, kSteps); }

  Engine MakeEngine(core::Parallel* parallel) {
    EngineOptions options;
    options.memory = &share_;
    options.parallel = parallel;
    options.timeout_ms = 1'000'000'000;
    options.parser.experimental_functions = true;
    options.parser.duration_expressions = true;
    options.parser.extended_range_selectors = true;
    options.parser.binop_fill = true;
    return Engine(options, clock_, nullptr);
  }

  QueryOutcome Ask(const Engine& engine, const TestStorage& storage, std::string_view query,
                   int64_t cancel_at, size_t steps = kSteps) {
    clock_.Begin(cancel_at);
    QueryOptions options;
    options.cancelled = &clock_.cancelled();
    if (query.find('[') != std::string_view::npos && query.back() != ')') {
      return engine.Instant(storage, query, static_cast<TimestampMs>(steps) * kStep, options);
    }
    return engine.Range(storage, query, 0, static_cast<TimestampMs>(steps) * kStep, kStep, options);
  }

  void StopsEverywhere(core::Parallel* parallel) {
    Engine engine = MakeEngine(parallel);
    for (const char* query : kQueries) {
      SCOPED_TRACE(query);
      QueryOutcome whole = Ask(engine, storage_, query, 0);
      ASSERT_TRUE(whole) << whole.error().message;
      const int64_t looks = clock_.looks();
      // The first look is not for stopping, and the last few are for statistics. How often several threads
      // look varies a little.
      constexpr int64_t kLastLooks = 10;
      const int64_t last = std::max<int64_t>(3, looks - kLastLooks);
      for (int64_t i = 0; i < 6; ++i) {
        const int64_t at = 3 + (last - 3) * i / 5;
        QueryOutcome outcome = Ask(engine, storage_, query, at);
        if (outcome && clock_.looks() - at < kLastLooks) continue;  // it was over by then
        ASSERT_FALSE(outcome) << "cancelled at look " << at << " of " << looks;
        EXPECT_EQ(outcome.error().type, QueryErrorType::kCanceled) << outcome.error().message;
      }
      whole = tl::unexpected(QueryError());
      EXPECT_EQ(share_.used_bytes(), 0u);
    }
  }

  core::Registry registry_;
  core::MemoryBudget budget_{1 << 30, registry_};
  core::MemoryShare& share_ = budget_.AddShare("queries", 0.9);
  CountingClock clock_;
  TestStorage storage_;
};

TEST_F(QueryStopTest, OneThreadStopsAtEveryLookAndHoldsNothingAfterwards) { StopsEverywhere(nullptr); }

TEST_F(QueryStopTest, SeveralThreadsStopAtEveryLookAndHoldNothingAfterwards) {
  core::Executor executor({.threads = 3});
  core::ExecutorParallel parallel(executor, core::Priority::kQuery, 2);
  StopsEverywhere(&parallel);
}

TEST_F(QueryStopTest, MoreWorkMeansMoreLooks) {
  TestStorage larger;
  constexpr int kTimes = 3;
  Fill(larger, kTimes * kSeries, kSteps);
  Engine engine = MakeEngine(nullptr);
  for (std::string_view query : kQueries) {
    SCOPED_TRACE(query);
    // These look at no series, or are over with the first one.
    if (query.find("absent") == 0 || query.find("vector") == 0 || query.find("max_of") == 0) continue;
    ASSERT_TRUE(Ask(engine, storage_, query, 0));
    const int64_t looks = clock_.looks();
    ASSERT_TRUE(Ask(engine, larger, query, 0));
    // Each series more is work, and so is each of its samples where there are steps.
    const bool has_steps = query.find('@') == std::string_view::npos;
    constexpr int64_t kMoreSeries = (kTimes - 1) * kSeries;
    const int64_t more = has_steps ? kMoreSeries * static_cast<int64_t>(kSteps)
                                   : kMoreSeries * static_cast<int64_t>(QueryContext::kWorkOfSeries);
    EXPECT_GE(clock_.looks() - looks, more / QueryContext::kWorkBetweenChecks);
  }
}

// Samples that a store hands out between two looks.
TEST_F(QueryStopTest, ReadsAtMostSoManySeriesBetweenTwoLooks) {
  TestStorage storage;
  constexpr int kMany = 5'000;
  for (int i = 0; i < kMany; ++i) {
    storage.Add(Labels::Of({{"__name__", "x_total"}, {"pod", std::to_string(i)}}), 0, i);
  }
  constexpr auto kMostBetween =
      static_cast<int64_t>(QueryContext::kWorkBetweenChecks / QueryContext::kWorkOfSeries);
  Engine engine = MakeEngine(nullptr);
  for (const char* query : {"x_total", "sum(x_total)", "count by (pod) (x_total)", "topk(3, x_total)",
                            "x_total + x_total", "absent(x_total)", "scalar(x_total)", "x_total[5m]"}) {
    SCOPED_TRACE(query);
    clock_.Begin(0);
    ASSERT_TRUE(engine.Instant(storage, query, 0));
    EXPECT_GE(clock_.looks(), kMany / kMostBetween);
  }
}

// No loop over steps or samples is counted, and so gone through, in one piece: with so many steps it would
// show as a stretch of more than their number.
TEST_F(QueryStopTest, NeverWorksForLongBetweenTwoLooks) {
  constexpr int64_t kMostWork = 1'000'000;
  TestStorage storage;
  for (int i = 0; i < 2; ++i) {
    Labels labels = Labels::Of({{"__name__", "x_total"}, {"pod", std::to_string(i)}});
    for (int k = 0; k < 100; ++k) storage.Add(labels, k * 20'000, k % 7);
  }
  core::Executor executor({.threads = 3});
  core::ExecutorParallel parallel(executor, core::Priority::kQuery, 2);
  for (const char* inner :
       {"vector(time())", "x_total", "-x_total", "exp(x_total)", "clamp(x_total, 1, time())",
        "x_total + x_total", "x_total > 3", "sum(x_total)", "stddev(x_total)",
        "avg without (pod) (x_total * 2)", "max_over_time(x_total[5m])", "rate(x_total[5m])",
        "vector(-time() + 1)", "vector(max_of(time(), 1))"}) {
    for (const char* outer :
         {"count_over_time", "sum_over_time", "avg_over_time", "stddev_over_time", "max_over_time",
          "mad_over_time", "deriv", "rate", "quantile_over_time(0.3, "}) {
      const std::string query = fmt::format("{}{}({})[2000s:1ms])", outer,
                                            std::string_view(outer).ends_with(' ') ? "" : "(", inner);
      // Each function over one expression, and each expression under one function.
      if (std::string_view(inner) != "x_total" && std::string_view(outer) != "sum_over_time") continue;
      SCOPED_TRACE(query);
      for (core::Parallel* threads :
           {static_cast<core::Parallel*>(nullptr), static_cast<core::Parallel*>(&parallel)}) {
        clock_.Begin(0);
        QueryOutcome outcome = MakeEngine(threads).Instant(storage, query, 2'000'000);
        ASSERT_TRUE(outcome) << outcome.error().message;
        EXPECT_GT(outcome->stats.longest_stretch, 0);
        EXPECT_LE(outcome->stats.longest_stretch, kMostWork);
      }
    }
  }
}

TEST_F(QueryStopTest, ScalarsAreAccountedForBeforeTheyAreMade) {
  EngineOptions options;
  options.max_bytes = 64 << 20;
  Engine engine(options, clock_, nullptr);
  // Each level holds a column of a million steps while it computes the next.
  std::string scalar = "time()";
  for (int i = 0; i < 50; ++i) scalar = "time() + (" + scalar + ")";
  clock_.Begin(0);
  QueryOutcome outcome = engine.Instant(storage_, "count_over_time(vector(" + scalar + ")[1000000s:1s])", 0);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("more than 67108864 bytes of memory"));
}

TEST_F(QueryStopTest, LabelsThatDoubleAreRefused) {
  Engine engine = MakeEngine(nullptr);
  std::string query = "label_replace(vector(1), \"a\", \"0123456789\", \"\", \"\")";
  for (int i = 0; i < 40; ++i) query = "label_replace(" + query + ", \"a\", \"$1$1\", \"a\", \"(.*)\")";
  clock_.Begin(0);
  QueryOutcome outcome = engine.Instant(storage_, query, 0);
  ASSERT_FALSE(outcome);
  EXPECT_EQ(outcome.error().message, "label_replace() would make a label value of more than 16777216 bytes");
  EXPECT_EQ(share_.used_bytes(), 0u);
}

TEST_F(QueryStopTest, AnAnswerIsAccountedForUntilItIsDropped) {
  Engine engine = MakeEngine(nullptr);
  QueryOutcome outcome = Ask(engine, storage_, "x_total", 0);
  ASSERT_TRUE(outcome);
  EXPECT_GE(share_.used_bytes(), kSeries * kSteps * sizeof(FloatPoint));
  outcome = tl::unexpected(QueryError());
  EXPECT_EQ(share_.used_bytes(), 0u);
  clock_.Begin(0);
  QueryOptions options;
  options.keeps_columns = true;
  outcome = engine.Range(storage_, "x_total", 0, kSteps * kStep, kStep, options);
  ASSERT_TRUE(outcome);
  EXPECT_LT(share_.used_bytes(), kSeries * kSteps * sizeof(FloatPoint));
  EXPECT_GE(share_.used_bytes(), kSeries * kSteps * sizeof(double));
  const auto& columns = std::get<ColumnsResult>(outcome->value);
  ASSERT_EQ(columns.series.size(), static_cast<size_t>(kSeries));
  EXPECT_TRUE(std::ranges::is_sorted(columns.series, {}, &SeriesColumn::labels));
}

// A batch that several threads have read is in memory at once: with its histograms, not only its floats.
TEST_F(QueryStopTest, HistogramsOfABatchAreAccountedFor) {
  TestStorage storage;
  constexpr int kMany = 100;
  constexpr size_t kBuckets = 100;
  for (int i = 0; i < kMany; ++i) {
    Labels labels = Labels::Of({{"__name__", "h"}, {"pod", std::to_string(i)}});
    for (size_t k = 0; k < kSteps; ++k) {
      storage.AddHistogram(labels, static_cast<TimestampMs>(k) * kStep,
                           MakeHistogram(static_cast<int>(k), kBuckets));
    }
  }
  core::Executor executor({.threads = 3});
  core::ExecutorParallel parallel(executor, core::Priority::kQuery, 2);
  EngineOptions options;
  options.parallel = &parallel;
  options.timeout_ms = 1'000'000'000;
  clock_.Begin(0);
  QueryOutcome outcome =
      Engine(options, clock_, nullptr).Range(storage, "count(h)", 0, kSteps * kStep, kStep);
  ASSERT_TRUE(outcome);
  constexpr int64_t kBatchBytes = 64 * kSteps * kBuckets * sizeof(double);
  EXPECT_GE(outcome->stats.peak_bytes, kBatchBytes);
  options.max_bytes = kBatchBytes / 2;
  outcome = Engine(options, clock_, nullptr).Range(storage, "count(h)", 0, kSteps * kStep, kStep);
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().message, HasSubstr("bytes of memory in query execution"));
}

TEST_F(QueryStopTest, ExplainedQueriesUseTheSameThreads) {
  core::Executor executor({.threads = 3});
  core::ExecutorParallel parallel(executor, core::Priority::kQuery, 2);
  for (const char* query : {"sum by (zone) (rate(x_total[5m]))", "-x_total", "x_total * 2 + x_total",
                            "max_over_time(sum by (zone) (x_total)[10m:1m])"}) {
    SCOPED_TRACE(query);
    core::SystemClock clock;
    QueryProfile alone(clock);
    QueryProfile shared(clock);
    QueryOptions options;
    options.profile = &alone;
    ASSERT_TRUE(MakeEngine(nullptr).Range(storage_, query, 0, kSteps * kStep, kStep, options));
    options.profile = &shared;
    ASSERT_TRUE(MakeEngine(&parallel).Range(storage_, query, 0, kSteps * kStep, kStep, options));
    std::function<void(const ProfileNode&, const ProfileNode&)> compare = [&](const ProfileNode& a,
                                                                              const ProfileNode& b) {
      EXPECT_EQ(a.text, b.text);
      EXPECT_EQ(a.series, b.series);
      EXPECT_EQ(a.points, b.points);
      EXPECT_EQ(a.samples, b.samples);
      EXPECT_EQ(a.bytes, b.bytes);
      ASSERT_EQ(a.operands.size(), b.operands.size());
      int64_t operands_ns = 0;
      for (size_t i = 0; i < a.operands.size(); ++i) {
        compare(a.operands[i], b.operands[i]);
        operands_ns += b.operands[i].time_ns;
      }
      // What operands took is never more than the node that they belong to.
      EXPECT_GE(b.time_ns, operands_ns);
    };
    compare(alone.root(), shared.root());
  }
}

TEST(StableSortTest, OrdersAsTheLibraryDoesAndStopsWhenItMust) {
  std::mt19937 random(1);
  CountingClock clock;
  std::atomic<bool> cancelled = false;
  QueryLimits limits{.timeout_ms = 1'000'000'000, .cancelled = &cancelled};
  QueryContext context(limits, clock);
  auto less = [](const std::pair<int, int>& a, const std::pair<int, int>& b) { return a.first < b.first; };
  for (size_t size : {0, 1, 2, 5'000, 100'000}) {
    std::vector<std::pair<int, int>> items(size);
    for (size_t i = 0; i < size; ++i) items[i] = {static_cast<int>(random() % 1'000), static_cast<int>(i)};
    std::vector<std::pair<int, int>> expected = items;
    std::stable_sort(expected.begin(), expected.end(), less);
    ASSERT_TRUE(StableSort(items, context, less));
    EXPECT_EQ(items, expected);
  }
  cancelled = true;
  std::vector<std::pair<int, int>> items(100'000);
  EXPECT_FALSE(StableSort(items, context, less));
}

TEST(LargeQuantileTest, IsThatOfASortedListAndStopsWhenItMust) {
  std::mt19937 random(2);
  CountingClock clock;
  std::atomic<bool> cancelled = false;
  QueryLimits limits{.timeout_ms = 1'000'000'000, .cancelled = &cancelled};
  QueryContext context(limits, clock);
  for (uint32_t distinct : {1u, 7u, 1'000'000u}) {
    std::vector<double> values(400'000);
    for (double& value : values) value = static_cast<double>(random() % distinct) / 8;
    values[1] = values[2] = model::NormalNan();
    std::vector<double> sorted = values;
    std::ranges::sort(sorted, [](double a, double b) { return std::isnan(a) ? !std::isnan(b) : a < b; });
    for (double q : {0.0, 0.001, 0.5, 0.75, 0.999999, 1.0}) {
      const double rank = q * static_cast<double>(sorted.size() - 1);
      const auto lower = static_cast<size_t>(rank);
      const size_t upper = std::min(lower + 1, sorted.size() - 1);
      const double weight = rank - std::floor(rank);
      const double expected = sorted[lower] * (1 - weight) + sorted[upper] * weight;
      const double got = Quantile(q, values, context);
      EXPECT_TRUE(got == expected || (std::isnan(got) && std::isnan(expected))) << q << " of " << distinct;
    }
  }
  cancelled = true;
  std::vector<double> values(400'000);
  Quantile(0.5, values, context);
  EXPECT_FALSE(context.Tick(0));
}

// For people: the longest stretch of a thread's CPU time between two looks, per query over a larger load.
TEST_F(QueryStopTest, ShowsTheLongestStretches) {
  const char* series = std::getenv("SEXTANT_STOP_GAPS");
  if (series == nullptr) GTEST_SKIP() << "SEXTANT_STOP_GAPS names no number of series";
  TestStorage storage;
  constexpr size_t kFewSteps = 40;
  Fill(storage, std::atoi(series), kFewSteps);
  clock_.MeasureGaps();
  Engine engine = MakeEngine(nullptr);
  for (const char* query : kQueries) {
    QueryOutcome outcome = Ask(engine, storage, query, 0, kFewSteps);
    printf("%8.2f ms %6ld looks  %s%s\n", static_cast<double>(clock_.longest_us()) / 1000, clock_.looks(),
           query, outcome ? "" : " (failed)");
  }
}

}  // namespace
}  // namespace sextant::promql
