// What is deleted from a dense block: ranges of time of some of its series, in the small file `deletions`
// beside the others, which is replaced as a whole. docs/formats/block.md describes the bytes. A value, shared
// by readers once it is made.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/postings.h"
#include "model/storage.h"
#include "model/time_intervals.h"

namespace sextant::tsdb {

using core::TimestampMs;

class Deletions {
 public:
  // Of a block of so many series; without the file, nothing is deleted.
  static core::Result<Deletions> Load(core::FileSystem& fs, const std::string& path, uint64_t series);
  static core::Result<Deletions> Parse(std::string_view bytes, uint64_t series);

  // Also deletes start_ms <= time <= end_ms of these series.
  void Add(TimestampMs start_ms, TimestampMs end_ms, const Bitmap& series);
  std::string Serialize() const;

  bool empty() const { return entries_.empty(); }
  // Ranges, counted per series.
  uint64_t count() const;
  // Removes from `series` those of which nothing in start_ms <= time <= end_ms is left.
  void SubtractWhole(TimestampMs start_ms, TimestampMs end_ms, Bitmap& series) const;
  // Removes what is deleted of a series from the samples that were added after the first `begin` ones.
  void Subtract(uint32_t series, size_t begin, model::SampleColumns& samples) const;

 private:
  struct Entry {
    model::TimeInterval range;
    Bitmap series;
  };
  std::vector<Entry> entries_;
};

}  // namespace sextant::tsdb
