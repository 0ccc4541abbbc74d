#include "metrics/tsdb/slab_memory.h"

#include <sys/mman.h>

#include <new>

#include "core/result.h"

namespace sextant::tsdb {

char* SlabMemory::Take(size_t bytes) {
  constexpr size_t kAlignment = 64;
  SEXTANT_CHECK(bytes % kAlignment == 0 && bytes <= kRegionBytes);
  auto allocate = [this](size_t alignment, size_t size) {
    char* memory = static_cast<char*>(std::aligned_alloc(alignment, size));
    if (memory == nullptr) throw std::bad_alloc();
    owned_.emplace_back(memory);
    return memory;
  };
  std::lock_guard lock(mutex_);
  if (small_bytes_ + bytes <= kSmallBytes) {
    small_bytes_ += bytes;
    return allocate(kAlignment, bytes);
  }
  if (region_used_bytes_ + bytes > kRegionBytes) {
    region_ = allocate(kRegionBytes, kRegionBytes);
    // When it fails, pages come as they are touched.
    static_cast<void>(::madvise(region_, kRegionBytes, MADV_POPULATE_WRITE));
    region_used_bytes_ = 0;
  }
  char* slab = region_ + region_used_bytes_;
  region_used_bytes_ += bytes;
  return slab;
}

}  // namespace sextant::tsdb
