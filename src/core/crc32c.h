// CRC-32C (Castagnoli), the checksum of all of Prometheus' files and of framed snappy. Uses the processor's
// instruction where there is one.
#pragma once

#include <cstdint>
#include <string_view>

namespace sextant::core {

// Of `bytes`, or of more bytes after those that gave `before`.
uint32_t Crc32c(std::string_view bytes, uint32_t before = 0);

}  // namespace sextant::core
