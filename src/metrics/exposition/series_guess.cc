#include "metrics/exposition/series_guess.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace sextant::exposition {

uint64_t SeriesFingerprint(std::string_view series, uint64_t seed) {
  return XXH3_64bits_withSeed(series.data(), series.size(), seed);
}

}  // namespace sextant::exposition
