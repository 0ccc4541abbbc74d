#include "core/duration.h"

#include <limits>

namespace sextant::core {

namespace {

struct Unit {
  std::string_view name;
  DurationMs ms;
};

// In the order in which they must appear.
constexpr Unit kUnits[] = {
    {"y", 365LL * 24 * 3600 * 1000},
    {"w", 7LL * 24 * 3600 * 1000},
    {"d", 24LL * 3600 * 1000},
    {"h", 3600 * 1000},
    {"m", 60 * 1000},
    {"s", 1000},
    {"ms", 1},
};
// Prometheus holds durations as nanoseconds in an int64.
constexpr DurationMs kMaxMs = std::numeric_limits<int64_t>::max() / 1'000'000;

tl::unexpected<Error> NotValid(std::string_view text) {
  return Fail(Code::kInvalidArgument, "not a valid duration string: \"{}\"", text);
}

}  // namespace

Result<DurationMs> ParseDuration(std::string_view text) {
  if (text.empty()) return Fail(Code::kInvalidArgument, "empty duration string");
  if (text == "0") return 0;
  DurationMs total = 0;
  size_t next_unit = 0;
  size_t at = 0;
  while (at < text.size()) {
    size_t digits = at;
    __int128 value = 0;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') {
      value = value * 10 + (text[at] - '0');
      if (value > kMaxMs) return Fail(Code::kInvalidArgument, "duration out of range");
      ++at;
    }
    if (at == digits) return NotValid(text);
    size_t letters = at;
    while (at < text.size() && (text[at] < '0' || text[at] > '9')) ++at;
    std::string_view name = text.substr(letters, at - letters);
    while (next_unit < std::size(kUnits) && kUnits[next_unit].name != name) ++next_unit;
    if (next_unit == std::size(kUnits)) return NotValid(text);
    value = value * kUnits[next_unit].ms + total;
    if (value > kMaxMs) return Fail(Code::kInvalidArgument, "duration out of range");
    total = static_cast<DurationMs>(value);
    ++next_unit;
  }
  return total;
}

std::string FormatDuration(DurationMs duration_ms) {
  if (duration_ms == 0) return "0s";
  std::string out;
  auto rest = static_cast<uint64_t>(duration_ms);
  if (duration_ms < 0) {
    out = "-";
    rest = ~rest + 1;
  }
  for (const Unit& unit : kUnits) {
    auto ms = static_cast<uint64_t>(unit.ms);
    bool only_when_exact = unit.name == "y" || unit.name == "w";
    if (only_when_exact ? rest != 0 && rest % ms == 0 : rest >= ms) {
      out += fmt::format("{}{}", rest / ms, unit.name);
      rest %= ms;
    }
  }
  return out;
}

}  // namespace sextant::core
