#include "api/params.h"

#include <charconv>
#include <cmath>
#include <ctime>

#include "core/duration.h"
#include "metrics/promql/parser.h"
#include "model/labels.h"

namespace sextant::api {

using core::Code;
using core::Fail;

namespace {

// Go's strconv.ParseFloat, for what people send: decimal numbers, infinities and NaN.
bool ParseNumber(std::string_view text, double& value) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// Reads exactly `digits` digits at `at`, moves on.
bool ReadDigits(std::string_view text, size_t& at, int digits, int& value) {
  value = 0;
  for (int i = 0; i < digits; ++i, ++at) {
    if (at >= text.size() || text[at] < '0' || text[at] > '9') return false;
    value = value * 10 + (text[at] - '0');
  }
  return true;
}

bool ReadByte(std::string_view text, size_t& at, std::string_view allowed) {
  if (at >= text.size() || allowed.find(text[at]) == std::string_view::npos) return false;
  ++at;
  return true;
}

int DaysInMonth(int year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return kDays[month - 1] + (month == 2 && is_leap ? 1 : 0);
}

bool ParseRfc3339(std::string_view text, core::TimestampMs& time_ms) {
  std::tm parts{};
  size_t at = 0;
  int year = 0;
  int month = 0;
  bool is_date = ReadDigits(text, at, 4, year) && ReadByte(text, at, "-") && ReadDigits(text, at, 2, month) &&
                 ReadByte(text, at, "-") && ReadDigits(text, at, 2, parts.tm_mday) && ReadByte(text, at, "T");
  bool is_time = is_date && ReadDigits(text, at, 2, parts.tm_hour) && ReadByte(text, at, ":") &&
                 ReadDigits(text, at, 2, parts.tm_min) && ReadByte(text, at, ":") &&
                 ReadDigits(text, at, 2, parts.tm_sec);
  if (!is_time || month < 1 || month > 12 || parts.tm_mday < 1 || parts.tm_mday > DaysInMonth(year, month) ||
      parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 59) {
    return false;
  }
  int64_t millis = 0;
  if (at < text.size() && (text[at] == '.' || text[at] == ',')) {
    size_t first = ++at;
    for (int64_t unit = 100; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10) {
      millis += (text[at] - '0') * unit;
    }
    if (at == first) return false;
  }
  int64_t offset_minutes = 0;
  if (at < text.size() && text[at] == 'Z') {
    ++at;
  } else {
    int hours = 0;
    int minutes = 0;
    bool is_negative = at < text.size() && text[at] == '-';
    if (!ReadByte(text, at, "+-") || !ReadDigits(text, at, 2, hours) || !ReadByte(text, at, ":") ||
        !ReadDigits(text, at, 2, minutes) || hours > 24 || minutes > 60) {
      return false;
    }
    offset_minutes = (is_negative ? -1 : 1) * (hours * 60 + minutes);
  }
  if (at != text.size()) return false;
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  time_ms = (int64_t{timegm(&parts)} - offset_minutes * 60) * 1000 + millis;
  return true;
}

}  // namespace

core::Result<core::TimestampMs> ParseTime(std::string_view text) {
  double seconds = 0;
  if (ParseNumber(text, seconds)) {
    if (std::isfinite(seconds) && std::fabs(seconds) < 9e15) return std::llround(seconds * 1000);
    return Fail(Code::kInvalidArgument, "cannot parse \"{}\" to a valid timestamp", text);
  }
  core::TimestampMs time_ms = 0;
  if (ParseRfc3339(text, time_ms)) return time_ms;
  if (text == "-292273086-05-16T16:47:06Z") return kMinTimeMs;
  if (text == "292277025-08-18T07:12:54.999999999Z") return kMaxTimeMs;
  return Fail(Code::kInvalidArgument, "cannot parse {} to a valid timestamp", model::QuoteGo(text));
}

core::Result<core::DurationMs> ParseApiDuration(std::string_view text) {
  double seconds = 0;
  if (ParseNumber(text, seconds)) {
    if (!(std::fabs(seconds) <= 9.2e9)) {
      return Fail(Code::kInvalidArgument, "cannot parse {} to a valid duration. It overflows int64",
                  model::QuoteGo(text));
    }
    return std::llround(seconds * 1000);
  }
  if (core::Result<core::DurationMs> duration = core::ParseDuration(text)) return *duration;
  return Fail(Code::kInvalidArgument, "cannot parse {} to a valid duration", model::QuoteGo(text));
}

ApiResult<core::TimestampMs> TimeParam(const net::QueryParams& params, std::string_view name,
                                       core::TimestampMs otherwise) {
  std::string_view text = params.Get(name);
  if (text.empty()) return otherwise;
  return ParseTime(text).map_error([&](const core::Error& error) {
    return ApiError::InvalidParameter(name,
                                      fmt::format("invalid time value for '{}': {}", name, error.message()));
  });
}

ApiResult<size_t> LimitParam(const net::QueryParams& params, std::string_view name) {
  std::string_view text = params.Get(name);
  if (text.empty()) return size_t{0};
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {
    return tl::unexpected(ApiError::InvalidParameter(
        name, fmt::format("strconv.Atoi: parsing {}: value out of range", model::QuoteGo(text))));
  }
  if (error != std::errc() || end != text.data() + text.size()) {
    return tl::unexpected(ApiError::InvalidParameter(
        name, fmt::format("strconv.Atoi: parsing {}: invalid syntax", model::QuoteGo(text))));
  }
  if (value < 0) return tl::unexpected(ApiError::InvalidParameter(name, "limit must be non-negative"));
  return static_cast<size_t>(value);
}

ApiResult<std::vector<std::vector<model::Matcher>>> MatchersParam(const net::QueryParams& params,
                                                                  bool names_parameter) {
  auto fail = [&](std::string_view message) {
    return tl::unexpected(names_parameter ? ApiError::InvalidParameter("match[]", message)
                                          : ApiError::BadData(std::string(message)));
  };
  std::vector<std::vector<model::Matcher>> sets;
  for (const std::string& text : params.GetAll("match[]")) {
    auto matchers = promql::ParseMetricSelector(text);
    if (!matchers) return fail(matchers.error().Message());
    bool is_selective = false;
    for (const model::Matcher& matcher : *matchers) is_selective = is_selective || !matcher.MatchesEmpty();
    if (!is_selective) {
      return fail("match[] must contain at least one non-empty matcher");
    }
    sets.push_back(std::move(*matchers));
  }
  return sets;
}

std::string FormatRfc3339(core::TimestampMs time_ms) {
  if (time_ms == 0) return "0001-01-01T00:00:00Z";
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::string text = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900,
                                 parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  if (int64_t millis = time_ms % 1000; millis != 0) {
    std::string fraction = fmt::format(".{:03}", millis);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    text += fraction;
  }
  return text + "Z";
}

}  // namespace sextant::api
