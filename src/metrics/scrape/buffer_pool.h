// A few buffers for bodies that all targets share: as many as are scraped at the same time, not one per
// target. Thread-safe.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace sextant::scrape {

class BufferPool {
 public:
  // One that was given back, as it is, or an empty string.
  std::string Take() {
    std::lock_guard lock(mutex_);
    if (buffers_.empty()) return {};
    std::string buffer = std::move(buffers_.back());
    buffers_.pop_back();
    return buffer;
  }

  void Give(std::string buffer) {
    if (buffer.capacity() > kMaxKeptBytes) return;
    std::lock_guard lock(mutex_);
    if (buffers_.size() < kMaxKept) buffers_.push_back(std::move(buffer));
  }

 private:
  static constexpr size_t kMaxKept = 4;
  static constexpr size_t kMaxKeptBytes = 8 << 20;

  std::mutex mutex_;
  std::vector<std::string> buffers_;
};

}  // namespace sextant::scrape
