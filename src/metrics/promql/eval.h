// Evaluates a plan: scalars as one value per step, vectors as series sources that consumers read column by
// column. One evaluator per query; used by one thread, which others help to read series.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "model/storage.h"

namespace sextant::promql {

struct EvaluatorOptions {
  DurationMs lookback_ms = 0;
  bool delayed_name_removal = false;
  bool type_and_unit_labels = false;
  bool use_start_timestamps = false;
};

class Evaluator {
 public:
  // All must outlive the evaluator. `querier` covers plan.min_ms to plan.max_ms.
  Evaluator(const Plan& plan, const model::Querier& querier, const EvaluatorOptions& options,
            QueryContext& context);

  // Asks the store for the series of all selections. Call first.
  core::Status Select(DurationMs step_ms);

  // The value of a scalar expression at each step of a grid.
  core::Result<HeldScalar> EvalScalar(const PlanNode& node, const Grid& grid);
  // The series of an instant vector expression. Metric names that are to go are gone, except with delayed
  // removal.
  core::Result<HeldVector> EvalVector(const PlanNode& node, const Grid& grid);
  // The samples of a range expression at one time.
  core::Result<std::vector<RawSeries>> EvalRange(const PlanNode& node, const Grid& grid, Holding& holding);

 private:
  core::Result<SourcePtr> Open(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenUnwatched(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenAtEachStep(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenCall(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenWindowFunction(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenFloatFunction(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenClamp(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenTimestamp(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenStartTimestamp(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenBinary(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenAggregate(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenHistogramStatistic(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenHistogramFunction(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenSort(const PlanNode& node, const Grid& grid);
  core::Result<SourcePtr> OpenAbsent(const PlanNode& node, const Grid& grid);
  core::Result<HeldScalar> EvalScalarAtEachStep(const PlanNode& node, const Grid& grid);
  core::Result<HeldScalar> EvalScalarCall(const PlanNode& node, const Grid& grid);
  template <typename Value>
  core::Result<HeldScalar> ScalarOfSteps(const Grid& grid, Value&& value);
  core::Result<HeldScalar> ScalarOfVector(const PlanNode& node, const Grid& grid);
  core::Result<HeldVector> EvalVectorOrScalar(const PlanNode& node, const Grid& grid);
  core::Result<HeldVector> Materialize(SeriesSource& source, size_t steps);
  // A vector whose only series has no labels.
  core::Result<SourcePtr> SingleSeries(model::Labels labels, HeldScalar scalar, bool drops_name);
  core::Result<Grid> SubqueryGrid(const PlanNode& range, const Grid& grid) const;
  SelectorSettings Settings(const Grid& grid) const;
  MappedNames DroppedNames() const;

  const Plan& plan_;
  const model::Querier& querier_;
  const EvaluatorOptions options_;
  QueryContext& context_;
  bool is_range_query_ = false;
  std::vector<std::shared_ptr<const model::SeriesSet>> sets_;  // by selection
};

}  // namespace sextant::promql
