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
#include "model/time_intervals.h"

namespace sextant::promfiles {

using core::TimestampMs;

class Tombstones {
 public:
  // Adds intervals that do not end before they start, in any order.
  void Add(uint64_t series, std::vector<model::TimeInterval> added);
  // Null when nothing was deleted of a series.
  const model::TimeIntervals* Of(uint64_t series) const {
    auto found = series_.find(series);
    return found == series_.end() ? nullptr : &found->second;
  }
  bool empty() const { return series_.empty(); }
  // Intervals of all series.
  uint64_t count() const;
  const std::map<uint64_t, model::TimeIntervals>& series() const { return series_; }

  friend bool operator==(const Tombstones&, const Tombstones&) = default;

 private:
  std::map<uint64_t, model::TimeIntervals> series_;
};

std::string FormatTombstones(const Tombstones& tombstones);
core::Result<Tombstones> ParseTombstones(std::string_view bytes);

// The file of a block; none is no tombstones. Written atomically.
core::Result<Tombstones> ReadTombstones(core::FileSystem& fs, const std::string& block_dir);
core::Status WriteTombstones(core::FileSystem& fs, const std::string& block_dir,
                             const Tombstones& tombstones);

}  // namespace sextant::promfiles
