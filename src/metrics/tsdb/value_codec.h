// One value against the one before it, in as few bytes as the pair allows: what journal batches and chunks
// are made of. docs/formats/values.md describes the tokens:
//
//   0x00-0x7f  a run: 1 to 128 values equal to the one before
//   0x80-0xbf  whole numbers that differ by -32..32
//   0xc0-0xc7  whole numbers; the difference follows in 1 to 8 bytes
//   0xc8-0xcf  the same in thousandths; 0xd0-0xd7 in millionths
//   0xd8-0xdf  any two values: exclusive or, without its zero bytes: a byte that says how many are cut off at
//   the low
//              end, then 1 to 8 bytes
//   0xe0       a stale marker
//
// Tokens from 0xe1 on mean something to the container (chunk.h, journal_batch.h) and are invalid here.
#pragma once

#include <cstdint>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

inline constexpr uint8_t kMaxRunToken = 0x7f;
inline constexpr uint8_t kStaleToken = 0xe0;
inline constexpr size_t kMaxValueBytes = 10;

// Writes the token of `bits` after `previous_bits` (other bits; equal ones are the container's runs) at
// `out`, which has room for kMaxValueBytes, and returns its end.
char* EncodeValue(uint64_t previous_bits, uint64_t bits, char* out);

// Reads the rest of a token whose first byte is `token` (0x80 to 0xe0). False for an invalid token or too few
// bytes.
bool DecodeValue(uint8_t token, uint64_t previous_bits, ByteReader& reader, uint64_t& bits);

}  // namespace sextant::tsdb
