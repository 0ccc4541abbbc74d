#include "metrics/tsdb/arena.h"

#include <new>

namespace sextant::tsdb {

char* ChunkArena::Allocate(uint8_t size_class) {
  if (FreeBlock* block = free_[size_class]; block != nullptr) {
    free_[size_class] = block->next;
    return reinterpret_cast<char*>(block);
  }
  size_t size = kBlockBytes[size_class];
  if (slab_used_bytes_ + size > kSlabBytes) {
    slab_ = memory_.Take(kSlabBytes);
    ++slab_count_;
    slab_used_bytes_ = 0;
  }
  char* block = slab_ + slab_used_bytes_;
  slab_used_bytes_ += size;
  return block;
}

void ChunkArena::Free(char* block, uint8_t size_class) {
  free_[size_class] = new (block) FreeBlock{free_[size_class]};
}

}  // namespace sextant::tsdb
