// Prometheus' chunk encodings: the samples of one series as bytes (tsdb/chunkenc). 1 to 3 are what every
// Prometheus reads; 4 to 6 only new ones, and have room for start timestamps.
//
// Pure functions; hostile bytes are harmless: what is not a chunk is kCorruption.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "model/storage.h"

namespace sextant::promfiles {

using core::TimestampMs;

enum class Encoding : uint8_t {
  kXor = 1,
  kHistogram = 2,
  kFloatHistogram = 3,
  kXor2 = 4,
  kHistogramWithStart = 5,
  kFloatHistogramWithStart = 6,
};

// A chunk without the length, encoding byte and checksum that files put around it.
struct EncodedChunk {
  Encoding encoding = Encoding::kXor;
  TimestampMs min_time_ms = 0;
  TimestampMs max_time_ms = 0;
  uint32_t samples = 0;
  std::string bytes;
};

// Appends the samples with start_ms <= time <= end_ms to `out`. Histograms of encodings 2 and 5 have
// is_integer. After kCorruption `out` is as it was.
core::Status DecodeChunk(uint8_t encoding, std::string_view bytes, TimestampMs start_ms, TimestampMs end_ms,
                         model::SampleColumns& out);

struct EncodeOptions {
  uint32_t max_samples = 120;          // per chunk
  bool xor2_floats = false;            // encoding 4 for all floats
  bool float_start_times = false;      // encoding 4 for floats where there are start times
  bool histogram_start_times = false;  // encodings 5 and 6 where there are start times
  // Start times that have no place are left out.
};

// Appends the chunks of one series' samples, in order of time, to `out`; a new one begins where Prometheus'
// own appenders cut: another kind of sample, a counter reset, another histogram schema, a full chunk.
core::Status EncodeChunks(const model::SampleColumns& samples, const EncodeOptions& options,
                          std::vector<EncodedChunk>& out);

}  // namespace sextant::promfiles
