#include "pipeline/ticker.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace sextant::pipeline {
namespace {

TEST(Ticker, CallsAgainUntilItIsStopped) {
  net::IoContext io({.threads = 1});
  core::Executor executor({.threads = 2, .queue_limit_tasks = 10});
  Ticker ticker(io, executor);
  std::atomic<int> calls{0};
  ticker.Start(1, [&] { ++calls; });
  while (calls < 3) std::this_thread::yield();
  ticker.Stop();
  int stopped_at = calls;
  // Whatever was on its way has had its chance when this task is done.
  std::atomic<bool> is_done{false};
  ASSERT_TRUE(executor.Submit(core::Priority::kIngest, [&] { is_done = true; }));
  while (!is_done) std::this_thread::yield();
  EXPECT_EQ(calls, stopped_at);
}

TEST(Ticker, MayBeStoppedWhileItCalls) {
  net::IoContext io({.threads = 1});
  core::Executor executor({.threads = 2, .queue_limit_tasks = 10});
  for (int round = 0; round < 50; ++round) {
    Ticker ticker(io, executor);
    std::atomic<bool> has_called{false};
    ticker.Start(1, [&] { has_called = true; });
    while (!has_called) std::this_thread::yield();
    ticker.Stop();
  }
}

}  // namespace
}  // namespace sextant::pipeline
