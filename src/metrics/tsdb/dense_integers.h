// A column of 64-bit integers as bytes: differences of order 0, 1 or 2, less what is common to all, and these
// as nothing (all are zero), bit-packed in blocks of 64, or entropy-coded with models that learn along the
// column. docs/formats/block.md describes the bytes. All arithmetic wraps, so that any numbers come back.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::tsdb {

// What counts more where bit-packing and entropy coding both work: packed columns decode some ten times
// faster.
enum class ColumnGoal { kFast, kSmall };

// Appends a column; nothing for an empty one.
void EncodeIntegers(std::span<const int64_t> values, ColumnGoal goal, std::string& out);

// Reads a column of out.size() integers that is just `bytes`; false when it is not (`out` is then undefined).
// Takes time and memory by out.size() alone.
bool DecodeIntegers(std::string_view bytes, std::span<int64_t> out);

}  // namespace sextant::tsdb
