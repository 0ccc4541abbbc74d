// Binary operators over columns: arithmetic, comparison and sets between scalars and vectors. Which series
// pair up is found once from their labels; columns are then combined step by step without looking at labels
// again.
#pragma once

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

// An operator between two numbers; comparisons yield 1 or 0.
double ScalarOperation(BinaryOp op, double lhs, double rhs);

// Combines a vector's column with a scalar's value per step, in place. `is_swapped`: the scalar stands on the
// left.
core::Status VectorScalarOperation(const PlanNode& node, bool is_swapped, const std::vector<double>& scalar,
                                   QueryContext& context, Column& column);

// Whether the result no longer is the metric that the left side was.
bool ChangesMetric(const PlanNode& node);

// Two vectors: arithmetic, comparison with matching, or sets.
core::Result<HeldVector> VectorOperation(const PlanNode& node, SourcePtr lhs, SourcePtr rhs, const Grid& grid,
                                         bool delayed_name_removal, QueryContext& context);

}  // namespace sextant::promql
