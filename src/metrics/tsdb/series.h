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
#include <cstdlib>
#include <limits>
#include <memory>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <type_traits>
#include <utility>

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
//
// After a restart records may still be where the image has them: whoever asks for one first has the records
// of its page made (`Source`). So `at` may take a moment, and nobody may call it for such a slot who holds
// the lock of its stripe; those who do have asked for the record before.
class SeriesTable {
 public:
  static constexpr uint32_t kPageSlots = 256;

  // Makes the records of pages that are not there yet.
  class Source {
   public:
    virtual ~Source() = default;
    // Returns when the page has been published. Any thread.
    virtual void Load(uint32_t page) = 0;
    // The same for all pages, and then makes whatever else needs the source independent of it. By one thread,
    // which holds no lock.
    virtual void LoadAll() = 0;
    virtual void Finish() = 0;
  };

  explicit SeriesTable(uint32_t max_slots)
      : page_count_(static_cast<uint32_t>((uint64_t{max_slots} + kPageSlots - 1) / kPageSlots)),
        pages_(static_cast<Page*>(std::calloc(page_count_, sizeof(Page)))) {
    if (pages_ == nullptr) throw std::bad_alloc();
  }

  uint32_t max_slots() const { return page_count_ * kPageSlots; }
  // Slots whose records exist, or will when they are asked for.
  uint32_t slots() const { return slots_.load(std::memory_order_acquire); }

  SeriesRecord& at(uint32_t slot) { return PageOf(slot)[slot % kPageSlots]; }
  const SeriesRecord& at(uint32_t slot) const { return PageOf(slot)[slot % kPageSlots]; }
  // Null: the record has not been made yet.
  SeriesRecord* AtIfLoaded(uint32_t slot) const {
    SeriesRecord* page = pages_[slot / kPageSlots].load(std::memory_order_acquire);
    return page == nullptr ? nullptr : page + slot % kPageSlots;
  }

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
      Publish(page, NewPage());
      slots_.store((page + 1) * kPageSlots, std::memory_order_release);
    }
    return true;
  }

  // Recovery: the first `pages` pages come from a source, each when it is asked for.
  void Adopt(uint32_t pages, std::unique_ptr<Source> source) {
    source_ = std::move(source);
    slots_.store(pages * kPageSlots, std::memory_order_release);
  }
  // For recovery.
  bool HasSource() const { return source_ != nullptr; }
  // Then, one after the other, by one thread: loads what nobody has asked for; and lets go of the source.
  void LoadAll() {
    if (source_ != nullptr) source_->LoadAll();
  }
  void FinishSource() {
    if (source_ == nullptr) return;
    source_->Finish();
    std::unique_lock none_asks(source_mutex_);
    source_ = nullptr;
  }
  // For the source: records that nobody sees yet, and showing them. Any thread.
  SeriesRecord* NewPage() {
    auto* records = reinterpret_cast<SeriesRecord*>(memory_.Take(kPageSlots * sizeof(SeriesRecord)));
    std::uninitialized_default_construct_n(records, kPageSlots);
    return records;
  }
  void Publish(uint32_t page, SeriesRecord* records) {
    pages_[page].store(records, std::memory_order_release);
  }

  // Where the records are, and what else lives as long as they.
  SlabMemory& memory() { return memory_; }

  uint64_t SizeBytes() const { return uint64_t{slots()} * sizeof(SeriesRecord); }

 private:
  static_assert(std::is_trivially_destructible_v<SeriesRecord>);

  using Page = std::atomic<SeriesRecord*>;
  struct Free {
    void operator()(Page* pages) const { std::free(pages); }
  };

  SeriesRecord* PageOf(uint32_t slot) const {
    SeriesRecord* page = pages_[slot / kPageSlots].load(std::memory_order_acquire);
    return page != nullptr ? page : LoadPage(slot / kPageSlots);
  }
  [[gnu::cold]] SeriesRecord* LoadPage(uint32_t page) const {
    std::shared_lock lock(source_mutex_);
    // Without a source they have all been loaded meanwhile.
    if (source_ != nullptr) source_->Load(page);
    return pages_[page].load(std::memory_order_acquire);
  }

  SlabMemory memory_;
  const uint32_t page_count_;
  std::unique_ptr<Page[], Free> pages_;  // zeros take no memory until they are written to
  std::atomic<uint32_t> slots_ = 0;
  mutable std::shared_mutex source_mutex_;  // who loads a page holds it, shared
  std::unique_ptr<Source> source_;
};

}  // namespace sextant::tsdb
