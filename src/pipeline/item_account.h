// What a component tells of the items that it took, since it was made: how full its queue is, what it sent
// on, and what was lost, by the reason. For pages and APIs that show a graph; the collector's own metrics
// have the same figures since the start of the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::pipeline {

struct QueueFill {
  int64_t size = 0;
  int64_t capacity = 0;
  std::string_view unit;  // "requests", "items" or "bytes"
};

struct DroppedItems {
  std::string_view reason;
  uint64_t items = 0;
};

struct ItemAccount {
  std::string component = {};              // "exporter otlp/tempo"
  std::string pipeline = {};               // "traces/2"; "" when pipelines share the instance
  std::string signal = {};                 // "traces"
  std::optional<QueueFill> queue = {};     // none: it has none
  uint64_t sent = 0;                       // that exporters delivered
  uint64_t send_failed = 0;                // that exporters gave up, whether or not who sent them was told
  uint64_t not_queued = 0;                 // that the queue did not take; given back to who sent them
  std::vector<DroppedItems> dropped = {};  // that nobody has any more; reasons with items only
};

// Of components that can lose something. Any thread.
class KeepsAccount {
 public:
  virtual ~KeepsAccount() = default;
  // Without the names, which the graph knows.
  virtual ItemAccount Account() const = 0;
};

// A reason's count that any thread moves.
struct DropCount {
  std::string_view reason;  // a literal
  std::atomic<uint64_t> items{0};

  void Add(uint64_t more) { items.fetch_add(more, std::memory_order_relaxed); }
  // Appends it unless it is nothing.
  void AppendTo(std::vector<DroppedItems>& dropped) const {
    uint64_t count = items.load(std::memory_order_relaxed);
    if (count > 0) dropped.push_back({reason, count});
  }
};

}  // namespace sextant::pipeline
