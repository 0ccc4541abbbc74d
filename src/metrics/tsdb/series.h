// The record of a series in the head: one cache line, in pages that never move. A series is named by its slot
// (its place in the pages) and a generation, which together are its SeriesRef: a slot is used again after its
// series was dropped, a ref never.
//
// What is atomic may be read without a lock and is written under the lock of the slot's stripe (head.h); the
// rest needs that lock for reading too. `labels`, `label_count` and `hash` belong to the label index and its
// lock.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <type_traits>
#include <vector>

#include "core/clock.h"
#include "metrics/tsdb/chunk.h"
#include "metrics/tsdb/slab_memory.h"
#include "model/storage.h"

namespace sextant::tsdb {

using model::SeriesRef;

// Where a written chunk lies: the number of its head chunk file and its offset there. 0 is nowhere.
using ChunkRef = uint64_t;

inline constexpr TimestampMs kNoTime = std::numeric_limits<TimestampMs>::min();

struct alignas(64) SeriesRecord {
  std::atomic<TimestampMs> last_time_ms = kNoTime;
  std::atomic<uint64_t> last_bits = 0;
  char* chunk = nullptr;       // the open chunk's block in its stripe's arena; null: none
  ChunkRef written_chunk = 0;  // the newest full chunk, from which the older ones can be found
  std::atomic<uint32_t> generation = 0;
  int32_t last_delta_ms = 0;
  uint16_t chunk_bytes = 0;
  uint16_t chunk_samples = 0;
  std::atomic<uint16_t> used_in_epoch = 0;  // the last drop round (modulo 2^16) in which it was appended to
  uint8_t chunk_class = 0;
  bool chunk_ends_in_run = false;
  std::atomic<bool> is_live = false;
  std::atomic<bool> is_journaled = false;  // its definition is in the journal or a checkpoint
  uint8_t label_count = 0;
  // What is kept of it beside its float chunks (kTakesHistograms, kHasStartTimes); only DropSlot clears it.
  std::atomic<uint8_t> extras = 0;
  bool has_open_histograms = false;  // its open chunk is one of histograms, in its stripe's table
  uint32_t labels = 0;               // its pair ids in the index
  uint32_t hash = 0;                 // of its labels
};
static_assert(sizeof(SeriesRecord) == 64);

inline constexpr uint8_t kTakesHistograms = 1;
inline constexpr uint8_t kHasStartTimes = 2;

inline uint32_t SlotOf(SeriesRef ref) { return static_cast<uint32_t>(ref); }
inline uint32_t GenerationOf(SeriesRef ref) { return static_cast<uint32_t>(ref >> 32); }
inline SeriesRef MakeRef(uint32_t slot, uint32_t generation) {
  return static_cast<SeriesRef>(generation) << 32 | slot;
}

// Slots and their records. The records may be read while a page is being added; adding needs outside locking.
class SeriesTable {
 public:
  static constexpr uint32_t kPageSlots = 1024;

  explicit SeriesTable(uint32_t max_slots) : pages_((uint64_t{max_slots} + kPageSlots - 1) / kPageSlots) {}

  uint32_t max_slots() const { return static_cast<uint32_t>(pages_.size()) * kPageSlots; }
  // Slots whose records exist.
  uint32_t slots() const { return slots_.load(std::memory_order_acquire); }

  SeriesRecord& at(uint32_t slot) { return pages_[slot / kPageSlots][slot % kPageSlots]; }
  const SeriesRecord& at(uint32_t slot) const { return pages_[slot / kPageSlots][slot % kPageSlots]; }

  // The record of a ref, or null when there is no such live series (any more).
  SeriesRecord* Find(SeriesRef ref) {
    if (SlotOf(ref) >= slots()) return nullptr;
    SeriesRecord& record = at(SlotOf(ref));
    if (record.generation.load(std::memory_order_relaxed) != GenerationOf(ref)) return nullptr;
    return record.is_live.load(std::memory_order_relaxed) ? &record : nullptr;
  }

  // Makes the records up to and including `slot` exist; false beyond the limit.
  bool GrowTo(uint32_t slot) {
    if (slot >= max_slots()) return false;
    for (uint32_t page = slots() / kPageSlots; page <= slot / kPageSlots; ++page) {
      MakePage(page);
      slots_.store((page + 1) * kPageSlots, std::memory_order_release);
    }
    return true;
  }

  // Recovery: makes the records of one page, ahead of GrowTo. Different pages may be made at once.
  void MakePage(uint32_t page) {
    if (pages_[page] != nullptr) return;
    auto* records = reinterpret_cast<SeriesRecord*>(memory_.Take(kPageSlots * sizeof(SeriesRecord)));
    std::uninitialized_default_construct_n(records, kPageSlots);
    pages_[page] = records;
  }

  // Where the records are, and what else lives as long as they.
  SlabMemory& memory() { return memory_; }

  uint64_t SizeBytes() const { return uint64_t{slots()} * sizeof(SeriesRecord); }

 private:
  static_assert(std::is_trivially_destructible_v<SeriesRecord>);

  SlabMemory memory_;
  std::vector<SeriesRecord*> pages_;
  std::atomic<uint32_t> slots_ = 0;
};

}  // namespace sextant::tsdb
