#include "metrics/promql/range_evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "metrics/promql/histogram_windows.h"

namespace sextant::promql {

core::Status RangeEvaluation::Run(const model::Labels& labels, const model::SampleColumns& samples,
                                  Column& out) {
  bool has_histograms = std::any_of(samples.histograms.begin(), samples.histograms.end(),
                                    [](const HistogramPtr& histogram) { return histogram != nullptr; });
  if (has_histograms) {
    SEXTANT_TRY(
        EvalHistogramWindows(function_, labels.metric_name(), samples, spec_, arguments_, context_, out));
    if (function_ == FunctionId::kRate || function_ == FunctionId::kIncrease) AnnotateNonCounter(labels, out);
    return {};
  }
  FloatSamples floats;
  floats.times_ms = samples.times_ms;
  floats.values = samples.values;
  floats.start_times_ms = samples.start_times_ms;
  SEXTANT_TRY(EvalWindows(function_, floats, spec_, arguments_, context_, out));
  WarnOfStartOverlaps(labels, floats);
  if (function_ == FunctionId::kRate || function_ == FunctionId::kIncrease) AnnotateNonCounter(labels, out);
  return {};
}

void RangeEvaluation::WarnOfStartOverlaps(const model::Labels& labels, const FloatSamples& samples) {
  bool is_counter_rate = function_ == FunctionId::kRate || function_ == FunctionId::kIncrease;
  if (!is_counter_rate || samples.start_times_ms.empty() || spec_.is_anchored || spec_.is_smoothed) return;
  for (size_t i = 1; i < samples.size(); ++i) {
    if (!IsStartTimeOverlap(samples.start_times_ms[i - 1], samples.times_ms[i - 1],
                            samples.start_times_ms[i]))
      continue;
    if (!spec_.AnyWindowHolds(samples.times_ms[i - 1], samples.times_ms[i])) continue;
    return WarnStartTimeOverlap(labels.metric_name(), arguments_.range_position, context_.annotations());
  }
}

void RangeEvaluation::AnnotateNonCounter(const model::Labels& labels, const Column& out) {
  std::string_view name = labels.metric_name();
  if (name.empty()) return;
  auto has_floats = [&] {
    for (size_t step = 0; step < out.values.size(); ++step) {
      if (IsPresent(out.values[step]) && !out.histogram(step)) return true;
    }
    return false;
  };
  if (type_and_unit_labels_) {
    std::string_view type = labels.Get("__type__");
    if (type == "counter" || type == "histogram" || !has_floats()) return;
    context_.annotations().AddInfo(fmt::format("metric might not be a counter, __type__ label is not set to "
                                               "\"counter\" or \"histogram\", got {}: {}",
                                               model::QuoteGo(type), model::QuoteGo(name)),
                                   arguments_.range_position);
    return;
  }
  for (std::string_view ending : {"_total", "_sum", "_count", "_bucket"}) {
    if (name.ends_with(ending)) return;
  }
  if (!has_floats()) return;
  context_.annotations().AddInfo(
      fmt::format("metric might not be a counter, name does not end in _total/_sum/_count/_bucket: {}",
                  model::QuoteGo(name)),
      arguments_.range_position);
}

int64_t HistogramSampleSize(const model::FloatHistogram& histogram) {
  constexpr size_t kHeaderBytes = 168;
  size_t words = histogram.positive_spans.size() + histogram.negative_spans.size() +
                 histogram.positive_buckets.size() + histogram.negative_buckets.size() +
                 histogram.custom_bounds.size();
  return static_cast<int64_t>((kHeaderBytes + words * sizeof(double) + 8) / sizeof(FloatPoint));
}

HistogramPtr ForgetCounterReset(const HistogramPtr& histogram) {
  using model::CounterResetHint;
  if (!histogram) return nullptr;
  CounterResetHint hint = histogram->counter_reset_hint;
  if (hint != CounterResetHint::kReset && hint != CounterResetHint::kNotReset) return histogram;
  auto copy = std::make_shared<model::FloatHistogram>(*histogram);
  copy->counter_reset_hint = CounterResetHint::kUnknown;
  return copy;
}

core::Status ExtendRange(model::SampleColumns& samples, TimestampMs start_ms, TimestampMs end_ms,
                         bool is_smoothed) {
  for (const HistogramPtr& histogram : samples.histograms) {
    if (histogram) {
      return core::Fail(core::Code::kInvalidArgument, "anchored modifier is not supported with histograms");
    }
  }
  samples.histograms.clear();
  if (samples.size() == 0) return {};
  const std::vector<TimestampMs>& times = samples.times_ms;
  const std::vector<double>& values = samples.values;
  size_t last = times.size() - 1;
  auto at = [&](size_t i) { return times.begin() + static_cast<std::ptrdiff_t>(i); };
  auto after_start = static_cast<size_t>(std::upper_bound(times.begin(), at(last), start_ms) - times.begin());
  size_t first = after_start > 0 ? after_start - 1 : 0;
  if (is_smoothed)
    last = static_cast<size_t>(std::lower_bound(times.begin(), at(last), end_ms) - times.begin());
  if (times[last] <= start_ms) {
    samples.clear();
    return {};
  }
  double left = values[first];
  double right = values[last];
  if (is_smoothed && times[first] < start_ms) {
    left = Interpolate(times[first], values[first], times[first + 1], values[first + 1], start_ms, false);
  }
  if (is_smoothed && last > 0 && times[last] > end_ms) {
    right = Interpolate(times[last - 1], values[last - 1], times[last], values[last], end_ms, false);
  }
  size_t inner_begin = times[first] <= start_ms ? first + 1 : first;
  size_t inner_end = times[last] >= end_ms ? last : last + 1;
  model::SampleColumns cut;
  cut.times_ms.push_back(start_ms);
  cut.values.push_back(left);
  for (size_t i = inner_begin; i < inner_end; ++i) {
    cut.times_ms.push_back(times[i]);
    cut.values.push_back(values[i]);
  }
  cut.times_ms.push_back(end_ms);
  cut.values.push_back(right);
  samples = std::move(cut);
  return {};
}

}  // namespace sextant::promql
