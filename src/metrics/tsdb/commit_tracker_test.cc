#include "metrics/tsdb/commit_tracker.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace sextant::tsdb {
namespace {

TEST(CommitTrackerTest, TheWatermarkStopsBeforeTheOldestRunningCommit) {
  CommitTracker tracker;
  auto first = tracker.Begin();
  auto second = tracker.Begin();
  std::thread finisher([&] { tracker.Finish(second); });  // waits for the first
  auto reader = tracker.AcquireReader();
  EXPECT_LT(reader, first);
  tracker.Finish(first);
  finisher.join();
  EXPECT_EQ(tracker.watermark(), second);
  EXPECT_EQ(tracker.seen_by_all(), reader) << "the old reader holds it back";
  auto newer = tracker.AcquireReader();
  EXPECT_EQ(newer, second);
  tracker.ReleaseReader(reader);
  EXPECT_EQ(tracker.seen_by_all(), second);
  tracker.ReleaseReader(newer);
}

TEST(CommitTrackerTest, WaitForBegunWaitsForThoseOnly) {
  CommitTracker tracker;
  tracker.WaitForBegun();
  for (int i = 0; i < 200; ++i) {
    auto before = tracker.Begin();
    std::thread waiter([&] {
      tracker.WaitForBegun();
      EXPECT_GE(tracker.watermark(), before);
    });
    tracker.Finish(before);
    waiter.join();
  }
}

TEST(CommitTrackerTest, ManyThreads) {
  CommitTracker tracker;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto ticket = tracker.Begin();
        tracker.Finish(ticket);
        auto reader = tracker.AcquireReader();
        EXPECT_GE(reader, ticket) << "whoever committed sees it";
        tracker.ReleaseReader(reader);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(tracker.watermark(), 2000u);
  EXPECT_EQ(tracker.seen_by_all(), 2000u);
}

TEST(DropEpochsTest, AdvanceTellsTheOldestHeld) {
  DropEpochs epochs;
  auto first = epochs.Acquire();
  EXPECT_EQ(epochs.Advance(), first);
  auto second = epochs.Acquire();
  EXPECT_GT(second, first);
  EXPECT_EQ(epochs.Advance(), first);
  epochs.Release(first);
  EXPECT_EQ(epochs.Oldest(), second);
  epochs.Release(second);
  auto advanced = epochs.Advance();
  EXPECT_EQ(advanced, epochs.current());
}

}  // namespace
}  // namespace sextant::tsdb
