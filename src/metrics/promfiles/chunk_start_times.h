// Start timestamps within a chunk (encodings 4 to 6): the first one is a distance to its sample; from the
// first change on, each sample carries the distance to the sample before it. A header byte says whether the
// first is known and at which sample the changes begin.
#pragma once

#include <cstdint>

#include "core/clock.h"
#include "metrics/promfiles/bits.h"

namespace sextant::promfiles {

// A chunk whose start time never changes is treated as if it changed here, so that the header can say so.
inline constexpr unsigned kLastFirstChange = 0x7f;

class StartTimeEncoder {
 public:
  // For sample `index` of the chunk, after its other bits.
  void Write(BitWriter& writer, unsigned index, core::TimestampMs time_ms, core::TimestampMs previous_time_ms,
             core::TimestampMs start_ms) {
    if (index == 0) {
      if (start_ms != 0) {
        writer.SignedVarint(WrapSub(time_ms, start_ms));
        header_ = 0x80;
      }
    } else if (first_change_ != 0) {
      int64_t distance = WrapSub(previous_time_ms, start_ms);
      writer.VarbitInt(WrapSub(distance, distance_));
      distance_ = distance;
    } else if (start_ms != start_ms_ || index == kLastFirstChange) {
      first_change_ = index;
      header_ |= static_cast<uint8_t>(index);
      distance_ = WrapSub(previous_time_ms, start_ms);
      writer.VarbitInt(distance_);
    }
    start_ms_ = start_ms;
  }

  uint8_t header() const { return header_; }

 private:
  uint8_t header_ = 0;
  unsigned first_change_ = 0;
  core::TimestampMs start_ms_ = 0;
  int64_t distance_ = 0;
};

class StartTimeDecoder {
 public:
  explicit StartTimeDecoder(uint8_t header) : header_(header) {}

  // Whether any sample of the chunk has a start time.
  bool any() const { return header_ != 0; }

  core::TimestampMs Read(BitReader& reader, unsigned index, core::TimestampMs time_ms,
                         core::TimestampMs previous_time_ms) {
    unsigned first_change = header_ & kLastFirstChange;
    if (index == 0) {
      if ((header_ & 0x80) != 0) start_ms_ = WrapSub(time_ms, reader.SignedVarint());
    } else if (first_change != 0 && index >= first_change) {
      distance_ = WrapAdd(distance_, reader.VarbitInt());
      start_ms_ = WrapSub(previous_time_ms, distance_);
    }
    return start_ms_;
  }

 private:
  uint8_t header_;
  core::TimestampMs start_ms_ = 0;
  int64_t distance_ = 0;
};

}  // namespace sextant::promfiles
