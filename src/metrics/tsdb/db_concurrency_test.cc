// Appenders, queries, cuts and checkpoints at the same time; meant for ThreadSanitizer. What queries see is
// checked as well: batches as a whole, and never backwards.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <filesystem>
#include <thread>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::Labels;
using model::SeriesRef;

constexpr int kAppenders = 3;
constexpr int kBatches = 300;
constexpr int kSeriesEach = 600;  // over several stripes

void AppendBatches(Db& db, int target, std::barrier<>& pace, std::atomic<int>& failures) {
  std::vector<SeriesRef> refs(kSeriesEach, 0);
  model::FloatHistogram histogram;
  for (int batch = 0; batch < kBatches; ++batch) {
    // Not so far apart that a cut shuts one of them out.
    if (batch % 10 == 0) pace.arrive_and_wait();
    auto appender = db.NewAppender();
    histogram = CounterHistogram(batch);
    for (int series = 0; series < kSeriesEach; ++series) {
      auto labels = [&] {
        return Labels::Of(
            {{"__name__", "m"}, {"series", std::to_string(series)}, {"target", std::to_string(target)}});
      };
      TimestampMs time_ms = kTestStart + batch * 1000;
      model::Sample sample{.time_ms = time_ms, .value = static_cast<double>(batch)};
      if (series % 50 == 1) sample.histogram = &histogram;
      // Some end now and then, and come back.
      if (series % 7 == 3 && batch % 20 == 19) sample.value = model::StaleNan();
      auto result = appender->AppendSample(refs[series], refs[series] == 0 ? labels() : Labels(), sample);
      if (result.outcome == AppendOutcome::kUnknownRef) {
        result = appender->AppendSample(0, labels(), sample);
      }
      if (result.outcome != AppendOutcome::kOk) ++failures;
      refs[series] = result.ref;
    }
    if (!appender->Commit()) ++failures;
    // Its own batch is visible now.
    if (batch % 50 == 0) {
      auto querier = db.NewQuerier(kFirst, kLast).value();
      auto set = querier
                     ->Select({model::Matcher::Equal("target", std::to_string(target)),
                               model::Matcher::Equal("series", "7")},
                              {})
                     .value();
      model::SampleColumns columns;
      if (set->size() != 1 || !set->Read(0, kFirst, kLast, columns) || columns.values.back() != batch)
        ++failures;
    }
  }
}

// All series of a target have the same samples in any view, since batches are seen as a whole.
void QueryTarget(const Db& db, int target, const std::atomic<bool>& stops, std::atomic<int>& failures) {
  size_t most = 0;
  model::SampleColumns columns;
  while (!stops) {
    auto querier = db.NewQuerier(kFirst, kLast).value();
    auto set = querier->Select({model::Matcher::Equal("target", std::to_string(target))}, {}).value();
    size_t samples = 0;
    for (size_t i = 0; i < set->size(); ++i) {
      if (!set->Read(i, kFirst, kLast, columns)) ++failures;
      if (i == 0) samples = columns.size();
      if (columns.size() != samples) ++failures;
    }
    if (set->size() != 0 && set->size() != kSeriesEach) ++failures;
    if (samples < most) ++failures;
    most = samples;
  }
}

TEST(DbConcurrencyTest, BatchesAreSeenAsAWholeWhileEverythingHappens) {
  Bench bench;
  bench.options.block_range_ms = 50'000;
  bench.options.journal_segment_bytes = 50'000;
  bench.options.journal_checkpoint_bytes = 100'000;
  bench.options.stale_series_threshold = 0.01;
  auto db = bench.Open();
  std::atomic<int> failures = 0;
  std::atomic<bool> stops = false;
  std::barrier pace(kAppenders);
  std::vector<std::thread> appenders;
  std::vector<std::thread> others;
  for (int target = 0; target < kAppenders; ++target) {
    appenders.emplace_back([&, target] { AppendBatches(*db, target, pace, failures); });
  }
  others.emplace_back([&] { QueryTarget(*db, 0, stops, failures); });
  others.emplace_back([&] { QueryTarget(*db, kAppenders - 1, stops, failures); });
  others.emplace_back([&] {
    while (!stops) {
      bench.clock.Advance(61'000);  // stale series are looked for once a minute
      if (!db->Maintain() || !db->Sync() || !db->GetStats()) ++failures;
      std::this_thread::yield();
    }
  });
  for (std::thread& thread : appenders) thread.join();
  stops = true;
  for (std::thread& thread : others) thread.join();
  EXPECT_EQ(failures, 0) << bench.log;
  Contents contents = ReadContents(*db);
  EXPECT_EQ(contents.size(), static_cast<size_t>(kAppenders * kSeriesEach));
  for (const auto& [labels, samples] : contents)
    ASSERT_EQ(samples.size(), static_cast<size_t>(kBatches)) << labels;
  db.reset();
  db = bench.Open();
  EXPECT_EQ(Difference(ReadContents(*db), contents), "");
}

// Enough for recovery to use its threads: for the checkpoint's ranges, its postings, and the journal after
// it.
TEST(DbConcurrencyTest, ALargeStoreIsRestoredOnSeveralThreads) {
  constexpr int kManySeries = 20'000;
  Bench bench;
  auto db = bench.Open();
  std::vector<SeriesRef> refs(kManySeries, 0);
  auto append = [&](int batch) {
    auto appender = db->NewAppender();
    for (int i = 0; i < kManySeries; ++i) {
      Labels labels = refs[i] == 0 ? MetricLabels("m" + std::to_string(i % 7), std::to_string(i)) : Labels();
      refs[i] = appender->Append(refs[i], labels, kTestStart + batch * 1000, batch * (i % 3)).ref;
    }
    ASSERT_TRUE(appender->Commit().has_value());
  };
  for (int batch = 0; batch < 3; ++batch) append(batch);
  db.reset();
  db = bench.Open();
  refs.assign(kManySeries, 0);
  for (int batch = 3; batch < 16; ++batch) append(batch);
  Contents contents = ReadContents(*db);
  EXPECT_EQ(contents.size(), static_cast<size_t>(kManySeries));
  bench.fs.FailOperation(1, core::Fault::kFail, /*and_all_later=*/true);
  db.reset();
  bench.fs.Heal();
  auto progress = std::make_shared<ReplayProgress>();
  bench.options.replay_progress = progress;
  db = bench.Open();
  // Lookups, and finding series by all of their labels, while the index may still be under way.
  std::thread query([&] {
    EXPECT_EQ(ReadContents(*db, {model::Matcher::Equal("__name__", "m3")}).size(),
              static_cast<size_t>(kManySeries / 7));
  });
  auto appender = db->NewAppender();
  for (int i = 0; i < kManySeries; i += 10) {
    Labels labels = MetricLabels("m" + std::to_string(i % 7), std::to_string(i));
    EXPECT_EQ(appender->Append(0, labels, kTestStart + 100'000, 1).ref, refs[i]);
  }
  appender->Rollback();
  query.join();
  EXPECT_EQ(db->GetStats()->series, static_cast<uint64_t>(kManySeries));
  EXPECT_EQ(Difference(ReadContents(*db), contents), "");
  EXPECT_EQ(progress->state, ReplayProgress::State::kDone);
  EXPECT_GT(progress->min, 0u);
  EXPECT_EQ(progress->current, progress->max);
}

TEST(DbConcurrencyTest, SeriesComeAndGoUnderAppendersAndQueries) {
  Bench bench;
  bench.options.block_range_ms = 10'000;
  auto db = bench.Open();
  std::atomic<int> failures = 0;
  std::atomic<bool> stops = false;
  std::thread queries([&] {
    while (!stops) {
      for (const auto& [labels, samples] : ReadContents(*db)) {
        for (const auto& [time_ms, bits] : samples) {
          // The value says which series it belongs to.
          std::string instance = std::to_string(static_cast<int>(std::bit_cast<double>(bits)));
          if (labels != MetricLabels("m", instance).ToString()) ++failures;
        }
      }
    }
  });
  std::thread maintenance([&] {
    while (!stops) {
      if (!db->Maintain()) ++failures;
    }
  });
  std::map<int, SeriesRef> refs;
  for (int batch = 0; batch < 1500; ++batch) {
    auto appender = db->NewAppender();
    for (int i = 0; i < 10; ++i) {
      int series = batch / 30 % 5 * 4 + i;  // ends, and comes back later
      TimestampMs time_ms = kTestStart + batch * 300;
      auto result = appender->Append(refs[series], {}, time_ms, series);
      if (result.outcome != AppendOutcome::kOk) {
        result = appender->Append(0, MetricLabels("m", std::to_string(series)), time_ms, series);
      }
      if (result.outcome != AppendOutcome::kOk) ++failures;
      refs[series] = result.ref;
    }
    if (!appender->Commit()) ++failures;
  }
  stops = true;
  queries.join();
  maintenance.join();
  EXPECT_EQ(failures, 0) << bench.log;
  size_t samples = 0;
  for (const auto& [labels, series_samples] : ReadContents(*db)) samples += series_samples.size();
  EXPECT_EQ(samples, 15'000u);
}

// Each target's batch is floats and histograms of one number; series change their kind now and then.
TEST(DbConcurrencyTest, HistogramsAreSeenWithTheirBatchesAndCheckpointsHaveThem) {
  constexpr int kSeries = 40;
  constexpr int kTargets = 2;
  constexpr int kHistogramBatches = 400;
  Bench bench;
  bench.options.journal_segment_bytes = 20'000;
  bench.options.journal_checkpoint_bytes = 1;
  auto db = bench.Open();
  std::atomic<int> failures = 0;
  std::atomic<bool> stops = false;
  auto append = [&](int target) {
    for (int batch = 1; batch <= kHistogramBatches; ++batch) {
      auto appender = db->NewAppender();
      model::FloatHistogram histogram = CounterHistogram(batch);
      for (int series = 0; series < kSeries; ++series) {
        Labels labels = Labels::Of(
            {{"__name__", "m"}, {"series", std::to_string(series)}, {"target", std::to_string(target)}});
        model::Sample sample{.time_ms = kTestStart + batch * 1000, .value = static_cast<double>(batch)};
        if ((series + batch / 10) % 3 != 0) sample.histogram = &histogram;
        if (appender->AppendSample(0, labels, sample).outcome != AppendOutcome::kOk) ++failures;
      }
      if (!appender->Commit()) ++failures;
    }
  };
  std::vector<std::thread> threads;
  for (int target = 0; target < kTargets; ++target) threads.emplace_back([&, target] { append(target); });
  std::thread queries([&] {
    model::SampleColumns columns;
    while (!stops) {
      auto querier = db->NewQuerier(kFirst, kLast).value();
      auto set = querier->Select({model::Matcher::Equal("target", "1")}, {}).value();
      if (set->size() != 0 && set->size() != kSeries) ++failures;
      size_t samples = 0;
      for (size_t i = 0; i < set->size(); ++i) {
        if (!set->Read(i, kFirst, kLast, columns)) ++failures;
        if (i == 0) samples = columns.size();
        if (columns.size() != samples) ++failures;
      }
    }
  });
  std::thread maintenance([&] {
    while (!stops) {
      if (!db->Maintain() || !db->GetStats()) ++failures;
    }
  });
  for (std::thread& thread : threads) thread.join();
  stops = true;
  queries.join();
  maintenance.join();
  EXPECT_EQ(failures, 0) << bench.log;
  Contents expected;
  for (int target = 0; target < kTargets; ++target) {
    for (int series = 0; series < kSeries; ++series) {
      Labels labels = Labels::Of(
          {{"__name__", "m"}, {"series", std::to_string(series)}, {"target", std::to_string(target)}});
      for (int batch = 1; batch <= kHistogramBatches; ++batch) {
        expected[labels.ToString()][kTestStart + batch * 1000] =
            (series + batch / 10) % 3 != 0 ? HistogramBits(CounterHistogram(batch)) : BitsOf(batch);
      }
    }
  }
  EXPECT_EQ(Difference(ReadContents(*db), expected), "");
  // As a killed process leaves it: the last checkpoint was taken while everything went on.
  Bench killed;
  killed.options = bench.options;
  killed.options.dir = killed.dir.path();
  std::filesystem::copy(bench.dir.path(), killed.dir.path(), std::filesystem::copy_options::recursive);
  auto again = killed.Open();
  EXPECT_EQ(Difference(ReadContents(*again), expected), "");
}

}  // namespace
}  // namespace sextant::tsdb
