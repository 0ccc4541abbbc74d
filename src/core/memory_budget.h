// Memory is budgeted, not hoped for. A MemoryBudget knows how much the process may use and shares it out;
// whoever needs memory that grows with what comes from outside (series, queries, caches, queues) takes it
// from its share first and sheds load with a clear error when the share is used up.
//
// Thread-safe: taking and giving back are single atomic operations. A share must not outlive its budget.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/metrics.h"
#include "core/result.h"

namespace sextant::core {

// What the process may use: the cgroup's limit (v2, else v1) if there is one, else physical memory. Bytes.
// `root` is "/" except in tests.
uint64_t DetectMemoryLimitBytes(const std::string& root = "/");

// "512MiB", "2GB", "1.5GiB", "1048576": Prometheus' notation of sizes, powers of 1024 throughout.
Result<uint64_t> ParseBytes(std::string_view text);
std::string FormatBytes(uint64_t bytes);

class MemoryShare;

class MemoryBudget {
 public:
  // `registry` shows each share as sextant_memory_share_bytes and sextant_memory_used_bytes; it must outlive
  // this.
  MemoryBudget(uint64_t limit_bytes, Registry& registry);

  uint64_t limit_bytes() const { return limit_bytes_; }

  // A share of `fraction` (0..1) of the limit under a name. Owned by the budget.
  MemoryShare& AddShare(std::string_view name, double fraction);

 private:
  const uint64_t limit_bytes_;
  Registry& registry_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<MemoryShare>> shares_;
};

class MemoryShare {
 public:
  MemoryShare(std::string name, uint64_t limit_bytes, Counter& refused);

  // Takes bytes; kResourceExhausted (and a counter moves) when the share has not that much left.
  Status Take(uint64_t bytes);
  void GiveBack(uint64_t bytes);

  uint64_t used_bytes() const { return used_bytes_.load(std::memory_order_relaxed); }
  uint64_t limit_bytes() const { return limit_bytes_; }

 private:
  const std::string name_;
  const uint64_t limit_bytes_;
  Counter& refused_;
  std::atomic<uint64_t> used_bytes_{0};
};

}  // namespace sextant::core
