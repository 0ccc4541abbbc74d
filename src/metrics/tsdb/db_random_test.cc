// The store against a plain map: random appends, commits, rollbacks, cuts, checkpoints, reopenings, torn
// tails and bit flips, each run replayable from its seed.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "metrics/tsdb/db_test_util.h"
#include "metrics/tsdb/histogram_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using model::AppendOutcome;
using model::Labels;
using model::SeriesRef;

class RandomRun {
 public:
  explicit RandomRun(uint64_t seed) : random_(seed), histograms_(seed) {
    bench_.options.block_range_ms = 200'000;
    bench_.options.journal_segment_bytes = 1 + random_() % 20'000;
    bench_.options.journal_checkpoint_bytes = 1 + random_() % 50'000;
    bench_.options.stale_series_threshold = seed % 2 == 0 ? 0.05 : 0;
    db_ = bench_.Open();
  }

  void Run(int steps) {
    for (int step = 0; step < steps; ++step) {
      switch (random_() % 20) {
        case 0:
          Reopen();
          break;
        case 1:
          bench_.clock.Advance(random_() % 2 == 0 ? 61'000 : 0);
          ASSERT_TRUE(db_->Maintain().has_value());
          break;
        case 2:
          Compare();
          break;
        case 3:
          Batch(/*commits=*/false);
          break;
        case 4:
          Delete();
          break;
        default:
          Batch(/*commits=*/true);
          break;
      }
      if (::testing::Test::HasFailure()) return;
    }
    Compare();
    Reopen();
  }

  void Compare() { ASSERT_EQ(Difference(ReadContents(*db_), expected_), "") << bench_.log; }

  void Reopen() {
    refs_.clear();
    db_.reset();
    db_ = bench_.Open();
    ASSERT_NE(db_, nullptr);
    Compare();
  }

 private:
  double Value(size_t series) {
    switch (series % 5) {
      case 0:
        return 1;
      case 1:
        return values_[series] += static_cast<double>(random_() % 100);
      case 2:
        return values_[series] += static_cast<double>(random_() % 1000) / 1000;
      case 3:
        return std::bit_cast<double>(random_());
      default:
        return random_() % 10 == 0 ? model::StaleNan() : static_cast<double>(random_() % 3);
    }
  }

  // One metric, or one series, in a range of time that lies in blocks, in the head or in both.
  void Delete() {
    TimestampMs start_ms = time_ms_ - static_cast<TimestampMs>(random_() % 1'000'000);
    TimestampMs end_ms = start_ms + static_cast<TimestampMs>(random_() % 300'000);
    std::string metric = "m" + std::to_string(random_() % 7);
    std::vector<model::Matcher> matchers{model::Matcher::Equal("__name__", metric)};
    std::string instance;
    if (random_() % 2 == 0) {
      instance = std::to_string(static_cast<size_t>((time_ms_ - kTestStart) / 400'000) * 5 + random_() % 40);
      matchers.push_back(model::Matcher::Equal("instance", instance));
    }
    ASSERT_TRUE(db_->DeleteSeries({matchers}, start_ms, end_ms).has_value());
    if (random_() % 3 == 0) {
      ASSERT_TRUE(db_->CleanTombstones().has_value());
    }
    for (auto series = expected_.begin(); series != expected_.end();) {
      bool is_hit =
          series->first.find("__name__=\"" + metric + "\"") != std::string::npos &&
          (instance.empty() || series->first.find("instance=\"" + instance + "\"") != std::string::npos);
      if (is_hit) {
        series->second.erase(series->second.lower_bound(start_ms), series->second.upper_bound(end_ms));
      }
      series = series->second.empty() ? expected_.erase(series) : std::next(series);
    }
  }

  void Batch(bool commits) {
    time_ms_ += 500 + static_cast<TimestampMs>(random_() % 3) * 500 + (random_() % 50 == 0 ? 30'000 : 0);
    if (random_() % 200 == 0) time_ms_ += 1'000'000;
    auto appender = db_->NewAppender();
    std::vector<std::tuple<std::string, TimestampMs, uint64_t>> batch;
    // A window of the series that moves on, so that old ones end and new ones come.
    size_t first = static_cast<size_t>((time_ms_ - kTestStart) / 400'000) * 5;
    size_t stride = 1 + random_() % 3;
    for (size_t series = first; series < first + 40; series += stride) {
      if (random_() % 30 == 0) continue;
      Labels labels =
          Labels::Of({{"__name__", "m" + std::to_string(series % 7)}, {"instance", std::to_string(series)}});
      TimestampMs time_ms = time_ms_ + (random_() % 20 == 0 ? static_cast<TimestampMs>(random_() % 300) : 0);
      model::Sample sample{.time_ms = time_ms, .value = Value(series)};
      uint64_t bits = BitsOf(sample.value);
      model::FloatHistogram histogram;
      // Some series have only histograms, some now and then.
      if (series % 6 == 0 || (series % 6 == 1 && random_() % 4 == 0)) {
        histogram = histograms_.Next();
        bits = HistogramBits(histogram);
        sample.histogram = &histogram;
      }
      auto& ref = refs_[series];
      auto result = appender->AppendSample(ref, ref == 0 || random_() % 10 == 0 ? labels : Labels(), sample);
      if (result.outcome == AppendOutcome::kUnknownRef) result = appender->AppendSample(0, labels, sample);
      ref = result.ref;
      auto& known = expected_[labels.ToString()];
      bool is_newest = known.empty() || known.rbegin()->first < time_ms;
      if (is_newest) {
        ASSERT_EQ(result.outcome, AppendOutcome::kOk);
        batch.emplace_back(labels.ToString(), time_ms, bits);
      } else if (known.rbegin()->first > time_ms) {
        ASSERT_EQ(result.outcome, AppendOutcome::kOutOfOrder);
      }
      if (known.empty()) expected_.erase(labels.ToString());
    }
    if (!commits) {
      if (random_() % 2 == 0) appender->Rollback();
      return;
    }
    ASSERT_TRUE(appender->Commit().has_value());
    for (const auto& [labels, time_ms, bits] : batch) expected_[labels][time_ms] = bits;
  }

  std::mt19937_64 random_;
  HistogramSource histograms_;
  Bench bench_;
  std::unique_ptr<Db> db_;
  Contents expected_;
  std::map<size_t, SeriesRef> refs_;
  std::map<size_t, double> values_;
  TimestampMs time_ms_ = kTestStart;
};

TEST(DbRandomTest, MatchesAPlainMap) {
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    SCOPED_TRACE(seed);
    RandomRun(seed).Run(400);
    if (HasFailure()) return;
  }
}

// Every sample served must have been committed with just this value; `lost` counts those that are not served.
void ExpectNothingWrong(const Contents& served, const Contents& committed, size_t& lost) {
  for (const auto& [labels, samples] : served) {
    auto found = committed.find(labels);
    ASSERT_NE(found, committed.end()) << labels;
    for (const auto& [time_ms, bits] : samples) {
      auto sample = found->second.find(time_ms);
      ASSERT_NE(sample, found->second.end()) << labels << " at " << time_ms;
      ASSERT_EQ(sample->second, bits) << labels << " at " << time_ms;
    }
  }
  for (const auto& [labels, samples] : committed) {
    auto found = served.find(labels);
    lost += samples.size() - (found == served.end() ? 0 : found->second.size());
  }
}

// The files below a directory, by their paths in it.
std::map<std::string, std::string> ReadFilesBelow(core::FileSystem& fs, const std::string& dir,
                                                  const std::string& prefix) {
  std::map<std::string, std::string> files;
  std::vector<core::FileInfo> entries = fs.List(dir).value();
  for (const core::FileInfo& entry : entries) {
    std::string path = core::JoinPath(dir, entry.name);
    if (entry.is_directory) {
      files.merge(ReadFilesBelow(fs, path, prefix + entry.name + "/"));
    } else if (entry.name != "lock") {
      files[prefix + entry.name] = core::ReadFile(fs, path, 1 << 26).value();
    }
  }
  return files;
}

// Fills a store with samples in blocks, head chunk files, a checkpoint and the journal.
Contents FillStore(Bench& bench, std::mt19937_64& random, std::map<std::string, std::string>& files) {
  bench.options.block_range_ms = 100'000;
  bench.options.journal_segment_bytes = 3000;
  auto db = bench.Open();
  HistogramSource histograms(3);
  Contents committed;
  for (int i = 0; i < 400; ++i) {
    auto appender = db->NewAppender();
    for (int series = 0; series < 8; ++series) {
      Labels labels = MetricLabels("m", std::to_string(series));
      double value = series < 3 ? series : static_cast<double>(random() % 100'000) / 7;
      model::Sample sample{.time_ms = kTestStart + i * 1000, .value = value};
      model::FloatHistogram histogram = histograms.Next();
      bool is_histogram = series >= 6;
      if (is_histogram) sample.histogram = &histogram;
      appender->AppendSample(0, labels, sample);
      committed[labels.ToString()][kTestStart + i * 1000] =
          is_histogram ? HistogramBits(histogram) : BitsOf(value);
    }
    EXPECT_TRUE(appender->Commit().has_value());
    appender.reset();
    if (i == 300) {
      EXPECT_TRUE(db->Maintain().has_value());
    }
  }
  // Without Close: what a killed process leaves.
  files = ReadFilesBelow(bench.posix, bench.dir.path(), "");
  return committed;
}

TEST(DbRandomTest, DamageAnywhereLosesSomethingButServesNothingWrong) {
  std::mt19937_64 random(5);
  Bench filled;
  std::map<std::string, std::string> files;
  Contents committed = FillStore(filled, random, files);
  core::PosixFileSystem fs;
  ASSERT_GE(files.size(), 6u);

  for (int round = 0; round < 150; ++round) {
    SCOPED_TRACE(round);
    Bench bench;
    bench.options = filled.options;
    bench.options.dir = bench.dir.path();
    auto victim = std::next(files.begin(), static_cast<ptrdiff_t>(random() % files.size()));
    bool is_whole = round == 0;
    for (const auto& [name, bytes] : files) {
      std::string written = bytes;
      if (!is_whole && name == victim->first && !written.empty()) {
        size_t at = random() % written.size();
        switch (random() % 3) {
          case 0:
            written[at] ^= static_cast<char>(1 << random() % 8);
            break;
          case 1:
            written.resize(at);
            break;
          default:
            std::fill(written.begin() + static_cast<ptrdiff_t>(at), written.end(), '\0');
            break;
        }
      }
      std::string path = core::JoinPath(bench.dir.path(), name);
      ASSERT_TRUE(fs.MakeDirectories(core::ParentPath(path)).has_value());
      ASSERT_TRUE(core::WriteFileAtomically(fs, path, written).has_value());
    }
    SCOPED_TRACE(victim->first);
    auto db = bench.Open();
    ASSERT_NE(db, nullptr);
    size_t lost = 0;
    ExpectNothingWrong(ReadContents(*db), committed, lost);
    if (is_whole) {
      ASSERT_EQ(lost, 0u);
    }
    // And it goes on working.
    ASSERT_TRUE(AppendOne(*db, MetricLabels("after"), kTestStart + 500'000, 1).has_value());
    db.reset();
    db = bench.Open();
    ASSERT_EQ(ReadContents(*db, {model::Matcher::Equal("__name__", "after")}).size(), 1u);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sextant::tsdb
