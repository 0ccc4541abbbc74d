#include "metrics/tsdb/db.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <xxhash.h>

#include <cstring>

#include "metrics/tsdb/db_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using model::AppendOutcome;
using model::Labels;
using model::Matcher;
using model::MatchType;
using model::SeriesRef;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(DbTest, WhatIsCommittedIsFoundAndSurvivesAReopen) {
  Bench bench;
  auto db = bench.Open();
  auto appender = db->NewAppender();
  auto up = appender->Append(0, MetricLabels("up"), kTestStart, 1);
  EXPECT_EQ(up.outcome, AppendOutcome::kOk);
  EXPECT_NE(up.ref, 0u);
  EXPECT_EQ(appender->Append(0, MetricLabels("down"), kTestStart, 0.5).outcome, AppendOutcome::kOk);
  EXPECT_THAT(ReadContents(*db), IsEmpty());
  ASSERT_TRUE(appender->Commit().has_value());
  appender = db->NewAppender();
  EXPECT_EQ(appender->Append(up.ref, {}, kTestStart + 1000, 2).outcome, AppendOutcome::kOk);
  EXPECT_EQ(appender->Append(up.ref, {}, kTestStart + 2000, model::StaleNan()).outcome, AppendOutcome::kOk);
  ASSERT_TRUE(appender->Commit().has_value());
  appender.reset();

  Contents expected = {
      {R"({__name__="down", instance="i"})", {{kTestStart, BitsOf(0.5)}}},
      {R"({__name__="up", instance="i"})",
       {{kTestStart, BitsOf(1)}, {kTestStart + 1000, BitsOf(2)}, {kTestStart + 2000, model::kStaleNanBits}}}};
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  for (int i = 0; i < 3; ++i) {
    db.reset();
    db = bench.Open();
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after reopening";
  }
  // Refs found anew by labels.
  EXPECT_TRUE(AppendOne(*db, MetricLabels("up"), kTestStart + 3000, 3).has_value());
}

TEST(DbTest, OutcomesOfAppend) {
  Bench bench;
  bench.options.max_future_ms = 60'000;
  bench.options.limits.max_label_value_bytes = 10;
  bench.options.limits.max_labels = 3;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("up"), kTestStart, 1).has_value());
  auto appender = db->NewAppender();
  SeriesRef ref = appender->Append(0, MetricLabels("up"), kTestStart, 1).ref;
  auto outcome = [&](SeriesRef r, const Labels& labels, TimestampMs t, double v) {
    return appender->Append(r, labels, t, v).outcome;
  };
  EXPECT_EQ(outcome(ref, {}, kTestStart, 1), AppendOutcome::kOk) << "the same again";
  EXPECT_EQ(outcome(ref, {}, kTestStart, 2), AppendOutcome::kDuplicateTimestamp);
  EXPECT_EQ(outcome(ref, {}, kTestStart - 1, 1), AppendOutcome::kOutOfOrder);
  EXPECT_EQ(outcome(ref, {}, kTestStart + 60'001, 1), AppendOutcome::kTooFarInFuture);
  EXPECT_EQ(outcome(ref, {}, kTestStart + 60'000, 1), AppendOutcome::kOk);
  EXPECT_EQ(outcome(ref + 1, {}, kTestStart, 1), AppendOutcome::kUnknownRef);
  EXPECT_EQ(outcome(0, {}, kTestStart, 1), AppendOutcome::kInvalidLabels);
  EXPECT_EQ(outcome(0, MetricLabels("a", "01234567890"), kTestStart, 1), AppendOutcome::kInvalidLabels);
  EXPECT_EQ(outcome(0, MetricLabels("a", "\xff"), kTestStart, 1), AppendOutcome::kInvalidLabels);
  EXPECT_EQ(outcome(0, Labels::Of({{"a", "1"}, {"b", "1"}, {"c", "1"}, {"d", "1"}}), kTestStart, 1),
            AppendOutcome::kInvalidLabels);
  ASSERT_TRUE(appender->Commit().has_value());
  std::string metrics = bench.registry->RenderText();
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_out_of_order_samples_total{type=\"float\"} 1\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_head_samples_appended_total{type=\"float\"} 2\n"));
  EXPECT_THAT(metrics, HasSubstr("prometheus_tsdb_head_series 1\n"));
}

TEST(DbTest, ARolledBackOrDroppedBatchLeavesNothing) {
  Bench bench;
  auto db = bench.Open();
  {
    auto appender = db->NewAppender();
    appender->Append(0, MetricLabels("a"), kTestStart, 1);
    appender->Rollback();
    EXPECT_TRUE(appender->Commit().has_value());
  }
  {
    db->NewAppender()->Append(0, MetricLabels("b"), kTestStart, 1);
  }
  EXPECT_THAT(ReadContents(*db), IsEmpty());
  // The series were made by batches that came to nothing; their definitions come with the next one.
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 2).has_value());
  db.reset();
  db = bench.Open();
  EXPECT_EQ(ReadContents(*db).size(), 1u);
}

TEST(DbTest, TheSeriesLimitRefusesNewSeriesOnly) {
  Bench bench;
  bench.options.limits.max_series = 2;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 1).has_value());
  ASSERT_TRUE(AppendOne(*db, MetricLabels("b"), kTestStart, 1).has_value());
  auto appender = db->NewAppender();
  EXPECT_EQ(appender->Append(0, MetricLabels("c"), kTestStart, 1).outcome, AppendOutcome::kSeriesLimit);
  EXPECT_EQ(appender->Append(0, MetricLabels("a"), kTestStart + 1, 1).outcome, AppendOutcome::kOk);
  EXPECT_TRUE(appender->Commit().has_value());
  EXPECT_THAT(bench.registry->RenderText(),
              HasSubstr("sextant_tsdb_series_refused_total{reason=\"series\"} 1\n"));
}

TEST(DbTest, MatchersOfAllKinds) {
  Bench bench;
  auto db = bench.Open();
  for (const char* name : {"cpu", "cpu_total", "mem", "disk"}) {
    for (const char* instance : {"a", "b", "c"}) {
      ASSERT_TRUE(AppendOne(*db, MetricLabels(name, instance), kTestStart, 1).has_value());
    }
  }
  ASSERT_TRUE(AppendOne(*db, Labels::Of({{"__name__", "alone"}}), kTestStart, 1).has_value());
  auto count = [&](const std::vector<Matcher>& matchers) { return ReadContents(*db, matchers).size(); };
  auto make = [](MatchType type, std::string_view name, std::string_view value) {
    return Matcher::Make(type, name, value).value();
  };
  // Before and after a cut, that is from the head and from a block.
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(count({}), 13u);
    EXPECT_EQ(count({Matcher::Equal("__name__", "cpu")}), 3u);
    EXPECT_EQ(count({Matcher::Equal("__name__", "none")}), 0u);
    EXPECT_EQ(count({Matcher::Equal("none", "x")}), 0u);
    EXPECT_EQ(count({Matcher::Equal("none", "")}), 13u);
    EXPECT_EQ(count({Matcher::Equal("instance", "")}), 1u);
    EXPECT_EQ(count({make(MatchType::kNotEqual, "instance", "")}), 12u);
    EXPECT_EQ(count({make(MatchType::kNotEqual, "instance", "a")}), 9u);
    EXPECT_EQ(count({make(MatchType::kRegexp, "__name__", "cpu.*")}), 6u);
    EXPECT_EQ(count({make(MatchType::kRegexp, "__name__", "cpu|mem")}), 6u);
    EXPECT_EQ(count({make(MatchType::kRegexp, "__name__", ".*_total")}), 3u);
    EXPECT_EQ(count({make(MatchType::kNotRegexp, "__name__", "cpu.*")}), 7u);
    EXPECT_EQ(count({make(MatchType::kNotRegexp, "instance", "a|b")}), 5u);
    EXPECT_EQ(count({make(MatchType::kRegexp, "instance", "a?")}), 5u);
    EXPECT_EQ(count({make(MatchType::kNotRegexp, "instance", "a?")}), 8u);
    EXPECT_EQ(count({Matcher::Equal("__name__", "cpu"), Matcher::Equal("instance", "b")}), 1u);
    EXPECT_EQ(count({make(MatchType::kRegexp, "__name__", ".+"), make(MatchType::kNotEqual, "instance", "b"),
                     make(MatchType::kNotRegexp, "__name__", "mem|alone")}),
              6u);

    auto querier = db->NewQuerier(kFirst, kLast).value();
    EXPECT_THAT(querier->LabelNames({}, {}).value(), ElementsAre("__name__", "instance"));
    EXPECT_THAT(querier->LabelNames({Matcher::Equal("__name__", "alone")}, {}).value(),
                ElementsAre("__name__"));
    EXPECT_THAT(querier->LabelNames({}, {.limit = 1}).value(), ElementsAre("__name__"));
    EXPECT_THAT(querier->LabelValues("__name__", {}, {}).value(),
                ElementsAre("alone", "cpu", "cpu_total", "disk", "mem"));
    EXPECT_THAT(querier->LabelValues("__name__", {}, {.limit = 2}).value(), ElementsAre("alone", "cpu"));
    EXPECT_THAT(querier->LabelValues("instance", {Matcher::Equal("__name__", "mem")}, {}).value(),
                ElementsAre("a", "b", "c"));
    EXPECT_THAT(querier->LabelValues("none", {}, {}).value(), IsEmpty());
    model::SelectHints hints;
    hints.sorted = true;
    hints.limit = 2;
    auto set = querier->Select({}, hints).value();
    ASSERT_EQ(set->size(), 2u);
    EXPECT_EQ(set->labels(0).Get("__name__"), "alone");
    EXPECT_EQ(set->labels(1), MetricLabels("cpu", "a"));
    querier.reset();
    set.reset();
    if (round > 0) break;
    // Far in the future, and then not asked for.
    ASSERT_TRUE(AppendOne(*db, MetricLabels("cpu", "a"), kTestStart + 10 * bench.options.block_range_ms, 1)
                    .has_value());
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_GE(db->GetStats()->blocks, 1u);
  }
}

TEST(DbTest, LongSeriesGoThroughChunkFilesAndComeBack) {
  Bench bench;
  auto db = bench.Open();
  Contents expected;
  SeriesRef ref = 0;
  Labels labels = MetricLabels("m");
  double value = 0;
  for (int i = 0; i < 3000; ++i) {
    value += i % 5 == 0 ? 0.1 : 1;
    TimestampMs t = kTestStart + i * 100 + i % 7;
    auto appender = db->NewAppender();
    auto result = appender->Append(ref, labels, t, value);
    ref = result.ref;
    ASSERT_EQ(result.outcome, AppendOutcome::kOk);
    ASSERT_TRUE(appender->Commit().has_value());
    expected[labels.ToString()][t] = BitsOf(value);
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  EXPECT_GT(db->GetStats()->chunks, 10u);
  Contents middle = {{labels.ToString(), {}}};
  for (const auto& [t, bits] : expected.begin()->second) {
    if (t >= kTestStart + 100'000 && t <= kTestStart + 100'500) middle.begin()->second[t] = bits;
  }
  EXPECT_EQ(Difference(ReadContents(*db, {}, kTestStart + 100'000, kTestStart + 100'500), middle), "");
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

TEST(DbTest, AQuerierSeesOneMoment) {
  Bench bench;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 1).has_value());
  auto querier = db->NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  // More than a chunk later, so that what was open is written.
  for (int i = 1; i < 500; ++i)
    ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + i * 97, i * 1.7).has_value());
  ASSERT_TRUE(AppendOne(*db, MetricLabels("b"), kTestStart, 1).has_value());
  Contents before = {{MetricLabels("a").ToString(), {{kTestStart, BitsOf(1)}}}};
  EXPECT_EQ(Difference(ReadSet(*set, kFirst, kLast), before), "");
  EXPECT_EQ(Difference(ReadSet(*querier->Select({}, {}).value(), kFirst, kLast), before), "");
  querier.reset();
  EXPECT_EQ(ReadContents(*db).size(), 2u);
}

TEST(DbTest, BlocksAreCutServedAndKeptOverARestart) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  bench.options.max_block_range_ms = 100'000;
  auto db = bench.Open();
  Contents expected;
  for (int i = 0; i < 1000; ++i) {
    TimestampMs t = kTestStart + i * 1000;
    bench.clock.Set(t);
    auto appender = db->NewAppender();
    for (const char* name : {"a", "b", "c"}) {
      if (name[0] == 'c' && i > 50) continue;  // ends early
      ASSERT_EQ(appender->Append(0, MetricLabels(name), t, i * 0.5).outcome, AppendOutcome::kOk);
      expected[MetricLabels(name).ToString()][t] = BitsOf(i * 0.5);
    }
    ASSERT_TRUE(appender->Commit().has_value());
    appender.reset();
    if (i % 10 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  auto stats = db->GetStats().value();
  EXPECT_GE(stats.blocks, 8u);
  EXPECT_EQ(stats.series, 2u) << "the series that ended is only in blocks";
  EXPECT_LT(stats.max_time_ms - stats.min_time_ms, 200'000);
  EXPECT_EQ(ReadContents(*db, {Matcher::Equal("__name__", "c")}).size(), 1u);
  auto appender = db->NewAppender();
  EXPECT_EQ(appender->Append(0, MetricLabels("z"), kTestStart, 1).outcome, AppendOutcome::kOutOfBounds);
  appender.reset();
  // Across the border of blocks and head.
  TimestampMs border = stats.min_time_ms;
  Contents around;
  for (const auto& [labels, samples] : expected) {
    for (const auto& [t, bits] : samples) {
      if (t >= border - 5000 && t <= border + 5000) around[labels][t] = bits;
    }
  }
  EXPECT_EQ(Difference(ReadContents(*db, {}, border - 5000, border + 5000), around), "");
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  // And the series that was dropped may come back.
  ASSERT_TRUE(AppendOne(*db, MetricLabels("c"), bench.clock.NowMs(), 7).has_value());
  expected[MetricLabels("c").ToString()][bench.clock.NowMs()] = BitsOf(7);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

// As Prometheus: whatever series it is of, and whether a block was cut or not.
TEST(DbTest, SamplesMoreThanHalfABlockBehindTheNewestAreOutOfBounds) {
  Bench bench;
  const DurationMs half_ms = bench.options.block_range_ms / 2;
  auto db = bench.Open();
  const model::Labels known = MetricLabels("known");
  ASSERT_TRUE(AppendOne(*db, known, kTestStart, 1).has_value());
  auto outcome_of = [&](const model::Labels& labels, TimestampMs time_ms) {
    return db->NewAppender()->Append(0, labels, time_ms, 2).outcome;
  };
  EXPECT_EQ(outcome_of(known, kTestStart - half_ms), AppendOutcome::kOutOfOrder);
  EXPECT_EQ(outcome_of(known, kTestStart - half_ms - 1), AppendOutcome::kOutOfBounds);
  EXPECT_EQ(outcome_of(MetricLabels("a"), kTestStart - half_ms), AppendOutcome::kOk);
  EXPECT_EQ(outcome_of(MetricLabels("b"), kTestStart - half_ms - 1), AppendOutcome::kOutOfBounds);
  EXPECT_EQ(outcome_of(MetricLabels("c"), 1'700'000), AppendOutcome::kOutOfBounds);
  const std::string float_bounds = "prometheus_tsdb_out_of_bound_samples_total{type=\"float\"} ";
  EXPECT_NE(bench.registry->RenderText().find(float_bounds + "3\n"), std::string::npos);
  EXPECT_EQ(db->GetStats().value().series, 2u) << "what is out of bounds makes no series";
  const std::string deltas = "prometheus_tsdb_sample_ooo_delta_count ";
  EXPECT_NE(bench.registry->RenderText().find(deltas + "1\n"), std::string::npos)
      << "of what is refused, too, but not of what is out of bounds";

  db->SetOutOfOrderWindow(2 * half_ms);
  EXPECT_EQ(outcome_of(known, kTestStart - 2 * half_ms), AppendOutcome::kOk);
  EXPECT_EQ(outcome_of(MetricLabels("d"), kTestStart - 2 * half_ms), AppendOutcome::kOk);
  EXPECT_EQ(outcome_of(MetricLabels("e"), kTestStart - 2 * half_ms - 1), AppendOutcome::kTooOld);

  db.reset();
  bench.options.journal_only = true;
  db = bench.Open();
  EXPECT_EQ(outcome_of(MetricLabels("f"), 1'700'000), AppendOutcome::kOk) << "an agent passes it on";
}

TEST(DbTest, AQueryThatBeganBeforeACutReadsOn) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  auto db = bench.Open();
  for (int i = 0; i < 120; ++i) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels(i < 50 ? "old" : "new"), kTestStart + i * 1000, i).has_value());
  }
  auto querier = db->NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  Contents before = ReadSet(*set, kFirst, kLast);
  for (int i = 120; i < 400; ++i) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels("new"), kTestStart + i * 1000, i).has_value());
    if (i % 50 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
  }
  EXPECT_GE(db->GetStats()->blocks, 2u);
  EXPECT_EQ(Difference(ReadSet(*set, kFirst, kLast), before), "");
  EXPECT_EQ(Difference(ReadSet(*querier->Select({}, {}).value(), kFirst, kLast), before), "");
  EXPECT_EQ(db->GetStats()->series, 2u);
  set.reset();
  querier.reset();
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->series, 1u);
}

TEST(DbTest, OwnMetricsTellOfJournalAndBlocks) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  auto db = bench.Open();
  auto value = [&](const std::string& name) {
    const std::string text = bench.registry->RenderText();
    const size_t found = text.find("\n" + name + " ");
    return found == std::string::npos ? -1.0 : std::stod(text.substr(found + name.size() + 2));
  };
  EXPECT_EQ(value("prometheus_tsdb_reloads_total"), 1) << "when it was opened";
  EXPECT_EQ(value("prometheus_tsdb_wal_truncations_total"), 0);
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + i * 10'000, i).has_value());
  }
  EXPECT_EQ(value("prometheus_tsdb_lowest_timestamp"), kTestStart);
  EXPECT_EQ(value("prometheus_tsdb_wal_fsync_duration_seconds_count"), 0);
  ASSERT_TRUE(db->Sync().has_value());
  EXPECT_EQ(value("prometheus_tsdb_wal_fsync_duration_seconds_count"), 1);
  {
    auto appender = db->NewAppender();
    EXPECT_EQ(value("prometheus_tsdb_head_active_appenders"), 1);
  }
  EXPECT_EQ(value("prometheus_tsdb_head_active_appenders"), 0);
  ASSERT_TRUE(db->Maintain().has_value());
  const auto blocks = static_cast<double>(db->GetStats()->blocks);
  EXPECT_GE(blocks, 1);
  EXPECT_EQ(value("prometheus_tsdb_reloads_total"), 1 + blocks);
  EXPECT_GE(value("prometheus_tsdb_wal_truncations_total"), 1);
  EXPECT_EQ(value("prometheus_tsdb_wal_truncations_failed_total"), 0);
  EXPECT_EQ(value("prometheus_tsdb_wal_truncate_duration_seconds_count"),
            value("prometheus_tsdb_wal_truncations_total"));
}

TEST(DbTest, RetentionDeletesTheOldest) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  bench.options.retention_ms = 300'000;
  auto db = bench.Open();
  for (int i = 0; i < 1000; ++i) {
    bench.clock.Set(kTestStart + i * 1000);
    ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + i * 1000, i).has_value());
    if (i % 20 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
  }
  Contents contents = ReadContents(*db);
  TimestampMs oldest = contents.begin()->second.begin()->first;
  EXPECT_GE(oldest, kTestStart + 1'000'000 - 300'000 - 120'000);
  EXPECT_LE(oldest, kTestStart + 1'000'000 - 300'000);
  // A clock that jumps deletes nothing.
  bench.clock.Advance(100'000'000);
  uint64_t blocks = db->GetStats()->blocks;
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, blocks);
  db.reset();
  bench.options.retention_bytes = 1;
  db = bench.Open();
  ASSERT_TRUE(db->Maintain().has_value());
  EXPECT_EQ(db->GetStats()->blocks, 0u);
}

TEST(DbTest, TheDirectoryBelongsToOneProcess) {
  Bench bench;
  auto db = bench.Open();
  auto second = bench.TryOpen();
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code(), Code::kUnavailable);
  EXPECT_EQ(second.error().message(),
            "the data directory " + bench.dir.path() +
                " is in use by another process; stop that one or choose another directory");
  db.reset();
  EXPECT_TRUE(bench.TryOpen().has_value());
}

// Which would be cut off.
TEST(DbTest, FilesOfALaterVersionAreNotTakenForDamage) {
  Bench bench;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 1).has_value());
  const Contents expected = ReadContents(*db);
  db.reset();
  const std::string dir = bench.dir.path() + "/journal";
  size_t journals = 0;
  size_t checkpoints = 0;
  const std::vector<core::FileInfo> files = bench.posix.List(dir).value();
  for (const core::FileInfo& info : files) {
    const std::string path = dir + "/" + info.name;
    const std::string bytes = core::ReadFile(bench.posix, path, 1 << 20).value();
    ++(bytes.starts_with("SXTJRN") ? journals : checkpoints);
    std::string later = bytes;
    later[6] = '7';
    const uint64_t checksum = XXH3_64bits(later.data(), 16);
    std::memcpy(later.data() + 16, &checksum, sizeof checksum);
    ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, later).has_value());
    auto opened = bench.TryOpen();
    ASSERT_FALSE(opened.has_value()) << path;
    EXPECT_THAT(opened.error().message(),
                HasSubstr(info.name + " was written by a later version of Sextant"));
    EXPECT_EQ(core::ReadFile(bench.posix, path, 1 << 20).value(), later);
    ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, bytes).has_value());
  }
  EXPECT_GE(journals, 1u);
  EXPECT_EQ(checkpoints, 1u);
  EXPECT_EQ(Difference(ReadContents(*bench.Open()), expected), "");
}

TEST(DbTest, AFullOrReadOnlyDirectoryIsSaidClearly) {
  Bench bench;
  bench.fs.FailOperation(1, core::Fault::kFail, true, Code::kPermissionDenied);
  auto db = bench.TryOpen();
  ASSERT_FALSE(db.has_value());
  EXPECT_EQ(db.error().code(), Code::kPermissionDenied);
  EXPECT_THAT(db.error().message(), HasSubstr("the data directory " + bench.dir.path() + " cannot be used"));
  bench.fs.Heal();
  auto opened = bench.Open();
  bench.fs.FailOperation(1, core::Fault::kTorn, true, Code::kResourceExhausted);
  auto failed = AppendOne(*opened, MetricLabels("a"), kTestStart, 1);
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code(), Code::kResourceExhausted);
  EXPECT_THAT(ReadContents(*opened), IsEmpty());
  bench.fs.Heal();
  EXPECT_TRUE(AppendOne(*opened, MetricLabels("a"), kTestStart, 1).has_value());
}

TEST(DbTest, WrongOptionsAreRefused) {
  Bench bench;
  bench.options.dir = "";
  EXPECT_EQ(bench.TryOpen().error().code(), Code::kInvalidArgument);
  bench.options.dir = bench.dir.path();
  bench.options.block_range_ms = 0;
  EXPECT_EQ(bench.TryOpen().error().code(), Code::kInvalidArgument);
}

TEST(DbTest, ADamagedBlockIsSetAsideAndTheRestServed) {
  Bench bench;
  bench.options.block_range_ms = 100'000;
  bench.options.max_block_range_ms = 100'000;
  auto db = bench.Open();
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart + i * 1000, i).has_value());
  }
  ASSERT_TRUE(db->Maintain().has_value());
  uint64_t blocks = db->GetStats()->blocks;
  ASSERT_GE(blocks, 3u);
  db.reset();
  std::string block_dir = core::JoinPath(bench.dir.path(), "blocks");
  auto entries = bench.posix.List(block_dir).value();
  auto change = [&](const std::string& path, size_t from_end) {
    std::string bytes = core::ReadFile(bench.posix, path, 1 << 20).value();
    bytes[bytes.size() - from_end] ^= 1;
    ASSERT_TRUE(core::WriteFileAtomically(bench.posix, path, bytes).has_value());
  };
  // In the footer: found at once. In a section: at the first lookup.
  change(core::JoinPath(block_dir, entries[0].name + "/index"), 20);
  change(core::JoinPath(block_dir, entries[1].name + "/index"), 270);
  db = bench.Open();
  EXPECT_EQ(db->GetStats()->blocks, blocks - 1);
  Contents contents = ReadContents(*db);
  EXPECT_EQ(db->GetStats()->blocks, blocks - 2);
  EXPECT_EQ(contents.begin()->second.begin()->first, kTestStart + 200'000 - kTestStart % 100'000);
  EXPECT_TRUE(bench.posix.Stat(core::JoinPath(block_dir, entries[0].name + ".damaged")).has_value());
  EXPECT_TRUE(bench.posix.Stat(core::JoinPath(block_dir, entries[1].name + ".damaged")).has_value());
  EXPECT_THAT(bench.log, HasSubstr("set aside"));
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("sextant_tsdb_blocks_set_aside_total 2\n"));
  EXPECT_THAT(bench.registry->RenderText(), HasSubstr("prometheus_tsdb_reloads_failures_total 2\n"));
}

TEST(DbTest, StatsNameTheHeaviest) {
  Bench bench;
  auto db = bench.Open();
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(AppendOne(*db, MetricLabels(i % 3 == 0 ? "few" : "many", std::to_string(i)), kTestStart, 1)
                    .has_value());
  }
  auto stats = db->GetStats(2).value();
  EXPECT_EQ(stats.series, 30u);
  ASSERT_EQ(stats.series_by_metric.size(), 2u);
  EXPECT_EQ(stats.series_by_metric[0].name, "many");
  EXPECT_EQ(stats.series_by_metric[0].count, 20u);
  EXPECT_EQ(stats.values_by_label[0].name, "instance");
  EXPECT_EQ(stats.values_by_label[0].count, 30u);
  EXPECT_EQ(stats.series_by_pair[0].name, "__name__=many");
  EXPECT_EQ(stats.samples_appended, 30u);
  EXPECT_EQ(stats.min_time_ms, kTestStart);
}

TEST(DbTest, CommitsAfterCloseAreRefusedAndQueriesGoOn) {
  Bench bench;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 1).has_value());
  ASSERT_TRUE(db->Close().has_value());
  EXPECT_EQ(AppendOne(*db, MetricLabels("a"), kTestStart + 1, 1).error().code(), Code::kUnavailable);
  EXPECT_EQ(ReadContents(*db).size(), 1u);
  EXPECT_TRUE(db->Close().has_value());
}

TEST(DbTest, TheMaintenanceThreadSyncs) {
  Bench bench;
  bench.options.run_maintenance_thread = true;
  bench.options.sync_interval_ms = 1;
  auto db = bench.Open();
  ASSERT_TRUE(AppendOne(*db, MetricLabels("a"), kTestStart, 1).has_value());
  db.reset();
  db = bench.Open();
  EXPECT_EQ(ReadContents(*db).size(), 1u);
}

}  // namespace
}  // namespace sextant::tsdb
