// How the engine holds values while it computes: columns over a grid of steps.
//
// A query is evaluated on a Grid of evenly spaced times. Every series is one Column: a value for each step, or kAbsent
// where the series has no sample. Nothing is stored per (step, series) but the value itself; label sets exist once per
// series. The marker for "absent" is the bit pattern of the stale marker: a stale sample never becomes a value, so the
// pattern is free, and a column stays a plain array of doubles.
#pragma once

#include <bit>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/clock.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/value.h"

namespace sextant::promql {

using core::DurationMs;
using core::TimestampMs;
using HistogramPtr = std::shared_ptr<const model::FloatHistogram>;

// The value of a step that has no sample. Never compare with ==; ask IsAbsent.
inline constexpr double kAbsent = std::bit_cast<double>(model::kStaleNanBits);
inline bool IsAbsent(double value) { return model::IsStaleNan(value); }
inline bool IsPresent(double value) { return !model::IsStaleNan(value); }

// The times at which an expression is evaluated: start_ms, start_ms + step_ms, … `steps` of them (at least one).
struct Grid {
  TimestampMs start_ms = 0;
  DurationMs step_ms = 1;
  size_t steps = 1;

  TimestampMs At(size_t step) const { return start_ms + step_ms * static_cast<int64_t>(step); }
  TimestampMs end_ms() const { return At(steps - 1); }
  bool is_instant() const { return steps == 1; }
};

// One value per step of a grid.
struct Column {
  std::vector<double> values;
  // Empty, or as long as `values`; a non-null entry is the (histogram) sample of that step, and the float beside it is
  // 0 so that the step counts as present.
  std::vector<HistogramPtr> histograms;

  Column() = default;
  explicit Column(size_t steps) : values(steps, kAbsent) {}

  void Clear(size_t steps) {
    values.assign(steps, kAbsent);
    histograms.clear();
  }
  bool has_histograms() const { return !histograms.empty(); }
  const model::FloatHistogram* histogram(size_t step) const {
    return histograms.empty() ? nullptr : histograms[step].get();
  }
  void SetHistogram(size_t step, HistogramPtr histogram) {
    if (histograms.empty()) histograms.resize(values.size());
    values[step] = 0;
    histograms[step] = std::move(histogram);
  }
  void Remove(size_t step) {
    values[step] = kAbsent;
    if (!histograms.empty()) histograms[step].reset();
  }
  // Leaves only floats.
  void DropHistograms() {
    for (size_t step = 0; step < histograms.size(); ++step) {
      if (histograms[step]) values[step] = kAbsent;
    }
    histograms.clear();
  }
  // Copies one step of another column, whatever it holds.
  void CopyStep(size_t step, const Column& from, size_t from_step) {
    if (const HistogramPtr* histogram = from.histogram_ptr(from_step)) {
      SetHistogram(step, *histogram);
    } else {
      values[step] = from.values[from_step];
      if (!histograms.empty()) histograms[step].reset();
    }
  }
  const HistogramPtr* histogram_ptr(size_t step) const {
    return histograms.empty() || !histograms[step] ? nullptr : &histograms[step];
  }
  // Steps that have a sample.
  size_t CountPresent() const {
    size_t count = 0;
    for (double value : values) count += IsPresent(value);
    return count;
  }
  bool AnyPresent() const {
    for (double value : values) {
      if (IsPresent(value)) return true;
    }
    return false;
  }
};

// One series of an instant vector over a grid.
struct SeriesColumn {
  model::Labels labels;
  // With delayed name removal: the metric name is still in `labels` and goes when the query ends.
  bool drops_name = false;
  Column column;
};

using SeriesVector = std::vector<SeriesColumn>;

}  // namespace sextant::promql
