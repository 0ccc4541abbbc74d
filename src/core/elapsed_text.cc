#include "core/elapsed_text.h"

#include <fmt/format.h>

#include <string_view>

namespace sextant::core {
namespace {

// A number of units of 10^digits each, without zeros at the end of its fraction.
std::string WithFraction(uint64_t number, int digits, std::string_view unit) {
  uint64_t scale = 1;
  for (int i = 0; i < digits; ++i) scale *= 10;
  std::string text = fmt::format("{}", number / scale);
  if (number % scale != 0) {
    text += fmt::format(".{:0{}}", number % scale, digits);
    while (text.back() == '0') text.pop_back();
  }
  return text.append(unit);
}

}  // namespace

std::string ElapsedText(int64_t elapsed_ns) {
  constexpr uint64_t kSecondNs = 1'000'000'000;
  constexpr uint64_t kMinuteNs = 60 * kSecondNs;
  if (elapsed_ns == 0) return "0s";
  // Also of the least number, which has no counterpart.
  const uint64_t ns =
      elapsed_ns < 0 ? uint64_t{0} - static_cast<uint64_t>(elapsed_ns) : static_cast<uint64_t>(elapsed_ns);
  std::string text = elapsed_ns < 0 ? "-" : "";
  if (ns < 1'000) return text + WithFraction(ns, 0, "ns");
  if (ns < 1'000'000) return text + WithFraction(ns, 3, "\u00b5s");
  if (ns < kSecondNs) return text + WithFraction(ns, 6, "ms");
  if (ns >= 60 * kMinuteNs) text += fmt::format("{}h", ns / kMinuteNs / 60);
  if (ns >= kMinuteNs) text += fmt::format("{}m", ns / kMinuteNs % 60);
  return text + WithFraction(ns % kMinuteNs, 9, "s");
}

}  // namespace sextant::core
