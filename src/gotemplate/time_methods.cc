// The methods that templates may call on times, durations, months and weekdays.
#include <cmath>

#include "gotemplate/call.h"
#include "gotemplate/value.h"

namespace sextant::gotemplate {
namespace {

using core::Result;
using Args = std::span<const Value>;

using TimeField = Value (*)(const Time&, const CivilTime&);

// A method without parameters that reads the receiver.
Function Reads(TimeField read) {
  return {{}, false, [read](Call&, Args args) -> Result<Value> {
            const Time& time = args[0].AsTime();
            return read(time, ToCivil(time));
          }};
}

Value OfInt(int64_t value) { return Value::Int(value); }

Value Relocated(const Time& time, std::shared_ptr<const Location> location) {
  Time out = time;
  out.location = std::move(location);
  return Value::OfTime(std::move(out));
}

// A time some 100,000 years from now at most, so that no arithmetic on it can overflow.
Result<Value> Bounded(Time time) {
  constexpr int64_t kMaxUnixS = 4'000'000'000'000;
  if (time.unix_s > kMaxUnixS || time.unix_s < -kMaxUnixS) return FailCall("date out of range");
  return Value::OfTime(std::move(time));
}

Function Compares(bool (*test)(int order)) {
  return {{Param::OfTime()}, false, [test](Call&, Args args) -> Result<Value> {
            return Value::Bool(test(CompareTimes(args[0].AsTime(), args[1].AsTime())));
          }};
}

FunctionMap MakeTimeMethods() {
  using T = const Time&;
  using C = const CivilTime&;
  FunctionMap map;
  map["String"] = Reads([](T time, C) { return Value::String(TimeString(time)); });
  map["IsZero"] = Reads([](T time, C) { return Value::Bool(time.IsZero()); });
  map["Unix"] = Reads([](T time, C) { return Value::Int(time.unix_s, IntType::kInt64); });
  map["UnixMilli"] = Reads([](T time, C) { return Value::Int(time.UnixMs(), IntType::kInt64); });
  map["UnixMicro"] = Reads([](T time, C) {
    const auto micros =
        static_cast<uint64_t>(time.unix_s) * 1'000'000u + static_cast<uint64_t>(time.nanos / 1000);
    return Value::Int(static_cast<int64_t>(micros), IntType::kInt64);  // wraps as in Go
  });
  map["UnixNano"] = Reads([](T time, C) {
    const auto nanos =
        static_cast<uint64_t>(time.unix_s) * 1'000'000'000u + static_cast<uint64_t>(time.nanos);
    return Value::Int(static_cast<int64_t>(nanos), IntType::kInt64);  // wraps as in Go
  });
  map["Year"] = Reads([](T, C civil) { return OfInt(civil.year); });
  map["Month"] = Reads([](T, C civil) { return Value::Int(civil.month, IntType::kMonth); });
  map["Day"] = Reads([](T, C civil) { return OfInt(civil.day); });
  map["Hour"] = Reads([](T, C civil) { return OfInt(civil.hour); });
  map["Minute"] = Reads([](T, C civil) { return OfInt(civil.minute); });
  map["Second"] = Reads([](T, C civil) { return OfInt(civil.second); });
  map["Nanosecond"] = Reads([](T time, C) { return OfInt(time.nanos); });
  map["Weekday"] = Reads([](T, C civil) { return Value::Int(civil.weekday, IntType::kWeekday); });
  map["YearDay"] = Reads([](T, C civil) { return OfInt(civil.year_day); });
  map["UTC"] = Reads([](T time, C) { return Relocated(time, nullptr); });
  map["Local"] = {{}, false, [](Call&, Args args) -> Result<Value> {
                    SEXTANT_ASSIGN(auto location, LoadLocation("Local"));
                    return Relocated(args[0].AsTime(), std::move(location));
                  }};
  map["Format"] = {{Param::String()}, false, [](Call&, Args args) -> Result<Value> {
                     return Value::String(FormatTime(args[0].AsTime(), args[1].AsString()));
                   }};
  map["Add"] = {{Param::Duration()}, false, [](Call&, Args args) -> Result<Value> {
                  return Bounded(AddNanos(args[0].AsTime(), args[1].AsInt()));
                }};
  map["AddDate"] = {
      {Param::Int(), Param::Int(), Param::Int()}, false, [](Call&, Args args) -> Result<Value> {
        constexpr int64_t kMax = 1'000'000;  // keeps the arithmetic far from overflow
        for (const Value& arg : args.subspan(1)) {
          if (std::abs(arg.AsInt()) > kMax) return FailCall("date out of range");
        }
        return Bounded(AddDate(args[0].AsTime(), args[1].AsInt(), args[2].AsInt(), args[3].AsInt()));
      }};
  map["Sub"] = {{Param::OfTime()}, false, [](Call&, Args args) -> Result<Value> {
                  return Value::Duration(SubNanos(args[0].AsTime(), args[1].AsTime()));
                }};
  map["Truncate"] = {{Param::Duration()}, false, [](Call&, Args args) -> Result<Value> {
                       return Value::OfTime(TruncateTime(args[0].AsTime(), args[1].AsInt()));
                     }};
  map["Round"] = {{Param::Duration()}, false, [](Call&, Args args) -> Result<Value> {
                    return Value::OfTime(RoundTime(args[0].AsTime(), args[1].AsInt()));
                  }};
  map["Before"] = Compares([](int order) { return order < 0; });
  map["After"] = Compares([](int order) { return order > 0; });
  map["Equal"] = Compares([](int order) { return order == 0; });
  map["Compare"] = {{Param::OfTime()}, false, [](Call&, Args args) -> Result<Value> {
                      return Value::Int(CompareTimes(args[0].AsTime(), args[1].AsTime()));
                    }};
  return map;
}

using DurationField = Value (*)(int64_t nanos);

Function ReadsDuration(DurationField read) {
  return {{}, false, [read](Call&, Args args) -> Result<Value> { return read(args[0].AsInt()); }};
}

Function AdjustsDuration(int64_t (*adjust)(int64_t nanos, int64_t unit_ns)) {
  return {{Param::Duration()}, false, [adjust](Call&, Args args) -> Result<Value> {
            return Value::Duration(adjust(args[0].AsInt(), args[1].AsInt()));
          }};
}

FunctionMap MakeDurationMethods() {
  FunctionMap map;
  map["String"] = ReadsDuration([](int64_t nanos) { return Value::String(DurationString(nanos)); });
  map["Hours"] =
      ReadsDuration([](int64_t nanos) { return Value::Float(static_cast<double>(nanos) / 3.6e12); });
  map["Minutes"] =
      ReadsDuration([](int64_t nanos) { return Value::Float(static_cast<double>(nanos) / 6e10); });
  map["Seconds"] =
      ReadsDuration([](int64_t nanos) { return Value::Float(static_cast<double>(nanos) / 1e9); });
  map["Milliseconds"] =
      ReadsDuration([](int64_t nanos) { return Value::Int(nanos / 1'000'000, IntType::kInt64); });
  map["Microseconds"] =
      ReadsDuration([](int64_t nanos) { return Value::Int(nanos / 1'000, IntType::kInt64); });
  map["Nanoseconds"] = ReadsDuration([](int64_t nanos) { return Value::Int(nanos, IntType::kInt64); });
  map["Abs"] = ReadsDuration(
      [](int64_t nanos) { return Value::Duration(nanos == INT64_MIN ? INT64_MAX : std::abs(nanos)); });
  map["Truncate"] = AdjustsDuration(TruncateDuration);
  map["Round"] = AdjustsDuration(RoundDuration);
  return map;
}

const Function* Find(const FunctionMap& map, std::string_view name) {
  const auto found = map.find(name);
  return found == map.end() ? nullptr : &found->second;
}

}  // namespace

const Function* FindTimeMethod(const Value& receiver, std::string_view name) {
  static const FunctionMap time_methods = MakeTimeMethods();
  static const FunctionMap duration_methods = MakeDurationMethods();
  static const Function month_string = {
      {}, false, [](Call&, Args args) -> Result<Value> { return Value::String(MonthName(args[0].AsInt())); }};
  static const Function weekday_string = {{}, false, [](Call&, Args args) -> Result<Value> {
                                            return Value::String(WeekdayName(args[0].AsInt()));
                                          }};
  if (receiver.kind() == Kind::kTime) return Find(time_methods, name);
  if (receiver.kind() != Kind::kInt) return nullptr;
  switch (receiver.int_type()) {
    case IntType::kDuration:
      return Find(duration_methods, name);
    case IntType::kMonth:
      return name == "String" ? &month_string : nullptr;
    case IntType::kWeekday:
      return name == "String" ? &weekday_string : nullptr;
    default:
      return nullptr;
  }
}

}  // namespace sextant::gotemplate
