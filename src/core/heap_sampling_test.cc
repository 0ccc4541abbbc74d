#include "core/heap_sampling.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace sextant::core {

namespace {

constexpr double kMiB = 1 << 20;

double LiveBytes(const HeapSampling& sampling) {
  double sum = 0;
  for (const HeapSite& site : sampling.Sites()) sum += site.live_bytes;
  return sum;
}

double AllocatedBytes(const HeapSampling& sampling) {
  double sum = 0;
  for (const HeapSite& site : sampling.Sites()) sum += site.allocated_bytes;
  return sum;
}

std::vector<std::unique_ptr<char[]>> Blocks(size_t count, size_t size_bytes) {
  std::vector<std::unique_ptr<char[]>> blocks;
  for (size_t i = 0; i < count; ++i) blocks.push_back(std::make_unique<char[]>(size_bytes));
  return blocks;
}

class HeapSamplingTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!HeapSampling::IsPossible()) GTEST_SKIP() << "a sanitizer has the operators";
  }
};

TEST_F(HeapSamplingTest, EstimatesWhatIsAllocatedAndWhatLives) {
  HeapSampling sampling;
  {
    // 64 MiB in blocks far smaller than the interval: some 128 samples, so that 50 % is more than five
    // sigmas.
    auto blocks = Blocks(64 << 10, 1 << 10);
    EXPECT_NEAR(LiveBytes(sampling), 64 * kMiB, 32 * kMiB);
  }
  EXPECT_NEAR(AllocatedBytes(sampling), 64 * kMiB, 33 * kMiB);
  EXPECT_LT(LiveBytes(sampling), 2 * kMiB);
}

TEST_F(HeapSamplingTest, SeesEveryLargeObject) {
  HeapSampling sampling;
  auto blocks = Blocks(4, 32 << 20);
  EXPECT_NEAR(LiveBytes(sampling), 128 * kMiB, 3 * kMiB);
  double objects = 0;
  for (const HeapSite& site : sampling.Sites()) {
    if (site.live_bytes > 16 * kMiB) objects += site.live_objects;
    EXPECT_FALSE(site.frames.empty());
  }
  EXPECT_NEAR(objects, 4, 0.01);
}

TEST_F(HeapSamplingTest, ForgetsEverythingWithTheLastWhoSamples) {
  auto first = std::make_unique<HeapSampling>();
  auto block = Blocks(1, 32 << 20);
  {
    HeapSampling second;
    first.reset();
    EXPECT_GT(LiveBytes(second), 31 * kMiB);
  }
  HeapSampling third;
  EXPECT_LT(LiveBytes(third), 2 * kMiB);
  block.clear();  // what an earlier table knew
  EXPECT_GE(LiveBytes(third), 0);
}

TEST_F(HeapSamplingTest, TakesObjectsOfAnyAlignment) {
  struct alignas(4096) Page {
    char bytes[8 << 20];
  };
  HeapSampling sampling;
  auto page = std::make_unique<Page>();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(page.get()) % 4096, 0u);
  EXPECT_NEAR(LiveBytes(sampling), 8 * kMiB, 2 * kMiB);
  page.reset();
  EXPECT_LT(LiveBytes(sampling), 2 * kMiB);
}

TEST_F(HeapSamplingTest, ThreadsMayAllocateAndFreeForEachOtherWhileOthersStart) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int round = 0; round < 50; ++round) {
        HeapSampling sampling;
        auto blocks = Blocks(64, 64 << 10);
        std::thread([moved = std::move(blocks)]() mutable { moved.clear(); }).join();
        EXPECT_GE(LiveBytes(sampling), -1.0);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

}  // namespace sextant::core
