// Snappy's framed format (https://github.com/google/snappy/blob/main/framing_format.txt), which gRPC's
// "snappy" compression is. Pure functions; internal to net.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::net {

// `output` is replaced.
core::Status CompressSnappyFrames(std::string_view input, std::string& output);
// Errors: kResourceExhausted when the result would exceed `max_bytes`, kInvalidArgument when `input` is not
// well-formed; `output` is then unspecified.
core::Status DecompressSnappyFrames(std::string_view input, size_t max_bytes, std::string& output);

}  // namespace sextant::net
