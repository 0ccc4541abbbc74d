// Native histograms and start times through the whole store: appender, journal, head, checkpoint, restart,
// queries.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::CounterResetHint;
using model::FloatHistogram;
using model::Labels;
using model::Sample;
using model::SeriesRef;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string NameOf(const std::string& metric) { return MetricLabels(metric).ToString(); }

core::Status AppendHistogram(Db& db, const std::string& metric, TimestampMs time_ms,
                             const FloatHistogram& histogram, TimestampMs start_ms = 0) {
  auto appender = db.NewAppender();
  auto result = appender->AppendSample(0, MetricLabels(metric),
                                       {.time_ms = time_ms, .histogram = &histogram, .start_ms = start_ms});
  if (result.outcome != AppendOutcome::kOk) {
    return core::Fail(core::Code::kInvalidArgument, "{}", model::OutcomeText(result.outcome));
  }
  return appender->Commit();
}

// All samples of the one series of a metric.
model::SampleColumns ReadSeries(const Db& db, const std::string& metric, TimestampMs start_ms = kFirst,
                                TimestampMs end_ms = kLast) {
  model::SampleColumns columns;
  auto querier = db.NewQuerier(start_ms, end_ms).value();
  auto set = querier->Select({model::Matcher::Equal("__name__", metric)}, {}).value();
  EXPECT_LE(set->size(), 1u);
  if (set->size() == 1) {
    EXPECT_TRUE(set->Read(0, start_ms, end_ms, columns).has_value());
  }
  EXPECT_TRUE(columns.histograms.empty() || columns.histograms.size() == columns.size());
  EXPECT_TRUE(columns.start_times_ms.empty() || columns.start_times_ms.size() == columns.size());
  return columns;
}

// What the store's files say when the process is killed now.
void ExpectAfterKill(const Bench& bench, const Contents& expected) {
  Bench other;
  other.options = bench.options;
  other.options.dir = other.dir.path();
  std::filesystem::copy(bench.dir.path(), other.dir.path(), std::filesystem::copy_options::recursive);
  auto db = other.Open();
  ASSERT_NE(db, nullptr);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

// Times in minutes and values of a series, and for histograms their counts, "2:0 3:7".
std::string Points(const Db& db, const std::string& metric) {
  model::SampleColumns read = ReadSeries(db, metric);
  std::string text;
  for (size_t i = 0; i < read.size(); ++i) {
    bool is_histogram = !read.histograms.empty() && read.histograms[i] != nullptr;
    text += fmt::format("{}{}:{}{}", text.empty() ? "" : " ", read.times_ms[i] / 60'000,
                        is_histogram ? "h" : "", is_histogram ? read.histograms[i]->count : read.values[i]);
  }
  return text;
}

TEST(DbHistogramTest, ZerosAreAddedWhereCountingBegan) {
  constexpr TimestampMs kMinute = 60'000;
  Bench bench;
  bench.options.adds_zeros_at_start = true;
  bench.options.block_range_ms = 120 * kMinute;
  auto db = bench.Open();
  auto append = [&](const std::string& metric, TimestampMs minute, double value, TimestampMs start_minute) {
    auto appender = db->NewAppender();
    auto result = appender->AppendSample(
        0, MetricLabels(metric),
        {.time_ms = minute * kMinute, .value = value, .start_ms = start_minute * kMinute});
    ASSERT_EQ(result.outcome, AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
  };
  append("a", 70, 5, 60);
  append("a", 71, 6, 60);
  append("a", 80, 1, 75);  // begun anew
  append("a", 81, 2, 81);  // at its own time
  append("a", 82, 3, 99);  // in the future
  EXPECT_EQ(Points(*db, "a"), "60:0 70:5 71:6 75:0 80:1 81:2 82:3");
  append("old", 82, 1, 21);  // further back than half a block's range
  append("new", 82, 1, 22);
  EXPECT_EQ(Points(*db, "old"), "82:1");
  EXPECT_EQ(Points(*db, "new"), "22:0 82:1");

  const FloatHistogram histogram = CounterHistogram(5);
  ASSERT_TRUE(AppendHistogram(*db, "h", 84 * kMinute, histogram, 83 * kMinute));
  EXPECT_EQ(Points(*db, "h"), fmt::format("83:h0 84:h{}", histogram.count));
  model::SampleColumns read = ReadSeries(*db, "h");
  EXPECT_EQ(read.histograms[0]->schema, histogram.schema);
  EXPECT_EQ(read.histograms[0]->counter_reset_hint, CounterResetHint::kReset);
  ExpectAfterKill(bench, ReadContents(*db));
}

TEST(DbHistogramTest, StartTimesFromNowhereAddNoZeros) {
  Bench bench;
  bench.options.adds_zeros_at_start = true;
  auto db = bench.Open();
  for (TimestampMs start_ms :
       {std::numeric_limits<TimestampMs>::min(), std::numeric_limits<TimestampMs>::min() + 1, TimestampMs{-1},
        TimestampMs{1}, std::numeric_limits<TimestampMs>::max()}) {
    auto appender = db->NewAppender();
    std::string metric = fmt::format("m{}", static_cast<uint64_t>(start_ms));
    appender->AppendSample(0, MetricLabels(metric),
                           {.time_ms = 36'000'000, .value = 1, .start_ms = start_ms});
    ASSERT_TRUE(appender->Commit().has_value());
    EXPECT_EQ(Points(*db, metric), "600:1") << start_ms;
  }
}

TEST(DbHistogramTest, EveryKindIsFoundAndSurvives) {
  Bench bench;
  auto db = bench.Open();
  FloatHistogram of_floats = CounterHistogram(0.3);
  of_floats.is_integer = false;
  const FloatHistogram kHistograms[] = {CounterHistogram(5), of_floats, CustomHistogram(4), FloatHistogram(),
                                        StaleHistogram(false)};
  Contents expected;
  for (size_t i = 0; i < std::size(kHistograms); ++i) {
    std::string metric = "m" + std::to_string(i);
    for (TimestampMs t = 0; t < 3; ++t) {
      ASSERT_TRUE(AppendHistogram(*db, metric, kTestStart + t, kHistograms[i]).has_value());
      expected[NameOf(metric)][kTestStart + t] = HistogramBits(kHistograms[i]);
    }
  }
  ASSERT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_TRUE(ReadSeries(*db, "m0").histograms[0]->is_integer);
  EXPECT_FALSE(ReadSeries(*db, "m1").histograms[0]->is_integer);
  ExpectAfterKill(bench, expected);
  for (int i = 0; i < 3; ++i) {
    db.reset();
    db = bench.Open();
    ASSERT_EQ(Difference(ReadContents(*db), expected), "") << "after reopening";
  }
  EXPECT_EQ(ReadSeries(*db, "m0").histograms[1]->counter_reset_hint, CounterResetHint::kNotReset);
  EXPECT_THAT(ReadSeries(*db, "m0", kTestStart + 1, kTestStart + 1).times_ms, ElementsAre(kTestStart + 1));
  ASSERT_TRUE(AppendHistogram(*db, "m0", kTestStart + 9, CounterHistogram(9)).has_value());
  EXPECT_EQ(ReadSeries(*db, "m0").size(), 4u);
}

TEST(DbHistogramTest, OutcomesAreThoseOfFloats) {
  Bench bench;
  bench.options.max_future_ms = 60'000;
  auto db = bench.Open();
  ASSERT_TRUE(AppendHistogram(*db, "h", kTestStart, CounterHistogram(5)).has_value());
  ASSERT_TRUE(AppendOne(*db, MetricLabels("f"), kTestStart, 5).has_value());
  auto appender = db->NewAppender();
  auto outcome = [&](const std::string& metric, TimestampMs time_ms, const FloatHistogram& histogram) {
    return appender->AppendSample(0, MetricLabels(metric), {.time_ms = time_ms, .histogram = &histogram})
        .outcome;
  };
  FloatHistogram wrong = CounterHistogram(5);
  wrong.count += 1;
  FloatHistogram hinted = CounterHistogram(5);
  hinted.counter_reset_hint = CounterResetHint::kGauge;
  EXPECT_EQ(outcome("h", kTestStart + 1, wrong), AppendOutcome::kInvalidHistogram);
  EXPECT_EQ(outcome("new", kTestStart + 1, wrong), AppendOutcome::kInvalidHistogram);
  EXPECT_EQ(outcome("h", kTestStart, CounterHistogram(5)), AppendOutcome::kOk) << "the same again";
  EXPECT_EQ(outcome("h", kTestStart, hinted), AppendOutcome::kOk) << "but for the hint";
  EXPECT_EQ(outcome("h", kTestStart, CounterHistogram(6)), AppendOutcome::kDuplicateTimestamp);
  EXPECT_EQ(outcome("h", kTestStart - 1, CounterHistogram(5)), AppendOutcome::kOutOfOrder);
  EXPECT_EQ(outcome("h", kTestStart + 60'001, CounterHistogram(5)), AppendOutcome::kTooFarInFuture);
  EXPECT_EQ(outcome("f", kTestStart, CounterHistogram(5)), AppendOutcome::kDuplicateTimestamp);
  EXPECT_EQ(appender->Append(0, MetricLabels("h"), kTestStart, 5).outcome,
            AppendOutcome::kDuplicateTimestamp);
  EXPECT_EQ(appender->AppendSample(99, {}, {.time_ms = kTestStart, .histogram = &hinted}).outcome,
            AppendOutcome::kUnknownRef);
  EXPECT_EQ(outcome("h", kTestStart + 1, CounterHistogram(6)), AppendOutcome::kOk);
  EXPECT_EQ(outcome("h", kTestStart + 1, CounterHistogram(7)), AppendOutcome::kOk) << "the first one stays";
  ASSERT_TRUE(appender->Commit().has_value());
  model::SampleColumns columns = ReadSeries(*db, "h");
  ASSERT_EQ(columns.size(), 2u);
  EXPECT_EQ(HistogramBits(*columns.histograms[1]), HistogramBits(CounterHistogram(6)));
  std::string metrics = bench.registry->RenderText();
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_head_samples_appended_total{type=\"float\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_head_samples_appended_total{type=\"histogram\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_out_of_order_samples_total{type=\"histogram\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("sextant_tsdb_invalid_histograms_total 2\n"));
  EXPECT_EQ(db->GetStats()->samples_appended, 3u);
}

TEST(DbHistogramTest, ASeriesMayChangeBetweenFloatsAndHistograms) {
  Bench bench;
  auto db = bench.Open();
  Contents expected;
  auto& series = expected[NameOf("m")];
  SeriesRef ref = 0;
  TimestampMs time_ms = kTestStart;
  for (int batch = 0; batch < 30; ++batch) {
    auto appender = db->NewAppender();
    for (int i = 0; i < 7; ++i, time_ms += 1000) {
      FloatHistogram histogram = CounterHistogram(batch + i);
      bool is_histogram = (batch + i) % 4 < 2;
      Sample sample{.time_ms = time_ms, .value = i * 0.5, .histogram = is_histogram ? &histogram : nullptr};
      auto result = appender->AppendSample(ref, MetricLabels("m"), sample);
      ASSERT_EQ(result.outcome, AppendOutcome::kOk);
      ref = result.ref;
      series[time_ms] = is_histogram ? HistogramBits(histogram) : BitsOf(i * 0.5);
    }
    ASSERT_TRUE(appender->Commit().has_value());
    if (batch % 10 == 5) {
      ASSERT_EQ(Difference(ReadContents(*db), expected), "") << batch;
      ExpectAfterKill(bench, expected);
      appender.reset();
      db.reset();
      db = bench.Open();
      ref = 0;
    }
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_EQ(ReadContents(*db, {}, kTestStart + 50'000, kTestStart + 52'000)[NameOf("m")].size(), 3u);
}

TEST(DbHistogramTest, AFloatStaleMarkerEndsAHistogramSeriesAsAHistogram) {
  Bench bench;
  auto db = bench.Open();
  FloatHistogram of_floats = CounterHistogram(5);
  of_floats.is_integer = false;
  ASSERT_TRUE(AppendHistogram(*db, "integers", kTestStart, CounterHistogram(5)).has_value());
  ASSERT_TRUE(AppendHistogram(*db, "floats", kTestStart, of_floats).has_value());
  ASSERT_TRUE(AppendHistogram(*db, "changed", kTestStart, CounterHistogram(5)).has_value());
  ASSERT_TRUE(AppendOne(*db, MetricLabels("changed"), kTestStart + 1, 5).has_value());
  for (const char* metric : {"integers", "floats", "changed"}) {
    for (int i = 0; i < 2; ++i) {  // the second is the same again
      ASSERT_TRUE(AppendOne(*db, MetricLabels(metric), kTestStart + 2, model::StaleNan()).has_value());
    }
  }
  for (int i = 0; i < 2; ++i) {
    model::SampleColumns columns = ReadSeries(*db, "integers");
    ASSERT_EQ(columns.size(), 2u);
    ASSERT_NE(columns.histograms[1], nullptr);
    EXPECT_TRUE(IsStaleMarker(*columns.histograms[1]));
    EXPECT_TRUE(columns.histograms[1]->is_integer);
    EXPECT_TRUE(columns.histograms[1]->positive_buckets.empty());
    EXPECT_FALSE(ReadSeries(*db, "floats").histograms[1]->is_integer);
    columns = ReadSeries(*db, "changed");
    ASSERT_EQ(columns.size(), 3u);
    EXPECT_EQ(columns.histograms[2], nullptr);
    EXPECT_TRUE(model::IsStaleNan(columns.values[2]));
    db.reset();
    db = bench.Open();
  }
}

TEST(DbHistogramTest, BatchesAreSeenAsAWhole) {
  Bench bench;
  auto db = bench.Open();
  ASSERT_TRUE(AppendHistogram(*db, "h", kTestStart, CounterHistogram(5)).has_value());
  auto before = db->NewQuerier(kFirst, kLast).value();
  auto appender = db->NewAppender();
  FloatHistogram histogram = CounterHistogram(6);
  for (const char* metric : {"h", "h2"}) {
    appender->AppendSample(0, MetricLabels(metric), {.time_ms = kTestStart + 1, .histogram = &histogram});
  }
  appender->Append(0, MetricLabels("f"), kTestStart + 1, 1);
  EXPECT_EQ(ReadContents(*db).size(), 1u) << "nothing before the commit";
  ASSERT_TRUE(appender->Commit().has_value());
  auto set = before->Select({}, {}).value();
  EXPECT_EQ(Difference(ReadSet(*set, kFirst, kLast),
                       {{NameOf("h"), {{kTestStart, HistogramBits(CounterHistogram(5))}}}}),
            "");
  EXPECT_EQ(ReadContents(*db).size(), 3u);
  EXPECT_EQ(ReadSeries(*db, "h").size(), 2u);
  appender = db->NewAppender();
  appender->AppendSample(0, MetricLabels("h"), {.time_ms = kTestStart + 2, .histogram = &histogram});
  appender->Rollback();
  ASSERT_TRUE(appender->Commit().has_value());
  EXPECT_EQ(ReadSeries(*db, "h").size(), 2u);
}

TEST(DbHistogramTest, FullChunksGoToFilesAndAreReadBack) {
  Bench bench;
  auto db = bench.Open();
  Contents expected;
  HistogramSource source(11);
  SeriesRef ref = 0;
  for (int i = 0; i < 3000; ++i) {
    FloatHistogram histogram = source.Next();
    auto appender = db->NewAppender();
    Sample sample{.time_ms = kTestStart + i * 1000, .histogram = &histogram};
    auto result = appender->AppendSample(ref, MetricLabels("h"), sample);
    ASSERT_EQ(result.outcome, AppendOutcome::kOk);
    ref = result.ref;
    ASSERT_TRUE(appender->Commit().has_value());
    expected[NameOf("h")][sample.time_ms] = HistogramBits(histogram);
    if (i == 1000 || i == 2000) {
      ASSERT_EQ(Difference(ReadContents(*db), expected), "");
      ExpectAfterKill(bench, expected);
      appender.reset();
      db.reset();
      db = bench.Open();
      ref = 0;
    }
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_GT(db->GetStats()->chunks, 5u);
  model::SampleColumns part = ReadSeries(*db, "h", kTestStart + 10'000, kTestStart + 2'500'000);
  EXPECT_EQ(part.size(), 2491u);
  ExpectAfterKill(bench, expected);
}

TEST(DbHistogramTest, StartTimesComeOutWithTheirSamples) {
  Bench bench;
  auto db = bench.Open();
  auto append = [&](TimestampMs time_ms, TimestampMs start_ms, bool is_histogram) {
    FloatHistogram histogram = CounterHistogram(5);
    auto appender = db->NewAppender();
    for (const char* metric : {"a", "b"}) {
      Sample sample{.time_ms = time_ms, .value = 1, .start_ms = metric[0] == 'a' ? start_ms : 0};
      if (is_histogram) sample.histogram = &histogram;
      ASSERT_EQ(appender->AppendSample(0, MetricLabels(metric), sample).outcome, AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  };
  TimestampMs t = kTestStart;
  append(t + 1000, 0, false);
  append(t + 2000, t, false);
  append(t + 3000, t, false);
  append(t + 4000, t + 3500, false);
  append(t + 5000, t + 4500, true);
  append(t + 6000, t + 4500, true);
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), t + 7000, 1).has_value()) << "no longer known";
  append(t + 8000, t + 7500, false);
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(ReadSeries(*db, "a").start_times_ms,
                ElementsAre(0, t, t, t + 3500, t + 4500, t + 4500, 0, t + 7500));
    EXPECT_THAT(ReadSeries(*db, "a", t + 3000, t + 4000).start_times_ms, ElementsAre(t, t + 3500));
    EXPECT_THAT(ReadSeries(*db, "b").start_times_ms, IsEmpty());
    if (i == 0) {  // without a checkpoint
      Bench other;
      std::filesystem::copy(bench.dir.path(), other.dir.path(), std::filesystem::copy_options::recursive);
      auto killed = other.Open();
      EXPECT_THAT(ReadSeries(*killed, "a").start_times_ms,
                  ElementsAre(0, t, t, t + 3500, t + 4500, t + 4500, 0, t + 7500));
    }
    db.reset();
    db = bench.Open();
  }
  append(t + 9000, t + 7500, false);
  EXPECT_EQ(ReadSeries(*db, "a").start_times_ms.back(), t + 7500);
}

TEST(DbHistogramTest, BlocksHaveHistogramsAndStartTimes) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  auto db = bench.Open();
  Contents expected;
  std::vector<TimestampMs> starts_ms;
  HistogramSource source(13);
  for (int i = 0; i < 400; ++i) {
    TimestampMs time_ms = kTestStart + i * 1000;
    FloatHistogram histogram = source.Next();
    starts_ms.push_back(kTestStart + i / 30 * 30'000);
    auto appender = db->NewAppender();
    Sample sample{.time_ms = time_ms, .value = i * 2.0, .start_ms = starts_ms.back()};
    appender->AppendSample(0, MetricLabels("f"), sample);
    sample.histogram = &histogram;
    appender->AppendSample(0, MetricLabels("h"), sample);
    if (i % 50 < 25) sample.histogram = nullptr;
    appender->AppendSample(0, MetricLabels("mixed"), sample);
    ASSERT_TRUE(appender->Commit().has_value());
    expected[NameOf("f")][time_ms] = BitsOf(i * 2.0);
    expected[NameOf("h")][time_ms] = HistogramBits(histogram);
    expected[NameOf("mixed")][time_ms] = i % 50 < 25 ? BitsOf(i * 2.0) : HistogramBits(histogram);
    if (i % 90 == 89) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
  }
  ASSERT_GE(db->GetStats()->blocks, 2u);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Difference(ReadContents(*db), expected), "");
    for (const char* metric : {"f", "h", "mixed"}) {
      EXPECT_EQ(ReadSeries(*db, metric).start_times_ms, starts_ms) << metric;
    }
    EXPECT_TRUE(ReadSeries(*db, "f").histograms.empty());
    db.reset();
    db = bench.Open();
  }
}

// Appends go on while a checkpoint is written: its states and its histograms are of different moments.
TEST(DbHistogramTest, CheckpointsInTheMiddleOfEverythingLoseNothing) {
  Bench bench;
  bench.options.journal_checkpoint_bytes = 1;  // every Maintain
  bench.options.journal_segment_bytes = 2000;
  auto db = bench.Open();
  Contents expected;
  HistogramSource source(5);
  std::mt19937_64 random(5);
  for (int i = 0; i < 600; ++i) {
    auto appender = db->NewAppender();
    for (int s = 0; s < 5; ++s) {
      std::string metric = "m" + std::to_string(s);
      TimestampMs time_ms = kTestStart + i * 1000;
      if (random() % 3 == 0) {
        appender->Append(0, MetricLabels(metric), time_ms, i);
        expected[NameOf(metric)][time_ms] = BitsOf(i);
      } else {
        FloatHistogram histogram = source.Next();
        appender->AppendSample(0, MetricLabels(metric), {.time_ms = time_ms, .histogram = &histogram});
        expected[NameOf(metric)][time_ms] = HistogramBits(histogram);
      }
    }
    ASSERT_TRUE(appender->Commit().has_value());
    if (i % 7 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
    if (i % 100 == 50) ExpectAfterKill(bench, expected);
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

}  // namespace
}  // namespace sextant::tsdb
