#include "config/go_duration.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "config/text.h"

namespace sextant::config {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr DurationNs kMs = 1'000'000;

struct Unit {
  std::string_view name;
  DurationNs ns;
};
// "m" behind "ms", since the longest name counts.
constexpr Unit kUnits[] = {{"ns", 1},   {"us", 1'000},      {"µs", 1'000},       {"μs", 1'000},
                           {"ms", kMs}, {"s", 1'000 * kMs}, {"m", 60'000 * kMs}, {"h", 3'600'000 * kMs}};

const Unit* UnitOf(std::string_view text) {
  for (const Unit& unit : kUnits) {
    if (text == unit.name) return &unit;
  }
  return nullptr;
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<DurationNs> ParseGoDuration(std::string_view text) {
  auto invalid = [&] { return Fail(Code::kInvalidArgument, "time: invalid duration {}", Quote(text)); };
  std::string_view rest = text;
  bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0") return 0;
  if (rest.empty()) return invalid();
  // As a long double, since each part may be any number with a fraction.
  long double total = 0;
  while (!rest.empty()) {
    size_t length = 0;
    while (length < rest.size() && (IsDigit(rest[length]) || rest[length] == '.')) ++length;
    std::string number(rest.substr(0, length));
    if (number.empty() || number == "." || number.find('.') != number.rfind('.')) return invalid();
    if (number.front() == '.') number.insert(0, "0");
    if (number.back() == '.') number += '0';
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (error != std::errc() || end != number.data() + number.size()) return invalid();
    rest.remove_prefix(length);
    length = 0;
    while (length < rest.size() && !IsDigit(rest[length]) && rest[length] != '.') ++length;
    if (length == 0) {
      return Fail(Code::kInvalidArgument, "time: missing unit in duration {}", Quote(text));
    }
    const Unit* unit = UnitOf(rest.substr(0, length));
    if (unit == nullptr) {
      return Fail(Code::kInvalidArgument, "time: unknown unit {} in duration {}",
                  Quote(rest.substr(0, length)), Quote(text));
    }
    total += static_cast<long double>(value) * static_cast<long double>(unit->ns);
    rest.remove_prefix(length);
  }
  if (total > static_cast<long double>(std::numeric_limits<DurationNs>::max())) return invalid();
  auto whole = static_cast<DurationNs>(total + 0.5L);
  return is_negative ? -whole : whole;
}

std::string FormatGoDuration(DurationNs duration_ns) {
  if (duration_ns == 0) return "0s";
  std::string out = duration_ns < 0 ? "-" : "";
  auto left = static_cast<uint64_t>(std::abs(duration_ns));
  auto fraction = [](uint64_t whole, uint64_t part, int digits, std::string_view unit) {
    std::string text = fmt::format("{}", whole);
    if (part != 0) {
      std::string decimals = fmt::format("{:0{}}", part, digits);
      decimals.erase(decimals.find_last_not_of('0') + 1);
      text += "." + decimals;
    }
    return text + std::string(unit);
  };
  if (left < 1'000) return out + fmt::format("{}ns", left);
  if (left < 1'000'000) return out + fraction(left / 1'000, left % 1'000, 3, "µs");
  if (left < 1'000'000'000) return out + fraction(left / 1'000'000, left % 1'000'000, 6, "ms");
  uint64_t hours = left / 3'600'000'000'000;
  uint64_t minutes = left / 60'000'000'000 % 60;
  uint64_t rest = left % 60'000'000'000;
  if (hours > 0) out += fmt::format("{}h", hours);
  if (hours > 0 || minutes > 0) out += fmt::format("{}m", minutes);
  return out + fraction(rest / 1'000'000'000, rest % 1'000'000'000, 9, "s");
}

Result<core::DurationMs> ParseGoDurationMs(std::string_view text) {
  return ParseGoDuration(text).map(&RoundUpToMs);
}

core::DurationMs RoundUpToMs(DurationNs duration_ns) {
  return duration_ns / kMs + (duration_ns % kMs > 0 ? 1 : 0);
}

std::string FormatGoDurationMs(core::DurationMs duration_ms) {
  constexpr core::DurationMs kLongestMs = std::numeric_limits<DurationNs>::max() / kMs;
  return FormatGoDuration(std::clamp(duration_ms, -kLongestMs, kLongestMs) * kMs);
}

}  // namespace sextant::config
