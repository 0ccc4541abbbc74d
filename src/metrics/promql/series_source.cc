#include "metrics/promql/series_source.h"

#include <algorithm>
#include <utility>

#include "metrics/promql/float_histogram.h"
#include "metrics/promql/histogram_windows.h"
#include "metrics/promql/range_evaluation.h"

namespace sextant::promql {

namespace {

class SelectorSource final : public SeriesSource {
 public:
  SelectorSource(const PlanNode& node, std::shared_ptr<const model::SeriesSet> set, bool has_one_name,
                 const SelectorSettings& settings, SelectorOutput output, QueryContext& context)
      : node_(node),
        set_(std::move(set)),
        has_one_name_(has_one_name),
        settings_(settings),
        output_(output),
        context_(context) {}

  size_t size() const override { return set_->size(); }
  const model::Labels& labels(size_t index) const override { return set_->labels(index); }
  bool HasOneName() const override { return has_one_name_; }
  SourcePtr Fork(QueryContext& part) const override {
    return std::make_unique<SelectorSource>(node_, set_, has_one_name_, settings_, output_, part);
  }

  core::Status Read(size_t index, Column& out) override {
    const Grid& grid = settings_.grid;
    out.Clear(grid.steps);
    TimestampMs first = node_.ReferenceTime(grid.start_ms) - settings_.lookback_ms + 1;
    TimestampMs last = node_.ReferenceTime(grid.end_ms());
    if (node_.is_smoothed) last += settings_.lookback_ms;
    const bool wants_newest = grid.is_instant() && !node_.is_smoothed;
    SEXTANT_TRY(wants_newest ? set_->ReadNewest(index, first, last, samples_)
                             : set_->Read(index, first, last, samples_));
    SEXTANT_TRY(context_.Tick(samples_.size()));
    if (samples_.size() == 0) return {};
    if (node_.needs_statistics_only) KeepStatistics(samples_);
    if (node_.is_smoothed && output_ == SelectorOutput::kValue) return ReadSmoothed(index, out);
    if (samples_.histograms.empty() && output_ == SelectorOutput::kValue) {
      return ReadFloats(out);
    }
    return ReadAny(index, out);
  }

 private:
  // What almost all series are: nothing but floats.
  core::Status ReadFloats(Column& out) {
    const TimestampMs* times = samples_.times_ms.data();
    const double* values = samples_.values.data();
    double* results = out.values.data();
    const size_t count = samples_.size();
    const Grid& grid = settings_.grid;
    const DurationMs stride = node_.at_ms ? 0 : grid.step_ms;
    TimestampMs reference = node_.ReferenceTime(grid.start_ms);
    const bool tracks_steps = context_.tracks_steps();
    int64_t found = 0;
    size_t next = 0;  // first sample after the reference time
    SEXTANT_TRY(InBlocks(context_, grid.steps, 1, [&](size_t begin, size_t end) {
      for (size_t step = begin; step < end; ++step, reference += stride) {
        while (next < count && times[next] <= reference) ++next;
        if (next == 0 || times[next - 1] <= reference - settings_.lookback_ms) continue;
        double value = values[next - 1];
        if (IsAbsent(value)) continue;
        results[step] = value;
        ++found;
        if (tracks_steps) context_.CountSamples(step, 1);
      }
    }));
    if (!tracks_steps) context_.CountSamplesOfSteps(found);
    return {};
  }

  core::Status ReadAny(size_t index, Column& out) {
    const Grid& grid = settings_.grid;
    const TimestampMs* times = samples_.times_ms.data();
    const size_t count = samples_.size();
    const bool has_histograms = !samples_.histograms.empty();
    size_t next = 0;  // first sample after the reference time
    for (size_t step = 0; step < grid.steps; ++step) {
      SEXTANT_TRY(context_.Tick(1));
      TimestampMs reference = node_.ReferenceTime(grid.At(step));
      while (next < count && times[next] <= reference) ++next;
      if (next == 0 || times[next - 1] <= reference - settings_.lookback_ms) continue;
      if (has_histograms && samples_.histograms[next - 1]) {
        if (model::IsStaleNan(samples_.histograms[next - 1]->sum)) continue;
        if (output_ == SelectorOutput::kValue) {
          out.SetHistogram(step, samples_.histograms[next - 1]);
          context_.CountSamples(step, HistogramSampleSize(*samples_.histograms[next - 1]));
          continue;
        }
        if (output_ == SelectorOutput::kTimestampMs) {
          return core::Fail(core::Code::kInvalidArgument,
                            "this should be an info metric, with float samples: {}",
                            set_->labels(index).ToString());
        }
      } else if (IsAbsent(samples_.values[next - 1])) {
        continue;
      }
      switch (output_) {
        case SelectorOutput::kValue:
          out.values[step] = samples_.values[next - 1];
          break;
        case SelectorOutput::kTimestampSeconds:
          out.values[step] = static_cast<double>(times[next - 1]) / 1000;
          break;
        case SelectorOutput::kTimestampMs:
          out.values[step] = static_cast<double>(times[next - 1]);
          break;
        case SelectorOutput::kStartTimestampSeconds: {
          TimestampMs start_ms = samples_.start_times_ms.empty() ? 0 : samples_.start_times_ms[next - 1];
          out.values[step] = static_cast<double>(start_ms) / 1000;
          break;
        }
      }
      context_.CountSamples(step, 1);
    }
    return {};
  }

  // On the line between the samples around each step; beyond the last sample its value stays.
  core::Status ReadSmoothed(size_t index, Column& out) {
    RemoveStale(samples_);
    const std::vector<TimestampMs>& times = samples_.times_ms;
    for (size_t step = 0; step < settings_.grid.steps; ++step) {
      SEXTANT_TRY(context_.Tick(16));
      TimestampMs reference = node_.ReferenceTime(settings_.grid.At(step));
      auto begin = std::upper_bound(times.begin(), times.end(), reference - settings_.lookback_ms);
      auto end = std::upper_bound(begin, times.end(), reference + settings_.lookback_ms);
      if (begin == end) continue;
      auto at = std::lower_bound(begin, end, reference);
      auto i = static_cast<size_t>(at - times.begin());
      if (!samples_.histograms.empty()) {
        SmoothMixed(static_cast<size_t>(begin - times.begin()), i, static_cast<size_t>(end - times.begin()),
                    reference, step, set_->labels(index).metric_name(), out);
        continue;
      }
      if (at != end && *at == reference) {
        out.values[step] = samples_.values[i];
      } else if (at != begin && at != end) {
        out.values[step] =
            Interpolate(times[i - 1], samples_.values[i - 1], times[i], samples_.values[i], reference, false);
      } else if (at != begin) {
        out.values[step] = samples_.values[i - 1];
      }
    }
    return {};
  }

  // The same for a series with histograms. Samples [begin, end) are within the lookback, `at` is the first of
  // them not before the reference time.
  void SmoothMixed(size_t begin, size_t at, size_t end, TimestampMs reference, size_t step,
                   std::string_view metric_name, Column& out) {
    auto put = [&](size_t i) {
      if (samples_.histograms[i]) {
        out.SetHistogram(step, samples_.histograms[i]);
      } else {
        out.values[step] = samples_.values[i];
      }
    };
    const std::vector<TimestampMs>& times = samples_.times_ms;
    if (at != end && times[at] == reference) return put(at);
    if (at == begin) return;
    if (at == end) return put(at - 1);
    const HistogramPtr& before = samples_.histograms[at - 1];
    const HistogramPtr& after = samples_.histograms[at];
    if (!before != !after)
      return WarnMixedFloatsHistograms(metric_name, node_.position, context_.annotations());
    if (!before) {
      out.values[step] = Interpolate(times[at - 1], samples_.values[at - 1], times[at], samples_.values[at],
                                     reference, false);
      return;
    }
    bool is_counter = before->counter_reset_hint != model::CounterResetHint::kGauge &&
                      after->counter_reset_hint != model::CounterResetHint::kGauge;
    HistogramPtr between =
        InterpolateHistogram(times[at - 1], before, times[at], after, reference, is_counter, metric_name,
                             node_.position, context_.annotations());
    if (between) out.SetHistogram(step, std::move(between));
  }

  const PlanNode& node_;
  const std::shared_ptr<const model::SeriesSet> set_;
  const bool has_one_name_;
  const SelectorSettings settings_;
  const SelectorOutput output_;
  QueryContext& context_;
  model::SampleColumns samples_;
};

// How many samples these count for.
int64_t CountSampleSizes(const model::SampleColumns& samples) {
  auto count = static_cast<int64_t>(samples.size());
  for (const HistogramPtr& histogram : samples.histograms) {
    if (histogram) count += HistogramSampleSize(*histogram) - 1;
  }
  return count;
}

// What functions over stored ranges and over subqueries have in common.
class WindowSourceBase : public SeriesSource {
 public:
  WindowSourceBase(FunctionId function, const PlanNode& range, const SelectorSettings& settings,
                   WindowArguments arguments, SharedScalars scalars, QueryContext& context)
      : function_(function),
        range_(range),
        settings_(settings),
        context_(context),
        arguments_(std::move(arguments)),
        scalars_(std::move(scalars)) {
    arguments_.scalars.clear();
    for (const HeldScalar& scalar : *scalars_) arguments_.scalars.push_back(scalar.values.data());
    spec_.grid = settings.grid;
    spec_.at_ms = range.at_ms;
    spec_.offset_ms = range.offset_ms;
    spec_.range_ms = range.range_ms;
    spec_.lookback_ms = settings.lookback_ms;
    spec_.is_anchored = range.is_anchored;
    spec_.is_smoothed = range.is_smoothed;
    evaluation_.emplace(function, spec_, arguments_, settings.type_and_unit_labels, context);
    keeps_name_ = function == FunctionId::kLastOverTime || function == FunctionId::kFirstOverTime;
  }

  bool HidesMetadata() const override { return !keeps_name_ && !settings_.delayed_name_removal; }
  bool DropsName(size_t) const override { return !keeps_name_ && settings_.delayed_name_removal; }

 protected:
  const FunctionId function_;
  const PlanNode& range_;
  const SelectorSettings settings_;
  QueryContext& context_;
  WindowArguments arguments_;
  const SharedScalars scalars_;
  WindowSpec spec_;
  std::optional<RangeEvaluation> evaluation_;
  bool keeps_name_ = false;
};

class WindowSource final : public WindowSourceBase {
 public:
  WindowSource(FunctionId function, const PlanNode& range, std::shared_ptr<const model::SeriesSet> set,
               bool has_one_name, const SelectorSettings& settings, WindowArguments arguments,
               SharedScalars scalars, QueryContext& context)
      : WindowSourceBase(function, range, settings, std::move(arguments), std::move(scalars), context),
        set_(std::move(set)),
        has_one_name_(has_one_name),
        holding_(context) {}

  size_t size() const override { return set_->size(); }
  const model::Labels& labels(size_t index) const override { return set_->labels(index); }
  bool HasOneName() const override { return has_one_name_; }
  SourcePtr Fork(QueryContext& part) const override {
    return std::make_unique<WindowSource>(function_, range_, set_, has_one_name_, settings_, arguments_,
                                          scalars_, part);
  }

  core::Status Read(size_t index, Column& out) override {
    out.Clear(spec_.grid.steps);
    DurationMs before = spec_.is_anchored || spec_.is_smoothed ? spec_.lookback_ms : 0;
    DurationMs after = spec_.is_smoothed ? spec_.lookback_ms : 0;
    TimestampMs first = spec_.Start(0) - before + 1;
    TimestampMs last = spec_.End(spec_.grid.steps - 1) + after;
    SEXTANT_TRY(set_->Read(index, first, last, samples_));
    SEXTANT_TRY(context_.Tick(samples_.size()));
    if (!settings_.use_start_timestamps) samples_.start_times_ms.clear();
    RemoveStale(samples_);
    if (samples_.size() == 0) return {};
    if (range_.needs_statistics_only) KeepStatistics(samples_);
    // The samples of the longest series stay accounted for, as their memory stays.
    const int64_t more = CountSampleSizes(samples_) - held_samples_;
    if (more > 0) {
      held_samples_ += more;
      SEXTANT_TRY(holding_.Add(more, more * static_cast<int64_t>(sizeof(FloatPoint))));
    }
    return evaluation_->Run(set_->labels(index), samples_, out);
  }

 private:
  const std::shared_ptr<const model::SeriesSet> set_;
  const bool has_one_name_;
  model::SampleColumns samples_;
  int64_t held_samples_ = 0;
  Holding holding_;
};

class SubquerySource final : public WindowSourceBase {
 public:
  SubquerySource(FunctionId function, const PlanNode& range, HeldVector inner, const Grid& inner_grid,
                 const SelectorSettings& settings, WindowArguments arguments, SharedScalars scalars,
                 QueryContext& context)
      : WindowSourceBase(function, range, settings, std::move(arguments), std::move(scalars), context),
        inner_(std::make_shared<const HeldVector>(std::move(inner))),
        inner_grid_(inner_grid) {}
  SubquerySource(const SubquerySource& whole, QueryContext& part)
      : WindowSourceBase(whole.function_, whole.range_, whole.settings_, whole.arguments_, whole.scalars_,
                         part),
        inner_(whole.inner_),
        inner_grid_(whole.inner_grid_) {}

  size_t size() const override { return inner_->series.size(); }
  const model::Labels& labels(size_t index) const override { return inner_->series[index].labels; }
  bool DropsName(size_t index) const override {
    return WindowSourceBase::DropsName(index) || inner_->series[index].drops_name;
  }
  SourcePtr Fork(QueryContext& part) const override { return std::make_unique<SubquerySource>(*this, part); }

  core::Status Read(size_t index, Column& out) override {
    out.Clear(spec_.grid.steps);
    const Column& column = inner_->series[index].column;
    samples_.clear();
    // Not all of it is used, nor got, when many steps are empty.
    samples_.times_ms.reserve(inner_grid_.steps);
    samples_.values.reserve(inner_grid_.steps);
    SEXTANT_TRY(InBlocks(context_, inner_grid_.steps, 1, [&](size_t begin, size_t end) {
      for (size_t step = begin; step < end; ++step) {
        if (IsAbsent(column.values[step])) continue;
        samples_.times_ms.push_back(inner_grid_.At(step));
        samples_.values.push_back(column.values[step]);
        if (column.has_histograms())
          samples_.histograms.push_back(ForgetCounterReset(column.histograms[step]));
      }
    }));
    if (samples_.size() == 0) return {};
    return evaluation_->Run(inner_->series[index].labels, samples_, out);
  }

 private:
  const std::shared_ptr<const HeldVector> inner_;
  const Grid inner_grid_;
  model::SampleColumns samples_;
};

class VectorSource final : public SeriesSource {
 public:
  explicit VectorSource(HeldVector vector) : vector_(std::move(vector)) {}

  size_t size() const override { return vector_.series.size(); }
  const model::Labels& labels(size_t index) const override { return vector_.series[index].labels; }
  bool DropsName(size_t index) const override { return vector_.series[index].drops_name; }
  core::Status Read(size_t index, Column& out) override {
    out = std::move(vector_.series[index].column);
    return {};
  }

 private:
  HeldVector vector_;
};

class MappedSource final : public SeriesSource {
 public:
  MappedSource(SourcePtr inner, MappedNames names, std::shared_ptr<const ColumnChange> change,
               QueryContext& context)
      : inner_(std::move(inner)), names_(names), change_(std::move(change)), context_(context) {}

  size_t size() const override { return inner_->size(); }
  const model::Labels& labels(size_t index) const override { return inner_->labels(index); }
  bool HidesMetadata() const override { return names_.hides_metadata || inner_->HidesMetadata(); }
  bool DropsName(size_t index) const override { return names_.drops_name || inner_->DropsName(index); }
  bool HasOneName() const override { return inner_->HasOneName(); }
  core::Status Read(size_t index, Column& out) override {
    SEXTANT_TRY(inner_->Read(index, out));
    return (*change_)(out, context_);
  }
  SourcePtr Fork(QueryContext& part) const override {
    SourcePtr inner = inner_->Fork(part);
    return inner ? std::make_unique<MappedSource>(std::move(inner), names_, change_, part) : nullptr;
  }

 private:
  const SourcePtr inner_;
  const MappedNames names_;
  const std::shared_ptr<const ColumnChange> change_;
  QueryContext& context_;
};

}  // namespace

core::Status HoldColumn(const SeriesColumn& series, Holding& holding) {
  auto samples = static_cast<int64_t>(series.column.CountPresent());
  auto bytes = static_cast<int64_t>(series.column.values.size() * sizeof(double) + sizeof(SeriesColumn));
  for (const HistogramPtr& histogram : series.column.histograms) {
    bytes += sizeof(HistogramPtr);
    if (!histogram) continue;
    int64_t size = HistogramSampleSize(*histogram);
    samples += size - 1;
    bytes += size * static_cast<int64_t>(sizeof(FloatPoint));
  }
  return holding.Add(samples, bytes);
}

core::Status HeldVector::Add(SeriesColumn series_column) {
  SEXTANT_TRY(HoldColumn(series_column, holding));
  series.push_back(std::move(series_column));
  return {};
}

SourcePtr MakeSelectorSource(const PlanNode& node, std::shared_ptr<const model::SeriesSet> set,
                             bool has_one_name, const SelectorSettings& settings, SelectorOutput output,
                             QueryContext& context) {
  return std::make_unique<SelectorSource>(node, std::move(set), has_one_name, settings, output, context);
}

SourcePtr MakeWindowSource(FunctionId function, const PlanNode& range,
                           std::shared_ptr<const model::SeriesSet> set, bool has_one_name,
                           const SelectorSettings& settings, WindowArguments arguments, SharedScalars scalars,
                           QueryContext& context) {
  return std::make_unique<WindowSource>(function, range, std::move(set), has_one_name, settings,
                                        std::move(arguments), std::move(scalars), context);
}

SourcePtr MakeSubquerySource(FunctionId function, const PlanNode& range, HeldVector inner,
                             const Grid& inner_grid, const SelectorSettings& settings,
                             WindowArguments arguments, SharedScalars scalars, QueryContext& context) {
  return std::make_unique<SubquerySource>(function, range, std::move(inner), inner_grid, settings,
                                          std::move(arguments), std::move(scalars), context);
}

SourcePtr MakeVectorSource(HeldVector vector) { return std::make_unique<VectorSource>(std::move(vector)); }

SourcePtr MakeMappedSource(SourcePtr inner, MappedNames names, ColumnChange change, QueryContext& context) {
  return std::make_unique<MappedSource>(std::move(inner), names,
                                        std::make_shared<const ColumnChange>(std::move(change)), context);
}

core::Result<std::vector<RawSeries>> ReadRange(const PlanNode& range, const model::SeriesSet& set,
                                               const SelectorSettings& settings, QueryContext& context,
                                               Holding& holding) {
  TimestampMs end = range.ReferenceTime(settings.grid.start_ms);
  TimestampMs start = end - range.range_ms;
  DurationMs before = range.is_anchored || range.is_smoothed ? settings.lookback_ms : 0;
  DurationMs after = range.is_smoothed ? settings.lookback_ms : 0;
  std::vector<RawSeries> result;
  model::SampleColumns samples;
  for (size_t i = 0; i < set.size(); ++i) {
    SEXTANT_TRY(set.Read(i, start - before + 1, end + after, samples));
    SEXTANT_TRY(context.Tick(samples.size() + QueryContext::kWorkOfSeries));
    RemoveStale(samples);
    if (range.is_anchored || range.is_smoothed)
      SEXTANT_TRY(ExtendRange(samples, start, end, range.is_smoothed));
    if (samples.size() == 0) continue;
    int64_t count = CountSampleSizes(samples);
    context.CountSamples(0, count);
    SEXTANT_TRY(holding.Add(count, count * static_cast<int64_t>(sizeof(FloatPoint))));
    result.push_back({set.labels(i), std::move(samples.times_ms), std::move(samples.values),
                      std::move(samples.histograms)});
  }
  return result;
}

void RemoveStale(model::SampleColumns& samples) {
  const bool has_histograms = !samples.histograms.empty();
  const bool has_starts = !samples.start_times_ms.empty();
  auto is_stale = [&](size_t i) {
    if (has_histograms && samples.histograms[i]) return model::IsStaleNan(samples.histograms[i]->sum);
    return model::IsStaleNan(samples.values[i]);
  };
  const size_t count = samples.size();
  size_t kept = 0;
  while (kept < count && !is_stale(kept)) ++kept;
  if (kept == count) return;
  for (size_t i = kept + 1; i < count; ++i) {
    if (is_stale(i)) continue;
    samples.times_ms[kept] = samples.times_ms[i];
    samples.values[kept] = samples.values[i];
    if (has_histograms) samples.histograms[kept] = std::move(samples.histograms[i]);
    if (has_starts) samples.start_times_ms[kept] = samples.start_times_ms[i];
    ++kept;
  }
  samples.Resize(kept);
}

void KeepStatistics(model::SampleColumns& samples) {
  using model::CounterResetHint;
  HistogramPtr previous;
  for (HistogramPtr& histogram : samples.histograms) {
    if (!histogram) continue;
    auto statistics = std::make_shared<model::FloatHistogram>();
    statistics->schema = histogram->schema;
    statistics->custom_bounds = histogram->custom_bounds;
    statistics->count = histogram->count;
    statistics->sum = histogram->sum;
    statistics->counter_reset_hint = histogram->counter_reset_hint;
    if (previous && histogram->counter_reset_hint == CounterResetHint::kUnknown) {
      statistics->counter_reset_hint =
          DetectReset(*histogram, *previous) ? CounterResetHint::kReset : CounterResetHint::kNotReset;
    }
    previous = std::exchange(histogram, std::move(statistics));
  }
}

bool IsMetadataLabel(std::string_view name) {
  return name == model::kMetricName || name == "__type__" || name == "__unit__";
}

model::Labels WithoutMetadata(const model::Labels& labels) {
  std::vector<model::LabelView> kept;
  kept.reserve(labels.size());
  for (model::LabelView label : labels) {
    if (!IsMetadataLabel(label.name)) kept.push_back(label);
  }
  return kept.size() == labels.size() ? labels : model::Labels::FromSorted(kept);
}

}  // namespace sextant::promql
