// Stale series that leave the head early: what stays readable whatever happens meanwhile, and what a crash or
// a power failure at any point leaves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <random>

#include "metrics/promfiles/meta.h"
#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using core::Fault;
using model::AppendOutcome;
using model::Labels;
using model::Matcher;
using ::testing::HasSubstr;

constexpr DurationMs kRange = 1'200'000;
constexpr TimestampMs kAligned = kTestStart - kTestStart % kRange;
constexpr TimestampMs kMarker = kAligned + 400'000;  // when the first ten series end

void Configure(Bench& bench, BlockForm form) {
  bench.options.block_range_ms = kRange;
  bench.options.block_form = form;
  bench.options.stale_series_threshold = 0.5;
}

Labels Pod(int number) { return MetricLabels("pod", std::to_string(number)); }

// Commits one sample, and adds it to what is expected.
void Append(Db& db, const Labels& labels, TimestampMs time_ms, double value, Contents& expected) {
  ASSERT_TRUE(AppendOne(db, labels, time_ms, value).has_value()) << labels.ToString();
  expected[labels.ToString()][time_ms] = BitsOf(value);
}

// Ten series that end and five that go on, in memory and in written chunks.
Contents Fill(Db& db) {
  Contents expected;
  for (TimestampMs time_ms = kAligned + 1'000; time_ms <= kMarker + 10'000; time_ms += 1'000) {
    auto appender = db.NewAppender();
    for (int pod = 0; pod < 15; ++pod) {
      if (pod < 10 && time_ms > kMarker) continue;
      double value =
          pod < 10 && time_ms == kMarker ? model::StaleNan() : pod + static_cast<double>(time_ms % 7'919) / 7;
      EXPECT_EQ(appender->Append(0, Pod(pod), time_ms, value).outcome, AppendOutcome::kOk);
      expected[Pod(pod).ToString()][time_ms] = BitsOf(value);
    }
    EXPECT_TRUE(appender->Commit().has_value());
  }
  return expected;
}

uint64_t HeadSeriesOf(const Db& db) { return db.GetStats(0)->series; }

void Kill(Bench& bench, std::unique_ptr<Db>& db) {
  bench.fs.FailOperation(1, Fault::kFail, /*and_all_later=*/true);
  db.reset();
  bench.fs.Heal();
}

class StaleSeriesTest : public ::testing::TestWithParam<BlockForm> {
 protected:
  StaleSeriesTest() { Configure(bench_, GetParam()); }

  // The next look at the share of stale series.
  void MaintainLater() {
    bench_.clock.Advance(61'000);
    ASSERT_TRUE(db_->Maintain().has_value());
  }
  std::string Metrics() { return bench_.registry->RenderText(); }

  Bench bench_;
  std::unique_ptr<Db> db_;
};

TEST_P(StaleSeriesTest, LeaveTheHeadAndStayReadable) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  EXPECT_THAT(Metrics(), HasSubstr("prometheus_tsdb_head_stale_series 10\n"));
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 5u);
  EXPECT_THAT(Metrics(), HasSubstr("prometheus_tsdb_head_stale_series 0\n"));
  EXPECT_THAT(Metrics(), HasSubstr("prometheus_tsdb_stale_series_compactions_triggered_total 1\n"));
  EXPECT_THAT(Metrics(), HasSubstr("prometheus_tsdb_stale_series_compactions_failed_total 0\n"));
  EXPECT_THAT(Metrics(), HasSubstr("prometheus_tsdb_stale_series_compaction_duration_seconds_count 1\n"));
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  std::vector<BlockInfo> blocks = db_->Blocks();
  ASSERT_EQ(blocks.size(), 1u);
  EXPECT_TRUE(blocks[0].is_stale_series);
  EXPECT_FALSE(blocks[0].is_out_of_order);
  EXPECT_EQ(blocks[0].form, GetParam());
  EXPECT_EQ(blocks[0].series, 10u);
  EXPECT_EQ(blocks[0].start_ms, kAligned);
  EXPECT_EQ(blocks[0].end_ms, kMarker + 1);
  // Nothing is taken for in a block because of it: samples of its time are welcome.
  Append(*db_, MetricLabels("late_target"), kAligned + 1'000, 1, expected);
  for (bool kills : {true, false}) {
    if (kills) Kill(bench_, db_);
    db_.reset();
    db_ = bench_.Open();
    EXPECT_EQ(HeadSeriesOf(*db_), 6u);
    EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
    Append(*db_, MetricLabels("late_target"), kAligned + (kills ? 2'000 : 3'000), 1, expected);
    MaintainLater();
    EXPECT_EQ(db_->Blocks().size(), 1u) << "written again";
  }
}

TEST_P(StaleSeriesTest, MergeWithTheBlockOfTheirTime) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  ASSERT_TRUE(db_->Maintain().has_value());
  for (int i = 0; i < 20; ++i) Append(*db_, Pod(12), kMarker + 100'000 * (i + 1), i, expected);
  MaintainLater();
  EXPECT_GT(db_->Blocks().size(), 0u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  // In Prometheus' form they stay apart: the mark would be lost.
  uint64_t stale = 0;
  for (const BlockInfo& block : db_->Blocks()) stale += block.is_stale_series ? 1 : 0;
  EXPECT_EQ(stale, GetParam() == BlockForm::kPrometheus ? 1u : 0u);
  db_.reset();
  db_ = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

TEST_P(StaleSeriesTest, ThatSpanTwoRangesGoToTwoBlocks) {
  db_ = bench_.Open();
  Contents expected;
  const TimestampMs markers_ms = kAligned + kRange + 200'000;
  for (TimestampMs time_ms = kAligned + 700'000; time_ms < markers_ms; time_ms += 50'000) {
    Append(*db_, Pod(0), time_ms, 5, expected);
    Append(*db_, Pod(1), time_ms, 6, expected);
  }
  Append(*db_, Pod(0), markers_ms, model::StaleNan(), expected);
  ASSERT_TRUE(db_->Maintain().has_value());
  ASSERT_EQ(db_->Blocks().size(), 2u);
  EXPECT_EQ(db_->Blocks()[0].end_ms, kAligned + kRange);
  EXPECT_EQ(db_->Blocks()[1].start_ms, kAligned + kRange);
  EXPECT_EQ(db_->Blocks()[1].end_ms, markers_ms + 1);
  EXPECT_EQ(HeadSeriesOf(*db_), 1u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

// Of two blocks the second cannot be written: the first does not stay either, and the next attempts wait
// longer and longer, so that a full disk is not filled further.
TEST_P(StaleSeriesTest, ThatCannotBeWrittenLeaveNothingAndAreTriedLessAndLess) {
  db_ = bench_.Open();
  Contents expected;
  for (TimestampMs time_ms = kAligned + 700'000; time_ms < kAligned + kRange + 200'000; time_ms += 50'000) {
    Append(*db_, Pod(0), time_ms, 5, expected);
  }
  Append(*db_, Pod(0), kAligned + kRange + 200'000, model::StaleNan(), expected);
  ASSERT_TRUE(db_->Sync().has_value());
  // Enough to write one block and begin the next.
  bench_.fs.FailOperation(9, Fault::kFail, /*and_all_later=*/true);
  auto attempts = [&] {
    std::string metrics = Metrics();
    constexpr std::string_view kName = "\nprometheus_tsdb_stale_series_compactions_triggered_total ";
    return std::stoi(metrics.substr(metrics.find(kName) + kName.size()));
  };
  std::vector<int> attempted_in_minute;
  for (int minute = 0; minute < 20; ++minute) {
    int before = attempts();
    static_cast<void>(db_->Maintain());
    if (attempts() != before) attempted_in_minute.push_back(minute);
    EXPECT_EQ(db_->Blocks().size(), 0u);
    bench_.clock.Advance(60'000);
  }
  EXPECT_EQ(attempted_in_minute, (std::vector<int>{0, 1, 3, 7, 15}));
  bench_.fs.Heal();
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  for (int minute = 0; minute < 20; ++minute) {
    ASSERT_TRUE(db_->Maintain().has_value());
    bench_.clock.Advance(60'000);
  }
  EXPECT_EQ(db_->Blocks().size(), 2u);
  EXPECT_EQ(HeadSeriesOf(*db_), 0u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

TEST_P(StaleSeriesTest, GoOnAfterTheyHaveLeft) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  ASSERT_TRUE(db_->Maintain().has_value());
  for (int i = 1; i <= 5; ++i) Append(*db_, Pod(3), kMarker + i * 1'000, i, expected);
  // A sample that the block has, again and with another value: the first stays.
  ASSERT_TRUE(AppendOne(*db_, Pod(4), kMarker - 5'000, 4711).has_value());
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Kill(bench_, db_);
  db_ = bench_.Open();
  EXPECT_EQ(HeadSeriesOf(*db_), 7u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Append(*db_, Pod(3), kMarker + 6'000, model::StaleNan(), expected);
  for (int i = 0; i < 20; ++i) Append(*db_, Pod(12), kMarker + 100'000 * (i + 1), i, expected);
  MaintainLater();
  EXPECT_GT(db_->Blocks().back().end_ms, kMarker + 1) << "an ordinary block";
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "") << "in blocks";
}

TEST_P(StaleSeriesTest, StayBelowTheThresholdAndWhenItIsSwitchedOff) {
  bench_.options.stale_series_threshold = 0.67;
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 15u);
  db_->SetStaleSeriesThreshold(0);
  MaintainLater();
  EXPECT_EQ(HeadSeriesOf(*db_), 15u);
  db_->SetStaleSeriesThreshold(0.66);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 5u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

TEST_P(StaleSeriesTest, WaitWhenABlockIsDueSoon) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  Append(*db_, Pod(12), kAligned + kRange + kRange / 2 - kRange / 12, 1, expected);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 15u);
  EXPECT_EQ(db_->Blocks().size(), 0u);
}

TEST_P(StaleSeriesTest, WithOutOfOrderSamplesStay) {
  bench_.options.out_of_order_window_ms = 10 * kRange;
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  Append(*db_, Pod(7), kAligned + 5'500, 55, expected);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 6u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  // One that has left takes late samples like any other.
  Append(*db_, Pod(2), kAligned + 5'500, 22, expected);
  Append(*db_, Pod(2), kAligned + 3'500, 23, expected);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Kill(bench_, db_);
  db_ = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

TEST_P(StaleSeriesTest, OfHistogramsLeaveToo) {
  db_ = bench_.Open();
  for (int i = 1; i <= 200; ++i) {
    auto appender = db_->NewAppender();
    for (bool is_integer : {true, false}) {
      model::FloatHistogram histogram = i == 200 ? StaleHistogram(is_integer) : CounterHistogram(i);
      histogram.is_integer = is_integer;
      model::Sample sample{.time_ms = kAligned + i * 1'000, .histogram = &histogram};
      ASSERT_EQ(appender->AppendSample(0, MetricLabels("h", is_integer ? "i" : "f"), sample).outcome,
                AppendOutcome::kOk);
    }
    ASSERT_TRUE(appender->Commit().has_value());
  }
  Contents expected = ReadContents(*db_);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 0u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Kill(bench_, db_);
  db_ = bench_.Open();
  EXPECT_EQ(HeadSeriesOf(*db_), 0u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

TEST_P(StaleSeriesTest, AreThereForQueriesThatBeganBefore) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  auto querier = db_->NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 15u) << "written, but still read";
  EXPECT_EQ(db_->Blocks().size(), 1u);
  EXPECT_EQ(Difference(ReadSet(*set, kFirst, kLast), expected), "");
  // One comes back to life meanwhile, and one gets a sample in a batch that is not committed yet.
  Append(*db_, Pod(0), kMarker + 1'000, 7, expected);
  auto appender = db_->NewAppender();
  ASSERT_EQ(appender->Append(0, Pod(1), kMarker + 1'000, 8).outcome, AppendOutcome::kOk);
  auto undecided = db_->NewAppender();
  ASSERT_EQ(undecided->Append(0, Pod(2), kMarker + 1'000, 8).outcome, AppendOutcome::kOk);
  set.reset();
  querier.reset();
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 8u);
  ASSERT_TRUE(appender->Commit().has_value());
  appender.reset();
  undecided->Rollback();
  undecided.reset();
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 7u);
  EXPECT_EQ(db_->Blocks().size(), 1u) << "dropped without being written again";
  expected[Pod(1).ToString()][kMarker + 1'000] = BitsOf(8);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Kill(bench_, db_);
  db_ = bench_.Open();
  EXPECT_EQ(HeadSeriesOf(*db_), 7u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

// Of the head's queries nothing may go that began before an ordinary cut either.
TEST_P(StaleSeriesTest, IdleSeriesAreThereForQueriesThatBeganBefore) {
  bench_.options.stale_series_threshold = 0;
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  Append(*db_, MetricLabels("idle"), kAligned + kRange + 100'000, 1, expected);
  Append(*db_, Pod(12), kAligned + 2 * kRange, 1, expected);
  ASSERT_TRUE(db_->Maintain().has_value());
  ASSERT_EQ(db_->Blocks().size(), 1u);
  auto querier = db_->NewQuerier(kFirst, kLast).value();
  auto set = querier->Select({}, {}).value();
  ASSERT_TRUE(AppendOne(*db_, Pod(13), kAligned + 3 * kRange, 1).has_value());
  ASSERT_TRUE(db_->Maintain().has_value());
  ASSERT_EQ(db_->Blocks().size(), 2u);
  EXPECT_EQ(Difference(ReadSet(*set, kFirst, kLast), expected), "");
  set.reset();
  querier.reset();
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 2u);
}

TEST_P(StaleSeriesTest, WhatIsDeletedStaysDeleted) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  auto erase = [&](int pod, TimestampMs start_ms, TimestampMs end_ms) {
    ASSERT_TRUE(
        db_->DeleteSeries({{Matcher::Equal("instance", std::to_string(pod))}}, start_ms, end_ms).has_value());
    auto& samples = expected[Pod(pod).ToString()];
    samples.erase(samples.lower_bound(start_ms), samples.upper_bound(end_ms));
    if (samples.empty()) expected.erase(Pod(pod).ToString());
  };
  erase(0, kFirst, kLast);
  erase(1, kAligned + 50'000, kAligned + 90'000);
  ASSERT_TRUE(db_->Maintain().has_value());
  EXPECT_EQ(HeadSeriesOf(*db_), 5u);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  erase(2, kFirst, kLast);
  erase(3, kAligned + 50'000, kLast);
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
  Kill(bench_, db_);
  ASSERT_TRUE(bench_.fs.LosePower().has_value());
  db_ = bench_.Open();
  EXPECT_EQ(Difference(ReadContents(*db_), expected), "");
}

// Were it not journaled or in a checkpoint that series have left, a restart would bring back what has been
// deleted from their blocks since.
TEST_P(StaleSeriesTest, WhatIsDeletedStaysDeletedWhenTheJournalFails) {
  db_ = bench_.Open();
  Contents expected = Fill(*db_);
  ASSERT_TRUE(db_->Sync().has_value());
  for (uint64_t n = 1;; ++n) {
    Bench bench;
    Configure(bench, GetParam());
    std::filesystem::copy(bench_.dir.path(), bench.dir.path(), std::filesystem::copy_options::recursive);
    auto db = bench.Open();
    bench.fs.FailOperation(n, Fault::kFail);
    static_cast<void>(db->Maintain());
    bool is_reached = bench.fs.operations() >= n;
    SCOPED_TRACE(fmt::format("{}: {}", n, bench.fs.failed_operation()));
    bench.fs.Heal();
    ASSERT_TRUE(db->DeleteSeries({{Matcher::Equal("instance", "2")}}, kFirst, kLast).has_value());
    Kill(bench, db);
    ASSERT_TRUE(bench.fs.LosePower().has_value());
    db = bench.Open();
    Contents left = expected;
    left.erase(Pod(2).ToString());
    ASSERT_EQ(Difference(ReadContents(*db), left), "") << bench.log;
    if (!is_reached) break;
  }
}

// Every operation fails in turn; or the process ends there, or the machine.
enum class End { kFails, kFailsAfterwards, kIsKilled, kLosesPower };

class StaleSeriesFaultTest : public ::testing::TestWithParam<std::tuple<BlockForm, End>> {};

TEST_P(StaleSeriesFaultTest, EveryOperationInTurn) {
  auto [form, end] = GetParam();
  Bench filled;
  Configure(filled, form);
  auto filled_db = filled.Open();
  const Contents before = Fill(*filled_db);
  ASSERT_TRUE(filled_db->Sync().has_value());
  const bool kills = end == End::kIsKilled || end == End::kLosesPower;
  uint64_t n = 1;
  for (bool is_reached = true; is_reached; ++n) {
    Bench bench;
    Configure(bench, form);
    Contents expected = before;
    std::filesystem::copy(filled.dir.path(), bench.dir.path(), std::filesystem::copy_options::recursive);
    auto db = bench.Open();
    ASSERT_TRUE(db->Sync().has_value());
    bench.fs.RememberChanges();
    bench.fs.FailOperation(n, end == End::kFailsAfterwards ? Fault::kFailAfter : Fault::kTorn, kills);
    static_cast<void>(db->Maintain());
    is_reached = bench.fs.operations() >= n;
    SCOPED_TRACE(fmt::format("{}: {}", n, bench.fs.failed_operation()));
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "while it runs";
    if (kills) {
      db.reset();
      bench.fs.Heal();
      if (end == End::kLosesPower) {
        std::mt19937_64 random(n);
        ASSERT_TRUE(bench.fs.LosePower(random).has_value());
      }
      db = bench.Open();
      EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after a restart";
    }
    bench.fs.Heal();
    // Series come back to life, whether they have left or not.
    Append(*db, Pod(5), kMarker + 20'000, 5, expected);
    bench.clock.Advance(61'000);
    ASSERT_TRUE(db->Maintain().has_value());
    EXPECT_LE(HeadSeriesOf(*db), 6u) << "the next time it succeeds";
    Append(*db, Pod(6), kMarker + 20'000, 6, expected);
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "later";
    db.reset();
    db = bench.Open();
    EXPECT_LE(HeadSeriesOf(*db), 7u);
    EXPECT_EQ(Difference(ReadContents(*db), expected), "") << "after another restart";
    if (HasFailure()) {
      ADD_FAILURE() << bench.log;
      return;
    }
  }
  EXPECT_GT(n, 12u);
}

INSTANTIATE_TEST_SUITE_P(Ends, StaleSeriesFaultTest,
                         ::testing::Combine(::testing::Values(BlockForm::kDense, BlockForm::kPrometheus),
                                            ::testing::Values(End::kFails, End::kFailsAfterwards,
                                                              End::kIsKilled, End::kLosesPower)));

INSTANTIATE_TEST_SUITE_P(Forms, StaleSeriesTest,
                         ::testing::Values(BlockForm::kDense, BlockForm::kPrometheus));

// What is given back to Prometheus is the head; the block beside it says that it is none of the head's
// beginning, also to a Prometheus that does not know blocks of stale series.
TEST(StaleSeriesOfPrometheus, AreMarkedInMetaJsonAndNotGivenBackTwice) {
  Bench bench;
  Configure(bench, BlockForm::kPrometheus);
  auto db = bench.Open();
  Contents expected = Fill(*db);
  ASSERT_TRUE(db->Maintain().has_value());
  std::string block = core::JoinPath(bench.dir.path(), db->Blocks().at(0).name);
  auto meta = promfiles::ReadBlockMeta(bench.posix, block);
  ASSERT_TRUE(meta.has_value()) << meta.error().message();
  EXPECT_THAT(meta->compaction.hints, ::testing::ElementsAre("from-out-of-order", "from-stale-series"));
  ASSERT_TRUE(db->Close().has_value());
  db.reset();
  // As if Prometheus had been there: only its files count beside the blocks.
  for (const char* part : {"journal", "head_chunks", "prometheus-head"}) {
    std::filesystem::remove_all(core::JoinPath(bench.dir.path(), part));
  }
  db = bench.Open();
  EXPECT_EQ(HeadSeriesOf(*db), 5u);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  Append(*db, Pod(12), kMarker + 11'000, 1, expected);
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
}

}  // namespace
}  // namespace sextant::tsdb
