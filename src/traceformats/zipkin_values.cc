#include "traceformats/zipkin_values.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

namespace sextant::traceformats {

using otlp::AnyValue;

namespace {

bool AreDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// Beyond 64 bits as Go's ParseInt gives it along with its error.
int64_t ClampedInt(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return text.starts_with('-') ? std::numeric_limits<int64_t>::min() : std::numeric_limits<int64_t>::max();
  }
  return value;
}

double ToDouble(std::string_view text) { return std::strtod(std::string(text).c_str(), nullptr); }

std::string Ipv6Text(std::string_view bytes) {
  uint16_t groups[8];
  for (size_t i = 0; i < 8; ++i) {
    groups[i] = static_cast<uint16_t>(static_cast<uint8_t>(bytes[2 * i]) << 8 |
                                      static_cast<uint8_t>(bytes[2 * i + 1]));
  }
  // The longest run of at least two zeros, the first of equal ones, becomes "::".
  size_t run_begin = 8;
  size_t run_size = 1;
  for (size_t i = 0; i < 8; ++i) {
    size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > run_size) {
      run_begin = i;
      run_size = end - i;
    }
    i = std::max(i, end);
  }
  std::string out;
  for (size_t i = 0; i < 8; ++i) {
    if (i == run_begin) {
      out += "::";
      i += run_size - 1;
      continue;
    }
    if (!out.empty() && !out.ends_with(':')) out += ':';
    out += fmt::format("{:x}", groups[i]);
  }
  return out;
}

}  // namespace

AnyValue ParseTagText(std::string_view text) {
  std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (AreDigits(digits)) return AnyValue::Int(ClampedInt(text));
  size_t point = digits.find('.');
  if (point != std::string_view::npos && AreDigits(digits.substr(0, point)) &&
      AreDigits(digits.substr(point + 1))) {
    return AnyValue::Double(ToDouble(text));
  }
  if (text == "true" || text == "false") return AnyValue::Bool(text == "true");
  return AnyValue::Text(text);
}

std::optional<uint64_t> ParseHex(std::string_view digits) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || digits[0] == '-' || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  return value;
}

std::string IpText(std::string_view bytes) {
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
  if (bytes.size() == 16 && bytes.starts_with(kMapped)) bytes.remove_prefix(kMapped.size());
  auto byte = [&](size_t i) { return static_cast<unsigned>(static_cast<uint8_t>(bytes[i])); };
  if (bytes.size() == 4) return fmt::format("{}.{}.{}.{}", byte(0), byte(1), byte(2), byte(3));
  if (bytes.size() == 16) return Ipv6Text(bytes);
  std::string out = "?";
  for (size_t i = 0; i < bytes.size(); ++i) out += fmt::format("{:02x}", byte(i));
  return out;
}

std::optional<std::string> CanonicalIp(std::string_view text) {
  std::string address(text);
  char bytes[16];
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) return IpText({bytes, 4});
  if (inet_pton(AF_INET6, address.c_str(), bytes) == 1) return IpText({bytes, 16});
  return std::nullopt;
}

}  // namespace sextant::traceformats
