#include "metrics/rules/concurrent_evals.h"

#include <gtest/gtest.h>

#include <barrier>
#include <set>
#include <thread>

namespace sextant::rules {
namespace {

TEST(ConcurrentEvals, AsManyRunAtOnceAsThereIsRoomFor) {
  core::Executor executor({.threads = 4});
  ConcurrentEvals evals(executor, 2);
  std::barrier together(3);  // would wait for ever if they ran one after the other
  evals.Run(3, [&](size_t) { together.arrive_and_wait(); });
  evals.Run(6, [&](size_t) { together.arrive_and_wait(); });  // the room was given back
}

TEST(ConcurrentEvals, WithoutRoomTheCallerDoesAll) {
  core::Executor executor({.threads = 4});
  ConcurrentEvals evals(executor, 0);
  std::set<std::thread::id> threads;
  std::set<size_t> done;
  evals.Run(5, [&](size_t i) {
    threads.insert(std::this_thread::get_id());
    done.insert(i);
  });
  EXPECT_EQ(threads, std::set{std::this_thread::get_id()});
  EXPECT_EQ(done, (std::set<size_t>{0, 1, 2, 3, 4}));
}

// Evaluations of several groups share the bound.
TEST(ConcurrentEvals, TheBoundIsThatOfAllCallers) {
  core::Executor executor({.threads = 6});
  ConcurrentEvals evals(executor, 1);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  const auto work = [&](size_t) {
    const int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    --running;
  };
  std::thread other([&] { evals.Run(20, work); });
  evals.Run(20, work);
  other.join();
  EXPECT_LE(most, 3);  // two callers and one helper
}

}  // namespace
}  // namespace sextant::rules
