// Snappy's block format, in which remote write and remote read send their messages. Thread-safe.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::remote {

std::string CompressSnappy(std::string_view bytes);

// kResourceExhausted when the block says that it holds more than `max_bytes`, kInvalidArgument when it is not
// well-formed. Nothing is allocated before.
core::Result<std::string> UncompressSnappy(std::string_view block, size_t max_bytes);

}  // namespace sextant::remote
