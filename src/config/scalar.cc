// What a plain scalar means when a number or a boolean is asked for, with YAML 1.1's spellings as Go's
// yaml.v2 has them.
#include <charconv>
#include <cmath>
#include <limits>

#include "config/node.h"

namespace sextant::config {

namespace {

bool IsOneOf(std::string_view text, std::initializer_list<std::string_view> words) {
  for (std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

struct Magnitude {
  bool is_negative = false;
  uint64_t value = 0;
};

// Decimal, 0x, 0o, 0b and old octal (0755) integers, with underscores between digits.
bool ParseMagnitude(std::string_view text, Magnitude& out) {
  std::string digits;
  for (char c : text) {
    if (c != '_') digits += c;
  }
  std::string_view rest = digits;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    out.is_negative = rest.front() == '-';
    rest.remove_prefix(1);
  }
  int base = 10;
  if (rest.starts_with("0x") || rest.starts_with("0X")) {
    base = 16;
    rest.remove_prefix(2);
  } else if (rest.starts_with("0o")) {
    base = 8;
    rest.remove_prefix(2);
  } else if (rest.starts_with("0b")) {
    base = 2;
    rest.remove_prefix(2);
  } else if (rest.size() > 1 && rest.front() == '0') {
    base = 8;
    rest.remove_prefix(1);
  }
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out.value, base);
  return !rest.empty() && error == std::errc() && end == rest.data() + rest.size();
}

bool ParseFloat(std::string_view text, double& out) {
  std::string_view rest = text;
  bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (IsOneOf(rest, {".inf", ".Inf", ".INF"})) {
    out = is_negative ? -HUGE_VAL : HUGE_VAL;
    return true;
  }
  if (IsOneOf(text, {".nan", ".NaN", ".NAN"})) {
    out = std::nan("");
    return true;
  }
  if (rest.empty() || (rest.front() != '.' && (rest.front() < '0' || rest.front() > '9'))) return false;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  if (error != std::errc() || end != rest.data() + rest.size()) return false;
  if (is_negative) out = -out;
  return true;
}

// An integer may be written as a float that has no fraction ("1e6").
bool ParseInteger(std::string_view text, Magnitude& out) {
  if (ParseMagnitude(text, out)) return true;
  double value = 0;
  if (!ParseFloat(text, value) || std::trunc(value) != value || std::abs(value) > 9e15) return false;
  out.is_negative = value < 0;
  out.value = static_cast<uint64_t>(std::abs(value));
  return true;
}

}  // namespace

core::Result<std::string> Node::AsText() const {
  if (!IsScalar()) return Fail("expected text, got {}", Describe());
  return std::string(text());
}

core::Result<bool> Node::AsBool() const {
  if (IsScalar() && is_plain()) {
    if (IsOneOf(text(), {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"}))
      return true;
    if (IsOneOf(text(), {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"}))
      return false;
  }
  return Fail("expected true or false, got {}", Describe());
}

core::Result<int64_t> Node::AsInt() const {
  Magnitude number;
  if (!IsScalar() || !is_plain() || !ParseInteger(text(), number)) {
    return Fail("expected a whole number, got {}", Describe());
  }
  constexpr auto kMax = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  if (number.value > kMax) return Fail("number {} is too large", text());
  auto value = static_cast<int64_t>(number.value);
  return number.is_negative ? -value : value;
}

core::Result<uint64_t> Node::AsUint() const {
  Magnitude number;
  if (!IsScalar() || !is_plain() || !ParseInteger(text(), number) ||
      (number.is_negative && number.value != 0)) {
    return Fail("expected a whole number that is not negative, got {}", Describe());
  }
  return number.value;
}

core::Result<double> Node::AsFloat() const {
  double value = 0;
  Magnitude number;
  if (IsScalar() && is_plain()) {
    if (ParseMagnitude(text(), number)) {
      value = static_cast<double>(number.value);
      return number.is_negative ? -value : value;
    }
    if (ParseFloat(text(), value)) return value;
  }
  return Fail("expected a number, got {}", Describe());
}

}  // namespace sextant::config
