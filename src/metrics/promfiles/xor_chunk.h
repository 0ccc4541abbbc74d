// Chunks of floats: encoding 1 (Gorilla) and encoding 4 (XOR2: joint codes for time and value, stale markers
// beside the values, start timestamps).
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "metrics/promfiles/bits.h"
#include "model/storage.h"

namespace sextant::promfiles {

// Grows a chunk of encoding 1 sample by sample. The chunk is whole after each. Small, as there is one for
// each of many series.
class XorAppender {
 public:
  static constexpr unsigned kMostSamples = 65535;

  // `chunk` is empty, or what the calls before made of it.
  void Append(std::string& chunk, core::TimestampMs time_ms, double value);
  unsigned count() const { return count_; }

 private:
  core::TimestampMs time_ms_ = 0;
  int64_t step_ = 0;
  uint64_t bits_ = 0;
  XorWindow window_;
  uint16_t count_ = 0;
  uint8_t used_bits_ = 0;  // of the chunk's last byte
};

// The samples from `begin` up to before `end` as one chunk; their histograms are not looked at. At most
// 65535.
std::string EncodeXorChunk(const model::SampleColumns& samples, size_t begin, size_t end);
std::string EncodeXor2Chunk(const model::SampleColumns& samples, size_t begin, size_t end);

// As DecodeChunk, except that `out` may have grown after a failure.
core::Status DecodeXorChunk(std::string_view bytes, core::TimestampMs start_ms, core::TimestampMs end_ms,
                            model::SampleColumns& out);
core::Status DecodeXor2Chunk(std::string_view bytes, core::TimestampMs start_ms, core::TimestampMs end_ms,
                             model::SampleColumns& out);

}  // namespace sextant::promfiles
