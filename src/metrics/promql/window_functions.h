// Functions over windows of a series' samples: rate, *_over_time and their kin, for all steps of a grid at
// once.
//
// The samples of a series are read once; the window of each step, open on the left, is a pair of indices that
// only moves forward. What can slide exactly (resets, changes, extremes, first and last) does; sums are
// computed afresh for each window so that their last digits are Prometheus'. Pure computation: no storage, no
// labels.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

// The float samples of one series, ascending in time, without stale markers.
struct FloatSamples {
  std::span<const TimestampMs> times_ms;
  std::span<const double> values;
  // Start times of the counters, when known: as long as times_ms, or empty. 0 is unknown.
  std::span<const TimestampMs> start_times_ms;

  size_t size() const { return times_ms.size(); }
};

// Which windows to look at.
struct WindowSpec {
  Grid grid;
  std::optional<TimestampMs> at_ms;
  DurationMs offset_ms = 0;
  DurationMs range_ms = 0;
  // Extended selectors look this much further: back when anchored, back and ahead when smoothed.
  DurationMs lookback_ms = 0;
  bool is_anchored = false;
  bool is_smoothed = false;

  // The right edge of a step's window.
  TimestampMs End(size_t step) const { return at_ms.value_or(grid.At(step)) - offset_ms; }
  TimestampMs Start(size_t step) const { return End(step) - range_ms; }
  // Whether some step's window holds both of two times.
  bool AnyWindowHolds(TimestampMs first_ms, TimestampMs last_ms) const;
};

// The scalar arguments of a function besides its range: a value for each step, in order of the arguments.
struct WindowArguments {
  std::vector<const double*> scalars;
  // Where annotations about arguments point to.
  Position range_position;
  Position first_position;
};

// Whether a function takes a range of samples.
bool IsWindowFunction(FunctionId id);

// Computes a function for each step whose window is not empty; others stay absent. `out` has the grid's
// length and is all absent. Fails when a parameter is out of bounds or the query must stop.
core::Status EvalWindows(FunctionId id, const FloatSamples& samples, const WindowSpec& spec,
                         const WindowArguments& arguments, QueryContext& context, Column& out);

// kInvalidArgument when the function cannot work with anchored or smoothed selectors.
core::Status CheckExtendedSelector(FunctionId id, std::string_view name, const WindowSpec& spec);

// The value at a time between two samples, on a straight line; a falling counter is taken to restart from 0.
double Interpolate(TimestampMs t1, double v1, TimestampMs t2, double v2, TimestampMs t, bool is_counter);

// Whether the start time of a sample says that its counter was reset since the sample before.
bool IsStartTimeReset(TimestampMs previous_start_ms, TimestampMs previous_ms, TimestampMs start_ms,
                      TimestampMs time_ms);

// Whether a counter of which the sample before was taken at `previous_ms` cannot have started at `start_ms`,
// unless both samples say so.
bool IsStartTimeOverlap(TimestampMs previous_start_ms, TimestampMs previous_ms, TimestampMs start_ms);

// Whether the first sample of a window says that its counter started from zero inside the window, before the
// sample.
bool StartsInWindow(TimestampMs start_ms, TimestampMs first_ms, TimestampMs window_start_ms);

// A range in seconds, rounded as Go's Duration.Seconds does.
double RangeSeconds(DurationMs range_ms);

// How far rate, increase and delta extrapolate: what the sum over the sampled interval is multiplied with.
// `first_value` and `increase` decide how far back a counter can have been above zero.
double ExtrapolationFactor(TimestampMs first_ms, TimestampMs last_ms, size_t samples,
                           TimestampMs window_start_ms, TimestampMs window_end_ms, bool is_counter,
                           double first_value, double increase);

// The same when the counter is known to have started from zero at `start_ms`, inside the window: only the end
// is open.
double ExtrapolationFactorFrom(TimestampMs start_ms, TimestampMs first_ms, TimestampMs last_ms,
                               size_t samples, TimestampMs window_end_ms);

}  // namespace sextant::promql
