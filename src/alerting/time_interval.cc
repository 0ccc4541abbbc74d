#include "alerting/time_interval.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>

#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

using config::Node;
using core::Result;

constexpr std::array<std::string_view, 7> kWeekdays = {"sunday",   "monday", "tuesday", "wednesday",
                                                       "thursday", "friday", "saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};

// "HH:MM" as minutes; 24:00 is the end of the day.
Result<int> ParseClock(Node node, const std::string& text) {
  const auto digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() == 5 && text[2] == ':' && digit(0) && digit(1) && digit(3) && digit(4)) {
    const int hours = (text[0] - '0') * 10 + (text[1] - '0');
    const int minutes = (text[3] - '0') * 10 + (text[4] - '0');
    if ((hours < 24 && minutes < 60) || (hours == 24 && minutes == 0)) return hours * 60 + minutes;
  }
  return node.Fail("couldn't parse timestamp {}, invalid format", text);
}

Result<IntRange> ReadTimeRange(Node node) {
  std::string start;
  std::string end;
  for (const Node child : node.children()) {
    if (child.key() == "start_time") {
      SEXTANT_ASSIGN(start, child.AsText());
    } else if (child.key() == "end_time") {
      SEXTANT_ASSIGN(end, child.AsText());
    } else {
      return child.FailAtKey(core::Code::kInvalidArgument, "unknown field; it is start_time or end_time");
    }
  }
  if (start.empty() || end.empty()) return node.Fail("both start and end times must be provided");
  SEXTANT_ASSIGN(const int start_minute, ParseClock(node, start));
  SEXTANT_ASSIGN(const int end_minute, ParseClock(node, end));
  if (start_minute >= 1440) return node.Fail("start time out of range");
  if (start_minute >= end_minute) return node.Fail("start time cannot be equal or greater than end time");
  return IntRange{start_minute, end_minute};
}

using ParseOne = std::function<Result<int>(Node node, const std::string& text)>;
using CheckRange = std::function<core::Status(Node node, const IntRange& range, const std::string& begin,
                                              const std::string& end)>;

// "a" or "a:b".
Result<IntRange> ReadRange(Node node, const ParseOne& parse, const CheckRange& check) {
  SEXTANT_ASSIGN(const std::string raw, node.AsText());
  const std::string text = gotemplate::ToLower(raw);
  const size_t colon = text.find(':');
  const std::string begin = text.substr(0, colon);
  const std::string end = colon == std::string::npos ? begin : text.substr(colon + 1);
  IntRange range;
  SEXTANT_ASSIGN(range.begin, parse(node, begin));
  SEXTANT_ASSIGN(range.end, parse(node, end));
  SEXTANT_TRY(check(node, range, begin, end));
  return range;
}

Result<int> ParseNumber(Node node, const std::string& text, std::string_view what) {
  int value = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || rest != text.data() + text.size() || text.empty()) {
    return node.Fail("{} is not a valid {}", text, what);
  }
  return value;
}

template <size_t N>
std::optional<int> IndexOf(const std::array<std::string_view, N>& names, const std::string& text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) return std::nullopt;
  return static_cast<int>(found - names.begin());
}

Result<IntRange> ReadWeekdays(Node node) {
  return ReadRange(
      node,
      [](Node n, const std::string& text) -> Result<int> {
        if (const auto index = IndexOf(kWeekdays, text)) return *index;
        return n.Fail("{} is not a valid weekday", text);
      },
      [](Node n, const IntRange& range, const std::string&, const std::string&) -> core::Status {
        if (range.begin > range.end) return n.Fail("start day cannot be before end day");
        return {};
      });
}

Result<IntRange> ReadDaysOfMonth(Node node) {
  return ReadRange(
      node,
      [](Node n, const std::string& text) -> Result<int> {
        SEXTANT_ASSIGN(const int day, ParseNumber(n, text, "day of the month"));
        if (day == 0 || day < -31 || day > 31)
          return n.Fail("{} is not a valid day of the month: out of range", day);
        return day;
      },
      [](Node n, const IntRange& range, const std::string&, const std::string&) -> core::Status {
        if (range.begin < 0 && range.end > 0)
          return n.Fail("end day must be negative if start day is negative");
        // A month has 31 days at most: an end that is never after the start is a mistake.
        const int latest_end = range.end < 0 ? 31 + range.end + 1 : range.end;
        const int begin = range.begin < 0 ? 31 + range.begin + 1 : range.begin;
        if (begin > latest_end)
          return n.Fail("end day {} is always before start day {}", range.end, range.begin);
        return {};
      });
}

Result<IntRange> ReadMonths(Node node) {
  return ReadRange(
      node,
      [](Node n, const std::string& text) -> Result<int> {
        if (const auto index = IndexOf(kMonths, text)) return *index + 1;
        int month = 0;
        const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), month);
        if (error != std::errc() || rest != text.data() + text.size())
          return n.Fail("{} is not a valid month", text);
        if (month < 1 || month > 12) return n.Fail("{} is not a valid month: out of range", text);
        return month;
      },
      [](Node n, const IntRange& range, const std::string& begin, const std::string& end) -> core::Status {
        if (range.begin > range.end) return n.Fail("end month {} is before start month {}", end, begin);
        return {};
      });
}

Result<IntRange> ReadYears(Node node) {
  return ReadRange(
      node, [](Node n, const std::string& text) { return ParseNumber(n, text, "year"); },
      [](Node n, const IntRange& range, const std::string&, const std::string&) -> core::Status {
        if (range.begin > range.end)
          return n.Fail("end year {} is before start year {}", range.end, range.begin);
        return {};
      });
}

config::CodecFor<IntRange> RangeCodec(Result<IntRange> (*read)(Node)) {
  return config::Custom<IntRange>(read, [](const IntRange& range, config::YamlWriter& out) {
    out.Text(fmt::format("{}:{}", range.begin, range.end));
  });
}

std::string ClockText(int minutes) { return fmt::format("{:02}:{:02}", minutes / 60, minutes % 60); }

core::Status FinishInterval(TimeInterval& interval, Node node) {
  if (interval.location_name.empty()) return {};
  auto location = gotemplate::LoadLocation(interval.location_name);
  if (!location) return node.Fail("{}", location.error().message());
  interval.location = std::move(*location);
  return {};
}

core::Status FinishNamed(NamedIntervals& named, Node node) {
  if (named.name.empty()) return node.Fail("missing name in time interval");
  return {};
}

bool AnyContains(const std::vector<IntRange>& ranges, int64_t value) {
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [value](const IntRange& range) {
           return value >= range.begin && value <= range.end;
         });
}

int DaysInMonth(const gotemplate::CivilTime& civil) {
  const int64_t first = gotemplate::UnixFromCivil(civil.year, civil.month, 1, 0, 0, 0);
  const int64_t next = gotemplate::UnixFromCivil(civil.year, civil.month + 1, 1, 0, 0, 0);
  return static_cast<int>((next - first) / 86'400);
}

bool ContainsDay(const std::vector<IntRange>& ranges, const gotemplate::CivilTime& civil) {
  const int days = DaysInMonth(civil);
  return ranges.empty() || std::any_of(ranges.begin(), ranges.end(), [&](const IntRange& range) {
           const int begin = range.begin < 0 ? days + range.begin + 1 : range.begin;
           const int end = range.end < 0 ? days + range.end + 1 : range.end;
           // "30:31" in February is no day at all.
           if (begin > days) return false;
           return civil.day >= std::max(begin, 1) && civil.day <= std::min(end, days);
         });
}

}  // namespace

bool TimeInterval::Contains(core::TimestampMs time_ms) const {
  gotemplate::Time time = gotemplate::Time::FromUnixMs(time_ms);
  time.location = location;
  const gotemplate::CivilTime civil = gotemplate::ToCivil(time);
  const int minute = civil.hour * 60 + civil.minute;
  const bool in_times =
      times.empty() || std::any_of(times.begin(), times.end(), [minute](const IntRange& range) {
        return minute >= range.begin && minute < range.end;
      });
  return in_times && AnyContains(weekdays, civil.weekday) && ContainsDay(days_of_month, civil) &&
         AnyContains(months, civil.month) && AnyContains(years, civil.year);
}

bool NamedIntervals::Contains(core::TimestampMs time_ms) const {
  return std::any_of(intervals.begin(), intervals.end(),
                     [time_ms](const TimeInterval& interval) { return interval.Contains(time_ms); });
}

const config::Struct& FieldsOf(const TimeInterval*) {
  using namespace config;
  static const Struct kFields = Struct::Of<TimeInterval>(
      {
          Member<&TimeInterval::times>("times", Custom<IntRange>(ReadTimeRange,
                                                                 [](const IntRange& range, YamlWriter& out) {
                                                                   out.BeginMapping();
                                                                   out.Key("start_time");
                                                                   out.Text(ClockText(range.begin));
                                                                   out.Key("end_time");
                                                                   out.Text(ClockText(range.end));
                                                                   out.EndMapping();
                                                                 })),
          Member<&TimeInterval::weekdays>("weekdays", RangeCodec(ReadWeekdays)),
          Member<&TimeInterval::days_of_month>("days_of_month", RangeCodec(ReadDaysOfMonth)),
          Member<&TimeInterval::months>("months", RangeCodec(ReadMonths)),
          Member<&TimeInterval::years>("years", RangeCodec(ReadYears)),
          Member<&TimeInterval::location_name>("location"),
      },
      FinishInterval);
  return kFields;
}

const config::Struct& FieldsOf(const NamedIntervals*) {
  using namespace config;
  static const Struct kFields = Struct::Of<NamedIntervals>(
      {
          Member<&NamedIntervals::name>("name"),
          Member<&NamedIntervals::intervals>("time_intervals"),
      },
      FinishNamed);
  return kFields;
}

}  // namespace sextant::alerting
