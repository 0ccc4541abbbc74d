#include "core/heap.h"

#include <malloc.h>

namespace sextant::core {

uint64_t AllocatedBytes() {
  struct mallinfo2 info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

void ReleaseFreeMemory() { ::malloc_trim(0); }

}  // namespace sextant::core
