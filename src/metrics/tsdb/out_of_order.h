// The head's samples that came behind their series' newest, within the out-of-order window: per series a
// small sorted buffer, whose samples are encoded into leaves of up to 128 (out_of_order_codec.h) when 32 are
// there and every reader may see them. Leaves do not overlap, so that finding a duplicate or a range is a
// search. The first sample of a time stays.
//
// Samples carry the ticket of their commit; a reader sees those of the commits up to its watermark. Thread-
// safe: 64 stripes with a lock each, the last in the order of locks.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <array>
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/commit_tracker.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/out_of_order_codec.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

class OutOfOrderStore {
 public:
  using Ticket = CommitTracker::Ticket;

  // It says that it is full when it holds `max_bytes` (0: no limit).
  explicit OutOfOrderStore(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Adds a sample under a commit's ticket; all finished commits up to `seen_by_all` are seen by every reader.
  // False when there is one for its time already.
  bool Insert(SeriesRef ref, const OutOfOrderSample& sample, Ticket ticket, Ticket seen_by_all);
  // Whether nothing more should be taken.
  bool IsFull() const { return max_bytes_ != 0 && SizeBytes() >= max_bytes_; }

  // Whether it is time to make room.
  bool IsHalfFull() const { return max_bytes_ != 0 && SizeBytes() >= max_bytes_ / 2; }

  // Appends a series' samples with start_ms <= time <= end_ms of the commits up to `seen_until`, ascending.
  void Read(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms, Ticket seen_until,
            std::vector<OutOfOrderSample>& out) const;

  // Whether there is nothing at all; then the other questions need not be asked.
  bool empty() const { return series_.load(std::memory_order_acquire) == 0; }
  bool Holds(SeriesRef ref) const;
  // Whether a series may have samples in start_ms <= time <= end_ms of the commits up to `seen_until`.
  bool Holds(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms, Ticket seen_until) const;
  // The oldest and the newest time; first > second when there is none.
  std::pair<TimestampMs, TimestampMs> TimeRange() const;
  // The oldest time at or after `from_ms`; the greatest time when there is none.
  TimestampMs OldestFrom(TimestampMs from_ms) const;
  // The series that have samples in start_ms <= time <= end_ms, in no order.
  std::vector<SeriesRef> SeriesIn(TimestampMs start_ms, TimestampMs end_ms) const;

  // Forgets a series' samples with start_ms <= time <= end_ms; returns how many.
  uint64_t Erase(SeriesRef ref, TimestampMs start_ms, TimestampMs end_ms);
  void DropSeries(SeriesRef ref);
  // Forgets the samples with start_ms <= time < end_ms of the commits up to `ticket`, which are in a block.
  // Some of a later commit's neighbours may stay, to be written once more.
  void DropWritten(TimestampMs start_ms, TimestampMs end_ms, Ticket ticket);

  // Sections for a checkpoint, and back. Restore takes what `is_known` accepts; kCorruption when the bytes
  // are malformed.
  void Capture(std::vector<Section>& out) const;
  core::Status Restore(std::string_view bytes, const std::function<bool(SeriesRef)>& is_known);
  // A section of a journal batch: samples, and the series of each.
  static Section MakeSection(const std::vector<SeriesRef>& refs,
                             const std::vector<OutOfOrderSample>& samples);

  uint64_t SizeBytes() const { return bytes_.load(std::memory_order_relaxed); }
  uint64_t series_count() const { return series_.load(std::memory_order_relaxed); }

 private:
  static constexpr uint32_t kStripes = 64;
  static constexpr uint32_t kStripeRun = 256;
  static constexpr size_t kSealFrom = 32;   // samples of a buffer
  static constexpr size_t kMaxOpen = 1024;  // beyond it, a reader from long ago gets a newer view
  static constexpr size_t kMaxInLeaf = 128;
  static constexpr size_t kSectionBytes = 8 << 20;

  struct OpenSample {
    OutOfOrderSample sample;
    Ticket ticket;
  };
  struct Leaf {
    TimestampMs min_ms;
    TimestampMs max_ms;
    Ticket newest;  // the highest ticket of its samples
    uint32_t count;
    std::string bytes;
  };
  struct Series {
    SeriesRef ref = 0;
    std::vector<OpenSample> open;  // ascending
    std::vector<Leaf> leaves;      // ascending, not overlapping
    uint64_t bytes = 0;
  };
  struct Stripe {
    mutable std::mutex mutex;
    absl::flat_hash_map<uint32_t, Series> series;  // by slot
  };

  Stripe& StripeOf(SeriesRef ref) { return stripes_[SlotOf(ref) / kStripeRun % kStripes]; }
  const Stripe& StripeOf(SeriesRef ref) const { return stripes_[SlotOf(ref) / kStripeRun % kStripes]; }
  static const Series* Find(const Stripe& stripe, SeriesRef ref);
  static bool HasTime(const Series& series, TimestampMs time_ms);
  static void Decode(const Leaf& leaf, std::vector<OutOfOrderSample>& out);
  static Leaf Encode(std::span<const OutOfOrderSample> samples, Ticket newest);
  static void Seal(Series& series, Ticket seen_by_all);
  static void PutIntoLeaves(Series& series, const std::vector<OutOfOrderSample>& samples, Ticket newest);
  static void ReadAll(const Series& series, TimestampMs start_ms, TimestampMs end_ms, Ticket seen_until,
                      std::vector<OutOfOrderSample>& out);
  static uint64_t EraseFrom(Series& series, TimestampMs start_ms, TimestampMs end_ms, Ticket ticket);
  void Recount(Series& series);
  void Forget(Stripe& stripe, absl::flat_hash_map<uint32_t, Series>::iterator place);

  const uint64_t max_bytes_;
  std::array<Stripe, kStripes> stripes_;
  std::atomic<uint64_t> series_ = 0;
  std::atomic<uint64_t> bytes_ = 0;
};

}  // namespace sextant::tsdb
