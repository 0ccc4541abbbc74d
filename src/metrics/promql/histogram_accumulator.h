// The histograms of one group of a sum or avg aggregation, for all steps. Made only when a group has
// histograms.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "metrics/promql/float_histogram.h"
#include "metrics/promql/plan.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

class HistogramAccumulator {
 public:
  // `node` is the aggregation.
  HistogramAccumulator(const PlanNode& node, size_t steps, QueryContext& context)
      : node_(node), states_(steps), holding_(context) {}

  // Adds the histograms of a series of that name. Fails at the limits of the query.
  core::Status Add(const Column& column, std::string_view metric_name, QueryContext& context);
  // Adds the results to the floats of the group: a step that has both kinds has no result and a warning.
  void Finish(Column& column, QueryContext& context);

 private:
  struct State {
    std::unique_ptr<FloatHistogram> value;
    std::unique_ptr<FloatHistogram> compensation;
    double count = 0;
    bool is_incremental = false;
    bool is_incompatible = false;
    bool seen_reset = false;
    bool seen_not_reset = false;
  };

  HistogramCombination AddToSum(State& state, const FloatHistogram& histogram);
  HistogramCombination AddToMean(State& state, const FloatHistogram& histogram);
  Position position() const { return node_.args[0]->position; }

  const PlanNode& node_;
  std::vector<State> states_;
  Holding holding_;
};

}  // namespace sextant::promql
