// Taking a checkpoint's image over into an empty head: tables first, then ranges of slots from several
// threads, then what makes the series findable. Damage in a range costs the series in it; damage in the
// tables all.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "metrics/tsdb/head.h"
#include "metrics/tsdb/image_frames.h"
#include "metrics/tsdb/label_image.h"

namespace sextant::tsdb {

class HeadLoader {
 public:
  // `head` is empty, must outlive this, and is used by nobody else meanwhile.
  explicit HeadLoader(Head& head)
      : head_(head), labels_(std::make_shared<LabelLoader>(head.index_, head.table_)) {}

  bool AddSymbols(const SymbolRun& run) { return labels_->AddSymbols(run); }
  bool AddPairs(const PairRun& run) { return labels_->AddPairs(run); }

  // Ends the tables; `workers` threads will add ranges.
  void BeginRanges(size_t workers);
  // Any thread, each with a worker's number and ranges of its own; a range comes once. The ids in the range
  // and its columns need not make sense.
  void AddRange(size_t worker, const SeriesRange& range);
  // Makes everything findable; when there is much, behind (Head::BuildIndexBehind). `hashes_are_ours`:
  // HashProbe() is that of the image.
  void Finish(bool hashes_are_ours);

  uint64_t series() const { return series_; }
  uint64_t lost_series() const { return lost_series_; }    // malformed, or beyond the limit
  ChunkRef newest_chunk() const { return newest_chunk_; }  // the highest ref of a written chunk

 private:
  struct alignas(64) Worker {
    LabelLoader::Worker labels;
    uint64_t series = 0;
    uint64_t lost_series = 0;
    uint64_t open_chunks = 0;
    ChunkRef newest_chunk = 0;
    TimestampMs min_ms = 0;
    TimestampMs max_ms = 0;
    uint32_t end_slot = 0;
  };
  // Where a range's lists and chunks go on.
  struct Place {
    const uint32_t* pairs;
    const char* chunk;
  };
  void AddSlot(Worker& worker, const SeriesRange& range, uint32_t i, Place place, ChunkArena& arena);

  Head& head_;
  std::shared_ptr<LabelLoader> labels_;
  std::vector<Worker> workers_;
  uint64_t series_ = 0;
  uint64_t lost_series_ = 0;
  ChunkRef newest_chunk_ = 0;
};

}  // namespace sextant::tsdb
