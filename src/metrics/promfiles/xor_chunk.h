// Chunks of floats: encoding 1 (Gorilla) and encoding 4 (XOR2: joint codes for time and value, stale markers
// beside the values, start timestamps).
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "model/storage.h"

namespace sextant::promfiles {

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
