// Memory for what the head keeps as long as it lives: records, open chunks, lists of labels. It is taken in
// slabs, which are cut from regions and go back to the system together, with this object.
//
// Where much is taken, each region is backed with one call: a restart fills hundreds of megabytes at once, and
// page faults of 4 KiB each were a quarter of what it cost. Thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <vector>

namespace sextant::tsdb {

class SlabMemory {
 public:
  static constexpr size_t kRegionBytes = 2 << 20;  // of a huge page

  SlabMemory() = default;
  SlabMemory(const SlabMemory&) = delete;
  SlabMemory& operator=(const SlabMemory&) = delete;

  // Room for `bytes` (a multiple of 64, at most kRegionBytes) at a multiple of 64, not initialised.
  char* Take(size_t bytes);

 private:
  // So much is taken slab by slab, so that a small store has no region that it does not fill.
  static constexpr uint64_t kSmallBytes = 16 << 20;

  struct Release {
    void operator()(char* memory) const { std::free(memory); }
  };

  std::mutex mutex_;
  std::vector<std::unique_ptr<char, Release>> owned_;
  char* region_ = nullptr;
  size_t region_used_bytes_ = kRegionBytes;
  uint64_t small_bytes_ = 0;
};

}  // namespace sextant::tsdb
