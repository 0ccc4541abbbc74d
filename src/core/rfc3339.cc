#include "core/rfc3339.h"

#include <cstdio>
#include <ctime>

namespace sextant::core {

std::optional<TimestampMs> ParseRfc3339(const std::string& text) {
  std::tm parts{};
  const char* rest = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (rest == nullptr) return std::nullopt;
  TimestampMs time_ms = static_cast<TimestampMs>(timegm(&parts)) * 1000;
  if (*rest == '.') {
    ++rest;
    while (*rest >= '0' && *rest <= '9') ++rest;
  }
  int hours = 0;
  int minutes = 0;
  char sign = 0;
  if (std::sscanf(rest, "%c%2d:%2d", &sign, &hours, &minutes) == 3 && (sign == '+' || sign == '-')) {
    DurationMs offset_ms = (hours * 60LL + minutes) * 60'000;
    return sign == '+' ? time_ms - offset_ms : time_ms + offset_ms;
  }
  if (*rest != 'Z') return std::nullopt;
  return time_ms;
}

}  // namespace sextant::core
