#include "core/float_text.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace sextant::core {

namespace {
// From here on std::to_chars writes all digits of the exact value, Go the shortest ones and zeros.
constexpr double kExactLimit = 9007199254740992.0;  // 2^53
}  // namespace

void AppendScientific(std::string& out, double value) {
  char buffer[32];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::scientific).ptr);
}

void AppendFixed(std::string& out, double value) {
  if (std::fabs(value) < kExactLimit) {
    // Whole numbers are frequent, and much cheaper to write. Not -0, whose sign would go.
    auto whole = static_cast<int64_t>(value);
    if (static_cast<double>(whole) == value && (whole != 0 || !std::signbit(value))) {
      char digits[24];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, whole).ptr);
      return;
    }
    char buffer[400];  // the longest has 327 characters
    out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, value, std::chars_format::fixed).ptr);
    return;
  }
  std::string text;
  AppendScientific(text, value);
  size_t e = text.find('e');
  int exponent = 0;
  std::from_chars(text.data() + e + 2, text.data() + text.size(), exponent);
  std::string_view mantissa = std::string_view(text).substr(0, e);
  int digits_after_point = 0;
  for (char c : mantissa) {
    if (c == '.') continue;
    out += c;
    if (c != '-') ++digits_after_point;
  }
  --digits_after_point;  // one stands before it
  out.append(static_cast<size_t>(exponent - digits_after_point), '0');
}

}  // namespace sextant::core
