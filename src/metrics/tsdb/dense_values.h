// A column of 64-bit floats as bytes, in the form that suits it: whole numbers at a decimal scale (12.34 as
// 1234 at 2), the bits themselves as integers, or numbers in a dictionary of few values; what does not fit
// (stale markers, NaN, infinities, -0) beside it. Every bit pattern comes back exactly.
// docs/formats/block.md describes the bytes.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sextant::tsdb {

// The first byte of a value column says its form in these bits; the others belong to whoever holds it.
inline constexpr uint8_t kValueFormBits = 0x3f;

// Appends a column.
void EncodeValues(std::span<const double> values, std::string& out);

// Reads a column of out.size() values that is just `bytes`; false when it is not (`out` is then undefined).
// Takes time and memory by out.size() alone.
bool DecodeValues(std::string_view bytes, std::span<double> out);
// The same of a column whose first byte is apart.
bool DecodeValues(uint8_t form, std::string_view rest, std::span<double> out);

// Columns that move together, as the buckets of a histogram: appends `column` as its differences to `base`,
// both encoded columns of `count` values. False, and nothing, when they are not decimals of one form without
// exceptions, or it saves little.
bool EncodeDifferences(std::string_view base, std::string_view column, size_t count, std::string& out);

// Reads a column of differences to the encoded column `base`; false when they are not such.
bool DecodeDifferences(std::string_view base, std::string_view differences, std::span<double> out);

}  // namespace sextant::tsdb
