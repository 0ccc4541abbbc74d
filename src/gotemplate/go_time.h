// Go's time.Time and time.Duration as far as templates can see them: layouts, arithmetic, time zones and the
// texts that printing gives. Values are immutable and may be shared between threads.
//
// Specification: https://pkg.go.dev/time (layouts, Duration.String, Truncate and Round from the zero time).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sextant::gotemplate {

// A named place's offsets from UTC over time, or a fixed offset.
class Location {
 public:
  struct Zone {
    int offset_s = 0;
    std::string abbreviation;  // "UTC", "CET"; empty for an unnamed fixed offset
  };

  virtual ~Location() = default;
  // The zone in force at an instant (seconds since the Unix epoch).
  virtual Zone At(int64_t unix_s) const = 0;
};

// Loads a zone of the system's time zone database ("Europe/Paris", "UTC", "Local"). kNotFound with Go's text
// `unknown time zone X`.
core::Result<std::shared_ptr<const Location>> LoadLocation(std::string_view name);

// A fixed offset east of UTC.
std::shared_ptr<const Location> FixedLocation(int offset_s, std::string abbreviation);

// An instant and the place it is shown for. Default: Go's zero time, 0001-01-01 00:00:00 UTC.
struct Time {
  int64_t unix_s = -62'135'596'800;
  int32_t nanos = 0;                         // 0 … 999,999,999
  std::shared_ptr<const Location> location;  // null: UTC

  static Time FromUnixMs(int64_t unix_ms);
  static Time FromUnixNanos(int64_t unix_ns);

  bool IsZero() const { return unix_s == -62'135'596'800 && nanos == 0; }
  int64_t UnixMs() const { return unix_s * 1000 + nanos / 1'000'000; }
};

// Year, month and so on of an instant at its place.
struct CivilTime {
  int64_t year = 1;
  int month = 1;  // 1 … 12
  int day = 1;    // 1 … 31
  int hour = 0;
  int minute = 0;
  int second = 0;
  int weekday = 0;   // 0 is Sunday
  int year_day = 1;  // 1 … 366
  Location::Zone zone;
};
CivilTime ToCivil(const Time& time);

// The instant of a civil date in UTC; fields may be out of range and are carried over, as Go's time.Date
// does.
int64_t UnixFromCivil(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute, int64_t second);

// Go's Time.Format.
std::string FormatTime(const Time& time, std::string_view layout);
// Go's Time.String, without a monotonic reading: "2026-01-02 03:04:05.678 +0000 UTC".
std::string TimeString(const Time& time);
// Go's time.RFC3339Nano, as encoding/json writes times.
std::string FormatRfc3339Nano(const Time& time);
// Go's time.Parse. Errors are kInvalidArgument with Go's text.
core::Result<Time> ParseTime(std::string_view layout, std::string_view text);

// `time` moved by nanoseconds; and by calendar units.
Time AddNanos(const Time& time, int64_t nanos);
Time AddDate(const Time& time, int64_t years, int64_t months, int64_t days);
// a − b in nanoseconds, saturating like Go's Sub.
int64_t SubNanos(const Time& a, const Time& b);
// −1, 0, 1.
int CompareTimes(const Time& a, const Time& b);
// Rounded down, or to the nearest, multiple of `unit_ns` since the zero time.
Time TruncateTime(const Time& time, int64_t unit_ns);
Time RoundTime(const Time& time, int64_t unit_ns);

// Go's Duration.String: "1h30m0s", "1.5s", "100ms", "0s".
std::string DurationString(int64_t nanos);
int64_t TruncateDuration(int64_t nanos, int64_t unit_ns);
int64_t RoundDuration(int64_t nanos, int64_t unit_ns);

// "January", "Sunday"; with Go's %!Month(13) for what is out of range.
std::string MonthName(int64_t month);
std::string WeekdayName(int64_t weekday);

}  // namespace sextant::gotemplate
