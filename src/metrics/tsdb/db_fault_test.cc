// Each file operation of a store's life made to fail in turn, in each way; and power failures.
#include <gtest/gtest.h>

#include <random>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

using core::Fault;
using model::AppendOutcome;

// What a life of a store has committed, and what it tried to.
struct Life {
  Contents acknowledged;
  Contents attempted;
};

// Opens, appends, cuts blocks, writes checkpoints, closes. Failures are met by going on, as a server does.
void Live(Bench& bench, TimestampMs start_ms, Life& life) {
  auto opened = bench.TryOpen();
  if (!opened) return;
  std::unique_ptr<Db> db = std::move(*opened);
  for (int i = 0; i < 40; ++i) {
    auto appender = db->NewAppender();
    Contents batch;
    for (int series = 0; series < 4; ++series) {
      model::Labels labels = MetricLabels("m", std::to_string(series + i / 10));
      TimestampMs time_ms = start_ms + i * 10'000;
      double value = i * 1.1 + series;
      if (appender->Append(0, labels, time_ms, value).outcome == AppendOutcome::kOk) {
        batch[labels.ToString()][time_ms] = BitsOf(value);
      }
    }
    bool is_committed = appender->Commit().has_value();
    for (auto& [labels, samples] : batch) {
      life.attempted[labels].insert(samples.begin(), samples.end());
      if (is_committed) life.acknowledged[labels].insert(samples.begin(), samples.end());
    }
    appender.reset();
    if (i % 8 == 7) static_cast<void>(db->Maintain());
    if (i % 5 == 4) static_cast<void>(db->Sync());
  }
  static_cast<void>(db->Close());
}

// All that was acknowledged is served, and nothing that was never attempted.
void ExpectHolds(const Contents& served, const Life& life) {
  for (const auto& [labels, samples] : life.acknowledged) {
    auto found = served.find(labels);
    ASSERT_NE(found, served.end()) << labels;
    for (const auto& [time_ms, bits] : samples) {
      auto sample = found->second.find(time_ms);
      ASSERT_NE(sample, found->second.end()) << labels << " lost " << time_ms - kTestStart;
      ASSERT_EQ(sample->second, bits);
    }
  }
  for (const auto& [labels, samples] : served) {
    auto found = life.attempted.find(labels);
    ASSERT_NE(found, life.attempted.end()) << labels;
    for (const auto& [time_ms, bits] : samples) {
      auto sample = found->second.find(time_ms);
      ASSERT_NE(sample, found->second.end()) << labels;
      ASSERT_EQ(sample->second, bits);
    }
  }
}

void ConfigureForManyFiles(Bench& bench) {
  bench.options.block_range_ms = 100'000;
  bench.options.journal_segment_bytes = 400;
  bench.options.journal_checkpoint_bytes = 700;
}

class DbFaultTest : public ::testing::TestWithParam<std::tuple<Fault, bool>> {};

TEST_P(DbFaultTest, EveryOperationInTurn) {
  auto [fault, and_all_later] = GetParam();
  uint64_t n = 1;
  for (;; n += and_all_later ? 5 : 1) {
    Bench bench;
    ConfigureForManyFiles(bench);
    Life life;
    Live(bench, kTestStart, life);  // a first life, so that there is something to lose
    bench.fs.FailOperation(n, fault, and_all_later, core::Code::kResourceExhausted);
    Live(bench, kTestStart + 400'000, life);
    SCOPED_TRACE(bench.fs.failed_operation());
    bool is_reached = bench.fs.operations() >= n;
    bench.fs.Heal();
    auto db = bench.Open();
    ASSERT_NE(db, nullptr);
    ExpectHolds(ReadContents(*db), life);
    ASSERT_TRUE(AppendOne(*db, MetricLabels("after"), kTestStart + 900'000, 1).has_value());
    ASSERT_TRUE(db->Maintain().has_value());
    if (HasFailure()) {
      ADD_FAILURE() << bench.log;
      return;
    }
    if (!is_reached) break;
  }
  EXPECT_GT(n, 50u);
}

INSTANTIATE_TEST_SUITE_P(Faults, DbFaultTest,
                         ::testing::Values(std::tuple(Fault::kFail, false), std::tuple(Fault::kTorn, false),
                                           std::tuple(Fault::kGarbled, false),
                                           std::tuple(Fault::kFailAfter, false),
                                           std::tuple(Fault::kFail, true), std::tuple(Fault::kTorn, true)));

TEST(DbPowerTest, WhatWasSyncedSurvivesAPowerFailure) {
  for (int committed = 1; committed < 60; committed += 7) {
    SCOPED_TRACE(committed);
    Bench bench;
    ConfigureForManyFiles(bench);
    Contents synced;
    Contents attempted;
    {
      auto db = bench.Open();
      for (int i = 0; i < committed; ++i) {
        model::Labels labels = MetricLabels("m", std::to_string(i % 3));
        TimestampMs time_ms = kTestStart + i * 10'000;
        ASSERT_TRUE(AppendOne(*db, labels, time_ms, i).has_value());
        attempted[labels.ToString()][time_ms] = BitsOf(i);
        if (i % 4 == 3) {
          ASSERT_TRUE(db->Sync().has_value());
          synced = attempted;
        }
        if (i % 9 == 8) {
          ASSERT_TRUE(db->Maintain().has_value());
        }
      }
      // The process dies with the machine: closing must not save it.
      bench.fs.FailOperation(1, Fault::kFail, /*and_all_later=*/true);
    }
    bench.fs.Heal();
    ASSERT_TRUE(bench.fs.LosePower().has_value());
    auto db = bench.Open();
    ASSERT_NE(db, nullptr);
    ExpectHolds(ReadContents(*db), {synced, attempted});
    if (HasFailure()) {
      ADD_FAILURE() << bench.log;
      return;
    }
  }
}

// Appends, syncs and maintains at random; `life.acknowledged` is what was synced.
void LiveUnderPower(Bench& bench, std::mt19937_64& random, TimestampMs& time_ms, Life& life) {
  auto opened = bench.TryOpen();
  ASSERT_TRUE(opened.has_value()) << opened.error().message();
  std::unique_ptr<Db> db = std::move(*opened);
  ASSERT_NO_FATAL_FAILURE(ExpectHolds(ReadContents(*db), life)) << "at the start";
  Contents committed = life.acknowledged;
  int commits = static_cast<int>(random() % 60);
  for (int i = 0; i < commits; ++i) {
    time_ms += 5'000;
    auto appender = db->NewAppender();
    for (int series = 0; series < 3; ++series) {
      model::Labels labels = MetricLabels("m", std::to_string(static_cast<int>(random() % 12)));
      double value = static_cast<double>(random() % 1000);
      auto outcome = appender->Append(0, labels, time_ms + series, value).outcome;
      ASSERT_EQ(outcome, AppendOutcome::kOk);
      life.attempted[labels.ToString()][time_ms + series] = BitsOf(value);
      committed[labels.ToString()][time_ms + series] = BitsOf(value);
    }
    ASSERT_TRUE(appender->Commit().has_value());
    appender.reset();
    if (random() % 4 == 0) {
      ASSERT_TRUE(db->Sync().has_value());
      life.acknowledged = committed;
    }
    if (random() % 6 == 0) {
      ASSERT_TRUE(db->Maintain().has_value());
    }
  }
  ASSERT_NO_FATAL_FAILURE(ExpectHolds(ReadContents(*db), life)) << "before the failure";
  // The process dies with the machine, sometimes while it closes.
  bench.fs.FailOperation(1 + random() % 8, Fault::kFail, /*and_all_later=*/true);
  db.reset();
  bench.fs.Heal();
}

TEST(DbPowerTest, UnsyncedWritesMayBeLostInAnyOrder) {
  for (uint64_t seed = 0; seed < 120; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    Bench bench;
    ConfigureForManyFiles(bench);
    bench.options.journal_segment_bytes = 200 + random() % 600;
    bench.options.journal_checkpoint_bytes = 300 + random() % 2'000;
    bench.fs.RememberChanges();
    Life life;
    TimestampMs time_ms = kTestStart;
    for (int lives = 0; lives < 4; ++lives) {
      ASSERT_NO_FATAL_FAILURE(LiveUnderPower(bench, random, time_ms, life)) << bench.log;
      ASSERT_TRUE(bench.fs.LosePower(random).has_value());
      auto db = bench.Open();
      ASSERT_NE(db, nullptr) << bench.log;
      Contents served = ReadContents(*db);
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(served, life)) << bench.log;
      // What came back is there to stay once it is synced. What did not is gone: the series go on later.
      ASSERT_TRUE(db->Sync().has_value());
      life.acknowledged = std::move(served);
      bench.fs.FailOperation(1, Fault::kFail, /*and_all_later=*/true);
      db.reset();
      bench.fs.Heal();
      bench.log.clear();
    }
  }
}

TEST(DbPowerTest, WithASyncAtEveryCommitNothingIsLost) {
  Bench bench;
  ConfigureForManyFiles(bench);
  bench.options.sync_policy = SyncPolicy::kEveryCommit;
  Contents attempted;
  {
    auto db = bench.Open();
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(AppendOne(*db, MetricLabels("m"), kTestStart + i, i).has_value());
      attempted[MetricLabels("m").ToString()][kTestStart + i] = BitsOf(i);
    }
    bench.fs.FailOperation(1, Fault::kFail, /*and_all_later=*/true);
  }
  bench.fs.Heal();
  ASSERT_TRUE(bench.fs.LosePower().has_value());
  auto db = bench.Open();
  ExpectHolds(ReadContents(*db), {attempted, attempted});
}

}  // namespace
}  // namespace sextant::tsdb
