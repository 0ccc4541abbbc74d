// histogram_quantile, histogram_quantiles and histogram_fraction. Series with an `le` label are gathered into
// classic histograms once, and each step is computed from their columns; native histograms stand for
// themselves.
#pragma once

#include <vector>

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

struct HistogramCall {
  const PlanNode& node;
  const Grid& grid;
  bool delayed_name_removal = false;
  // The values of the scalar arguments for each step: q, or lower and upper, or all the quantiles.
  std::vector<HeldScalar> scalars;
};

// Evaluates one of the three functions over the buckets in `source`.
core::Result<HeldVector> EvalHistogramFunction(const HistogramCall& call, SeriesSource& source,
                                               QueryContext& context);

}  // namespace sextant::promql
