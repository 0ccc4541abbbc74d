// Memory for the open chunks of one stripe of series: blocks of a few sizes, cut from slabs, reused through
// free lists. Slabs go back only with the memory that they are from. Not thread-safe: the stripe's lock
// covers it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "metrics/tsdb/slab_memory.h"

namespace sextant::tsdb {

class ChunkArena {
 public:
  // `memory` must outlive this.
  explicit ChunkArena(SlabMemory& memory) : memory_(memory) {}

  // The sizes of blocks; a chunk that outgrows the largest is full.
  static constexpr std::array<uint16_t, 7> kBlockBytes = {32, 48, 64, 96, 128, 192, 256};
  static constexpr uint8_t kClassCount = kBlockBytes.size();
  static constexpr uint16_t kMaxBlockBytes = kBlockBytes.back();

  // The smallest class that holds `bytes` (at most kMaxBlockBytes).
  static uint8_t ClassFor(size_t bytes) {
    uint8_t size_class = 0;
    while (kBlockBytes[size_class] < bytes) ++size_class;
    return size_class;
  }

  char* Allocate(uint8_t size_class);
  void Free(char* block, uint8_t size_class);

  // Memory taken from the system.
  uint64_t allocated_bytes() const { return slab_count_ * kSlabBytes; }

 private:
  static constexpr size_t kSlabBytes = 16 << 10;
  struct FreeBlock {
    FreeBlock* next;
  };

  SlabMemory& memory_;
  char* slab_ = nullptr;
  uint64_t slab_count_ = 0;
  size_t slab_used_bytes_ = kSlabBytes;
  std::array<FreeBlock*, kClassCount> free_{};
};

}  // namespace sextant::tsdb
