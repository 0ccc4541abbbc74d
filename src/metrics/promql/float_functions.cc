#include "metrics/promql/float_functions.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>

namespace sextant::promql {

namespace {

constexpr int64_t kSecondsPerDay = 86'400;

// Seconds since the epoch as an integer; what does not fit becomes the smallest one, as Go converts on amd64.
int64_t ToSeconds(double value) {
  constexpr double kLimit = 9223372036854775808.0;
  if (!(value > -kLimit && value < kLimit)) return std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(value);
}

int64_t FloorDiv(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
int64_t FloorMod(int64_t a, int64_t b) { return a - FloorDiv(a, b) * b; }

struct Date {
  int64_t year = 0;
  int month = 1;
  int day = 1;
};

// The proleptic Gregorian date of a day counted from 1970-01-01 (Howard Hinnant's civil_from_days).
Date CivilFromDays(int64_t days) {
  days += 719'468;
  int64_t era = FloorDiv(days, 146'097);
  auto day_of_era = FloorMod(days, 146'097);
  int64_t year_of_era = (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int64_t shifted_month = (5 * day_of_year + 2) / 153;
  Date date;
  date.day = static_cast<int>(day_of_year - (153 * shifted_month + 2) / 5 + 1);
  date.month = static_cast<int>(shifted_month < 10 ? shifted_month + 3 : shifted_month - 9);
  date.year = year_of_era + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

Date DateOf(double value) { return CivilFromDays(FloorDiv(ToSeconds(value), kSecondsPerDay)); }

bool IsLeapYear(int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

int DaysInMonth(const Date& date) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return date.month == 2 && IsLeapYear(date.year) ? 29 : kDays[date.month - 1];
}

double Month(double value) { return DateOf(value).month; }
double Year(double value) { return static_cast<double>(DateOf(value).year); }
double DayOfMonth(double value) { return DateOf(value).day; }
double DaysInMonthOf(double value) { return DaysInMonth(DateOf(value)); }
double DayOfWeek(double value) {
  constexpr int kEpochWeekday = 4;  // 1970-01-01 was a Thursday
  return static_cast<double>(FloorMod(FloorDiv(ToSeconds(value), kSecondsPerDay) + kEpochWeekday, 7));
}
double DayOfYear(double value) {
  Date date = DateOf(value);
  int day = date.day;
  for (Date month{date.year, 1, 1}; month.month < date.month; ++month.month) day += DaysInMonth(month);
  return day;
}
double Hour(double value) { return static_cast<double>(FloorMod(ToSeconds(value), kSecondsPerDay) / 3'600); }
double Minute(double value) { return static_cast<double>(FloorMod(ToSeconds(value), 3'600) / 60); }

double Sign(double value) { return value < 0 ? -1 : value > 0 ? 1 : value; }
double Radians(double value) { return value * std::numbers::pi / 180; }
double Degrees(double value) { return value * 180 / std::numbers::pi; }

}  // namespace

FloatFunction FindFloatFunction(FunctionId id) {
  switch (id) {
    case FunctionId::kAbs: return [](double v) { return std::fabs(v); };
    case FunctionId::kCeil: return [](double v) { return std::ceil(v); };
    case FunctionId::kFloor: return [](double v) { return std::floor(v); };
    case FunctionId::kExp: return [](double v) { return std::exp(v); };
    case FunctionId::kSqrt: return [](double v) { return std::sqrt(v); };
    case FunctionId::kLn: return [](double v) { return std::log(v); };
    case FunctionId::kLog2: return [](double v) { return std::log2(v); };
    case FunctionId::kLog10: return [](double v) { return std::log10(v); };
    case FunctionId::kSin: return [](double v) { return std::sin(v); };
    case FunctionId::kCos: return [](double v) { return std::cos(v); };
    case FunctionId::kTan: return [](double v) { return std::tan(v); };
    case FunctionId::kAsin: return [](double v) { return std::asin(v); };
    case FunctionId::kAcos: return [](double v) { return std::acos(v); };
    case FunctionId::kAtan: return [](double v) { return std::atan(v); };
    case FunctionId::kSinh: return [](double v) { return std::sinh(v); };
    case FunctionId::kCosh: return [](double v) { return std::cosh(v); };
    case FunctionId::kTanh: return [](double v) { return std::tanh(v); };
    case FunctionId::kAsinh: return [](double v) { return std::asinh(v); };
    case FunctionId::kAcosh: return [](double v) { return std::acosh(v); };
    case FunctionId::kAtanh: return [](double v) { return std::atanh(v); };
    case FunctionId::kRad: return Radians;
    case FunctionId::kDeg: return Degrees;
    case FunctionId::kSgn: return Sign;
    case FunctionId::kMinute: return Minute;
    case FunctionId::kHour: return Hour;
    case FunctionId::kDayOfWeek: return DayOfWeek;
    case FunctionId::kDayOfMonth: return DayOfMonth;
    case FunctionId::kDayOfYear: return DayOfYear;
    case FunctionId::kDaysInMonth: return DaysInMonthOf;
    case FunctionId::kMonth: return Month;
    case FunctionId::kYear: return Year;
    default: return nullptr;
  }
}

bool IsCalendarFunction(FunctionId id) {
  switch (id) {
    case FunctionId::kMinute:
    case FunctionId::kHour:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfYear:
    case FunctionId::kDaysInMonth:
    case FunctionId::kMonth:
    case FunctionId::kYear: return true;
    default: return false;
  }
}

double MaxOf(double a, double b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return a > b ? a : b;
}

double MinOf(double a, double b) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == -kInfinity || b == -kInfinity) return -kInfinity;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? a : b;
  return a < b ? a : b;
}

double Clamp(double value, double min, double max) { return MaxOf(min, MinOf(max, value)); }

double RoundTo(double value, double to_nearest) {
  double inverse = 1.0 / to_nearest;
  return std::floor(value * inverse + 0.5) / inverse;
}

}  // namespace sextant::promql
