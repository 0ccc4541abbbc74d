// Reading ordinary sample lines in one pass over their bytes; shared by the text formats. All functions stop
// at a line break at the latest, so a caller that knows one to come needs no other bounds.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "metrics/exposition/series_guess.h"

namespace sextant::exposition {

// What a byte may be part of.
inline constexpr uint8_t kNameStart = 1;    // of a label's name
inline constexpr uint8_t kMetricStart = 2;  // of a metric's name
inline constexpr uint8_t kName = 4;         // inside a label's name
inline constexpr uint8_t kMetric = 8;       // inside a metric's name

constexpr std::array<uint8_t, 256> MakeByteClasses() {
  std::array<uint8_t, 256> classes{};
  for (int c = 0; c < 256; ++c) {
    bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    bool is_digit = c >= '0' && c <= '9';
    uint8_t bits = 0;
    if (is_letter) bits = kNameStart | kMetricStart | kName | kMetric;
    if (is_digit) bits = kName | kMetric;
    if (c == ':') bits = kMetricStart | kMetric;
    classes[static_cast<size_t>(c)] = bits;
  }
  return classes;
}
inline constexpr std::array<uint8_t, 256> kByteClasses = MakeByteClasses();

inline bool Is(uint8_t byte_class, char c) {
  return (kByteClasses[static_cast<unsigned char>(c)] & byte_class) != 0;
}

// Valid UTF-8, quick for ASCII.
bool IsUtf8(std::string_view text);

// Reads `name` or `name{a="b",c="d"}` and returns its end, or null for what is not plainly that: blanks,
// escapes, quoted names, line breaks in values, invalid UTF-8. `end` bounds reading ahead; a line break must
// stand before it.
const char* ScanSeries(const char* at, const char* end);

// Whether the guessed series stands at `at`, followed by a byte that ends a series in `terminators`.
bool StartsWithSeries(const char* at, const char* end, const SeriesGuess& guess,
                      std::string_view terminators);

}  // namespace sextant::exposition
