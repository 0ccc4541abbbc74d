// How records lie in the pages of a segment; shared by reader and writer.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sextant::promfiles {

inline constexpr size_t kWalPageBytes = 32 << 10;
// Type and flags (1 byte), length (2), CRC-32C of the fragment (4).
inline constexpr size_t kFragmentHeaderBytes = 7;

inline constexpr uint8_t kFragmentTypeMask = 0x07;
inline constexpr uint8_t kPageEnd = 0;  // the rest of the page is empty
inline constexpr uint8_t kFullFragment = 1;
inline constexpr uint8_t kFirstFragment = 2;
inline constexpr uint8_t kMiddleFragment = 3;
inline constexpr uint8_t kLastFragment = 4;

inline constexpr uint8_t kSnappyFlag = 0x08;
inline constexpr uint8_t kZstdFlag = 0x10;

}  // namespace sextant::promfiles
