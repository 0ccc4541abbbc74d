// Tombstones: the times of which samples were deleted, per series, and the file that holds them in a
// Prometheus block (tsdb/tombstones). A value; hostile bytes are kCorruption.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "model/storage.h"

namespace sextant::promfiles {

using core::TimestampMs;

// Deleted is min_time_ms <= time <= max_time_ms.
struct Interval {
  TimestampMs min_time_ms = 0;
  TimestampMs max_time_ms = 0;

  friend bool operator==(const Interval&, const Interval&) = default;
};

// In the order of time, with time between them.
using Intervals = std::vector<Interval>;

// Drops what was deleted from the samples after the first `begin`.
void DropDeleted(const Intervals& intervals, size_t begin, model::SampleColumns& samples);

class Tombstones {
 public:
  // Adds intervals (min <= max) in any order; those that overlap or touch are merged.
  void Add(uint64_t series, Intervals added);
  // Null when nothing was deleted of a series.
  const Intervals* Of(uint64_t series) const {
    auto found = series_.find(series);
    return found == series_.end() ? nullptr : &found->second;
  }
  bool empty() const { return series_.empty(); }
  // Intervals of all series.
  uint64_t count() const;
  const std::map<uint64_t, Intervals>& series() const { return series_; }

  friend bool operator==(const Tombstones&, const Tombstones&) = default;

 private:
  std::map<uint64_t, Intervals> series_;
};

std::string FormatTombstones(const Tombstones& tombstones);
core::Result<Tombstones> ParseTombstones(std::string_view bytes);

// The file of a block; none is no tombstones. Written atomically.
core::Result<Tombstones> ReadTombstones(core::FileSystem& fs, const std::string& block_dir);
core::Status WriteTombstones(core::FileSystem& fs, const std::string& block_dir,
                             const Tombstones& tombstones);

}  // namespace sextant::promfiles
