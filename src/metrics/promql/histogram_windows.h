// Functions over windows of a series that holds native histograms, alone or mixed with floats. The
// counterpart of window_functions.h; here every window is computed afresh.
#pragma once

#include <string_view>

#include "core/result.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/value.h"
#include "metrics/promql/window_functions.h"
#include "model/storage.h"

namespace sextant::promql {

// Computes all steps of a function for the samples of one series, without stale markers. `out` has the grid's
// length and is all absent.
core::Status EvalHistogramWindows(FunctionId id, std::string_view metric_name,
                                  const model::SampleColumns& samples, const WindowSpec& spec,
                                  const WindowArguments& arguments, QueryContext& context, Column& out);

// The histogram at a time between two others, on a straight line in every number; a counter that was reset
// restarts from nothing. Null, with a warning, when the two do not fit together.
HistogramPtr InterpolateHistogram(TimestampMs t1, const HistogramPtr& h1, TimestampMs t2,
                                  const HistogramPtr& h2, TimestampMs t, bool is_counter,
                                  std::string_view metric_name, Position position, Annotations& annotations);

// Annotations that several places make.
void WarnMixedFloatsHistograms(std::string_view metric_name, Position position, Annotations& annotations);
void WarnMixedBuckets(std::string_view metric_name, Position position, Annotations& annotations);
void InformReconciledBounds(std::string_view operation, Position position, Annotations& annotations);
void WarnStartTimeOverlap(std::string_view metric_name, Position position, Annotations& annotations);
void WarnCounterResetCollision(std::string_view operation, Position position, Annotations& annotations);

}  // namespace sextant::promql
