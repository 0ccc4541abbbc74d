#include "core/executor.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <latch>

namespace sextant::core {
namespace {

TEST(Executor, RunsEverythingBeforeStopReturns) {
  std::atomic<int> done = 0;
  Executor executor({.threads = 3, .queue_limit_tasks = 1000});
  for (int i = 0; i < 400; ++i) {
    ASSERT_TRUE(executor.Submit(static_cast<Priority>(i % 4), [&] { ++done; }));
  }
  executor.Stop();
  EXPECT_EQ(done, 400);
  EXPECT_EQ(executor.Submit(Priority::kQuery, [] {}).error().code(), Code::kUnavailable);
}

TEST(Executor, SlowQueriesLeaveAThreadForIngestion) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::promise<void> ingested;
  Executor executor({.threads = 2, .queue_limit_tasks = 10});
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(executor.Submit(Priority::kQuery, [released] { released.wait(); }));
  ASSERT_TRUE(executor.Submit(Priority::kIngest, [&] { ingested.set_value(); }));
  ingested.get_future().wait();  // would hang if the queries held both threads
  release.set_value();
  executor.Stop();
}

TEST(Executor, RefusesWhatIsOverTheLimit) {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::latch started(1);
  Executor executor({.threads = 2, .queue_limit_tasks = 2});
  ASSERT_TRUE(executor.Submit(Priority::kBackground, [&, released] {
    started.count_down();
    released.wait();
  }));
  started.wait();
  ASSERT_TRUE(executor.Submit(Priority::kBackground, [] {}));
  ASSERT_TRUE(executor.Submit(Priority::kBackground, [] {}));
  EXPECT_EQ(executor.Submit(Priority::kBackground, [] {}).error().code(), Code::kResourceExhausted);
  EXPECT_EQ(executor.QueuedTasks(Priority::kBackground), 2u);
  release.set_value();
}

}  // namespace
}  // namespace sextant::core
