// A guess of the next sample's series that takes 12 bytes instead of the series' text: a fingerprint and a
// length, by which a line that repeats is recognised without its text being kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sextant::exposition {

// What a series' bytes are known by. `seed` makes it hard to find two texts of one fingerprint from outside.
uint64_t SeriesFingerprint(std::string_view series, uint64_t seed);

struct SeriesGuess {
  uint64_t fingerprint = 0;
  uint64_t seed = 0;
  size_t size = 0;  // of the series' bytes; 0 is no guess

  static SeriesGuess Of(std::string_view series, uint64_t seed = 0) {
    return {SeriesFingerprint(series, seed), seed, series.size()};
  }
  bool Matches(std::string_view series) const {
    return size != 0 && series.size() == size && SeriesFingerprint(series, seed) == fingerprint;
  }
};

}  // namespace sextant::exposition
