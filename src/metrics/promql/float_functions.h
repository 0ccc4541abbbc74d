// Functions of one number: mathematics, rounding, calendar. Pure, with the corner cases of Go's math package where they
// differ from C's.
#pragma once

#include "metrics/promql/functions.h"

namespace sextant::promql {

using FloatFunction = double (*)(double);

// The function from a sample to a sample (abs, ln, sin, hour, …), or null for others.
FloatFunction FindFloatFunction(FunctionId id);
// Whether the function is one of the calendar, which without argument speak of the evaluation time.
bool IsCalendarFunction(FunctionId id);

// The larger or smaller of two, NaN if either is NaN (unless the other is the infinity that wins anyway).
double MaxOf(double a, double b);
double MinOf(double a, double b);
double Clamp(double value, double min, double max);
// To the nearest multiple; ties go up.
double RoundTo(double value, double to_nearest);

}  // namespace sextant::promql
