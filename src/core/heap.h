// What this process has allocated.
#pragma once

#include <cstdint>

namespace sextant::core {

// Bytes that were allocated and not freed, as the allocator knows them. Walks over the allocator's arenas:
// for once a second, not for each request.
uint64_t AllocatedBytes();

// Gives memory that is free back to the operating system; takes milliseconds.
void ReleaseFreeMemory();

}  // namespace sextant::core
