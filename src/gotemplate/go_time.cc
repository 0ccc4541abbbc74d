#include "gotemplate/go_time.h"

#include <absl/strings/string_view.h>
#include <absl/time/time.h>
#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kSecondsPerDay = 86'400;
constexpr std::array<std::string_view, 12> kMonths = {"January",   "February", "March",    "April",
                                                      "May",       "June",     "July",     "August",
                                                      "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};

class TzdataLocation final : public Location {
 public:
  explicit TzdataLocation(absl::TimeZone zone) : zone_(zone) {}
  Zone At(int64_t unix_s) const override {
    const absl::TimeZone::CivilInfo info = zone_.At(absl::FromUnixSeconds(unix_s));
    return {info.offset, info.zone_abbr};
  }

 private:
  absl::TimeZone zone_;
};

class OffsetLocation final : public Location {
 public:
  explicit OffsetLocation(Zone zone) : zone_(std::move(zone)) {}
  Zone At(int64_t) const override { return zone_; }

 private:
  Zone zone_;
};

// Days since 1970-01-01 of a proleptic Gregorian date, by counting 400-year cycles from 1 March.
int64_t DaysFromCivil(int64_t year, int month, int64_t day) {
  year -= month <= 2 ? 1 : 0;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

void CivilFromDays(int64_t days, CivilTime& out) {
  days += 719'468;
  const int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const int64_t day_of_era = days - era * 146'097;
  const int64_t year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const int64_t shifted_month = (5 * day_of_year + 2) / 153;
  out.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  out.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
}

int64_t FloorDiv(int64_t a, int64_t b) {
  const int64_t quotient = a / b;
  return (a % b != 0 && (a < 0) != (b < 0)) ? quotient - 1 : quotient;
}

bool IsLeap(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysIn(int month, int64_t year) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && IsLeap(year) ? 29 : kDays[static_cast<size_t>(month - 1)];
}

// The pieces of a layout, named by what they are in the reference time.
enum class Piece : uint8_t {
  kNone,
  kLongMonth,
  kMonth,
  kNumMonth,
  kZeroMonth,
  kLongWeekday,
  kWeekday,
  kDay,
  kUnderDay,
  kZeroDay,
  kUnderYearDay,
  kZeroYearDay,
  kHour,
  kHour12,
  kZeroHour12,
  kMinute,
  kZeroMinute,
  kSecond,
  kZeroSecond,
  kLongYear,
  kYear,
  kPm,
  kLowerPm,
  kZoneName,
  kIsoZone,
  kIsoZoneSeconds,
  kIsoZoneShort,
  kIsoZoneColon,
  kIsoZoneColonSeconds,
  kNumZone,
  kNumZoneSeconds,
  kNumZoneShort,
  kNumZoneColon,
  kNumZoneColonSeconds,
  kFractionZeros,
  kFractionNines,
};

struct Chunk {
  std::string_view prefix;  // literal text before the piece
  Piece piece = Piece::kNone;
  std::string_view suffix;  // the rest of the layout
  int digits = 0;           // of a fraction
  char separator = '.';     // of a fraction
};

struct PieceText {
  std::string_view text;
  Piece piece;
};
// In the order in which longer ones must be tried first.
constexpr PieceText kPieces[] = {
    {"January", Piece::kLongMonth},
    {"Jan", Piece::kMonth},
    {"Monday", Piece::kLongWeekday},
    {"Mon", Piece::kWeekday},
    {"MST", Piece::kZoneName},
    {"002", Piece::kZeroYearDay},
    {"01", Piece::kZeroMonth},
    {"02", Piece::kZeroDay},
    {"03", Piece::kZeroHour12},
    {"04", Piece::kZeroMinute},
    {"05", Piece::kZeroSecond},
    {"06", Piece::kYear},
    {"15", Piece::kHour},
    {"1", Piece::kNumMonth},
    {"2006", Piece::kLongYear},
    {"2", Piece::kDay},
    {"__2", Piece::kUnderYearDay},
    {"_2", Piece::kUnderDay},
    {"3", Piece::kHour12},
    {"4", Piece::kMinute},
    {"5", Piece::kSecond},
    {"PM", Piece::kPm},
    {"pm", Piece::kLowerPm},
    {"-070000", Piece::kNumZoneSeconds},
    {"-07:00:00", Piece::kNumZoneColonSeconds},
    {"-0700", Piece::kNumZone},
    {"-07:00", Piece::kNumZoneColon},
    {"-07", Piece::kNumZoneShort},
    {"Z070000", Piece::kIsoZoneSeconds},
    {"Z07:00:00", Piece::kIsoZoneColonSeconds},
    {"Z0700", Piece::kIsoZone},
    {"Z07:00", Piece::kIsoZoneColon},
    {"Z07", Piece::kIsoZoneShort},
};

// ".000" or ",999" not followed by a digit; 0 when there is none.
size_t FractionLength(std::string_view layout) {
  if (layout.size() < 2 || (layout[0] != '.' && layout[0] != ',') || (layout[1] != '0' && layout[1] != '9'))
    return 0;
  size_t end = 1;
  while (end < layout.size() && layout[end] == layout[1]) ++end;
  if (end < layout.size() && layout[end] >= '0' && layout[end] <= '9') return 0;
  return end;
}

Chunk NextChunk(std::string_view layout) {
  for (size_t i = 0; i < layout.size(); ++i) {
    const std::string_view rest = layout.substr(i);
    if (const size_t length = FractionLength(rest)) {
      const Piece piece = rest[1] == '0' ? Piece::kFractionZeros : Piece::kFractionNines;
      return {layout.substr(0, i), piece, rest.substr(length), static_cast<int>(length) - 1, rest[0]};
    }
    // "_2006" is an underscore and a year; "Janet" and "Month" are words.
    if (rest.starts_with("_2006")) {
      return {layout.substr(0, i + 1), Piece::kLongYear, rest.substr(5), 0, '.'};
    }
    for (const PieceText& entry : kPieces) {
      if (!rest.starts_with(entry.text)) continue;
      const bool is_word = entry.piece == Piece::kMonth || entry.piece == Piece::kWeekday;
      if (is_word && rest.size() > 3 && rest[3] >= 'a' && rest[3] <= 'z') continue;
      return {layout.substr(0, i), entry.piece, rest.substr(entry.text.size()), 0, '.'};
    }
  }
  return {layout, Piece::kNone, {}, 0, '.'};
}

void AppendZone(std::string& out, Piece piece, int offset_s) {
  const bool is_iso = piece == Piece::kIsoZone || piece == Piece::kIsoZoneColon ||
                      piece == Piece::kIsoZoneSeconds || piece == Piece::kIsoZoneShort ||
                      piece == Piece::kIsoZoneColonSeconds;
  if (is_iso && offset_s == 0) {
    out += 'Z';
    return;
  }
  const int size = std::abs(offset_s);
  out += fmt::format("{}{:02}", offset_s < 0 ? '-' : '+', size / 3600);
  if (piece == Piece::kIsoZoneShort || piece == Piece::kNumZoneShort) return;
  const bool colon = piece == Piece::kIsoZoneColon || piece == Piece::kNumZoneColon ||
                     piece == Piece::kIsoZoneColonSeconds || piece == Piece::kNumZoneColonSeconds;
  out += fmt::format("{}{:02}", colon ? ":" : "", size / 60 % 60);
  const bool seconds = piece == Piece::kIsoZoneSeconds || piece == Piece::kNumZoneSeconds ||
                       piece == Piece::kIsoZoneColonSeconds || piece == Piece::kNumZoneColonSeconds;
  if (seconds) out += fmt::format("{}{:02}", colon ? ":" : "", size % 60);
}

void AppendFraction(std::string& out, const Chunk& chunk, int32_t nanos) {
  std::string digits = fmt::format("{:09}", nanos).substr(0, static_cast<size_t>(std::min(chunk.digits, 9)));
  if (chunk.piece == Piece::kFractionNines) {
    while (!digits.empty() && digits.back() == '0') digits.pop_back();
    if (digits.empty()) return;
  }
  out += chunk.separator;
  out += digits;
}

void AppendZoneName(std::string& out, const Location::Zone& zone) {
  if (!zone.abbreviation.empty()) {
    out += zone.abbreviation;
    return;
  }
  const int minutes = std::abs(zone.offset_s / 60);
  out += fmt::format("{}{:02}", zone.offset_s < 0 ? '-' : '+', minutes / 60);
  if (minutes % 60 != 0) out += fmt::format("{:02}", minutes % 60);
}

void AppendYear(std::string& out, int64_t year) {
  out += year < 0 ? fmt::format("-{:04}", -year) : fmt::format("{:04}", year);
}

void AppendPiece(std::string& out, const Chunk& chunk, const CivilTime& civil, int32_t nanos) {
  const int hour12 = civil.hour % 12 == 0 ? 12 : civil.hour % 12;
  const std::string_view month = kMonths[static_cast<size_t>(civil.month - 1)];
  const std::string_view weekday = kWeekdays[static_cast<size_t>(civil.weekday)];
  switch (chunk.piece) {
    case Piece::kNone:
      break;
    case Piece::kLongMonth:
      out += month;
      break;
    case Piece::kMonth:
      out += month.substr(0, 3);
      break;
    case Piece::kNumMonth:
      out += fmt::format("{}", civil.month);
      break;
    case Piece::kZeroMonth:
      out += fmt::format("{:02}", civil.month);
      break;
    case Piece::kLongWeekday:
      out += weekday;
      break;
    case Piece::kWeekday:
      out += weekday.substr(0, 3);
      break;
    case Piece::kDay:
      out += fmt::format("{}", civil.day);
      break;
    case Piece::kUnderDay:
      out += fmt::format("{:>2}", civil.day);
      break;
    case Piece::kZeroDay:
      out += fmt::format("{:02}", civil.day);
      break;
    case Piece::kUnderYearDay:
      out += fmt::format("{:>3}", civil.year_day);
      break;
    case Piece::kZeroYearDay:
      out += fmt::format("{:03}", civil.year_day);
      break;
    case Piece::kHour:
      out += fmt::format("{:02}", civil.hour);
      break;
    case Piece::kHour12:
      out += fmt::format("{}", hour12);
      break;
    case Piece::kZeroHour12:
      out += fmt::format("{:02}", hour12);
      break;
    case Piece::kMinute:
      out += fmt::format("{}", civil.minute);
      break;
    case Piece::kZeroMinute:
      out += fmt::format("{:02}", civil.minute);
      break;
    case Piece::kSecond:
      out += fmt::format("{}", civil.second);
      break;
    case Piece::kZeroSecond:
      out += fmt::format("{:02}", civil.second);
      break;
    case Piece::kLongYear:
      AppendYear(out, civil.year);
      break;
    case Piece::kYear:
      out += fmt::format("{:02}", ((civil.year % 100) + 100) % 100);
      break;
    case Piece::kPm:
      out += civil.hour >= 12 ? "PM" : "AM";
      break;
    case Piece::kLowerPm:
      out += civil.hour >= 12 ? "pm" : "am";
      break;
    case Piece::kZoneName:
      AppendZoneName(out, civil.zone);
      break;
    case Piece::kFractionZeros:
    case Piece::kFractionNines:
      AppendFraction(out, chunk, nanos);
      break;
    default:
      AppendZone(out, chunk.piece, civil.zone.offset_s);
  }
}

// Reads a text by a layout.
class TimeParser {
 public:
  TimeParser(std::string_view layout, std::string_view text) : layout_(layout), text_(text), rest_(text) {}

  core::Result<Time> Parse() {
    std::string_view layout = layout_;
    while (true) {
      const Chunk chunk = NextChunk(layout);
      if (!Literal(chunk.prefix)) return Cannot(rest_, chunk.prefix);
      const std::string_view piece_text =
          layout.substr(chunk.prefix.size(), layout.size() - chunk.prefix.size() - chunk.suffix.size());
      if (chunk.piece == Piece::kNone) {
        if (!rest_.empty()) return Fail(fmt::format(": extra text: {}", Quote(rest_)));
        break;
      }
      layout = chunk.suffix;
      const std::string_view before = rest_;
      if (!Read(chunk, NextChunk(layout))) return Cannot(before, piece_text);
      if (!out_of_range_.empty()) return Fail(fmt::format(": {} out of range", out_of_range_));
    }
    return Finish();
  }

 private:
  tl::unexpected<core::Error> Fail(const std::string& why) const {
    return core::Fail(core::Code::kInvalidArgument, "parsing time {}{}", Quote(text_), why);
  }
  tl::unexpected<core::Error> Cannot(std::string_view at, std::string_view piece) const {
    return core::Fail(core::Code::kInvalidArgument, "parsing time {} as {}: cannot parse {} as {}",
                      Quote(text_), Quote(layout_), Quote(at), Quote(piece));
  }

  // A space in the layout matches any number of spaces.
  bool Literal(std::string_view prefix) {
    while (!prefix.empty()) {
      if (prefix[0] == ' ') {
        if (!rest_.empty() && rest_[0] != ' ') return false;
        while (!prefix.empty() && prefix[0] == ' ') prefix.remove_prefix(1);
        while (!rest_.empty() && rest_[0] == ' ') rest_.remove_prefix(1);
        continue;
      }
      if (rest_.empty() || rest_[0] != prefix[0]) return false;
      prefix.remove_prefix(1);
      rest_.remove_prefix(1);
    }
    return true;
  }

  bool Digits(size_t min, size_t max, int& out) {
    size_t count = 0;
    out = 0;
    while (count < max && count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
      out = out * 10 + (rest_[count++] - '0');
    }
    if (count < min) return false;
    rest_.remove_prefix(count);
    return true;
  }

  template <size_t N>
  bool Name(const std::array<std::string_view, N>& names, size_t length, int& out) {
    for (size_t i = 0; i < N; ++i) {
      const std::string_view name = length == 0 ? names[i] : names[i].substr(0, length);
      if (ToLower(rest_.substr(0, name.size())) == ToLower(name)) {
        rest_.remove_prefix(name.size());
        out = static_cast<int>(i);
        return true;
      }
    }
    return false;
  }

  bool Ranged(size_t min_digits, int low, int high, std::string_view what, int& out) {
    if (!Digits(min_digits, 2, out)) return false;
    if (out < low || out > high) out_of_range_ = what;
    return true;
  }

  bool Read(const Chunk& chunk, const Chunk& next) {
    switch (chunk.piece) {
      case Piece::kLongMonth:
        if (!Name(kMonths, 0, month_)) return false;
        ++month_;
        return true;
      case Piece::kMonth:
        if (!Name(kMonths, 3, month_)) return false;
        ++month_;
        return true;
      case Piece::kNumMonth:
        return Ranged(1, 1, 12, "month", month_);
      case Piece::kZeroMonth:
        return Ranged(2, 1, 12, "month", month_);
      case Piece::kLongWeekday:
        return Name(kWeekdays, 0, ignored_);
      case Piece::kWeekday:
        return Name(kWeekdays, 3, ignored_);
      case Piece::kUnderDay:
        if (rest_.starts_with(' ')) rest_.remove_prefix(1);
        return Digits(1, 2, day_);
      case Piece::kDay:
        return Digits(1, 2, day_);
      case Piece::kZeroDay:
        return Digits(2, 2, day_);
      case Piece::kUnderYearDay:
        while (rest_.starts_with(' ')) rest_.remove_prefix(1);
        return Digits(1, 3, year_day_);
      case Piece::kZeroYearDay:
        return Digits(3, 3, year_day_);
      case Piece::kHour:
        return Ranged(2, 0, 23, "hour", hour_);
      case Piece::kHour12:
        return Ranged(1, 0, 12, "hour", hour_);
      case Piece::kZeroHour12:
        return Ranged(2, 0, 12, "hour", hour_);
      case Piece::kMinute:
        return Ranged(1, 0, 59, "minute", minute_);
      case Piece::kZeroMinute:
        return Ranged(2, 0, 59, "minute", minute_);
      case Piece::kSecond:
        return Second(1, next);
      case Piece::kZeroSecond:
        return Second(2, next);
      case Piece::kLongYear:
        return Digits(4, 4, year_);
      case Piece::kYear:
        if (!Digits(2, 2, year_)) return false;
        year_ += year_ >= 69 ? 1900 : 2000;
        return true;
      case Piece::kPm:
        return Meridiem("AM", "PM");
      case Piece::kLowerPm:
        return Meridiem("am", "pm");
      case Piece::kFractionZeros:
        return Fraction(static_cast<size_t>(chunk.digits));
      case Piece::kFractionNines:
        if (rest_.size() < 2 || (rest_[0] != '.' && rest_[0] != ',') || rest_[1] < '0' || rest_[1] > '9')
          return true;
        return Fraction(0);
      case Piece::kZoneName:
        return ZoneName();
      default:
        return Zone(chunk.piece);
    }
  }

  // Seconds may carry a fraction that the layout does not mention.
  bool Second(size_t min_digits, const Chunk& next) {
    if (!Ranged(min_digits, 0, 59, "second", second_)) return false;
    const bool has_fraction =
        rest_.size() >= 2 && (rest_[0] == '.' || rest_[0] == ',') && rest_[1] >= '0' && rest_[1] <= '9';
    const bool layout_has =
        next.prefix.empty() && (next.piece == Piece::kFractionZeros || next.piece == Piece::kFractionNines);
    return !has_fraction || layout_has || Fraction(0);
  }

  // A separator and digits: exactly `digits`, or all there are when it is 0.
  bool Fraction(size_t digits) {
    if (rest_.empty() || (rest_[0] != '.' && rest_[0] != ',')) return false;
    size_t end = 1;
    int64_t value = 0;
    int64_t scale = kNanosPerSecond;
    while (end < rest_.size() && rest_[end] >= '0' && rest_[end] <= '9' && (digits == 0 || end <= digits)) {
      if (scale > 1) {
        value = value * 10 + (rest_[end] - '0');
        scale /= 10;
      }
      ++end;
    }
    if (end == 1 || (digits != 0 && end - 1 != digits)) return false;
    rest_.remove_prefix(end);
    nanos_ = static_cast<int32_t>(value * scale);
    return true;
  }

  bool Meridiem(std::string_view am, std::string_view pm) {
    if (rest_.starts_with(pm)) {
      is_pm_ = true;
    } else if (rest_.starts_with(am)) {
      is_am_ = true;
    } else {
      return false;
    }
    rest_.remove_prefix(2);
    return true;
  }

  bool ZoneName() {
    size_t end = 0;
    while (end < rest_.size() && end < 6 && rest_[end] >= 'A' && rest_[end] <= 'Z') ++end;
    if (end < 3) return false;
    const std::string name(rest_.substr(0, end));
    rest_.remove_prefix(end);
    if (name != "UTC") location_ = FixedLocation(0, name);
    return true;
  }

  bool Zone(Piece piece) {
    const bool is_iso = piece >= Piece::kIsoZone && piece <= Piece::kIsoZoneColonSeconds;
    if (is_iso && rest_.starts_with('Z')) {
      rest_.remove_prefix(1);
      return true;
    }
    if (rest_.empty() || (rest_[0] != '+' && rest_[0] != '-')) return false;
    const int sign = rest_[0] == '-' ? -1 : 1;
    rest_.remove_prefix(1);
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (!Digits(2, 2, hours)) return false;
    const bool is_short = piece == Piece::kIsoZoneShort || piece == Piece::kNumZoneShort;
    const bool colon = piece == Piece::kIsoZoneColon || piece == Piece::kNumZoneColon ||
                       piece == Piece::kIsoZoneColonSeconds || piece == Piece::kNumZoneColonSeconds;
    const bool has_seconds = piece == Piece::kIsoZoneSeconds || piece == Piece::kNumZoneSeconds ||
                             piece == Piece::kIsoZoneColonSeconds || piece == Piece::kNumZoneColonSeconds;
    if (!is_short && ((colon && !Literal(":")) || !Digits(2, 2, minutes))) return false;
    if (has_seconds && ((colon && !Literal(":")) || !Digits(2, 2, seconds))) return false;
    offset_s_ = sign * (hours * 3600 + minutes * 60 + seconds);
    if (offset_s_ != 0) location_ = FixedLocation(offset_s_, "");
    return true;
  }

  core::Result<Time> Finish() {
    if (is_pm_ && hour_ < 12) hour_ += 12;
    if (is_am_ && hour_ == 12) hour_ = 0;
    if (year_day_ > 0) {
      if (year_day_ > (IsLeap(year_) ? 366 : 365)) return Fail(": day-of-year out of range");
      month_ = 1;
      day_ = year_day_;
    } else if (day_ < 1 || day_ > DaysIn(month_, year_)) {
      return Fail(": day out of range");
    }
    Time time;
    time.unix_s = UnixFromCivil(year_, month_, day_, hour_, minute_, second_) - offset_s_;
    time.nanos = nanos_;
    time.location = location_;
    return time;
  }

  std::string_view layout_;
  std::string_view text_;
  std::string_view rest_;
  std::string_view out_of_range_;
  int year_ = 0;
  int month_ = 1;
  int day_ = 1;
  int year_day_ = 0;
  int hour_ = 0;
  int minute_ = 0;
  int second_ = 0;
  int32_t nanos_ = 0;
  int offset_s_ = 0;
  int ignored_ = 0;
  bool is_pm_ = false;
  bool is_am_ = false;
  std::shared_ptr<const Location> location_;
};

// Nanoseconds since the zero time modulo `unit`.
int64_t NanosModulo(const Time& time, int64_t unit_ns) {
  const __int128 total = static_cast<__int128>(time.unix_s + 62'135'596'800) * kNanosPerSecond + time.nanos;
  const __int128 rest = total % unit_ns;
  return static_cast<int64_t>(rest < 0 ? rest + unit_ns : rest);
}

}  // namespace

core::Result<std::shared_ptr<const Location>> LoadLocation(std::string_view name) {
  if (name.empty() || name == "UTC") return std::shared_ptr<const Location>();
  absl::TimeZone zone;
  if (name == "Local") {
    zone = absl::LocalTimeZone();
  } else if (name.find("..") != std::string_view::npos || name[0] == '/' ||
             name.find('\\') != std::string_view::npos ||
             !absl::LoadTimeZone(absl::string_view(name.data(), name.size()), &zone)) {
    // Go refuses paths that leave the database for the same reason: the name comes from a template.
    return core::Fail(core::Code::kNotFound, "unknown time zone {}", name);
  }
  return std::make_shared<const TzdataLocation>(zone);
}

std::shared_ptr<const Location> FixedLocation(int offset_s, std::string abbreviation) {
  return std::make_shared<const OffsetLocation>(Location::Zone{offset_s, std::move(abbreviation)});
}

Time Time::FromUnixMs(int64_t unix_ms) {
  const int64_t seconds = FloorDiv(unix_ms, 1000);
  return {seconds, static_cast<int32_t>((unix_ms - seconds * 1000) * 1'000'000), nullptr};
}

Time Time::FromUnixNanos(int64_t unix_ns) {
  const int64_t seconds = FloorDiv(unix_ns, kNanosPerSecond);
  return {seconds, static_cast<int32_t>(unix_ns - seconds * kNanosPerSecond), nullptr};
}

CivilTime ToCivil(const Time& time) {
  CivilTime civil;
  civil.zone = time.location ? time.location->At(time.unix_s) : Location::Zone{0, "UTC"};
  const int64_t local_s = time.unix_s + civil.zone.offset_s;
  const int64_t days = FloorDiv(local_s, kSecondsPerDay);
  CivilFromDays(days, civil);
  const auto second_of_day = static_cast<int>(local_s - days * kSecondsPerDay);
  civil.hour = second_of_day / 3600;
  civil.minute = second_of_day / 60 % 60;
  civil.second = second_of_day % 60;
  civil.weekday = static_cast<int>(((days + 4) % 7 + 7) % 7);
  civil.year_day = static_cast<int>(days - DaysFromCivil(civil.year, 1, 1) + 1);
  return civil;
}

int64_t UnixFromCivil(int64_t year, int64_t month, int64_t day, int64_t hour, int64_t minute,
                      int64_t second) {
  const int64_t months = month - 1;
  year += FloorDiv(months, 12);
  const int normal_month = static_cast<int>(months - FloorDiv(months, 12) * 12) + 1;
  return DaysFromCivil(year, normal_month, day) * kSecondsPerDay + hour * 3600 + minute * 60 + second;
}

std::string FormatTime(const Time& time, std::string_view layout) {
  const CivilTime civil = ToCivil(time);
  std::string out;
  while (!layout.empty()) {
    const Chunk chunk = NextChunk(layout);
    out += chunk.prefix;
    AppendPiece(out, chunk, civil, time.nanos);
    layout = chunk.suffix;
  }
  return out;
}

std::string TimeString(const Time& time) {
  return FormatTime(time, "2006-01-02 15:04:05.999999999 -0700 MST");
}

std::string FormatRfc3339Nano(const Time& time) {
  return FormatTime(time, "2006-01-02T15:04:05.999999999Z07:00");
}

core::Result<Time> ParseTime(std::string_view layout, std::string_view text) {
  return TimeParser(layout, text).Parse();
}

Time AddNanos(const Time& time, int64_t nanos) {
  Time out = time;
  const int64_t seconds = FloorDiv(nanos, kNanosPerSecond);
  int64_t rest = time.nanos + (nanos - seconds * kNanosPerSecond);
  out.unix_s += seconds;
  if (rest >= kNanosPerSecond) {
    ++out.unix_s;
    rest -= kNanosPerSecond;
  }
  out.nanos = static_cast<int32_t>(rest);
  return out;
}

Time AddDate(const Time& time, int64_t years, int64_t months, int64_t days) {
  const CivilTime civil = ToCivil(time);
  Time out = time;
  const int64_t local_s = UnixFromCivil(civil.year + years, civil.month + months, civil.day + days,
                                        civil.hour, civil.minute, civil.second);
  out.unix_s = local_s - civil.zone.offset_s;
  if (time.location) out.unix_s = local_s - time.location->At(out.unix_s).offset_s;
  return out;
}

int64_t SubNanos(const Time& a, const Time& b) {
  const __int128 nanos = (static_cast<__int128>(a.unix_s) - b.unix_s) * kNanosPerSecond + (a.nanos - b.nanos);
  if (nanos > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
  if (nanos < std::numeric_limits<int64_t>::min()) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(nanos);
}

int CompareTimes(const Time& a, const Time& b) {
  if (a.unix_s != b.unix_s) return a.unix_s < b.unix_s ? -1 : 1;
  return a.nanos < b.nanos ? -1 : a.nanos > b.nanos ? 1 : 0;
}

Time TruncateTime(const Time& time, int64_t unit_ns) {
  if (unit_ns <= 0) return time;
  return AddNanos(time, -NanosModulo(time, unit_ns));
}

Time RoundTime(const Time& time, int64_t unit_ns) {
  if (unit_ns <= 0) return time;
  const int64_t rest = NanosModulo(time, unit_ns);
  return rest < unit_ns - rest ? AddNanos(time, -rest) : AddNanos(time, unit_ns - rest);
}

std::string DurationString(int64_t nanos) {
  if (nanos == 0) return "0s";
  const bool negative = nanos < 0;
  const uint64_t size = negative ? 0 - static_cast<uint64_t>(nanos) : static_cast<uint64_t>(nanos);
  const auto with_fraction = [](uint64_t value, uint64_t unit, int digits) {
    std::string text = fmt::format("{}", value / unit);
    std::string fraction = fmt::format("{:0{}}", value % unit, digits);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? text : text + "." + fraction;
  };
  std::string out = negative ? "-" : "";
  if (size < 1'000) return out + fmt::format("{}ns", size);
  if (size < 1'000'000) return out + with_fraction(size, 1'000, 3) + "µs";
  if (size < 1'000'000'000) return out + with_fraction(size, 1'000'000, 6) + "ms";
  const uint64_t seconds = size / 1'000'000'000;
  const uint64_t hours = seconds / 3600;
  if (hours > 0) out += fmt::format("{}h", hours);
  if (seconds >= 60) out += fmt::format("{}m", seconds / 60 % 60);
  return out + with_fraction(size % 60'000'000'000, 1'000'000'000, 9) + "s";
}

int64_t TruncateDuration(int64_t nanos, int64_t unit_ns) {
  return unit_ns <= 0 ? nanos : nanos - nanos % unit_ns;
}

int64_t RoundDuration(int64_t nanos, int64_t unit_ns) {
  if (unit_ns <= 0) return nanos;
  const __int128 rest = nanos % unit_ns;
  const __int128 size = rest < 0 ? -rest : rest;
  __int128 out = static_cast<__int128>(nanos) - rest;
  if (size + size >= unit_ns) out += nanos < 0 ? -unit_ns : unit_ns;
  if (out > std::numeric_limits<int64_t>::max()) return std::numeric_limits<int64_t>::max();
  if (out < std::numeric_limits<int64_t>::min()) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(out);
}

std::string MonthName(int64_t month) {
  if (month < 1 || month > 12) return fmt::format("%!Month({})", month);
  return std::string(kMonths[static_cast<size_t>(month - 1)]);
}

std::string WeekdayName(int64_t weekday) {
  if (weekday < 0 || weekday > 6) return fmt::format("%!Weekday({})", weekday);
  return std::string(kWeekdays[static_cast<size_t>(weekday)]);
}

}  // namespace sextant::gotemplate
