// Since when the float samples of series count, where their targets say so: a start time changes only when a
// counter begins anew, so that what is kept is the changes. (Histograms carry theirs in their chunks.)
// Not thread-safe: the stripe's lock covers it.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <span>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

// Float samples from `from_ms` on, up to the next change, count since `start_ms` (0: not known).
struct StartChange {
  SeriesRef ref = 0;
  TimestampMs from_ms = 0;
  TimestampMs start_ms = 0;
};

// As they stand in journal batches and checkpoints. kCorruption when the bytes are not that.
void PutStartChanges(std::span<const StartChange> changes, std::string& out);
core::Status ReadStartChanges(std::string_view bytes, std::vector<StartChange>& out);

class StartTimes {
 public:
  // A series' changes are forgotten from the oldest on when there are more.
  static constexpr size_t kMaxChanges = 1024;

  // The start time of the newest samples of the series in a slot; 0: not known.
  TimestampMs Newest(uint32_t slot) const;
  // Notes a change, if it is one and later than those that are there. Changes that only samples before
  // `min_ms` need are forgotten.
  void Add(uint32_t slot, const StartChange& change, TimestampMs min_ms);
  // A slot's changes, oldest first.
  std::span<const StartChange> Find(uint32_t slot) const;
  void Erase(uint32_t slot);

  uint64_t size_bytes() const { return size_bytes_ + changes_.capacity() * kEntryBytes; }

 private:
  static constexpr size_t kEntryBytes = sizeof(uint32_t) + sizeof(std::vector<StartChange>) + 1;

  absl::flat_hash_map<uint32_t, std::vector<StartChange>> changes_;
  uint64_t size_bytes_ = 0;  // of the vectors' contents
};

// Fills in the start times of the float samples from `first` on.
void FillStartTimes(std::span<const StartChange> changes, size_t first, model::SampleColumns& out);

}  // namespace sextant::tsdb
