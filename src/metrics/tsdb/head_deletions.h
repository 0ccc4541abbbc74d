// What was deleted from the head: intervals per series, which reading leaves out. An interval ends at the
// latest at the newest sample that the series had at the time, so that what comes later is not touched. It is
// forgotten when the head's samples of its time are gone.
//
// Thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <functional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/series.h"
#include "model/storage.h"
#include "model/time_intervals.h"

namespace sextant::tsdb {

using model::TimeInterval;

// What is deleted of one series: of its out-of-order samples all in the range, of the others those up to its
// newest at the time.
struct SeriesDeletion {
  SeriesRef ref = 0;
  TimeInterval range;
  TimestampMs newest_ms = kNoTime;  // kNoTime: it had no in-order samples
};

class HeadDeletions {
 public:
  void Add(SeriesRef ref, TimeInterval interval);
  // Takes the deleted samples out of the columns, from the place `begin` on.
  void Subtract(SeriesRef ref, size_t begin, model::SampleColumns& columns) const;

  bool empty() const { return series_.load(std::memory_order_acquire) == 0; }
  model::TimeIntervals Of(SeriesRef ref) const;
  void DropSeries(SeriesRef ref);
  // Forgets what is before `time_ms`.
  void DropBefore(TimestampMs time_ms);

  // Sections for a checkpoint, whose out-of-order samples are deleted by then. A journal batch has one of the
  // same form.
  void Capture(std::vector<Section>& out) const;
  static Section MakeSection(const std::vector<SeriesDeletion>& deletions);
  // Hands on what is in a section; kCorruption when the bytes are malformed.
  static core::Status ReadSection(std::string_view bytes,
                                  const std::function<void(const SeriesDeletion&)>& apply);

  uint64_t SizeBytes() const;

 private:
  static constexpr size_t kSectionBytes = 8 << 20;

  mutable std::shared_mutex mutex_;
  std::atomic<uint64_t> series_ = 0;
  absl::flat_hash_map<SeriesRef, model::TimeIntervals> intervals_;
};

}  // namespace sextant::tsdb
