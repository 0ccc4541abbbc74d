// Writes head chunk files for tests, as Prometheus does.
#pragma once

#include <string>
#include <string_view>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/wal_record.h"

namespace sextant::promfiles::test {

inline std::string HeadChunkFileHeader() { return std::string("\x01\x30\xbc\x91\x01\0\0\0", 8); }

inline std::string HeadChunkBytes(WalRef series, const EncodedChunk& chunk, bool out_of_order = false) {
  std::string out;
  PutBigEndian(out, series);
  PutBigEndian(out, chunk.min_time_ms);
  PutBigEndian(out, chunk.max_time_ms);
  out.push_back(static_cast<char>(static_cast<uint8_t>(chunk.encoding) | (out_of_order ? 0x80 : 0)));
  PutPrefixed(out, chunk.bytes);
  PutBigEndian(out, core::Crc32c(out));
  return out;
}

}  // namespace sextant::promfiles::test
