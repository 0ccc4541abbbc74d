// A process that is killed at any point keeps what it has acknowledged: a child appends and reports each
// batch after its commit through a pipe; the parent kills it, opens the store and compares.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <set>

#include "metrics/tsdb/db_test_util.h"

namespace sextant::tsdb {
namespace {

constexpr int kSeries = 50;
constexpr int kKills = 30;

// Batch number n has one sample per series, all made from n.
TimestampMs TimeOf(uint64_t batch) { return kTestStart + static_cast<TimestampMs>(batch) * 1000; }
double ValueOf(uint64_t batch, int series) {
  return series % 3 == 0 ? series : static_cast<double>(batch) * (series % 3 == 1 ? 1 : 0.37) + series;
}

void Configure(Bench& bench) {
  bench.options.block_range_ms = 300'000;
  bench.options.journal_segment_bytes = 5'000;
  bench.options.journal_checkpoint_bytes = 20'000;
}

// Runs in the child until it is killed.
[[noreturn]] void AppendForever(const Bench& bench, uint64_t first_batch, int pipe_fd) {
  core::PosixFileSystem fs;
  core::ManualClock clock(kTestStart);
  core::Registry registry;
  auto db = Db::Open(fs, clock, core::Logger::Discard(), registry, bench.options);
  if (!db) _exit(3);
  for (uint64_t batch = first_batch;; ++batch) {
    auto appender = (*db)->NewAppender();
    for (int series = 0; series < kSeries; ++series) {
      appender->Append(0, MetricLabels("m", std::to_string(series)), TimeOf(batch), ValueOf(batch, series));
    }
    if (!appender->Commit()) _exit(4);
    appender.reset();
    if (write(pipe_fd, &batch, sizeof batch) != sizeof batch) _exit(5);
    if (batch % 25 == 0 && !(*db)->Maintain()) _exit(6);
  }
}

// Reads what the child reports until it has `wanted` batches, kills it, and adds all that it has reported to
// `batches`.
void KillAfter(pid_t child, int pipe_fd, uint64_t wanted, std::set<uint64_t>& batches) {
  uint64_t batch;
  for (uint64_t seen = 0; seen < wanted && read(pipe_fd, &batch, sizeof batch) == sizeof batch; ++seen) {
    batches.insert(batch);
  }
  kill(child, SIGKILL);
  while (read(pipe_fd, &batch, sizeof batch) == sizeof batch) batches.insert(batch);
}

TEST(DbCrashTest, AKilledProcessKeepsWhatItAcknowledged) {
  Bench bench;
  Configure(bench);
  std::mt19937_64 random(11);
  std::set<uint64_t> acknowledged;
  for (int round = 0; round < kKills; ++round) {
    SCOPED_TRACE(round);
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
    KillAfter(child, fds[0], 1 + random() % 120, acknowledged);
    close(fds[0]);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself: " << WEXITSTATUS(status);

    auto db = bench.Open();
    ASSERT_NE(db, nullptr);
    Contents contents = ReadContents(*db);
    ASSERT_EQ(contents.size(), static_cast<size_t>(kSeries));
    std::set<TimestampMs> times;  // of whole batches only
    for (const auto& [time_ms, bits] : contents.begin()->second) times.insert(time_ms);
    for (int series = 0; series < kSeries; ++series) {
      const auto& samples = contents[MetricLabels("m", std::to_string(series)).ToString()];
      ASSERT_EQ(samples.size(), times.size()) << "half a batch";
      for (const auto& [time_ms, bits] : samples) {
        ASSERT_TRUE(times.contains(time_ms));
        uint64_t batch = static_cast<uint64_t>(time_ms - kTestStart) / 1000;
        ASSERT_EQ(bits, BitsOf(ValueOf(batch, series)));
      }
    }
    for (uint64_t batch : acknowledged) ASSERT_TRUE(times.contains(TimeOf(batch))) << "lost batch " << batch;
    // Closing cleanly every time would hide what a crash leaves to the next start.
    bench.fs.FailOperation(1, core::Fault::kFail, /*and_all_later=*/true);
    db.reset();
    bench.fs.Heal();
  }
}

}  // namespace
}  // namespace sextant::tsdb
