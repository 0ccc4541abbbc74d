// What a store takes beside in-order samples: the out-of-order window, exemplars, metadata, and deletions in
// the head; each over restarts, with and without a checkpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::Exemplar;
using model::Labels;
using model::Matcher;
using model::MetricMetadata;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

constexpr DurationMs kMinute = 60'000;
constexpr DurationMs kHour = 60 * kMinute;

std::map<TimestampMs, double> SamplesOf(const Db& db, std::string_view name) {
  std::map<TimestampMs, double> out;
  for (const auto& [labels, samples] : ReadContents(db, {Matcher::Equal("__name__", name)})) {
    for (const auto& [time_ms, bits] : samples) out[time_ms - kTestStart] = std::bit_cast<double>(bits);
  }
  return out;
}

AppendOutcome Add(Db& db, std::string_view name, TimestampMs after_start_ms, double value) {
  auto appender = db.NewAppender();
  AppendOutcome outcome = appender->Append(0, MetricLabels(name), kTestStart + after_start_ms, value).outcome;
  EXPECT_TRUE(appender->Commit().has_value());
  return outcome;
}

// What a process leaves that is killed now: the directory as it is, opened by another store.
struct Killed : Bench {
  explicit Killed(const Bench& other) {
    options = other.options;
    options.dir = dir.path();
    std::filesystem::remove_all(dir.path());
    std::filesystem::copy(other.dir.path(), dir.path(), std::filesystem::copy_options::recursive);
  }
};

TEST(DbOutOfOrderTest, OutcomesWithAWindow) {
  Bench bench;
  bench.options.out_of_order_window_ms = 30 * kMinute;
  auto db = bench.Open();
  EXPECT_EQ(Add(*db, "a", kHour, 10), AppendOutcome::kOk);
  EXPECT_EQ(Add(*db, "a", 30 * kMinute, 5), AppendOutcome::kOk) << "at the edge";
  EXPECT_EQ(Add(*db, "a", 30 * kMinute - 1, 5), AppendOutcome::kTooOld);
  EXPECT_EQ(Add(*db, "a", kHour, 11), AppendOutcome::kDuplicateTimestamp);
  EXPECT_EQ(Add(*db, "a", 45 * kMinute, 7), AppendOutcome::kOk);
  EXPECT_EQ(Add(*db, "a", 45 * kMinute, 8), AppendOutcome::kOk) << "dropped, since the first stays";
  EXPECT_EQ(Add(*db, "b", 40 * kMinute, 1), AppendOutcome::kOk) << "the first one of a series is in order";
  EXPECT_THAT(SamplesOf(*db, "a"),
              ElementsAre(Pair(30 * kMinute, 5), Pair(45 * kMinute, 7), Pair(kHour, 10)));
  std::string metrics = bench.registry->RenderText();
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_too_old_samples_total{type=\"float\"} 1\n"));
  EXPECT_THAT(metrics,
              HasSubstr("prometheus_tsdb_head_out_of_order_samples_appended_total{type=\"float\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_out_of_order_samples_total{type=\"float\"} 0\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_sample_ooo_delta_count 4\n"));
  {
    auto appender = db->NewAppender();
    appender->RefuseOutOfOrder(true);
    EXPECT_EQ(appender->Append(0, MetricLabels("a"), kTestStart + 50 * kMinute, 7).outcome,
              AppendOutcome::kOutOfOrder);
    appender->RefuseOutOfOrder(false);
    EXPECT_EQ(appender->Append(0, MetricLabels("a"), kTestStart + 50 * kMinute, 7).outcome,
              AppendOutcome::kOk);
  }
  db->SetOutOfOrderWindow(0);
  EXPECT_EQ(Add(*db, "a", 50 * kMinute, 7), AppendOutcome::kOutOfOrder);
}

TEST(DbOutOfOrderTest, SurvivesRestartsAndAKill) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  auto db = bench.Open();
  Add(*db, "a", kHour, 1);
  for (int i = 0; i < 200; ++i) Add(*db, "a", (i * 37 % 200) * 1000, i);
  auto before = SamplesOf(*db, "a");
  EXPECT_EQ(before.size(), 201u);
  {
    Killed killed(bench);
    auto restored = killed.Open();
    EXPECT_EQ(SamplesOf(*restored, "a"), before);
  }
  for (int i = 0; i < 3; ++i) {
    db.reset();
    db = bench.Open();
    EXPECT_EQ(SamplesOf(*db, "a"), before);
    // Into the journal after the checkpoint, and once more what is in the checkpoint.
    EXPECT_EQ(Add(*db, "a", 1000, 99), AppendOutcome::kOk);
    EXPECT_EQ(Add(*db, "a", 500'000 + i, i), AppendOutcome::kOk);
    before = SamplesOf(*db, "a");
    EXPECT_EQ(before.size(), 202u + static_cast<size_t>(i));
  }
}

TEST(DbOutOfOrderTest, ABatchOfAnyOrderIsTakenWhole) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  auto db = bench.Open();
  auto appender = db->NewAppender();
  for (int i : {5, 9, 1, 7, 9, 3}) {
    EXPECT_EQ(appender->Append(0, MetricLabels("a"), kTestStart + i, i).outcome, AppendOutcome::kOk);
  }
  ASSERT_TRUE(appender->Commit().has_value());
  appender.reset();
  auto expected = std::map<TimestampMs, double>{{1, 1}, {3, 3}, {5, 5}, {7, 7}, {9, 9}};
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  Killed killed(bench);
  EXPECT_EQ(SamplesOf(*killed.Open(), "a"), expected);
  db.reset();
  EXPECT_EQ(SamplesOf(*bench.Open(), "a"), expected);
}

TEST(DbOutOfOrderTest, ABatchIsSeenAsAWhole) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  auto db = bench.Open();
  Add(*db, "a", 1000, 1);
  auto appender = db->NewAppender();
  appender->Append(0, MetricLabels("a"), kTestStart + 500, 2);
  appender->Append(0, MetricLabels("a"), kTestStart + 2000, 2);
  EXPECT_EQ(SamplesOf(*db, "a").size(), 1u);
  auto querier = db->NewQuerier(kFirst, kLast).value();
  ASSERT_TRUE(appender->Commit().has_value());
  auto set = querier->Select({}, {}).value();
  auto seen = ReadSet(*set, kFirst, kLast);
  EXPECT_EQ(seen.begin()->second.size(), 1u) << "what a view saw before the commit";
  EXPECT_EQ(SamplesOf(*db, "a").size(), 3u);
}

TEST(DbOutOfOrderTest, HistogramsAndStartTimes) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  auto db = bench.Open();
  model::FloatHistogram histogram;
  histogram.is_integer = true;
  histogram.count = 3;
  histogram.sum = 5;
  histogram.positive_spans = {{0, 2}};
  histogram.positive_buckets = {1, 2};
  {
    auto appender = db->NewAppender();
    for (int i : {1000, 2000, 500, 700}) {
      model::Sample sample{.time_ms = kTestStart + i, .histogram = &histogram, .start_ms = kTestStart};
      EXPECT_EQ(appender->AppendSample(0, MetricLabels("h"), sample).outcome, AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
    for (int i : {1500, 2000}) {
      model::Sample sample{.time_ms = kTestStart + i, .histogram = &histogram, .start_ms = 0};
      EXPECT_EQ(appender->AppendSample(0, MetricLabels("h"), sample).outcome, AppendOutcome::kOk);
    }
    model::Sample with_start{.time_ms = kTestStart + 10, .value = 4, .start_ms = kTestStart + 5};
    appender->Append(0, MetricLabels("f"), kTestStart + 20, 5);
    ASSERT_TRUE(appender->Commit().has_value());
    EXPECT_EQ(appender->AppendSample(0, MetricLabels("f"), with_start).outcome, AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
  }
  EXPECT_THAT(bench.registry->RenderText(),
              HasSubstr("prometheus_tsdb_head_out_of_order_samples_appended_total{type=\"histogram\"} 3\n"));
  auto check = [&](const Db& from) {
    auto querier = from.NewQuerier(kFirst, kLast).value();
    auto set = querier->Select({}, {.sorted = true}).value();
    ASSERT_EQ(set->size(), 2u);
    model::SampleColumns columns;
    ASSERT_TRUE(set->Read(0, kFirst, kLast, columns).has_value());
    EXPECT_THAT(columns.times_ms, ElementsAre(kTestStart + 10, kTestStart + 20));
    EXPECT_THAT(columns.start_times_ms, ElementsAre(kTestStart + 5, 0));
    ASSERT_TRUE(set->Read(1, kFirst, kLast, columns).has_value());
    EXPECT_THAT(columns.times_ms, ElementsAre(kTestStart + 500, kTestStart + 700, kTestStart + 1000,
                                              kTestStart + 1500, kTestStart + 2000));
    EXPECT_THAT(columns.start_times_ms, ElementsAre(kTestStart, kTestStart, kTestStart, 0, kTestStart));
    for (const auto& read : columns.histograms) {
      ASSERT_NE(read, nullptr);
      EXPECT_EQ(read->positive_buckets, histogram.positive_buckets);
    }
  };
  check(*db);
  check(*Killed(bench).Open());
  db.reset();
  check(*bench.Open());
}

TEST(DbOutOfOrderTest, MemoryIsBounded) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  bench.options.limits.max_out_of_order_bytes = 10'000;
  auto db = bench.Open();
  Add(*db, "a", kHour, 1);
  AppendOutcome outcome = AppendOutcome::kOk;
  for (int i = 0; i < 100'000 && outcome == AppendOutcome::kOk; ++i) outcome = Add(*db, "a", i * 7, i * 0.3);
  EXPECT_EQ(outcome, AppendOutcome::kOutOfOrder);
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("sextant_tsdb_out_of_order_over_limit_total 1\n"));
  EXPECT_EQ(Add(*db, "a", kHour + 1, 1), AppendOutcome::kOk) << "in order goes on";
}

TEST(DbOutOfOrderTest, BlocksAndWhatIsOlderThanBlocks) {
  Bench bench;
  bench.options.out_of_order_window_ms = 10 * kHour;
  bench.options.block_range_ms = kHour;
  auto db = bench.Open();
  std::map<TimestampMs, double> expected;
  auto add = [&](TimestampMs time_ms, double value) {
    EXPECT_EQ(Add(*db, "a", time_ms, value), AppendOutcome::kOk);
    expected.emplace(time_ms, value);
  };
  for (int minute = 0; minute < 240; minute += 2) {
    add(minute * kMinute, minute);
    if (minute % 10 == 8 && minute < 200) add((minute - 5) * kMinute, minute + 0.5);
  }
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_GE(db->GetStats()->blocks, 2u);
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  // For the time of blocks: an existing series, one that is in no block, and one for a time that is there.
  add(31 * kMinute, -1);
  EXPECT_EQ(Add(*db, "late", 33 * kMinute, 4), AppendOutcome::kOk);
  EXPECT_EQ(Add(*db, "a", 30 * kMinute, 77), AppendOutcome::kOk) << "a block has that time";
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  EXPECT_THAT(SamplesOf(*db, "late"), ElementsAre(Pair(33 * kMinute, 4)));
  auto early = ReadContents(*db, {}, kTestStart + 30 * kMinute, kTestStart + 34 * kMinute);
  EXPECT_EQ(early[MetricLabels("late").ToString()].size(), 1u);
  EXPECT_EQ(early[MetricLabels("a").ToString()].size(), 5u);
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(db->Maintain().has_value());
    db.reset();
    db = bench.Open();
    EXPECT_EQ(SamplesOf(*db, "a"), expected);
    EXPECT_THAT(SamplesOf(*db, "late"), ElementsAre(Pair(33 * kMinute, 4)));
  }
  // With the next cut, they go to a block of their own, and the memory is free again.
  for (int minute = 240; minute < 300; minute += 2) add(minute * kMinute, minute);
  EXPECT_THAT(bench.registry->RenderText(), Not(HasSubstr("sextant_tsdb_out_of_order_bytes 0\n")));
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_EQ(SamplesOf(*db, "a"), expected);
    EXPECT_THAT(SamplesOf(*db, "late"), ElementsAre(Pair(33 * kMinute, 4)));
  }
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("sextant_tsdb_out_of_order_bytes 0\n"));
  db.reset();
  db = bench.Open();
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  EXPECT_THAT(SamplesOf(*db, "late"), ElementsAre(Pair(33 * kMinute, 4)));
}

TEST(DbExemplarTest, AreKeptOverRestartsAndWithoutTheirSeries) {
  Bench bench;
  bench.options.max_exemplars = 10;
  auto db = bench.Open();
  auto exemplar = [](TimestampMs time_ms, std::string_view trace) {
    return Exemplar{Labels::Of({{"trace_id", trace}}), 0.5, time_ms};
  };
  {
    auto appender = db->NewAppender();
    auto ref = appender->Append(0, MetricLabels("a"), kTestStart, 1).ref;
    EXPECT_EQ(appender->AppendExemplar(ref, {}, exemplar(kTestStart, "1")).outcome, AppendOutcome::kOk);
    EXPECT_EQ(appender->AppendExemplar(0, MetricLabels("a"), exemplar(kTestStart + 1, "2")).ref, ref);
    EXPECT_EQ(appender->AppendExemplar(0, MetricLabels("none"), exemplar(kTestStart, "1")).outcome,
              AppendOutcome::kUnknownRef);
    EXPECT_EQ(appender->AppendExemplar(ref, {}, exemplar(0, std::string(200, 'x'))).outcome,
              AppendOutcome::kInvalidExemplar);
    EXPECT_THAT(db->Exemplars(kFirst, kLast, {{}}), IsEmpty());
    ASSERT_TRUE(appender->Commit().has_value());
    EXPECT_EQ(appender->AppendExemplar(ref, {}, exemplar(kTestStart, "3")).outcome,
              AppendOutcome::kOutOfOrderExemplar);
  }
  auto check = [&](const Db& from, size_t count) {
    auto found = from.Exemplars(kFirst, kLast, {{Matcher::Equal("__name__", "a")}});
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].series, MetricLabels("a"));
    EXPECT_EQ(found[0].exemplars.size(), count);
    EXPECT_EQ(found[0].exemplars[1], exemplar(kTestStart + 1, "2"));
  };
  check(*db, 2);
  check(*Killed(bench).Open(), 2);
  db.reset();
  db = bench.Open();
  check(*db, 2);
  auto appender = db->NewAppender();
  EXPECT_EQ(appender->AppendExemplar(0, MetricLabels("a"), exemplar(kTestStart + 1, "2")).outcome,
            AppendOutcome::kOk);
  EXPECT_EQ(appender->AppendExemplar(0, MetricLabels("a"), exemplar(kTestStart + 2, "3")).outcome,
            AppendOutcome::kOk);
  ASSERT_TRUE(appender->Commit().has_value());
  appender.reset();
  check(*db, 3);
  check(*Killed(bench).Open(), 3);
}

TEST(DbMetadataTest, TheLatestIsKeptOverRestarts) {
  Bench bench;
  auto db = bench.Open();
  MetricMetadata counter{"counter", "Requests served.", ""};
  MetricMetadata gauge{"gauge", "Requests served.", ""};
  {
    auto appender = db->NewAppender();
    for (const char* instance : {"1", "2", "3"}) {
      Labels labels = MetricLabels("a", instance);
      auto ref = appender->Append(0, labels, kTestStart, 1).ref;
      EXPECT_EQ(appender->UpdateMetadata(ref, {}, counter).outcome, AppendOutcome::kOk);
    }
    EXPECT_EQ(appender->UpdateMetadata(0, MetricLabels("none"), counter).outcome, AppendOutcome::kUnknownRef);
    EXPECT_EQ(
        appender->UpdateMetadata(0, MetricLabels("a", "1"), {"x", std::string(20'000, 'h'), ""}).outcome,
        AppendOutcome::kInvalidLabels);
    EXPECT_EQ(appender->UpdateMetadata(0, MetricLabels("a", "2"), gauge).outcome, AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
  }
  auto check = [&](const Db& from) {
    EXPECT_THAT(from.Metadata("a"), ElementsAre(Pair("a", ElementsAre(counter, gauge))));
    EXPECT_THAT(from.Metadata(""), ElementsAre(Pair("a", ElementsAre(counter, gauge))));
    EXPECT_THAT(from.Metadata("b"), IsEmpty());
  };
  check(*db);
  check(*Killed(bench).Open());
  for (int i = 0; i < 2; ++i) {
    db.reset();
    db = bench.Open();
    check(*db);
  }
}

TEST(DbDeletionTest, TakesWhatIsThereAndNothingThatComes) {
  Bench bench;
  bench.options.out_of_order_window_ms = kHour;
  auto db = bench.Open();
  for (int i = 0; i < 10; ++i) Add(*db, "a", i * 10, i);
  for (int i = 0; i < 10; ++i) Add(*db, "b", i * 10, i);
  Add(*db, "a", 25, 2.5);
  Add(*db, "a", 75, 7.5);
  auto remove = [&](TimestampMs start_ms, TimestampMs end_ms) {
    auto deleted =
        db->DeleteSeries({{Matcher::Equal("__name__", "a")}}, kTestStart + start_ms, kTestStart + end_ms);
    EXPECT_TRUE(deleted.has_value());
  };
  remove(200, 300);  // nothing is there yet
  remove(20, 70);
  auto expected = std::map<TimestampMs, double>{{0, 0}, {10, 1}, {75, 7.5}, {80, 8}, {90, 9}};
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  EXPECT_EQ(SamplesOf(*db, "b").size(), 10u);
  remove(85, 1000);
  expected.erase(90);
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  EXPECT_EQ(Add(*db, "a", 100, 10), AppendOutcome::kOk);
  EXPECT_EQ(Add(*db, "a", 26, 2.6), AppendOutcome::kOk) << "into what was deleted";
  expected[100] = 10;
  expected[26] = 2.6;
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  EXPECT_EQ(SamplesOf(*Killed(bench).Open(), "a"), expected);
  for (int i = 0; i < 2; ++i) {
    db.reset();
    db = bench.Open();
    EXPECT_EQ(SamplesOf(*db, "a"), expected);
  }
}

TEST(DbDeletionTest, BlocksDoNotHaveWhatWasDeleted) {
  Bench bench;
  bench.options.block_range_ms = kHour;
  auto db = bench.Open();
  std::map<TimestampMs, double> expected;
  for (int minute = 0; minute < 240; ++minute) {
    Add(*db, "a", minute * kMinute, minute);
    if (minute < 10 || minute > 20) expected[minute * kMinute] = minute;
  }
  ASSERT_TRUE(db->DeleteSeries({{}}, kTestStart + 10 * kMinute, kTestStart + 20 * kMinute).has_value());
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_GE(db->GetStats()->blocks, 2u);
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
  ASSERT_TRUE(db->Maintain().has_value());
  db.reset();
  db = bench.Open();
  EXPECT_EQ(SamplesOf(*db, "a"), expected);
}

}  // namespace
}  // namespace sextant::tsdb
