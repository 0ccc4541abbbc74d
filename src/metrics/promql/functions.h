// The functions of PromQL: what the parser needs to know of them. Their implementation is the engine's.
#pragma once

#include <span>
#include <string_view>

#include "metrics/promql/ast.h"

namespace sextant::promql {

// Index into the table, so that the engine can dispatch through an array.
enum class FunctionId {
  kAbs, kAbsent, kAbsentOverTime, kAcos, kAcosh, kAsin, kAsinh, kAtan, kAtanh, kAvgOverTime, kCeil, kChanges, kClamp,
  kClampMax, kClampMin, kCos, kCosh, kCountOverTime, kDayOfMonth, kDayOfWeek, kDayOfYear, kDaysInMonth, kDeg, kDelta,
  kDeriv, kDoubleExponentialSmoothing, kEnd, kExp, kFirstOverTime, kFloor, kHistogramAvg, kHistogramCount,
  kHistogramFraction, kHistogramQuantile, kHistogramQuantiles, kHistogramStddev, kHistogramStdvar, kHistogramSum, kHour,
  kIdelta, kIncrease, kInfo, kIrate, kLabelJoin, kLabelReplace, kLastOverTime, kLn, kLog10, kLog2, kMadOverTime, kMaxOf,
  kMaxOverTime, kMinOf, kMinOverTime, kMinute, kMonth, kPi, kPredictLinear, kPresentOverTime, kQuantileOverTime, kRad,
  kRange, kRate, kResets, kRound, kScalar, kSgn, kSin, kSinh, kSort, kSortByLabel, kSortByLabelDesc, kSortDesc, kSqrt,
  kStart, kStartTimestamp, kStddevOverTime, kStdvarOverTime, kStep, kSumOverTime, kTan, kTanh, kTime, kTimestamp,
  kTsOfFirstOverTime, kTsOfLastOverTime, kTsOfMaxOverTime, kTsOfMinOverTime, kVector, kYear,
};

inline constexpr size_t kFunctionCount = static_cast<size_t>(FunctionId::kYear) + 1;

struct Function {
  FunctionId id;
  std::string_view name;
  // Types of the arguments; with variadic arguments, the last one's type holds for all that follow.
  std::span<const ValueType> arg_types;
  // 0: exactly arg_types.size() arguments. n > 0: the last is optional and may come up to n times. -1: any number of times.
  int variadic;
  ValueType return_type;
  bool experimental;  // only with ParserOptions::experimental_functions
};

// All functions, ordered by FunctionId (which is alphabetical).
std::span<const Function> Functions();
// The function of a name, or null. Names are case-sensitive.
const Function* FindFunction(std::string_view name);

}  // namespace sextant::promql
