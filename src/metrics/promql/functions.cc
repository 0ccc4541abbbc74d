#include "metrics/promql/functions.h"

#include <algorithm>
#include <array>

namespace sextant::promql {

namespace {

using enum ValueType;

constexpr ValueType kMatrixArgs[] = {kMatrix};
constexpr ValueType kMatrixScalarArgs[] = {kMatrix, kScalar};
constexpr ValueType kMatrixScalarScalarArgs[] = {kMatrix, kScalar, kScalar};
constexpr ValueType kScalarArgs[] = {kScalar};
constexpr ValueType kScalarMatrixArgs[] = {kScalar, kMatrix};
constexpr ValueType kScalarScalarArgs[] = {kScalar, kScalar};
constexpr ValueType kScalarScalarVectorArgs[] = {kScalar, kScalar, kVector};
constexpr ValueType kScalarVectorArgs[] = {kScalar, kVector};
constexpr ValueType kVectorArgs[] = {kVector};
constexpr ValueType kVectorScalarArgs[] = {kVector, kScalar};
constexpr ValueType kVectorScalarScalarArgs[] = {kVector, kScalar, kScalar};
constexpr ValueType kVectorStringArgs[] = {kVector, kString};
constexpr ValueType kVectorStringScalarScalarArgs[] = {kVector, kString, kScalar, kScalar};
constexpr ValueType kVectorStringStringStringArgs[] = {kVector, kString, kString, kString};
constexpr ValueType kVectorStringStringStringStringArgs[] = {kVector, kString, kString, kString, kString};
constexpr ValueType kVectorVectorArgs[] = {kVector, kVector};
constexpr std::span<const ValueType> kNoArgs;

constexpr std::array<Function, kFunctionCount> kFunctions = {{
    {FunctionId::kAbs, "abs", kVectorArgs, 0, kVector, false},
    {FunctionId::kAbsent, "absent", kVectorArgs, 0, kVector, false},
    {FunctionId::kAbsentOverTime, "absent_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kAcos, "acos", kVectorArgs, 0, kVector, false},
    {FunctionId::kAcosh, "acosh", kVectorArgs, 0, kVector, false},
    {FunctionId::kAsin, "asin", kVectorArgs, 0, kVector, false},
    {FunctionId::kAsinh, "asinh", kVectorArgs, 0, kVector, false},
    {FunctionId::kAtan, "atan", kVectorArgs, 0, kVector, false},
    {FunctionId::kAtanh, "atanh", kVectorArgs, 0, kVector, false},
    {FunctionId::kAvgOverTime, "avg_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kCeil, "ceil", kVectorArgs, 0, kVector, false},
    {FunctionId::kChanges, "changes", kMatrixArgs, 0, kVector, false},
    {FunctionId::kClamp, "clamp", kVectorScalarScalarArgs, 0, kVector, false},
    {FunctionId::kClampMax, "clamp_max", kVectorScalarArgs, 0, kVector, false},
    {FunctionId::kClampMin, "clamp_min", kVectorScalarArgs, 0, kVector, false},
    {FunctionId::kCos, "cos", kVectorArgs, 0, kVector, false},
    {FunctionId::kCosh, "cosh", kVectorArgs, 0, kVector, false},
    {FunctionId::kCountOverTime, "count_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kDayOfMonth, "day_of_month", kVectorArgs, 1, kVector, false},
    {FunctionId::kDayOfWeek, "day_of_week", kVectorArgs, 1, kVector, false},
    {FunctionId::kDayOfYear, "day_of_year", kVectorArgs, 1, kVector, false},
    {FunctionId::kDaysInMonth, "days_in_month", kVectorArgs, 1, kVector, false},
    {FunctionId::kDeg, "deg", kVectorArgs, 0, kVector, false},
    {FunctionId::kDelta, "delta", kMatrixArgs, 0, kVector, false},
    {FunctionId::kDeriv, "deriv", kMatrixArgs, 0, kVector, false},
    {FunctionId::kDoubleExponentialSmoothing, "double_exponential_smoothing", kMatrixScalarScalarArgs, 0, kVector, true},
    {FunctionId::kEnd, "end", kNoArgs, 0, kScalar, true},
    {FunctionId::kExp, "exp", kVectorArgs, 0, kVector, false},
    {FunctionId::kFirstOverTime, "first_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kFloor, "floor", kVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramAvg, "histogram_avg", kVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramCount, "histogram_count", kVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramFraction, "histogram_fraction", kScalarScalarVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramQuantile, "histogram_quantile", kScalarVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramQuantiles, "histogram_quantiles", kVectorStringScalarScalarArgs, 9, kVector, true},
    {FunctionId::kHistogramStddev, "histogram_stddev", kVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramStdvar, "histogram_stdvar", kVectorArgs, 0, kVector, false},
    {FunctionId::kHistogramSum, "histogram_sum", kVectorArgs, 0, kVector, false},
    {FunctionId::kHour, "hour", kVectorArgs, 1, kVector, false},
    {FunctionId::kIdelta, "idelta", kMatrixArgs, 0, kVector, false},
    {FunctionId::kIncrease, "increase", kMatrixArgs, 0, kVector, false},
    {FunctionId::kInfo, "info", kVectorVectorArgs, 1, kVector, true},
    {FunctionId::kIrate, "irate", kMatrixArgs, 0, kVector, false},
    {FunctionId::kLabelJoin, "label_join", kVectorStringStringStringArgs, -1, kVector, false},
    {FunctionId::kLabelReplace, "label_replace", kVectorStringStringStringStringArgs, 0, kVector, false},
    {FunctionId::kLastOverTime, "last_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kLn, "ln", kVectorArgs, 0, kVector, false},
    {FunctionId::kLog10, "log10", kVectorArgs, 0, kVector, false},
    {FunctionId::kLog2, "log2", kVectorArgs, 0, kVector, false},
    {FunctionId::kMadOverTime, "mad_over_time", kMatrixArgs, 0, kVector, true},
    {FunctionId::kMaxOf, "max_of", kScalarScalarArgs, 0, kScalar, true},
    {FunctionId::kMaxOverTime, "max_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kMinOf, "min_of", kScalarScalarArgs, 0, kScalar, true},
    {FunctionId::kMinOverTime, "min_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kMinute, "minute", kVectorArgs, 1, kVector, false},
    {FunctionId::kMonth, "month", kVectorArgs, 1, kVector, false},
    {FunctionId::kPi, "pi", kNoArgs, 0, kScalar, false},
    {FunctionId::kPredictLinear, "predict_linear", kMatrixScalarArgs, 0, kVector, false},
    {FunctionId::kPresentOverTime, "present_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kQuantileOverTime, "quantile_over_time", kScalarMatrixArgs, 0, kVector, false},
    {FunctionId::kRad, "rad", kVectorArgs, 0, kVector, false},
    {FunctionId::kRange, "range", kNoArgs, 0, kScalar, true},
    {FunctionId::kRate, "rate", kMatrixArgs, 0, kVector, false},
    {FunctionId::kResets, "resets", kMatrixArgs, 0, kVector, false},
    {FunctionId::kRound, "round", kVectorScalarArgs, 1, kVector, false},
    {FunctionId::kScalar, "scalar", kVectorArgs, 0, kScalar, false},
    {FunctionId::kSgn, "sgn", kVectorArgs, 0, kVector, false},
    {FunctionId::kSin, "sin", kVectorArgs, 0, kVector, false},
    {FunctionId::kSinh, "sinh", kVectorArgs, 0, kVector, false},
    {FunctionId::kSort, "sort", kVectorArgs, 0, kVector, false},
    {FunctionId::kSortByLabel, "sort_by_label", kVectorStringArgs, -1, kVector, true},
    {FunctionId::kSortByLabelDesc, "sort_by_label_desc", kVectorStringArgs, -1, kVector, true},
    {FunctionId::kSortDesc, "sort_desc", kVectorArgs, 0, kVector, false},
    {FunctionId::kSqrt, "sqrt", kVectorArgs, 0, kVector, false},
    {FunctionId::kStart, "start", kNoArgs, 0, kScalar, true},
    {FunctionId::kStartTimestamp, "start_timestamp", kVectorArgs, 0, kVector, true},
    {FunctionId::kStddevOverTime, "stddev_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kStdvarOverTime, "stdvar_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kStep, "step", kNoArgs, 0, kScalar, true},
    {FunctionId::kSumOverTime, "sum_over_time", kMatrixArgs, 0, kVector, false},
    {FunctionId::kTan, "tan", kVectorArgs, 0, kVector, false},
    {FunctionId::kTanh, "tanh", kVectorArgs, 0, kVector, false},
    {FunctionId::kTime, "time", kNoArgs, 0, kScalar, false},
    {FunctionId::kTimestamp, "timestamp", kVectorArgs, 0, kVector, false},
    {FunctionId::kTsOfFirstOverTime, "ts_of_first_over_time", kMatrixArgs, 0, kVector, true},
    {FunctionId::kTsOfLastOverTime, "ts_of_last_over_time", kMatrixArgs, 0, kVector, true},
    {FunctionId::kTsOfMaxOverTime, "ts_of_max_over_time", kMatrixArgs, 0, kVector, true},
    {FunctionId::kTsOfMinOverTime, "ts_of_min_over_time", kMatrixArgs, 0, kVector, true},
    {FunctionId::kVector, "vector", kScalarArgs, 0, kVector, false},
    {FunctionId::kYear, "year", kVectorArgs, 1, kVector, false},
}};

}  // namespace

std::span<const Function> Functions() { return kFunctions; }

const Function* FindFunction(std::string_view name) {
  auto it = std::ranges::lower_bound(kFunctions, name, {}, &Function::name);
  return it != kFunctions.end() && it->name == name ? &*it : nullptr;
}

}  // namespace sextant::promql
