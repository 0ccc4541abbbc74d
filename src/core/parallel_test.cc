#include "core/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <numeric>
#include <thread>
#include <vector>

namespace sextant::core {
namespace {

TEST(ParallelTest, DoesEachPieceOnce) {
  Executor executor({.threads = 4});
  ExecutorParallel parallel(executor, Priority::kQuery, 3);
  for (size_t pieces : {0, 1, 2, 3, 100, 1000}) {
    std::vector<int> done(pieces);
    parallel.Run(pieces, [&](size_t piece) { ++done[piece]; });
    EXPECT_EQ(done, std::vector<int>(pieces, 1));
  }
}

TEST(ParallelTest, HasHelpWhenThreadsAreFree) {
  Executor executor({.threads = 4});
  ExecutorParallel parallel(executor, Priority::kQuery, 2);
  // Each of the two pieces waits for the other one: one thread alone would never finish.
  std::latch both(2);
  parallel.Run(2, [&](size_t) { both.arrive_and_wait(); });
}

TEST(ParallelTest, FinishesWithoutHelp) {
  Executor executor({.threads = 2});
  ExecutorParallel parallel(executor, Priority::kQuery, 4);
  // The only thread for queries does nothing else until the work is done.
  std::latch is_done(1);
  std::latch is_taken(1);
  ASSERT_TRUE(executor
                  .Submit(Priority::kQuery,
                          [&] {
                            is_taken.count_down();
                            is_done.wait();
                          })
                  .has_value());
  is_taken.wait();
  size_t sum = 0;
  parallel.Run(10, [&](size_t piece) { sum += piece; });
  EXPECT_EQ(sum, 45u);
  is_done.count_down();
}

TEST(ParallelTest, RunsWithinTasksOfTheSameExecutor) {
  Executor executor({.threads = 4});
  ExecutorParallel parallel(executor, Priority::kQuery, 4);
  std::atomic<size_t> sum = 0;
  std::latch done(20);
  for (int task = 0; task < 20; ++task) {
    ASSERT_TRUE(executor
                    .Submit(Priority::kQuery,
                            [&] {
                              for (int round = 0; round < 50; ++round)
                                parallel.Run(8, [&](size_t piece) { sum += piece; });
                              done.count_down();
                            })
                    .has_value());
  }
  done.wait();
  EXPECT_EQ(sum.load(), size_t{20} * 50 * 28);
}

}  // namespace
}  // namespace sextant::core
