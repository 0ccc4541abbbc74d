// The samples of one series while a head is read: ascending, encoded as they come. Owned by one thread.
#pragma once

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/xor_chunk.h"

namespace sextant::promfiles {

class HeadSeriesBuffer {
 public:
  static constexpr TimestampMs kNone = std::numeric_limits<TimestampMs>::min();

  // A sample that is not newer than all before is dropped: the first one at a time counts.
  core::Status Add(TimestampMs time_ms, double value, TimestampMs start_ms);
  core::Status AddHistogram(TimestampMs time_ms, std::shared_ptr<const model::FloatHistogram> histogram,
                            TimestampMs start_ms);
  // A whole chunk, newer than all before.
  core::Status AddChunk(uint8_t encoding, std::string_view bytes);

  // The first and the last time; kNone when there are no samples.
  TimestampMs oldest_ms() const { return oldest_ms_; }
  TimestampMs newest_ms() const { return newest_ms_; }

  // Appends all samples to `out`.
  core::Status Read(model::SampleColumns& out) const;
  void Clear() { *this = {}; }

 private:
  struct Chunk {
    uint8_t encoding;
    std::string bytes;
  };
  // What series of plain floats do without.
  struct Rest {
    std::vector<Chunk> chunks;     // before what is open
    model::SampleColumns pending;  // histograms, or floats with start times; not while a float chunk is open
  };

  bool Advance(TimestampMs time_ms);
  Rest& rest();
  void CloseFloats();
  core::Status ClosePending();

  TimestampMs oldest_ms_ = kNone;
  TimestampMs newest_ms_ = kNone;
  std::string floats_;  // the open chunk
  XorAppender appender_;
  std::unique_ptr<Rest> rest_;
};

}  // namespace sextant::promfiles
