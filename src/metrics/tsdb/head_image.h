// Taking a checkpoint's image over into a head: tables first, then ranges of slots. Where the image is whole,
// the head is in use at once: a page of series is made when somebody asks for one of them, or when its turn
// comes (SeriesTable::Source). Else all ranges come before the head is used: damage in a range costs the
// series in it; damage in the tables all; damaged postings are made anew.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "metrics/tsdb/head.h"
#include "metrics/tsdb/image_frames.h"
#include "metrics/tsdb/label_image.h"

namespace sextant::tsdb {

class HeadLoader : public SeriesTable::Source {
 public:
  // `head` is empty, must outlive this, and is used by nobody else until BeginInPlace or LoadAtOnce.
  HeadLoader(Head& head, ImageVersion version)
      : head_(head), version_(version), labels_(head.index_, head.table_) {}

  LabelLoader& labels() { return labels_; }

  // A range's payload, which must stay where it is until it has been loaded. In the order of their slots;
  // false: it is none, or beyond the limit.
  bool AddRange(std::string_view payload);
  // The slot after all ranges of version 3.
  uint32_t end_slot() const { return static_cast<uint32_t>(ranges_.size()) * SeriesTable::kPageSlots; }
  // After all ranges and their postings: takes a whole image over in place. The head takes the loader, and
  // that takes `mapped`, where all payloads are. False: it cannot, and both are as they were.
  static bool BeginInPlace(std::unique_ptr<HeadLoader>& loader, std::unique_ptr<core::MappedFile>& mapped,
                           std::string_view slots, const ImageEnd& end);
  // Or makes everything now. `hashes_are_ours`: HashProbe() is that of the image.
  void LoadAtOnce(bool hashes_are_ours);

  uint64_t series() const { return series_.load(std::memory_order_relaxed); }
  // Malformed, or beyond the limit.
  uint64_t lost_series() const { return lost_series_.load(std::memory_order_relaxed); }
  bool is_over_limit() const { return is_over_limit_; }  // some are
  uint64_t malformed_ranges() const { return malformed_ranges_.load(std::memory_order_relaxed); }
  ChunkRef newest_chunk() const { return newest_chunk_; }  // the highest ref of a written chunk

  void Load(uint32_t page) override;
  void LoadAll() override;
  void Finish() override;

 private:
  enum class State : uint8_t { kPending, kRunning, kDone };
  // What is needed to load a page, to be used again.
  struct Scratch {
    SeriesRange range;
    LabelLoader::Worker labels;
  };
  // What a range adds to the head.
  struct Totals {
    uint64_t series = 0;
    uint64_t lost_series = 0;
    uint64_t open_chunks = 0;
    ChunkRef newest_chunk = 0;
    TimestampMs min_ms = std::numeric_limits<TimestampMs>::max();
    TimestampMs max_ms = kNoTime;
  };
  // Where a range's lists and chunks go on.
  struct Place {
    const uint32_t* pairs;
    const char* chunk;
  };
  std::unique_ptr<Scratch> TakeScratch();
  void GiveBack(std::unique_ptr<Scratch> scratch);
  void MakePage(uint32_t page, Scratch& scratch);
  void TakePage(Scratch& scratch, uint32_t begin, uint32_t end, Place& place, SeriesRecord* records,
                Totals& totals);
  void TakeSlot(Scratch& scratch, uint32_t i, const Place& place, SeriesRecord& record, ChunkArena& arena,
                Totals& totals);
  core::Status TakeSections(const SeriesRange& range, SeriesRecord* records);

  Head& head_;
  const ImageVersion version_;
  LabelLoader labels_;
  std::unique_ptr<core::MappedFile> mapped_;
  std::vector<std::string_view> ranges_;  // in version 3 by page: empty when there is none
  uint32_t next_slot_ = 0;                // after the ranges so far
  bool is_over_limit_ = false;
  std::vector<std::atomic<State>> states_;  // by page
  std::mutex mutex_;                        // of what follows
  std::vector<std::unique_ptr<Scratch>> scratches_;
  ChunkRef newest_chunk_ = 0;
  std::atomic<uint64_t> series_ = 0;
  std::atomic<uint64_t> lost_series_ = 0;
  std::atomic<uint64_t> malformed_ranges_ = 0;
};

}  // namespace sextant::tsdb
