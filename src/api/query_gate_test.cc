#include "api/query_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace sextant::api {
namespace {

TEST(QueryGate, TasksOverTheNumberWaitForTheirTurn) {
  QueryGate gate(1);
  std::vector<int> order;
  gate.Run([&] {
    order.push_back(1);
    gate.Run([&] { order.push_back(3); });
    gate.Run([&] { order.push_back(4); });
    order.push_back(2);
  });
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3, 4}));
  gate.Run([&] { order.push_back(5); });
  EXPECT_EQ(order.back(), 5);
}

TEST(QueryGate, NeverMoreThanTheNumber) {
  QueryGate gate(2);
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  std::atomic<int> done = 0;
  auto task = [&] {
    int now = ++running;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    std::this_thread::yield();
    --running;
    ++done;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 200; ++j) gate.Run(task);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(done, 1600);
  EXPECT_LE(most, 2);
}

}  // namespace
}  // namespace sextant::api
