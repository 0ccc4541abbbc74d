#include "metrics/tsdb/slab_memory.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

namespace sextant::tsdb {
namespace {

TEST(SlabMemoryTest, SlabsDoNotOverlapFromSmallToLarge) {
  SlabMemory memory;
  constexpr size_t kSizes[] = {64, 16 << 10, 64 << 10, SlabMemory::kRegionBytes};
  struct Slab {
    char* at;
    size_t bytes;
    char mark;
  };
  std::vector<Slab> slabs;
  for (int i = 0; i < 600; ++i) {
    Slab slab{nullptr, kSizes[i % 3], static_cast<char>(i)};
    if (i % 100 == 99) slab.bytes = kSizes[3];
    slab.at = memory.Take(slab.bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(slab.at) % 64, 0u);
    std::memset(slab.at, slab.mark, slab.bytes);
    slabs.push_back(slab);
  }
  for (const Slab& slab : slabs) {
    EXPECT_EQ(slab.at[0], slab.mark);
    EXPECT_EQ(slab.at[slab.bytes - 1], slab.mark);
  }
}

TEST(SlabMemoryTest, ThreadsTakeAtOnce) {
  SlabMemory memory;
  std::vector<std::vector<char*>> taken(4);
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < taken.size(); ++t) {
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          taken[t].push_back(memory.Take(16 << 10));
          std::memset(taken[t].back(), static_cast<int>(t), 16 << 10);
        }
      });
    }
  }
  for (size_t t = 0; t < taken.size(); ++t) {
    for (const char* slab : taken[t]) EXPECT_EQ(slab[(16 << 10) - 1], static_cast<char>(t));
  }
}

}  // namespace
}  // namespace sextant::tsdb
