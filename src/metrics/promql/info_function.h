// info(v, {selector}): adds labels of info metrics (target_info unless the selector names others) to the series of a
// vector that have the same `instance` and `job`.
#pragma once

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "model/storage.h"

namespace sextant::promql {

// Evaluates the call `node` for its first argument's value `base` on the grid of `settings`.
core::Result<HeldVector> EvalInfo(const PlanNode& node, HeldVector base, const model::Querier& querier,
                                  const SelectorSettings& settings, QueryContext& context);

}  // namespace sextant::promql
