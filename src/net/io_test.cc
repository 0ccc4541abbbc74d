#include "net/io.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace sextant::net {
namespace {

TEST(IoTest, PostsToALoop) {
  IoContext io({.threads = 2});
  std::promise<std::thread::id> ran;
  io.Post([&] { ran.set_value(std::this_thread::get_id()); });
  EXPECT_NE(ran.get_future().get(), std::this_thread::get_id());
  io.Stop();
  io.Stop();
}

TEST(TimerTest, CallsBackInOrderOfTime) {
  IoContext io;
  core::SystemClock clock;
  Timer late(io);
  Timer early(io);
  std::vector<int> order;
  std::promise<void> done;
  int64_t now = clock.MonotonicNs();
  late.StartAt(now + 20'000'000, [&] {
    order.push_back(2);
    done.set_value();
  });
  early.StartAt(now - 1'000'000'000, [&] { order.push_back(1); });
  done.get_future().wait();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(TimerTest, RestartsFromItsCallback) {
  IoContext io;
  core::Executor executor({});
  for (bool on_executor : {false, true}) {
    auto timer = on_executor ? std::make_unique<Timer>(io, executor, core::Priority::kIngest)
                             : std::make_unique<Timer>(io);
    std::atomic<int> count = 0;
    std::promise<void> done;
    std::function<void()> tick = [&] {
      if (++count == 50) {
        done.set_value();
      } else {
        timer->StartAfter(0, tick);
      }
    };
    timer->StartAfter(0, tick);
    done.get_future().wait();
    timer->Cancel();
    EXPECT_EQ(count, 50);
  }
}

TEST(TimerTest, StartReplacesWhatWasStarted) {
  IoContext io;
  Timer timer(io);
  std::promise<int> ran;
  timer.StartAfter(3'600'000, [&] { ran.set_value(1); });
  timer.StartAfter(0, [&] { ran.set_value(2); });
  EXPECT_EQ(ran.get_future().get(), 2);
}

TEST(TimerTest, NothingRunsAfterCancel) {
  IoContext io({.threads = 2});
  core::Executor executor({});
  for (int i = 0; i < 200; ++i) {
    std::atomic<bool> is_cancelled = false;
    std::atomic<bool> ran_late = false;
    Timer timer(io, executor, core::Priority::kIngest);
    timer.StartAfter(0, [&] {
      std::this_thread::yield();
      if (is_cancelled) ran_late = true;
    });
    if (i % 2 == 0) std::this_thread::yield();
    timer.Cancel();
    is_cancelled = true;
    EXPECT_FALSE(ran_late);
  }
}

TEST(TimerTest, CancelFromTheCallbackDoesNotWaitForItself) {
  IoContext io;
  Timer timer(io);
  std::promise<void> done;
  timer.StartAfter(0, [&] {
    timer.Cancel();
    done.set_value();
  });
  done.get_future().wait();
}

TEST(TimerTest, SurvivesAFullExecutor) {
  core::Executor executor({.threads = 2, .queue_limit_tasks = 1});
  IoContext io;
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  std::atomic<int> running = 0;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(executor.Submit(core::Priority::kIngest, [&, released] {
      ++running;
      released.wait();
    }));
    while (running <= i) std::this_thread::yield();
  }
  ASSERT_TRUE(executor.Submit(core::Priority::kIngest, [] {}));
  Timer timer(io, executor, core::Priority::kIngest);
  std::promise<void> done;
  timer.StartAfter(0, [&] { done.set_value(); });
  std::promise<void> passed;
  io.Post([&] { passed.set_value(); });
  passed.get_future().wait();
  release.set_value();
  done.get_future().wait();
}

}  // namespace
}  // namespace sextant::net
