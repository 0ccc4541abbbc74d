#include "metrics/exposition/quick_scan.h"

#include <emmintrin.h>

#include <bit>

#include "model/labels.h"

namespace sextant::exposition {

namespace {

// Finds the quote that ends a label value which starts at `at`; null when something stands before it that the
// exact lexer must see: an escape, a line break, or bytes that are not ASCII and not UTF-8.
const char* FindClosingQuote(const char* at, const char* end) {
  const char* start = at;
  bool is_ascii = true;
  const __m128i quotes = _mm_set1_epi8('"');
  const __m128i escapes = _mm_set1_epi8('\\');
  const __m128i breaks = _mm_set1_epi8('\n');
  while (end - at >= 16) {
    __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes),
                                 _mm_or_si128(_mm_cmpeq_epi8(bytes, escapes), _mm_cmpeq_epi8(bytes, breaks)));
    auto stops = static_cast<uint32_t>(_mm_movemask_epi8(found));
    auto high = static_cast<uint32_t>(_mm_movemask_epi8(bytes));
    if (stops != 0) {
      int offset = std::countr_zero(stops);
      if ((high & ((1u << offset) - 1)) != 0) is_ascii = false;
      at += offset;
      break;
    }
    if (high != 0) is_ascii = false;
    at += 16;
  }
  for (; *at != '"' && *at != '\\' && *at != '\n'; ++at) {
    if (static_cast<unsigned char>(*at) >= 0x80) is_ascii = false;
  }
  if (*at != '"') return nullptr;
  if (!is_ascii && !IsUtf8({start, static_cast<size_t>(at - start)})) return nullptr;
  return at;
}

// Reads `a="b",c="d"}` from behind the opening brace; the end, or null for what is not plainly that.
const char* SkipLabels(const char* at, const char* end) {
  while (*at != '}') {
    if (!Is(kNameStart, *at)) return nullptr;
    while (Is(kName, *at)) ++at;
    if (at[0] != '=' || at[1] != '"') return nullptr;
    at = FindClosingQuote(at + 2, end);
    if (at == nullptr) return nullptr;
    ++at;
    if (*at == ',') {
      ++at;
    } else if (*at != '}') {
      return nullptr;
    }
  }
  return at + 1;
}

}  // namespace

bool IsUtf8(std::string_view text) {
  const char* at = text.data();
  const char* end = at + text.size();
  for (; end - at >= 16; at += 16) {
    if (_mm_movemask_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))) != 0) break;
  }
  return model::IsValidUtf8({at, static_cast<size_t>(end - at)});
}

const char* ScanSeries(const char* at, const char* end) {
  if (!Is(kMetricStart, *at)) return nullptr;
  while (Is(kMetric, *at)) ++at;
  return *at == '{' ? SkipLabels(at + 1, end) : at;
}

bool StartsWithSeries(const char* at, const char* end, const SeriesGuess& guess,
                      std::string_view terminators) {
  return static_cast<size_t>(end - at) > guess.size &&
         terminators.find(at[guess.size]) != std::string_view::npos && guess.Matches({at, guess.size});
}

}  // namespace sextant::exposition
