// A function over ranges, applied to one series after the other: chooses between the float windows of
// window_functions.h and the slower way for series that hold histograms, and adds the annotations that depend
// on a series' name. Owned by one source of one query.
#pragma once

#include "core/result.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/value.h"
#include "metrics/promql/window_functions.h"
#include "model/storage.h"

namespace sextant::promql {

class RangeEvaluation {
 public:
  // `type_and_unit_labels`: rate and increase judge counters by their __type__ label, not by their name.
  RangeEvaluation(FunctionId function, WindowSpec spec, WindowArguments arguments, bool type_and_unit_labels,
                  QueryContext& context)
      : function_(function),
        spec_(spec),
        arguments_(std::move(arguments)),
        type_and_unit_labels_(type_and_unit_labels),
        context_(context) {}

  // Computes all steps for a series. `samples` holds no stale markers; `out` has the grid's length and is all
  // absent.
  core::Status Run(const model::Labels& labels, const model::SampleColumns& samples, Column& out);

 private:
  // Warns when the start time of a counter's sample lies before the sample before it.
  void WarnOfStartOverlaps(const model::Labels& labels, const FloatSamples& samples);
  void AnnotateNonCounter(const model::Labels& labels, const Column& out);

  const FunctionId function_;
  const WindowSpec spec_;
  const WindowArguments arguments_;
  const bool type_and_unit_labels_;
  QueryContext& context_;
};

// How many samples a histogram counts for in the limit of samples: its bytes over those of a float sample.
int64_t HistogramSampleSize(const model::FloatHistogram& histogram);

// The histogram without the hint whether the counter was reset: values that a subquery picked say nothing
// about what happened between them. Null stays null.
HistogramPtr ForgetCounterReset(const HistogramPtr& histogram);

// Cuts the samples of an anchored or smoothed range at its edges, where values are taken from the neighbours.
core::Status ExtendRange(model::SampleColumns& samples, TimestampMs start_ms, TimestampMs end_ms,
                         bool is_smoothed);

}  // namespace sextant::promql
