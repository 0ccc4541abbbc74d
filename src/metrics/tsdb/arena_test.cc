#include "metrics/tsdb/arena.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <random>
#include <vector>

namespace sextant::tsdb {
namespace {

TEST(ChunkArenaTest, ClassesCoverAllSizes) {
  for (size_t bytes = 1; bytes <= ChunkArena::kMaxBlockBytes; ++bytes) {
    uint8_t size_class = ChunkArena::ClassFor(bytes);
    EXPECT_GE(ChunkArena::kBlockBytes[size_class], bytes);
    if (size_class > 0) {
      EXPECT_LT(ChunkArena::kBlockBytes[size_class - 1], bytes);
    }
  }
}

TEST(ChunkArenaTest, BlocksDoNotOverlapAndAreReused) {
  SlabMemory memory;
  ChunkArena arena(memory);
  std::mt19937 random(1);
  struct Block {
    char* at;
    uint8_t size_class;
    char mark;
  };
  std::vector<Block> blocks;
  for (int i = 0; i < 20'000; ++i) {
    if (blocks.size() < 200 || random() % 2 == 0) {
      uint8_t size_class = static_cast<uint8_t>(random() % ChunkArena::kClassCount);
      Block block{arena.Allocate(size_class), size_class, static_cast<char>(i)};
      std::memset(block.at, block.mark, ChunkArena::kBlockBytes[size_class]);
      blocks.push_back(block);
    } else {
      size_t victim = random() % blocks.size();
      Block block = blocks[victim];
      for (size_t j = 0; j < ChunkArena::kBlockBytes[block.size_class]; ++j) {
        ASSERT_EQ(block.at[j], block.mark);
      }
      arena.Free(block.at, block.size_class);
      blocks[victim] = blocks.back();
      blocks.pop_back();
    }
  }
  uint64_t before = arena.allocated_bytes();
  for (const Block& block : blocks) arena.Free(block.at, block.size_class);
  for (const Block& block : blocks) arena.Allocate(block.size_class);
  EXPECT_EQ(arena.allocated_bytes(), before);
}

}  // namespace
}  // namespace sextant::tsdb
