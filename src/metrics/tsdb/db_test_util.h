// What the store's tests share: a directory that goes away, a store with a clock of its own, and its whole
// content as a map to compare with.
#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/fault_file.h"
#include "core/file.h"
#include "core/log.h"
#include "core/metrics.h"
#include "metrics/tsdb/db.h"
#include "metrics/tsdb/histogram_check.h"

namespace sextant::tsdb {

inline constexpr TimestampMs kTestStart = 1'700'000'000'000;
inline constexpr TimestampMs kFirst = std::numeric_limits<TimestampMs>::min() + 1;
inline constexpr TimestampMs kLast = std::numeric_limits<TimestampMs>::max();

// Samples by the text of their series' labels; values as bits, so that NaNs compare, and histograms as
// HistogramBits.
using Contents = std::map<std::string, std::map<TimestampMs, uint64_t>>;

inline uint64_t BitsOf(double value) { return std::bit_cast<uint64_t>(value); }

class TempDir {
 public:
  TempDir() {
    path_ = ::testing::TempDir() + "sextant-tsdb-XXXXXX";
    EXPECT_NE(mkdtemp(path_.data()), nullptr);
  }
  ~TempDir() {
    core::PosixFileSystem fs;
    EXPECT_TRUE(core::RemoveAll(fs, path_).has_value());
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

// A store's surroundings, reusable over restarts.
struct Bench {
  TempDir dir;
  core::PosixFileSystem posix;
  core::FaultFileSystem fs{posix};
  core::ManualClock clock{kTestStart};
  std::mutex log_mutex;
  std::string log;
  core::Registry* registry = nullptr;  // of the newest store
  DbOptions options;
  std::vector<std::unique_ptr<core::Registry>> registries;  // earlier stores may still be there

  Bench() {
    options.dir = dir.path();
    options.run_maintenance_thread = false;
    options.max_future_ms = 0;
    options.load_behind_series = 0;
    options.replay_behind_samples = 0;
  }

  ~Bench() {
    EXPECT_EQ(log.find("is made anew"), std::string::npos) << "an image was not what the head was: " << log;
  }

  core::Result<std::unique_ptr<Db>> TryOpen() {
    registry = registries.emplace_back(std::make_unique<core::Registry>()).get();
    core::LogOptions log_options;
    log_options.writer = [this](std::string_view line) {
      std::lock_guard lock(log_mutex);
      log += line;
    };
    return Db::Open(fs, clock, core::Logger(clock, log_options), *registry, options);
  }

  std::unique_ptr<Db> Open() {
    auto db = TryOpen();
    EXPECT_TRUE(db.has_value()) << db.error().message();
    return db ? std::move(*db) : nullptr;
  }
};

inline model::Labels MetricLabels(std::string_view name, std::string_view instance = "i") {
  return model::Labels::Of({{"__name__", name}, {"instance", instance}});
}

// Commits one sample.
inline core::Status AppendOne(Db& db, const model::Labels& labels, TimestampMs time_ms, double value) {
  auto appender = db.NewAppender();
  auto result = appender->Append(0, labels, time_ms, value);
  if (result.outcome != model::AppendOutcome::kOk) {
    return core::Fail(core::Code::kInvalidArgument, "outcome {}", static_cast<int>(result.outcome));
  }
  return appender->Commit();
}

// ReadNewest ends as Read does, whose samples from `start_ms` on `columns` are: of all of them, and of the
// first half.
inline void ExpectNewest(const model::SeriesSet& set, size_t index, TimestampMs start_ms, TimestampMs end_ms,
                         const model::SampleColumns& columns) {
  model::SampleColumns newest;
  for (size_t count : {columns.size(), columns.size() / 2}) {
    TimestampMs until_ms = count == columns.size() ? end_ms : columns.times_ms[count] - 1;
    auto read = set.ReadNewest(index, start_ms, until_ms, newest);
    EXPECT_TRUE(read.has_value()) << read.error().message();
    ASSERT_EQ(newest.size() == 0, count == 0) << set.labels(index).ToString();
    if (count == 0) continue;
    ASSERT_EQ(newest.times_ms.back(), columns.times_ms[count - 1]) << set.labels(index).ToString();
    auto histogram_of = [](const model::SampleColumns& of, size_t at) {
      return of.histograms.empty() || of.histograms[at] == nullptr ? 0 : HistogramBits(*of.histograms[at]);
    };
    auto start_of = [](const model::SampleColumns& of, size_t at) {
      return of.start_times_ms.empty() ? 0 : of.start_times_ms[at];
    };
    EXPECT_EQ(BitsOf(newest.values.back()), BitsOf(columns.values[count - 1]));
    EXPECT_EQ(histogram_of(newest, newest.size() - 1), histogram_of(columns, count - 1));
    EXPECT_EQ(start_of(newest, newest.size() - 1), start_of(columns, count - 1));
  }
}

inline Contents ReadSet(const model::SeriesSet& set, TimestampMs start_ms, TimestampMs end_ms) {
  Contents contents;
  model::SampleColumns columns;
  for (size_t i = 0; i < set.size(); ++i) {
    auto read = set.Read(i, start_ms, end_ms, columns);
    EXPECT_TRUE(read.has_value()) << read.error().message();
    ExpectNewest(set, i, start_ms, end_ms, columns);
    if (columns.size() == 0) continue;
    auto& series = contents[set.labels(i).ToString()];
    EXPECT_TRUE(series.empty()) << "twice: " << set.labels(i).ToString();
    for (size_t j = 0; j < columns.size(); ++j) {
      EXPECT_TRUE(j == 0 || columns.times_ms[j - 1] < columns.times_ms[j]);
      bool is_histogram = !columns.histograms.empty() && columns.histograms[j] != nullptr;
      series[columns.times_ms[j]] =
          is_histogram ? HistogramBits(*columns.histograms[j]) : BitsOf(columns.values[j]);
    }
  }
  return contents;
}

// The first differences, or "": gtest would print both maps whole.
inline std::string Difference(const Contents& actual, const Contents& expected) {
  std::string text;
  int lines = 0;
  auto add = [&](const std::string& labels, TimestampMs time_ms, std::string_view what) {
    if (++lines <= 10) text += fmt::format("{} at start+{}: {}\n", labels, time_ms - kTestStart, what);
  };
  for (const auto& [labels, samples] : expected) {
    auto found = actual.find(labels);
    for (const auto& [time_ms, bits] : samples) {
      if (found == actual.end() || !found->second.contains(time_ms)) {
        add(labels, time_ms, "missing");
      } else if (found->second.at(time_ms) != bits) {
        add(labels, time_ms, "another value");
      }
    }
  }
  for (const auto& [labels, samples] : actual) {
    auto found = expected.find(labels);
    for (const auto& [time_ms, bits] : samples) {
      if (found == expected.end() || !found->second.contains(time_ms)) add(labels, time_ms, "not expected");
    }
  }
  if (lines > 10) text += fmt::format("and {} more\n", lines - 10);
  return text;
}

// Everything that matches in a range.
inline Contents ReadContents(const Db& db, const std::vector<model::Matcher>& matchers = {},
                             TimestampMs start_ms = kFirst, TimestampMs end_ms = kLast) {
  auto querier = db.NewQuerier(start_ms, end_ms);
  EXPECT_TRUE(querier.has_value());
  auto set = (*querier)->Select(matchers, {});
  EXPECT_TRUE(set.has_value()) << set.error().message();
  if (!set) return {};
  return ReadSet(**set, start_ms, end_ms);
}

}  // namespace sextant::tsdb
