#include "metrics/promql/histogram_windows.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include "metrics/promql/float_histogram.h"
#include "metrics/promql/range_evaluation.h"

namespace sextant::promql {

namespace {

using model::CounterResetHint;

constexpr size_t kWorkOfHistogram = 64;

bool IsGauge(const FloatHistogram& histogram) {
  return histogram.counter_reset_hint == CounterResetHint::kGauge;
}

// The samples of a series by kind.
struct SplitSamples {
  std::vector<TimestampMs> float_times;
  std::vector<double> floats;
  std::vector<TimestampMs> float_starts;  // empty, or one for each
  std::vector<TimestampMs> histogram_times;
  std::vector<HistogramPtr> histograms;
  std::vector<TimestampMs> histogram_starts;  // empty, or one for each
};

// A step's window, as indices into each kind.
struct MixedWindow {
  size_t step = 0;
  TimestampMs start_ms = 0;
  TimestampMs end_ms = 0;
  size_t float_begin = 0;
  size_t float_end = 0;
  size_t histogram_begin = 0;
  size_t histogram_end = 0;

  size_t floats() const { return float_end - float_begin; }
  size_t histograms() const { return histogram_end - histogram_begin; }
};

// Whether a function looks at floats only, and if histograms beside them deserve an annotation.
bool IgnoresHistograms(FunctionId id) {
  switch (id) {
    case FunctionId::kDeriv:
    case FunctionId::kDoubleExponentialSmoothing:
    case FunctionId::kMadOverTime:
    case FunctionId::kMaxOverTime:
    case FunctionId::kMinOverTime:
    case FunctionId::kPredictLinear:
    case FunctionId::kQuantileOverTime:
    case FunctionId::kStddevOverTime:
    case FunctionId::kStdvarOverTime:
    case FunctionId::kTsOfMaxOverTime:
    case FunctionId::kTsOfMinOverTime:
      return true;
    default:
      return false;
  }
}

class HistogramWindows {
 public:
  HistogramWindows(FunctionId id, std::string_view metric_name, const model::SampleColumns& samples,
                   const WindowSpec& spec, const WindowArguments& arguments, QueryContext& context,
                   Column& out)
      : id_(id),
        metric_name_(metric_name),
        spec_(spec),
        arguments_(arguments),
        position_(arguments.first_position),
        context_(context),
        out_(out) {
    const bool has_starts = !samples.start_times_ms.empty();
    for (size_t i = 0; i < samples.size(); ++i) {
      if (samples.histograms[i]) {
        samples_.histogram_times.push_back(samples.times_ms[i]);
        samples_.histograms.push_back(samples.histograms[i]);
        if (has_starts) samples_.histogram_starts.push_back(samples.start_times_ms[i]);
      } else {
        samples_.float_times.push_back(samples.times_ms[i]);
        samples_.floats.push_back(samples.values[i]);
        if (has_starts) samples_.float_starts.push_back(samples.start_times_ms[i]);
      }
    }
  }

  core::Status Run() {
    if (IgnoresHistograms(id_)) {
      FloatSamples floats;
      floats.times_ms = samples_.float_times;
      floats.values = samples_.floats;
      SEXTANT_TRY(EvalWindows(id_, floats, spec_, arguments_, context_, out_));
    }
    DurationMs before = spec_.is_anchored || spec_.is_smoothed ? spec_.lookback_ms : 0;
    DurationMs after = spec_.is_smoothed ? spec_.lookback_ms : 0;
    MixedWindow window;
    for (size_t step = 0; step < spec_.grid.steps; ++step) {
      window.step = step;
      window.end_ms = spec_.End(step);
      window.start_ms = window.end_ms - spec_.range_ms;
      Advance(samples_.float_times, window.start_ms - before, window.end_ms + after, window.float_begin,
              window.float_end);
      Advance(samples_.histogram_times, window.start_ms - before, window.end_ms + after,
              window.histogram_begin, window.histogram_end);
      if (window.floats() + window.histograms() == 0) continue;
      SEXTANT_TRY(context_.Tick(window.floats() + 8 * window.histograms()));
      Count(window);
      Compute(window);
    }
    return context_.Tick(0);
  }

 private:
  static void Advance(const std::vector<TimestampMs>& times, TimestampMs start_ms, TimestampMs end_ms,
                      size_t& begin, size_t& end) {
    while (end < times.size() && times[end] <= end_ms) ++end;
    while (begin < end && times[begin] <= start_ms) ++begin;
  }

  void Count(const MixedWindow& window) {
    int64_t samples = IgnoresHistograms(id_) ? 0 : static_cast<int64_t>(window.floats());
    for (size_t i = window.histogram_begin; i < window.histogram_end; ++i) {
      samples += HistogramSampleSize(*samples_.histograms[i]);
    }
    context_.CountSamples(window.step, samples);
  }

  const FloatHistogram& At(size_t i) const { return *samples_.histograms[i]; }
  Annotations& annotations() { return context_.annotations(); }
  void Put(const MixedWindow& window, double value) { out_.values[window.step] = value; }
  void Put(const MixedWindow& window, FloatHistogram histogram) {
    out_.SetHistogram(window.step, std::make_shared<FloatHistogram>(std::move(histogram)));
  }
  TimestampMs FloatTime(size_t i) const { return samples_.float_times[i]; }
  TimestampMs HistogramTime(size_t i) const { return samples_.histogram_times[i]; }

  void Compute(const MixedWindow& window) {
    switch (id_) {
      case FunctionId::kAbsentOverTime:
      case FunctionId::kPresentOverTime:
        return Put(window, 1.0);
      case FunctionId::kCountOverTime:
        return Put(window, static_cast<double>(window.floats() + window.histograms()));
      case FunctionId::kFirstOverTime:
        return PutFirst(window);
      case FunctionId::kLastOverTime:
        return PutLast(window);
      case FunctionId::kTsOfFirstOverTime:
        return PutTime(window, true);
      case FunctionId::kTsOfLastOverTime:
        return PutTime(window, false);
      case FunctionId::kSumOverTime:
      case FunctionId::kAvgOverTime:
        return PutAggregate(window);
      case FunctionId::kRate:
      case FunctionId::kIncrease:
      case FunctionId::kDelta:
        return PutRate(window);
      case FunctionId::kIrate:
      case FunctionId::kIdelta:
        return PutInstantRate(window);
      case FunctionId::kChanges:
      case FunctionId::kResets:
        return PutEvents(window);
      default:
        return AnnotateIgnored(window);
    }
  }

  void AnnotateIgnored(const MixedWindow& window) {
    if (window.floats() == 0 || window.histograms() == 0) return;
    annotations().AddInfo(
        fmt::format("ignored histograms in a range containing both floats and histograms for metric name {}",
                    model::QuoteGo(metric_name_)),
        position_);
  }

  void PutFirst(const MixedWindow& window) {
    bool is_float =
        window.histograms() == 0 ||
        (window.floats() > 0 && FloatTime(window.float_begin) < HistogramTime(window.histogram_begin));
    if (is_float) return Put(window, samples_.floats[window.float_begin]);
    out_.SetHistogram(window.step, samples_.histograms[window.histogram_begin]);
  }

  void PutLast(const MixedWindow& window) {
    bool is_float =
        window.histograms() == 0 ||
        (window.floats() > 0 && FloatTime(window.float_end - 1) > HistogramTime(window.histogram_end - 1));
    if (is_float) return Put(window, samples_.floats[window.float_end - 1]);
    out_.SetHistogram(window.step, samples_.histograms[window.histogram_end - 1]);
  }

  void PutTime(const MixedWindow& window, bool is_first) {
    std::optional<TimestampMs> time;
    auto consider = [&](TimestampMs candidate) {
      time = !time ? candidate : is_first ? std::min(*time, candidate) : std::max(*time, candidate);
    };
    if (window.floats() > 0) consider(FloatTime(is_first ? window.float_begin : window.float_end - 1));
    if (window.histograms() > 0)
      consider(HistogramTime(is_first ? window.histogram_begin : window.histogram_end - 1));
    Put(window, static_cast<double>(*time) / 1000);
  }

  // A window of one kind of samples only; true when it is all floats, and those were computed.
  bool ComputedAsFloats(const MixedWindow& window) {
    if (window.histograms() > 0) return false;
    FloatSamples floats;
    size_t count = window.floats();
    floats.times_ms = std::span(samples_.float_times).subspan(window.float_begin, count);
    floats.values = std::span(samples_.floats).subspan(window.float_begin, count);
    if (!samples_.float_starts.empty()) {
      floats.start_times_ms = std::span(samples_.float_starts).subspan(window.float_begin, count);
      if (is_counter()) {
        WarnOfStartOverlaps(samples_.float_times, samples_.float_starts, window.float_begin,
                            window.float_end);
      }
    }
    WindowSpec spec = spec_;
    spec.grid = {spec_.grid.At(window.step), 1, 1};
    Column column(1);
    uncounted_ = context_.stats().total_samples;
    if (EvalWindows(id_, floats, spec, arguments_, context_, column))
      out_.values[window.step] = column.values[0];
    context_.stats().total_samples = uncounted_;
    return true;
  }

  bool RefusedAsMixed(const MixedWindow& window) {
    if (window.floats() == 0 || window.histograms() == 0) return false;
    WarnMixedFloatsHistograms(metric_name_, position_, annotations());
    return true;
  }

  void PutAggregate(const MixedWindow& window) {
    if (RefusedAsMixed(window) || ComputedAsFloats(window)) return;
    bool seen_reset = false;
    bool seen_not_reset = false;
    bool reconciled = false;
    auto note = [&](const FloatHistogram& histogram) {
      seen_reset = seen_reset || histogram.counter_reset_hint == CounterResetHint::kReset;
      seen_not_reset = seen_not_reset || histogram.counter_reset_hint == CounterResetHint::kNotReset;
    };
    for (size_t i = window.histogram_begin; i < window.histogram_end; ++i) note(At(i));
    std::optional<FloatHistogram> result =
        id_ == FunctionId::kSumOverTime ? Sum(window, reconciled) : Average(window, reconciled);
    if (!result) return WarnMixedBuckets(metric_name_, position_, annotations());
    if (seen_reset && seen_not_reset) WarnCounterResetCollision("aggregation", position_, annotations());
    if (reconciled) InformReconciledBounds("aggregation", position_, annotations());
    Put(window, std::move(*result));
  }

  std::optional<FloatHistogram> Sum(const MixedWindow& window, bool& reconciled) const {
    FloatHistogram sum = At(window.histogram_begin);
    std::unique_ptr<FloatHistogram> compensation;
    for (size_t i = window.histogram_begin + 1; i < window.histogram_end; ++i) {
      if (context_.Spend(kWorkOfHistogram)) break;  // the query stops
      HistogramCombination outcome = KahanAddHistogram(sum, At(i), compensation);
      if (!outcome.is_compatible) return std::nullopt;
      reconciled = reconciled || outcome.bounds_reconciled;
    }
    if (compensation) AddHistogram(sum, *compensation);
    return sum;
  }

  // Directly while the sum is finite, incrementally from there on.
  std::optional<FloatHistogram> Average(const MixedWindow& window, bool& reconciled) const {
    FloatHistogram sum = At(window.histogram_begin);
    std::unique_ptr<FloatHistogram> compensation;
    bool is_incremental = false;
    double count = 1;
    for (size_t i = window.histogram_begin + 1; i < window.histogram_end; ++i) {
      if (context_.Spend(kWorkOfHistogram)) break;  // the query stops
      count += 1;
      if (!is_incremental) {
        FloatHistogram next = sum;
        auto next_compensation = compensation ? std::make_unique<FloatHistogram>(*compensation) : nullptr;
        HistogramCombination outcome = KahanAddHistogram(next, At(i), next_compensation);
        if (!outcome.is_compatible) return std::nullopt;
        reconciled = reconciled || outcome.bounds_reconciled;
        if (!HasOverflow(next)) {
          sum = std::move(next);
          compensation = std::move(next_compensation);
          continue;
        }
        is_incremental = true;
        DivideHistogram(sum, count - 1);
        if (compensation) DivideHistogram(*compensation, count - 1);
      }
      double kept = (count - 1) / count;
      MultiplyHistogram(sum, kept);
      if (compensation) MultiplyHistogram(*compensation, kept);
      FloatHistogram share = At(i);
      DivideHistogram(share, count);
      HistogramCombination outcome = KahanAddHistogram(sum, share, compensation);
      if (!outcome.is_compatible) return std::nullopt;
      reconciled = reconciled || outcome.bounds_reconciled;
    }
    if (!is_incremental) {
      DivideHistogram(sum, count);
      if (compensation) DivideHistogram(*compensation, count);
    }
    if (compensation) AddHistogram(sum, *compensation);
    return sum;
  }

  bool is_counter() const { return id_ == FunctionId::kRate || id_ == FunctionId::kIncrease; }

  void PutRate(const MixedWindow& window) {
    if (RefusedAsMixed(window) || ComputedAsFloats(window)) return;
    if (spec_.is_anchored || spec_.is_smoothed) return PutExtendedRate(window);
    const TimestampMs first_ms = HistogramTime(window.histogram_begin);
    const TimestampMs start_ms = is_counter() && !samples_.histogram_starts.empty()
                                     ? samples_.histogram_starts[window.histogram_begin]
                                     : 0;
    if (StartsInWindow(start_ms, first_ms, window.start_ms)) return PutRateFrom(start_ms, window);
    if (window.histograms() < 2) return;
    std::optional<FloatHistogram> result = Increase(window);
    if (!result) return;
    const FloatHistogram& first = At(window.histogram_begin);
    double factor =
        ExtrapolationFactor(first_ms, HistogramTime(window.histogram_end - 1), window.histograms(),
                            window.start_ms, window.end_ms, is_counter(), first.count, result->count);
    if (id_ == FunctionId::kRate) factor /= RangeSeconds(spec_.range_ms);
    MultiplyHistogram(*result, factor);
    Put(window, std::move(*result));
  }

  // The counter started from nothing inside the window: what its first histogram holds counts as well.
  void PutRateFrom(TimestampMs start_ms, const MixedWindow& window) {
    FloatHistogram result;
    if (window.histograms() == 1) {
      result = At(window.histogram_begin);
    } else {
      std::optional<FloatHistogram> increase = Increase(window);
      if (!increase) return;
      result = std::move(*increase);
      if (!Accumulate(result, At(window.histogram_begin), true)) return;
    }
    double factor =
        ExtrapolationFactorFrom(start_ms, HistogramTime(window.histogram_begin),
                                HistogramTime(window.histogram_end - 1), window.histograms(), window.end_ms);
    if (id_ == FunctionId::kRate) factor /= RangeSeconds(spec_.range_ms);
    MultiplyHistogram(result, factor);
    Put(window, std::move(result));
  }

  // Whether histogram i continues another counter than the one before it, which is `previous` or stands for
  // it.
  bool IsReset(size_t i, const FloatHistogram& previous) const {
    return IsStartReset(samples_.histogram_times, samples_.histogram_starts, i) ||
           DetectReset(At(i), previous);
  }

  static bool IsStartReset(const std::vector<TimestampMs>& times, const std::vector<TimestampMs>& starts,
                           size_t i) {
    return !starts.empty() && IsStartTimeReset(starts[i - 1], times[i - 1], starts[i], times[i]);
  }

  void WarnOfStartOverlaps(const std::vector<TimestampMs>& times, const std::vector<TimestampMs>& starts,
                           size_t begin, size_t end) {
    if (starts.empty() || spec_.is_anchored || spec_.is_smoothed) return;
    for (size_t i = begin + 1; i < end; ++i) {
      if (!IsStartTimeOverlap(starts[i - 1], times[i - 1], starts[i])) continue;
      return WarnStartTimeOverlap(metric_name_, arguments_.range_position, annotations());
    }
  }

  void WarnNotCounter() {
    annotations().AddWarning(
        fmt::format("this native histogram metric is not a counter: {}", model::QuoteGo(metric_name_)),
        position_);
  }
  void WarnNotGauge() {
    annotations().AddWarning(
        fmt::format("this native histogram metric is not a gauge: {}", model::QuoteGo(metric_name_)),
        position_);
  }

  // Adds or subtracts with the annotations that belong to it; false when the histograms do not fit together.
  bool Accumulate(FloatHistogram& into, const FloatHistogram& other, bool adds) {
    HistogramCombination outcome = adds ? AddHistogram(into, other) : SubtractHistogram(into, other);
    if (!outcome.is_compatible) {
      WarnMixedBuckets(metric_name_, position_, annotations());
      return false;
    }
    if (outcome.bounds_reconciled) {
      InformReconciledBounds(adds ? "addition" : "subtraction", position_, annotations());
    }
    return true;
  }

  // The last histogram minus the first, plus what was lost in counter resets; nothing when they do not fit
  // together.
  std::optional<FloatHistogram> Increase(const MixedWindow& window) {
    const FloatHistogram& last = At(window.histogram_end - 1);
    FloatHistogram first = At(window.histogram_begin);
    if (is_counter() && (IsGauge(first) || IsGauge(last))) WarnNotCounter();
    if (is_counter()) {
      // When the counter was reset right after it, the layout of the first histogram does not matter.
      const FloatHistogram& second = At(window.histogram_begin + 1);
      if (IsReset(window.histogram_begin + 1, first)) {
        first = FloatHistogram();
        first.schema = second.schema;
        first.custom_bounds = second.custom_bounds;
      }
    }
    if (UsesCustomBuckets(last) != UsesCustomBuckets(first)) {
      WarnMixedBuckets(metric_name_, position_, annotations());
      return std::nullopt;
    }
    int32_t schema = std::min(last.schema, first.schema);
    for (size_t i = window.histogram_begin + 1; is_counter() && i + 1 < window.histogram_end; ++i) {
      if (IsGauge(At(i))) WarnNotCounter();
      schema = std::min(schema, At(i).schema);
      if (UsesCustomBuckets(At(i)) != UsesCustomBuckets(first)) {
        WarnMixedBuckets(metric_name_, position_, annotations());
        return std::nullopt;
      }
    }
    FloatHistogram result = CopyToSchema(last, schema);
    if (!Accumulate(result, first, false)) return std::nullopt;
    if (is_counter()) {
      WarnOfStartOverlaps(samples_.histogram_times, samples_.histogram_starts, window.histogram_begin,
                          window.histogram_end);
      const FloatHistogram* previous = &first;
      for (size_t i = window.histogram_begin + 1; i < window.histogram_end; ++i) {
        if (IsReset(i, *previous) && !Accumulate(result, *previous, true)) return std::nullopt;
        previous = &At(i);
      }
    } else if (!IsGauge(At(window.histogram_begin)) || !IsGauge(last)) {
      WarnNotGauge();
    }
    result.counter_reset_hint = CounterResetHint::kGauge;
    CompactHistogram(result);
    return result;
  }

  // rate, increase and delta of anchored and smoothed selectors.
  void PutExtendedRate(const MixedWindow& window) {
    auto begin = samples_.histogram_times.begin() + static_cast<std::ptrdiff_t>(window.histogram_begin);
    size_t last = window.histogram_end - 1;
    auto end = samples_.histogram_times.begin() + static_cast<std::ptrdiff_t>(last);
    auto first =
        static_cast<size_t>(std::upper_bound(begin, end, window.start_ms) - samples_.histogram_times.begin());
    first = first > window.histogram_begin ? first - 1 : window.histogram_begin;
    if (spec_.is_smoothed) {
      last =
          static_cast<size_t>(std::lower_bound(begin, end, window.end_ms) - samples_.histogram_times.begin());
    }
    if (HistogramTime(last) <= window.start_ms) return;
    if (spec_.is_smoothed && HistogramTime(first) > window.end_ms) return;
    if (!CheckRange(first, last)) return;

    HistogramPtr left = samples_.histograms[first];
    HistogramPtr right = samples_.histograms[last];
    if (spec_.is_smoothed && HistogramTime(first) < window.start_ms) left = Between(first, window.start_ms);
    if (spec_.is_smoothed && last > window.histogram_begin && HistogramTime(last) > window.end_ms) {
      right = Between(last - 1, window.end_ms);
    }
    if (!left || !right) return;
    if (!is_counter() && (!IsGauge(*left) || !IsGauge(*right))) WarnNotGauge();
    FloatHistogram result = *right;
    if (!Accumulate(result, *left, false)) return;
    if (is_counter()) {
      std::optional<FloatHistogram> correction;
      if (!CorrectResets(window, first, last, *left, *right, correction)) return;
      if (correction && !Accumulate(result, *correction, true)) return;
    }
    if (id_ == FunctionId::kRate) DivideHistogram(result, RangeSeconds(spec_.range_ms));
    result.counter_reset_hint = CounterResetHint::kGauge;
    CompactHistogram(result);
    Put(window, std::move(result));
  }

  bool CheckRange(size_t first, size_t last) {
    for (size_t i = first; i <= last; ++i) {
      if (UsesCustomBuckets(At(i)) != UsesCustomBuckets(At(first))) {
        WarnMixedBuckets(metric_name_, position_, annotations());
        return false;
      }
      if (is_counter() && IsGauge(At(i))) WarnNotCounter();
    }
    return true;
  }

  // The histogram at a time between sample i and the next.
  HistogramPtr Between(size_t i, TimestampMs time_ms) {
    return InterpolateHistogram(HistogramTime(i), samples_.histograms[i], HistogramTime(i + 1),
                                samples_.histograms[i + 1], time_ms, is_counter(), metric_name_, position_,
                                annotations());
  }

  // What was lost in resets between the edges of the window.
  bool CorrectResets(const MixedWindow& window, size_t first, size_t last, const FloatHistogram& left,
                     const FloatHistogram& right, std::optional<FloatHistogram>& correction) {
    size_t next = first + 1;
    const FloatHistogram* previous = &left;
    bool left_spans_reset =
        spec_.is_smoothed && HistogramTime(first) < window.start_ms && DetectReset(At(first + 1), At(first));
    if (left_spans_reset) {
      // The interpolation of the left edge has accounted for that reset.
      previous = &At(first + 1);
      ++next;
    }
    // Both edges may stem from the same pair of samples.
    if (next > last) return true;
    auto add = [&](const FloatHistogram& lost) {
      if (correction) return Accumulate(*correction, lost, true);
      correction = lost;
      return true;
    };
    // The last sample is represented by the right edge, which has its hint.
    for (; next < last; ++next) {
      if (DetectReset(At(next), *previous) && !add(*previous)) return false;
      previous = &At(next);
    }
    return !DetectReset(right, *previous) || add(*previous);
  }

  void PutInstantRate(const MixedWindow& window) {
    if (window.floats() + window.histograms() < 2) return;
    // The last two samples, whatever they are.
    struct Last {
      TimestampMs time_ms = 0;
      double value = 0;
      const FloatHistogram* histogram = nullptr;
      TimestampMs start_ms = 0;
    };
    std::vector<Last> lasts;
    for (size_t i = window.float_end - std::min<size_t>(2, window.floats()); i < window.float_end; ++i) {
      lasts.push_back({FloatTime(i), samples_.floats[i], nullptr,
                       samples_.float_starts.empty() ? 0 : samples_.float_starts[i]});
    }
    for (size_t i = window.histogram_end - std::min<size_t>(2, window.histograms()); i < window.histogram_end;
         ++i) {
      lasts.push_back({HistogramTime(i), 0, &At(i),
                       samples_.histogram_starts.empty() ? 0 : samples_.histogram_starts[i]});
    }
    std::stable_sort(lasts.begin(), lasts.end(),
                     [](const Last& a, const Last& b) { return a.time_ms < b.time_ms; });
    const Last& previous = lasts[lasts.size() - 2];
    const Last& last = lasts.back();
    DurationMs interval = last.time_ms - previous.time_ms;
    if (interval == 0) return;
    bool is_rate = id_ == FunctionId::kIrate;
    bool is_restart = IsStartTimeReset(previous.start_ms, previous.time_ms, last.start_ms, last.time_ms);
    double seconds = static_cast<double>(interval) / 1000;
    if (!last.histogram != !previous.histogram) {
      return WarnMixedFloatsHistograms(metric_name_, position_, annotations());
    }
    if (!last.histogram) {
      double value =
          is_rate && (is_restart || last.value < previous.value) ? last.value : last.value - previous.value;
      return Put(window, is_rate ? value / seconds : value);
    }
    if (is_rate && (IsGauge(*last.histogram) || IsGauge(*previous.histogram))) WarnNotCounter();
    if (!is_rate && (!IsGauge(*last.histogram) || !IsGauge(*previous.histogram))) WarnNotGauge();
    FloatHistogram result = *last.histogram;
    if (!is_rate || (!is_restart && !DetectReset(*last.histogram, *previous.histogram))) {
      if (!Accumulate(result, *previous.histogram, false)) return;
    }
    result.counter_reset_hint = CounterResetHint::kGauge;
    CompactHistogram(result);
    if (is_rate) DivideHistogram(result, seconds);
    Put(window, std::move(result));
  }

  // changes and resets: comparing neighbours in order of time; a change of kind counts as both.
  void PutEvents(const MixedWindow& window) {
    size_t next_float = window.float_begin;
    size_t next_histogram = window.histogram_begin;
    if (spec_.is_anchored && !FindAnchor(window, next_float, next_histogram)) return;
    double events = 0;
    bool has_previous = false;
    double previous_value = 0;
    const FloatHistogram* previous = nullptr;
    while (next_float < window.float_end || next_histogram < window.histogram_end) {
      bool is_float =
          next_histogram == window.histogram_end ||
          (next_float < window.float_end && FloatTime(next_float) < HistogramTime(next_histogram));
      double value = is_float ? samples_.floats[next_float] : 0;
      const FloatHistogram* histogram = is_float ? nullptr : &At(next_histogram);
      if (has_previous) {
        bool is_restart =
            id_ == FunctionId::kResets && !previous == is_float &&
            (is_float ? IsStartReset(samples_.float_times, samples_.float_starts, next_float)
                      : IsStartReset(samples_.histogram_times, samples_.histogram_starts, next_histogram));
        if (is_restart || IsEvent(previous_value, previous, value, histogram)) events += 1;
      }
      (is_float ? next_float : next_histogram) += 1;
      has_previous = true;
      previous_value = value;
      previous = histogram;
    }
    Put(window, events);
  }

  bool IsEvent(double previous_value, const FloatHistogram* previous, double value,
               const FloatHistogram* current) const {
    if (!previous != !current) return true;
    if (id_ == FunctionId::kResets)
      return current ? DetectReset(*current, *previous) : value < previous_value;
    if (current) return !EqualHistograms(*current, *previous);
    return value != previous_value && !(std::isnan(value) && std::isnan(previous_value));
  }

  // An anchored window begins at the last sample before it; false when there is no sample inside.
  bool FindAnchor(const MixedWindow& window, size_t& next_float, size_t& next_histogram) const {
    auto skip = [&](const std::vector<TimestampMs>& times, size_t begin, size_t end) {
      auto first = times.begin() + static_cast<std::ptrdiff_t>(begin);
      auto last = times.begin() + static_cast<std::ptrdiff_t>(end);
      return static_cast<size_t>(std::upper_bound(first, last, window.start_ms) - times.begin());
    };
    size_t float_after = skip(samples_.float_times, window.float_begin, window.float_end);
    size_t histogram_after = skip(samples_.histogram_times, window.histogram_begin, window.histogram_end);
    if (float_after == window.float_end && histogram_after == window.histogram_end) return false;
    next_float = float_after;
    next_histogram = histogram_after;
    bool has_float = float_after > window.float_begin;
    bool has_histogram = histogram_after > window.histogram_begin;
    if (has_float && (!has_histogram || FloatTime(float_after - 1) > HistogramTime(histogram_after - 1))) {
      --next_float;
    } else if (has_histogram) {
      --next_histogram;
    }
    return true;
  }

  const FunctionId id_;
  const std::string_view metric_name_;
  const WindowSpec& spec_;
  const WindowArguments& arguments_;
  const Position position_;
  QueryContext& context_;
  Column& out_;
  SplitSamples samples_;
  int64_t uncounted_ = 0;
};

}  // namespace

core::Status EvalHistogramWindows(FunctionId id, std::string_view metric_name,
                                  const model::SampleColumns& samples, const WindowSpec& spec,
                                  const WindowArguments& arguments, QueryContext& context, Column& out) {
  return HistogramWindows(id, metric_name, samples, spec, arguments, context, out).Run();
}

HistogramPtr InterpolateHistogram(TimestampMs t1, const HistogramPtr& h1, TimestampMs t2,
                                  const HistogramPtr& h2, TimestampMs t, bool is_counter,
                                  std::string_view metric_name, Position position, Annotations& annotations) {
  if (t == t1) return h1;
  if (t == t2) return h2;
  if (UsesCustomBuckets(*h1) != UsesCustomBuckets(*h2)) {
    WarnMixedBuckets(metric_name, position, annotations);
    return nullptr;
  }
  double share = static_cast<double>(t - t1) / static_cast<double>(t2 - t1);
  auto result = std::make_shared<FloatHistogram>(*h2);
  if (is_counter && DetectReset(*h2, *h1)) {
    MultiplyHistogram(*result, share);
    return result;
  }
  HistogramCombination outcome = SubtractHistogram(*result, *h1);
  if (outcome.bounds_reconciled) InformReconciledBounds("subtraction", position, annotations);
  MultiplyHistogram(*result, share);
  outcome = AddHistogram(*result, *h1);
  if (outcome.bounds_reconciled) InformReconciledBounds("addition", position, annotations);
  return result;
}

void WarnMixedFloatsHistograms(std::string_view metric_name, Position position, Annotations& annotations) {
  annotations.AddWarning(fmt::format("encountered a mix of histograms and floats for metric name {}",
                                     model::QuoteGo(metric_name)),
                         position);
}

void WarnMixedBuckets(std::string_view metric_name, Position position, Annotations& annotations) {
  annotations.AddWarning(fmt::format("vector contains a mix of histograms with exponential and custom "
                                     "buckets schemas for metric name {}",
                                     model::QuoteGo(metric_name)),
                         position);
}

void InformReconciledBounds(std::string_view operation, Position position, Annotations& annotations) {
  annotations.AddInfo(fmt::format("mismatched custom buckets were reconciled during {}", operation),
                      position);
}

void WarnStartTimeOverlap(std::string_view metric_name, Position position, Annotations& annotations) {
  annotations.AddWarning(
      fmt::format("sample has start time that overlaps with previous sample timestamp for metric {}",
                  model::QuoteGo(metric_name)),
      position);
}

void WarnCounterResetCollision(std::string_view operation, Position position, Annotations& annotations) {
  annotations.AddWarning(fmt::format("conflicting counter resets during histogram {}", operation), position);
}

}  // namespace sextant::promql
