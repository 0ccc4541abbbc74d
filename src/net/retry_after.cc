#include "net/retry_after.h"

#include <time.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace sextant::net {

namespace {

constexpr core::DurationMs kLongestWaitMs = 3'600'000;

}  // namespace

core::DurationMs RetryAfterMs(std::string_view value, core::TimestampMs now_ms) {
  if (value.empty()) return 0;
  int64_t seconds = 0;
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (end == value.data() + value.size()) {
    if (error == std::errc::result_out_of_range) return value.starts_with('-') ? 0 : kLongestWaitMs;
    return std::clamp<int64_t>(seconds, 0, kLongestWaitMs / 1000) * 1000;
  }
  struct tm when{};
  std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &when);
  if (rest == nullptr || rest != text.c_str() + text.size()) return 0;
  return std::clamp<core::DurationMs>(static_cast<int64_t>(::timegm(&when)) * 1000 - now_ms, 0,
                                      kLongestWaitMs);
}

}  // namespace sextant::net
