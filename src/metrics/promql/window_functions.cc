#include "metrics/promql/window_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>

#include "metrics/promql/kahan.h"
#include "metrics/promql/quantile.h"

namespace sextant::promql {

namespace {

// A step's window as indices into the samples: [begin, end), not empty.
struct Window {
  size_t begin = 0;
  size_t end = 0;
  size_t step = 0;
  TimestampMs start_ms = 0;  // exclusive
  TimestampMs end_ms = 0;    // inclusive
  size_t size() const { return end - begin; }
};

constexpr size_t kSamplesBetweenLooks = 65'536;

// Calls compute(window) for each step with samples and stores what it returns.
template <typename Compute>
core::Status ForEachWindow(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                           Column& out, Compute&& compute) {
  const TimestampMs* times = samples.times_ms.data();
  const size_t count = samples.size();
  DurationMs before = spec.is_anchored || spec.is_smoothed ? spec.lookback_ms : 0;
  DurationMs after = spec.is_smoothed ? spec.lookback_ms : 0;
  Window window;
  for (size_t step = 0; step < spec.grid.steps; ++step) {
    window.step = step;
    window.end_ms = spec.End(step);
    window.start_ms = window.end_ms - spec.range_ms;
    while (window.end < count && times[window.end] <= window.end_ms + after) ++window.end;
    while (window.begin < window.end && times[window.begin] <= window.start_ms - before) ++window.begin;
    if (window.begin == window.end) {
      // Nothing is left for later steps either.
      if (window.end == count && !spec.at_ms) break;
      continue;
    }
    context.CountSamples(step, static_cast<int64_t>(window.size()));
    // What is beyond, EachSample counts.
    if (context.Spend(std::min(window.size(), kSamplesBetweenLooks))) [[unlikely]]
      return context.Check();
    out.values[step] = compute(window);
  }
  // A computation may have been left in the middle of a window.
  return context.Tick(0);
}

// Calls each(i) for the samples of a window. Looks in between whether the query must stop, and then ends
// early: what is computed does not matter any more.
template <typename Each>
void EachSample(const Window& window, QueryContext& context, Each&& each) {
  constexpr size_t kBlock = kSamplesBetweenLooks;
  for (size_t begin = window.begin; begin < window.end;) {
    const size_t end = std::min(window.end, begin + kBlock);
    for (size_t i = begin; i < end; ++i) each(i);
    begin = end;
    if (begin < window.end && context.Spend(4 * kBlock)) return;
  }
}

// As ForEachWindow for computations that look at a few samples only, so that the size of windows costs
// nothing.
template <typename Compute>
core::Status ForEachWindowCheaply(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                                  Column& out, Compute&& compute) {
  const TimestampMs* times = samples.times_ms.data();
  const size_t count = samples.size();
  const DurationMs stride = spec.at_ms ? 0 : spec.grid.step_ms;
  constexpr size_t kStepsBetweenLooks = 4'096;
  const bool tracks_steps = context.tracks_steps();
  int64_t looked_at = 0;
  Window window;
  window.end_ms = spec.End(0);
  for (size_t step = 0; step < spec.grid.steps; ++step, window.end_ms += stride) {
    if (step % kStepsBetweenLooks == 0 && context.Spend(4 * kStepsBetweenLooks)) return context.Check();
    window.step = step;
    window.start_ms = window.end_ms - spec.range_ms;
    while (window.end < count && times[window.end] <= window.end_ms) ++window.end;
    while (window.begin < window.end && times[window.begin] <= window.start_ms) ++window.begin;
    if (window.begin == window.end) {
      if (window.end == count && !spec.at_ms) break;
      continue;
    }
    looked_at += static_cast<int64_t>(window.size());
    if (tracks_steps) context.CountSamples(step, static_cast<int64_t>(window.size()));
    out.values[step] = compute(window);
  }
  if (!tracks_steps) context.CountSamplesOfSteps(looked_at);
  return context.Tick(0);
}

// Indices of samples that come after a counter reset.
std::vector<size_t> FindResets(const FloatSamples& samples) {
  std::vector<size_t> resets;
  const bool has_starts = !samples.start_times_ms.empty();
  for (size_t i = 1; i < samples.size(); ++i) {
    bool is_reset = samples.values[i] < samples.values[i - 1];
    if (!is_reset && has_starts) {
      is_reset = IsStartTimeReset(samples.start_times_ms[i - 1], samples.times_ms[i - 1],
                                  samples.start_times_ms[i], samples.times_ms[i]);
    }
    if (is_reset) resets.push_back(i);
  }
  return resets;
}

core::Status ExtrapolatedRate(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                              Column& out, bool is_counter, bool is_rate) {
  std::vector<size_t> resets;
  if (is_counter) resets = FindResets(samples);
  size_t next_reset = 0;  // first one that the window's begin has not passed
  const double seconds = RangeSeconds(spec.range_ms);
  const bool has_starts = !samples.start_times_ms.empty();
  return ForEachWindowCheaply(samples, spec, context, out, [&](const Window& window) {
    const TimestampMs start_ms = is_counter && has_starts ? samples.start_times_ms[window.begin] : 0;
    const bool starts_inside = StartsInWindow(start_ms, samples.times_ms[window.begin], window.start_ms);
    if (window.size() < 2 && !starts_inside) return kAbsent;
    size_t last = window.end - 1;
    double result = samples.values[last] - samples.values[window.begin];
    while (next_reset < resets.size() && resets[next_reset] <= window.begin) ++next_reset;
    for (size_t i = next_reset; i < resets.size() && resets[i] <= last; ++i)
      result += samples.values[resets[i] - 1];
    if (starts_inside) {
      result += samples.values[window.begin];
      double factor = ExtrapolationFactorFrom(start_ms, samples.times_ms[window.begin],
                                              samples.times_ms[last], window.size(), window.end_ms);
      return result * (is_rate ? factor / seconds : factor);
    }
    double factor =
        ExtrapolationFactor(samples.times_ms[window.begin], samples.times_ms[last], window.size(),
                            window.start_ms, window.end_ms, is_counter, samples.values[window.begin], result);
    if (is_rate) factor /= seconds;
    return result * factor;
  });
}

// First index in [begin, end) whose time is after `time_ms`, but at most end - 1; minus one, but not before
// begin.
size_t FirstAnchored(const FloatSamples& samples, size_t begin, size_t end, TimestampMs time_ms) {
  auto first = samples.times_ms.begin();
  auto found = std::upper_bound(first + static_cast<std::ptrdiff_t>(begin),
                                first + static_cast<std::ptrdiff_t>(end) - 1, time_ms);
  auto index = static_cast<size_t>(found - first);
  return index > begin ? index - 1 : begin;
}

// rate, increase and delta of anchored and smoothed selectors: from the values at the very edges of the
// window.
core::Status ExtendedRate(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                          Column& out, bool is_counter, bool is_rate) {
  const double seconds = RangeSeconds(spec.range_ms);
  const std::span<const TimestampMs> times = samples.times_ms;
  const std::span<const double> values = samples.values;
  return ForEachWindow(samples, spec, context, out, [&](const Window& window) {
    size_t first = FirstAnchored(samples, window.begin, window.end, window.start_ms);
    size_t last = window.end - 1;
    if (spec.is_smoothed) {
      auto begin = times.begin() + static_cast<std::ptrdiff_t>(window.begin);
      auto end = times.begin() + static_cast<std::ptrdiff_t>(last);
      last = static_cast<size_t>(std::lower_bound(begin, end, window.end_ms) - times.begin());
    }
    if (times[last] <= window.start_ms) return kAbsent;
    if (spec.is_smoothed && times[first] > window.end_ms) return kAbsent;
    double left = values[first];
    if (spec.is_smoothed && times[first] < window.start_ms) {
      left = Interpolate(times[first], values[first], times[first + 1], values[first + 1], window.start_ms,
                         is_counter);
    }
    double right = values[last];
    if (spec.is_smoothed && last > window.begin && times[last] > window.end_ms) {
      right = Interpolate(times[last - 1], values[last - 1], times[last], values[last], window.end_ms,
                          is_counter);
    }
    double result = right - left;
    if (is_counter) {
      size_t begin = times[first] <= window.start_ms ? first + 1 : first;
      size_t end = times[last] >= window.end_ms ? last : last + 1;
      double previous = left;
      double correction = 0;
      for (size_t i = begin; i < end; ++i) {
        if (values[i] < previous) correction += previous;
        previous = values[i];
      }
      if (right < previous) correction += previous;
      result += correction;
    }
    return is_rate ? result / seconds : result;
  });
}

core::Status InstantValue(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                          Column& out, bool is_rate) {
  return ForEachWindowCheaply(samples, spec, context, out, [&](const Window& window) {
    if (window.size() < 2) return kAbsent;
    size_t last = window.end - 1;
    DurationMs interval = samples.times_ms[last] - samples.times_ms[last - 1];
    if (interval == 0) return kAbsent;
    double value = samples.values[last];
    double previous = samples.values[last - 1];
    bool is_reset = is_rate && value < previous;
    if (is_rate && !is_reset && !samples.start_times_ms.empty()) {
      is_reset = IsStartTimeReset(samples.start_times_ms[last - 1], samples.times_ms[last - 1],
                                  samples.start_times_ms[last], samples.times_ms[last]);
    }
    if (!is_reset) value -= previous;
    return is_rate ? value / (static_cast<double>(interval) / 1000) : value;
  });
}

// max_over_time and min_over_time, sliding: `better(a, b)` says that a replaces b. NaNs count only among
// themselves.
template <typename Better>
core::Status Extreme(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context, Column& out,
                     Better&& better) {
  if (spec.grid.is_instant()) {
    return ForEachWindow(samples, spec, context, out, [&](const Window& window) {
      double best = samples.values[window.begin];
      EachSample(window, context, [&](size_t i) {
        const double value = samples.values[i];
        best = better(value, best) || (std::isnan(best) && !std::isnan(value)) ? value : best;
      });
      return best;
    });
  }
  // Indices of candidates, best first; none that follows one in time is better. Of equal ones (which zeros of
  // either sign are) the earliest counts.
  std::vector<size_t> candidates;
  size_t head = 0;
  size_t seen = 0;
  return ForEachWindowCheaply(samples, spec, context, out, [&](const Window& window) {
    seen = std::max(seen, window.begin);
    for (; seen < window.end; ++seen) {
      double value = samples.values[seen];
      if (std::isnan(value)) continue;
      while (candidates.size() > head && better(value, samples.values[candidates.back()]))
        candidates.pop_back();
      candidates.push_back(seen);
    }
    while (head < candidates.size() && candidates[head] < window.begin) ++head;
    return head < candidates.size() ? samples.values[candidates[head]] : samples.values[window.begin];
  });
}

// The time of the last extreme value of each window.
template <typename Replaces>
core::Status TimeOfExtreme(const FloatSamples& samples, const WindowSpec& spec, QueryContext& context,
                           Column& out, Replaces&& replaces) {
  return ForEachWindow(samples, spec, context, out, [&](const Window& window) {
    size_t best = window.begin;
    EachSample(window, context, [&](size_t i) {
      if (replaces(samples.values[i], samples.values[best]) || std::isnan(samples.values[best])) best = i;
    });
    return static_cast<double>(samples.times_ms[best]) / 1000;
  });
}

struct Line {
  double slope = 0;
  double intercept = 0;
};

// Least squares through the window's samples; the intercept is the value at `intercept_ms`.
Line LinearRegression(const FloatSamples& samples, const Window& window, TimestampMs intercept_ms,
                      QueryContext& context) {
  double first = samples.values[window.begin];
  bool is_constant = true;
  double count = 0;
  KahanSum sum_x;
  KahanSum sum_y;
  KahanSum sum_xy;
  KahanSum sum_x2;
  EachSample(window, context, [&](size_t i) {
    double y = samples.values[i];
    if (is_constant && i > window.begin && y != first) is_constant = false;
    count += 1;
    double x = static_cast<double>(samples.times_ms[i] - intercept_ms) / 1e3;
    sum_x.Add(x);
    sum_y.Add(y);
    sum_xy.Add(x * y);
    sum_x2.Add(x * x);
  });
  if (is_constant) {
    if (std::isinf(first)) return {model::NormalNan(), model::NormalNan()};
    return {0, first};
  }
  double x = sum_x.Total();
  double y = sum_y.Total();
  double covariance = sum_xy.Total() - x * y / count;
  double variance = sum_x2.Total() - x * x / count;
  double slope = covariance / variance;
  return {slope, y / count - slope * x / count};
}

double Variance(const FloatSamples& samples, const Window& window, QueryContext& context) {
  double count = 0;
  KahanSum mean;
  KahanSum squares;
  EachSample(window, context, [&](size_t i) {
    count += 1;
    double delta = samples.values[i] - mean.Total();
    mean.Add(delta / count);
    squares.Add(delta * (samples.values[i] - mean.Total()));
  });
  return squares.Total() / count;
}

double Smooth(const FloatSamples& samples, const Window& window, double smoothing, double trend,
              QueryContext& context) {
  const double* values = samples.values.data() + window.begin;
  double previous = 0;
  double current = values[0];
  double slope = values[1] - values[0];
  Window rest = window;
  rest.begin += 1;
  EachSample(rest, context, [&](size_t k) {
    const size_t i = k - window.begin;
    double scaled = smoothing * values[i];
    if (i > 1) slope = trend * (current - previous) + (1 - trend) * slope;
    double carried = (1 - smoothing) * (current + slope);
    previous = current;
    current = scaled + carried;
  });
  return current;
}

core::Status DoubleExponentialSmoothing(const FloatSamples& samples, const WindowSpec& spec,
                                        const WindowArguments& arguments, QueryContext& context,
                                        Column& out) {
  core::Status failure;
  SEXTANT_TRY(ForEachWindow(samples, spec, context, out, [&](const Window& window) {
    double smoothing = arguments.scalars[0][window.step];
    double trend = arguments.scalars[1][window.step];
    if (smoothing <= 0 || smoothing >= 1) {
      failure = core::Fail(core::Code::kInvalidArgument,
                           "invalid smoothing factor. Expected: 0 < sf < 1, got: {:f}", smoothing);
    } else if (trend <= 0 || trend >= 1) {
      failure = core::Fail(core::Code::kInvalidArgument,
                           "invalid trend factor. Expected: 0 < tf < 1, got: {:f}", trend);
    }
    if (!failure || window.size() < 2) return kAbsent;
    return Smooth(samples, window, smoothing, trend, context);
  }));
  return failure;
}

double MedianAbsoluteDeviation(const FloatSamples& samples, const Window& window,
                               std::vector<double>& scratch, QueryContext& context) {
  if (!CopyInBlocks(context, samples.values.subspan(window.begin, window.size()), scratch)) return kAbsent;
  if (std::any_of(scratch.begin(), scratch.end(), [](double value) { return std::isnan(value); })) {
    return model::NormalNan();
  }
  double median = Quantile(0.5, scratch, context);
  for (double& value : scratch) value = std::fabs(value - median);
  return Quantile(0.5, scratch, context);
}

// counts[i]: how many events happened at samples 1…i. An event at i is between i - 1 and i.
template <typename IsEvent>
std::vector<uint32_t> CountEvents(const FloatSamples& samples, IsEvent&& is_event) {
  std::vector<uint32_t> counts(samples.size(), 0);
  for (size_t i = 1; i < samples.size(); ++i) counts[i] = counts[i - 1] + (is_event(i) ? 1 : 0);
  return counts;
}

// resets and changes: events strictly inside the window; anchored selectors begin at the last sample before
// it.
core::Status EventsInWindow(const FloatSamples& samples, const WindowSpec& spec,
                            const std::vector<uint32_t>& counts, QueryContext& context, Column& out) {
  return ForEachWindow(samples, spec, context, out, [&](const Window& window) {
    size_t begin = window.begin;
    if (spec.is_anchored) {
      if (samples.times_ms[window.end - 1] <= window.start_ms) return kAbsent;
      begin = FirstAnchored(samples, window.begin, window.end, window.start_ms);
    }
    return static_cast<double>(counts[window.end - 1] - counts[begin]);
  });
}

core::Status QuantileOverTime(const FloatSamples& samples, const WindowSpec& spec,
                              const WindowArguments& arguments, QueryContext& context, Column& out) {
  std::vector<double> scratch;
  return ForEachWindow(samples, spec, context, out, [&](const Window& window) {
    double q = arguments.scalars[0][window.step];
    if (!(q >= 0 && q <= 1)) {
      context.annotations().AddWarning(
          fmt::format("quantile value should be between 0 and 1, got {}", FormatG(q)),
          arguments.first_position);
    }
    if (!CopyInBlocks(context, samples.values.subspan(window.begin, window.size()), scratch)) return kAbsent;
    return Quantile(q, scratch, context);
  });
}

}  // namespace

bool IsStartTimeReset(TimestampMs previous_start_ms, TimestampMs previous_ms, TimestampMs start_ms,
                      TimestampMs time_ms) {
  // Unset, plainly wrong, or OpenTelemetry's way to say that the start is unknown.
  if (start_ms == 0 || start_ms >= time_ms) return false;
  if (start_ms != previous_ms) return start_ms > previous_ms;
  // It points at the sample before: a delta, unless the start of that one is unknown too.
  return previous_start_ms != 0 && previous_start_ms < previous_ms;
}

bool IsStartTimeOverlap(TimestampMs previous_start_ms, TimestampMs previous_ms, TimestampMs start_ms) {
  return start_ms != 0 && start_ms < previous_ms && start_ms != previous_start_ms;
}

bool StartsInWindow(TimestampMs start_ms, TimestampMs first_ms, TimestampMs window_start_ms) {
  return start_ms != 0 && start_ms > window_start_ms && start_ms < first_ms;
}

bool WindowSpec::AnyWindowHolds(TimestampMs first_ms, TimestampMs last_ms) const {
  // The first window that reaches as far begins earliest.
  size_t step = 0;
  if (!at_ms) {
    DurationMs missing = last_ms - End(0);
    if (missing > 0) step = static_cast<size_t>((missing + grid.step_ms - 1) / grid.step_ms);
  }
  return step < grid.steps && last_ms <= End(step) && first_ms > Start(step);
}

double RangeSeconds(DurationMs range_ms) {
  return static_cast<double>(range_ms / 1000) + static_cast<double>(range_ms % 1000 * 1'000'000) / 1e9;
}

double Interpolate(TimestampMs t1, double v1, TimestampMs t2, double v2, TimestampMs t, bool is_counter) {
  if (is_counter && v2 < v1) v1 = 0;
  return v1 + (v2 - v1) * static_cast<double>(t - t1) / static_cast<double>(t2 - t1);
}

double ExtrapolationFactor(TimestampMs first_ms, TimestampMs last_ms, size_t samples,
                           TimestampMs window_start_ms, TimestampMs window_end_ms, bool is_counter,
                           double first_value, double increase) {
  double to_start = static_cast<double>(first_ms - window_start_ms) / 1000;
  double to_end = static_cast<double>(window_end_ms - last_ms) / 1000;
  double sampled = static_cast<double>(last_ms - first_ms) / 1000;
  double average = sampled / static_cast<double>(samples - 1);
  // An edge that is not much further than the usual distance between samples is reached; otherwise the series
  // is taken to begin or end half that distance beyond its samples.
  double threshold = average * 1.1;
  if (to_start >= threshold) to_start = average / 2;
  if (is_counter && increase > 0 && first_value >= 0) {
    // A counter cannot have been below zero.
    double to_zero = sampled * (first_value / increase);
    if (to_zero < to_start) to_start = to_zero;
  }
  if (to_end >= threshold) to_end = average / 2;
  return (sampled + to_start + to_end) / sampled;
}

double ExtrapolationFactorFrom(TimestampMs start_ms, TimestampMs first_ms, TimestampMs last_ms,
                               size_t samples, TimestampMs window_end_ms) {
  double to_end = static_cast<double>(window_end_ms - last_ms) / 1000;
  double average =
      samples < 2 ? 0 : static_cast<double>(last_ms - first_ms) / 1000 / static_cast<double>(samples - 1);
  if (to_end >= average * 1.1) to_end = average / 2;
  double counted = static_cast<double>(last_ms - start_ms) / 1000;
  return (counted + to_end) / counted;
}

bool IsWindowFunction(FunctionId id) {
  switch (id) {
    case FunctionId::kAbsentOverTime:
    case FunctionId::kAvgOverTime:
    case FunctionId::kChanges:
    case FunctionId::kCountOverTime:
    case FunctionId::kDelta:
    case FunctionId::kDeriv:
    case FunctionId::kDoubleExponentialSmoothing:
    case FunctionId::kFirstOverTime:
    case FunctionId::kIdelta:
    case FunctionId::kIncrease:
    case FunctionId::kIrate:
    case FunctionId::kLastOverTime:
    case FunctionId::kMadOverTime:
    case FunctionId::kMaxOverTime:
    case FunctionId::kMinOverTime:
    case FunctionId::kPredictLinear:
    case FunctionId::kPresentOverTime:
    case FunctionId::kQuantileOverTime:
    case FunctionId::kRate:
    case FunctionId::kResets:
    case FunctionId::kStddevOverTime:
    case FunctionId::kStdvarOverTime:
    case FunctionId::kSumOverTime:
    case FunctionId::kTsOfFirstOverTime:
    case FunctionId::kTsOfLastOverTime:
    case FunctionId::kTsOfMaxOverTime:
    case FunctionId::kTsOfMinOverTime:
      return true;
    default:
      return false;
  }
}

core::Status CheckExtendedSelector(FunctionId id, std::string_view name, const WindowSpec& spec) {
  bool works_smoothed = id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kDelta;
  bool works_anchored = works_smoothed || id == FunctionId::kResets || id == FunctionId::kChanges;
  if (spec.is_anchored && !works_anchored) {
    return core::Fail(
        core::Code::kInvalidArgument,
        "anchored modifier can only be used with: changes, delta, increase, rate, resets - not with {}",
        name);
  }
  if (spec.is_smoothed && !works_smoothed) {
    return core::Fail(core::Code::kInvalidArgument,
                      "smoothed modifier can only be used with: delta, increase, rate - not with {}", name);
  }
  return {};
}

core::Status EvalWindows(FunctionId id, const FloatSamples& samples, const WindowSpec& spec,
                         const WindowArguments& arguments, QueryContext& context, Column& out) {
  const std::span<const double> values = samples.values;
  auto each = [&](auto&& compute) { return ForEachWindow(samples, spec, context, out, compute); };
  auto each_cheaply = [&](auto&& compute) {
    return ForEachWindowCheaply(samples, spec, context, out, compute);
  };
  bool is_extended = spec.is_anchored || spec.is_smoothed;
  switch (id) {
    case FunctionId::kRate:
    case FunctionId::kIncrease:
    case FunctionId::kDelta: {
      bool is_counter = id != FunctionId::kDelta;
      bool is_rate = id == FunctionId::kRate;
      return is_extended ? ExtendedRate(samples, spec, context, out, is_counter, is_rate)
                         : ExtrapolatedRate(samples, spec, context, out, is_counter, is_rate);
    }
    case FunctionId::kIrate:
      return InstantValue(samples, spec, context, out, true);
    case FunctionId::kIdelta:
      return InstantValue(samples, spec, context, out, false);
    case FunctionId::kAbsentOverTime:
    case FunctionId::kPresentOverTime:
      return each_cheaply([](const Window&) { return 1.0; });
    case FunctionId::kCountOverTime:
      return each_cheaply([](const Window& window) { return static_cast<double>(window.size()); });
    case FunctionId::kFirstOverTime:
      return each_cheaply([&](const Window& window) { return values[window.begin]; });
    case FunctionId::kLastOverTime:
      return each_cheaply([&](const Window& window) { return values[window.end - 1]; });
    case FunctionId::kTsOfFirstOverTime:
      return each_cheaply(
          [&](const Window& window) { return static_cast<double>(samples.times_ms[window.begin]) / 1000; });
    case FunctionId::kTsOfLastOverTime:
      return each_cheaply(
          [&](const Window& window) { return static_cast<double>(samples.times_ms[window.end - 1]) / 1000; });
    case FunctionId::kMaxOverTime:
      return Extreme(samples, spec, context, out, [](double a, double b) { return a > b; });
    case FunctionId::kMinOverTime:
      return Extreme(samples, spec, context, out, [](double a, double b) { return a < b; });
    case FunctionId::kTsOfMaxOverTime:
      return TimeOfExtreme(samples, spec, context, out, [](double a, double b) { return a >= b; });
    case FunctionId::kTsOfMinOverTime:
      return TimeOfExtreme(samples, spec, context, out, [](double a, double b) { return a <= b; });
    case FunctionId::kSumOverTime:
      return each([&](const Window& window) {
        KahanSum sum;
        EachSample(window, context, [&](size_t i) { sum.Add(values[i]); });
        return std::isinf(sum.sum) ? sum.sum : sum.Total();
      });
    case FunctionId::kAvgOverTime:
      return each([&](const Window& window) {
        KahanMean mean;
        EachSample(window, context, [&](size_t i) { mean.Add(values[i]); });
        return mean.Mean();
      });
    case FunctionId::kStdvarOverTime:
      return each([&](const Window& window) { return Variance(samples, window, context); });
    case FunctionId::kStddevOverTime:
      return each([&](const Window& window) { return std::sqrt(Variance(samples, window, context)); });
    case FunctionId::kMadOverTime: {
      std::vector<double> scratch;
      return each(
          [&](const Window& window) { return MedianAbsoluteDeviation(samples, window, scratch, context); });
    }
    case FunctionId::kQuantileOverTime:
      return QuantileOverTime(samples, spec, arguments, context, out);
    case FunctionId::kDeriv:
      return each([&](const Window& window) {
        if (window.size() < 2) return kAbsent;
        return LinearRegression(samples, window, samples.times_ms[window.begin], context).slope;
      });
    case FunctionId::kPredictLinear:
      return each([&](const Window& window) {
        if (window.size() < 2) return kAbsent;
        Line line = LinearRegression(samples, window, spec.grid.At(window.step), context);
        return line.slope * arguments.scalars[0][window.step] + line.intercept;
      });
    case FunctionId::kDoubleExponentialSmoothing:
      return DoubleExponentialSmoothing(samples, spec, arguments, context, out);
    case FunctionId::kChanges:
      return EventsInWindow(samples, spec,
                            CountEvents(samples,
                                        [&](size_t i) {
                                          return values[i] != values[i - 1] &&
                                                 !(std::isnan(values[i]) && std::isnan(values[i - 1]));
                                        }),
                            context, out);
    case FunctionId::kResets: {
      std::vector<uint32_t> counts(samples.size(), 0);
      for (size_t i : FindResets(samples)) counts[i] = 1;
      for (size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
      return EventsInWindow(samples, spec, counts, context, out);
    }
    default:
      return core::Fail(core::Code::kInternal, "not a function over a range");
  }
}

}  // namespace sextant::promql
