// The codings in which clients of the collector send bodies, with levels: those of compression.h and further
// ones that only such servers understand. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::net {

// Whether a coding ("gzip", "zlib", "deflate", "zstd", "snappy", "x-snappy-framed", "lz4") is known, and
// takes this level. Level 0 is the coding's own choice; gzip, zlib and deflate take -1 to 9, zstd 1 to 22,
// the others none. kInvalidArgument otherwise.
core::Status CheckBodyCompression(std::string_view coding, int level);

// Compresses `input` into `output` (replaced). "snappy" is one block, "lz4" one frame. The coding and its
// level must be good.
core::Status CompressBody(std::string_view coding, int level, std::string_view input, std::string& output);

}  // namespace sextant::net
