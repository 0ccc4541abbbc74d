#include "metrics/exposition/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>

#include "core/result.h"
#include "model/labels.h"

namespace sextant::exposition {

namespace {

// Powers of ten that a double holds exactly.
constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr int kMaxExactPower = 22;
constexpr uint64_t kMaxExactInteger = uint64_t{1} << 53;
// More digits could overflow what they are gathered in.
constexpr ptrdiff_t kMaxDigits = 18;

bool IsDigit(char c) { return static_cast<unsigned char>(c - '0') < 10; }

bool EqualsIgnoringCase(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if ((text[i] | 0x20) != lower[i]) return false;
  }
  return true;
}

// Whether a text that std::from_chars calls out of range is too small rather than too large.
bool IsTooSmall(std::string_view text) {
  // The exponent of the first digit that is not zero decides; from_chars has checked the syntax.
  size_t e = text.find_first_of("eE");
  std::string_view mantissa = text.substr(0, e);
  if (mantissa.starts_with('-')) mantissa.remove_prefix(1);
  size_t point = std::min(mantissa.find('.'), mantissa.size());
  size_t first = mantissa.find_first_of("123456789");
  if (first == std::string_view::npos) return true;
  auto exponent = static_cast<double>(point) - static_cast<double>(first);
  if (e != std::string_view::npos) {
    std::string_view digits = text.substr(e + 1);
    bool is_negative = digits.starts_with('-');
    if (is_negative || digits.starts_with('+')) digits.remove_prefix(1);
    double value = 0;
    for (char c : digits) value = std::min(value * 10 + (c - '0'), 1e9);
    exponent += is_negative ? -value : value;
  }
  return exponent < 0;
}

}  // namespace

NumberError ParseFloat(std::string_view text, double& value) {
  if (text.find_first_of("pP_") != std::string_view::npos) return NumberError::kUnsupported;
  std::string_view rest = text;
  bool is_negative = rest.starts_with('-');
  if (is_negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (EqualsIgnoringCase(rest, "inf") || EqualsIgnoringCase(rest, "infinity")) {
    value = is_negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    return NumberError::kNone;
  }
  if (EqualsIgnoringCase(text, "nan")) {
    value = std::numeric_limits<double>::quiet_NaN();
    return NumberError::kNone;
  }
  // from_chars knows more spellings of what is not a number than Go does.
  if (rest.empty() || (!IsDigit(rest.front()) && rest.front() != '.')) return NumberError::kSyntax;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (end != rest.data() + rest.size() || error == std::errc::invalid_argument) return NumberError::kSyntax;
  if (error == std::errc::result_out_of_range) {
    if (!IsTooSmall(rest)) return NumberError::kRange;
    value = 0;
  }
  if (is_negative) value = -value;
  return NumberError::kNone;
}

std::string FloatErrorText(std::string_view text, NumberError error) {
  if (error == NumberError::kUnsupported) return "unsupported character in float";
  return fmt::format("strconv.ParseFloat: parsing {}: {}", model::QuoteGo(text),
                     error == NumberError::kRange ? "value out of range" : "invalid syntax");
}

const char* ScanNumber(const char* at, double& value) {
  bool is_negative = *at == '-';
  if (is_negative) ++at;
  uint64_t digits = 0;
  const char* start = at;
  for (; IsDigit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
  ptrdiff_t count = at - start;
  if (count == 0 || count > kMaxDigits) return nullptr;
  int exponent = 0;
  if (*at == '.') {
    const char* fraction = ++at;
    for (; IsDigit(*at); ++at) digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    exponent = static_cast<int>(fraction - at);
    if (at == fraction || count - exponent > kMaxDigits) return nullptr;
  }
  if ((*at | 0x20) == 'e') {
    ++at;
    bool is_small = *at == '-';
    if (is_small || *at == '+') ++at;
    const char* power = at;
    int written = 0;
    for (; IsDigit(*at) && at - power < 4; ++at) written = written * 10 + (*at - '0');
    if (at == power || IsDigit(*at)) return nullptr;
    exponent += is_small ? -written : written;
  }
  // Both factors are exact, so one rounding gives the nearest double (Clinger 1990).
  if (digits > kMaxExactInteger || exponent > kMaxExactPower || exponent < -kMaxExactPower) return nullptr;
  auto exact = static_cast<double>(digits);
  if (exponent < 0) {
    exact /= kPowersOfTen[-exponent];
  } else if (exponent > 0) {
    exact *= kPowersOfTen[exponent];
  }
  value = is_negative ? -exact : exact;
  return at;
}

std::string FormatTextFloat(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  char buffer[32];
  // Go's 'g' leaves the plain notation below 1e-4 and from 1e6 on; the exponent has at least two digits.
  double magnitude = std::fabs(value);
  bool is_scientific = magnitude != 0 && (magnitude < 1e-4 || magnitude >= 1e6);
  auto format = is_scientific ? std::chars_format::scientific : std::chars_format::fixed;
  char* end = std::to_chars(buffer, buffer + sizeof buffer, value, format).ptr;
  return std::string(buffer, end);
}

std::string FormatOpenMetricsFloat(double value) {
  std::string text = FormatTextFloat(value);
  if (std::isfinite(value) && text.find_first_of("e.") == std::string::npos) text += ".0";
  return text;
}

}  // namespace sextant::exposition
