// Which ids were given out in about the last hour, as a ring of bitmaps. Bounded by the ids that exist. The
// owner's lock covers it.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "core/clock.h"
#include "metrics/tsdb/postings.h"

namespace sextant::tsdb {

class RecentIds {
 public:
  static constexpr core::DurationMs kWindowMs = 60 * 60 * 1000;

  void Add(uint32_t id) { parts_[newest_].add(id); }
  void Remove(uint32_t id) {
    for (Bitmap& part : parts_) part.remove(id);
  }
  // Forgets what is older than the window. To be called every few minutes at least.
  void Turn(core::TimestampMs now_ms) {
    if (first_turn_ms_ == 0) first_turn_ms_ = newest_since_ms_ = now_ms;
    for (size_t i = 0; i < kParts && now_ms - newest_since_ms_ >= kPartMs; ++i) {
      newest_ = (newest_ + 1) % kParts;
      parts_[newest_] = Bitmap();
      newest_since_ms_ += kPartMs;
    }
    // After a long sleep all are empty by now.
    if (now_ms - newest_since_ms_ >= kPartMs) newest_since_ms_ = now_ms;
  }
  Bitmap All() const {
    Bitmap all;
    for (const Bitmap& part : parts_) all |= part;
    return all;
  }
  // How far back All reaches at `now_ms`: an hour, or since the start.
  core::DurationMs ReachMs(core::TimestampMs now_ms) const {
    core::DurationMs since_start_ms = first_turn_ms_ == 0 ? 0 : now_ms - first_turn_ms_;
    core::DurationMs of_ring_ms = (kParts - 1) * kPartMs + now_ms - newest_since_ms_;
    return std::max<core::DurationMs>(0, std::min(since_start_ms, of_ring_ms));
  }

 private:
  static constexpr size_t kParts = 12;
  static constexpr core::DurationMs kPartMs = kWindowMs / kParts;

  std::array<Bitmap, kParts> parts_;
  size_t newest_ = 0;
  core::TimestampMs newest_since_ms_ = 0;
  core::TimestampMs first_turn_ms_ = 0;
};

}  // namespace sextant::tsdb
