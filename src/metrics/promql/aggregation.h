// Aggregations over columns. Each series' group is found once, its column is read once and added to the
// group's accumulators for all steps; topk and its kin keep the best of each step.
#pragma once

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

struct AggregationInput {
  const PlanNode& node;
  const Grid& grid;
  // The parameter of topk, bottomk, quantile, limitk and limit_ratio for each step; empty for others.
  const std::vector<double>& parameter;
};

// Evaluates an aggregation of the series of `source`. count_values takes its label from the node.
core::Result<HeldVector> Aggregate(const AggregationInput& input, SeriesSource& source,
                                   QueryContext& context);

}  // namespace sextant::promql
