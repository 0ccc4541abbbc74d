// A process that is killed at any point keeps what it has acknowledged: a child appends, while its
// maintenance thread cuts blocks and writes checkpoints, and reports each batch after its commit through a
// pipe; the parent kills it, opens the store and compares.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <random>
#include <set>
#include <thread>

#include "metrics/tsdb/db_test_util.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

constexpr int kSeries = 50;
constexpr int kStores = 12;
constexpr int kKillsPerStore = 18;

// Batch number n has one sample per series, all made from n, and one of a series that lasts for ten batches.
TimestampMs TimeOf(uint64_t batch) { return kTestStart + static_cast<TimestampMs>(batch) * 1000; }
double ValueOf(uint64_t batch, int series) {
  return series % 3 == 0 ? series : static_cast<double>(batch) * (series % 3 == 1 ? 1 : 0.37) + series;
}
model::Labels ShortLived(uint64_t batch) { return MetricLabels("short_lived", std::to_string(batch / 10)); }
// The tenth ends it, so that it leaves the head early.
double ShortLivedValueOf(uint64_t batch) {
  return batch % 10 == 9 ? model::StaleNan() : static_cast<double>(batch);
}

void Configure(Bench& bench) {
  bench.options.block_range_ms = 100'000;
  bench.options.journal_segment_bytes = 3'000;
  bench.options.journal_checkpoint_bytes = 8'000;
  bench.options.stale_series_threshold = 0.02;
}

// Runs in the child until it is killed. Syncs cost time and change nothing for a process that is killed.
[[noreturn]] void AppendForever(const Bench& bench, uint64_t first_batch, int pipe_fd) {
  core::PosixFileSystem posix;
  core::FaultFileSystem fs(posix);
  core::ManualClock clock(kTestStart);
  core::Registry registry;
  DbOptions options = bench.options;
  options.run_maintenance_thread = true;
  options.sync_interval_ms = 1;
  auto db = Db::Open(fs, clock, core::Logger::Discard(), registry, options);
  if (!db) _exit(3);
  for (uint64_t batch = first_batch;; ++batch) {
    auto appender = (*db)->NewAppender();
    for (int series = 0; series < kSeries; ++series) {
      appender->Append(0, MetricLabels("m", std::to_string(series)), TimeOf(batch), ValueOf(batch, series));
    }
    appender->Append(0, ShortLived(batch), TimeOf(batch), ShortLivedValueOf(batch));
    if (!appender->Commit()) _exit(4);
    appender.reset();
    clock.Advance(10'000);  // stale series are looked for once a minute
    if (write(pipe_fd, &batch, sizeof batch) != sizeof batch) _exit(5);
  }
}

// Reads what the child reports until it has `wanted` batches, kills it a moment later, and adds all that it
// has reported to `batches`.
void KillAfter(pid_t child, int pipe_fd, uint64_t wanted, std::chrono::microseconds moment,
               std::set<uint64_t>& batches) {
  uint64_t batch;
  for (uint64_t seen = 0; seen < wanted && read(pipe_fd, &batch, sizeof batch) == sizeof batch; ++seen) {
    batches.insert(batch);
  }
  std::this_thread::sleep_for(moment);
  kill(child, SIGKILL);
  while (read(pipe_fd, &batch, sizeof batch) == sizeof batch) batches.insert(batch);
}

// Starts a child on the store and kills it.
void LiveAndDie(const Bench& bench, std::mt19937_64& random, std::set<uint64_t>& acknowledged) {
  int fds[2];
  ASSERT_EQ(pipe(fds), 0);
  // The batch after the last one reported may have been committed too, and be refused as a duplicate now:
  // start behind.
  uint64_t first = acknowledged.empty() ? 1 : *acknowledged.rbegin() + 2;
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    close(fds[0]);
    AppendForever(bench, first, fds[1]);
  }
  close(fds[1]);
  // Sometimes before it is up, mostly after it is.
  uint64_t wanted = random() % 8 == 0 ? 0 : 1 + random() % 60;
  KillAfter(child, fds[0], wanted, std::chrono::microseconds(random() % 3000), acknowledged);
  close(fds[0]);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);
}

// Every acknowledged batch is there, batches are whole, and every value is that of its batch.
void ExpectHolds(Contents& contents, const std::set<uint64_t>& acknowledged) {
  std::set<TimestampMs> times;
  if (!contents.empty()) {
    for (const auto& [time_ms, bits] : contents[MetricLabels("m", "0").ToString()]) times.insert(time_ms);
  }
  for (uint64_t batch : acknowledged) ASSERT_TRUE(times.contains(TimeOf(batch))) << "lost batch " << batch;
  size_t short_lived = 0;
  for (const auto& [labels, samples] : contents)
    short_lived += labels.find("short_lived") != std::string::npos;
  ASSERT_EQ(contents.size(), times.empty() ? 0 : kSeries + short_lived);
  for (int series = 0; series < kSeries && !times.empty(); ++series) {
    const auto& samples = contents[MetricLabels("m", std::to_string(series)).ToString()];
    ASSERT_EQ(samples.size(), times.size()) << "half a batch";
    for (const auto& [time_ms, bits] : samples) {
      ASSERT_TRUE(times.contains(time_ms));
      ASSERT_EQ(bits, BitsOf(ValueOf(static_cast<uint64_t>(time_ms - kTestStart) / 1000, series)));
    }
  }
  for (TimestampMs time_ms : times) {
    uint64_t batch = static_cast<uint64_t>(time_ms - kTestStart) / 1000;
    auto found = contents.find(ShortLived(batch).ToString());
    ASSERT_NE(found, contents.end());
    auto sample = found->second.find(time_ms);
    ASSERT_NE(sample, found->second.end());
    ASSERT_EQ(sample->second, BitsOf(ShortLivedValueOf(batch)));
  }
}

TEST(DbCrashTest, AKilledProcessKeepsWhatItAcknowledged) {
  static_assert(kStores * kKillsPerStore >= 200);
  std::mt19937_64 random(11);
  for (int store = 0; store < kStores; ++store) {
    Bench bench;
    Configure(bench);
    std::set<uint64_t> acknowledged;
    for (int kill = 0; kill < kKillsPerStore; ++kill) {
      SCOPED_TRACE(fmt::format("store {}, kill {}", store, kill));
      ASSERT_NO_FATAL_FAILURE(LiveAndDie(bench, random, acknowledged));
      auto db = bench.Open();
      ASSERT_NE(db, nullptr);
      Contents contents = ReadContents(*db);
      ASSERT_NO_FATAL_FAILURE(ExpectHolds(contents, acknowledged)) << bench.log;
      // Closing cleanly every time would hide what a crash leaves to the next start.
      bench.fs.FailOperation(1, core::Fault::kFail, /*and_all_later=*/true);
      db.reset();
      bench.fs.Heal();
      bench.log.clear();
    }
  }
}

}  // namespace
}  // namespace sextant::tsdb
