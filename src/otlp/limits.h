// What decoding one message may cost.
#pragma once

#include <cstddef>

namespace sextant::otlp {

// What decoding may make of a message: that many times its size, and a little more.
inline constexpr size_t kMaxDecodedFactor = 16;
// How deep values may be nested.
inline constexpr int kMaxValueDepth = 32;

}  // namespace sextant::otlp
