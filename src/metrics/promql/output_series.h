// Collects the series of a result by label set. Series with equal labels become one, as long as no step has a
// sample in both of them.
#pragma once

#include <absl/container/flat_hash_map.h>

#include "core/result.h"
#include "metrics/promql/query_context.h"
#include "metrics/promql/series_source.h"
#include "metrics/promql/value.h"

namespace sextant::promql {

class OutputSeries {
 public:
  explicit OutputSeries(QueryContext& context) : context_(context), vector_(context) {}

  // Adds a column. kInvalidArgument "vector cannot contain metrics with the same labelset" when a series with
  // these labels has a sample at one of its steps. A column without any sample is left out. Returns the
  // series' index, or nothing when it was left out.
  core::Status Add(model::Labels labels, bool drops_name, Column column);

  HeldVector Take() && { return std::move(vector_); }

 private:
  struct LabelsHash {
    size_t operator()(const model::Labels& labels) const { return labels.Hash(); }
  };

  QueryContext& context_;
  HeldVector vector_;
  absl::flat_hash_map<model::Labels, size_t, LabelsHash> index_;
};

// Merges series of equal labels in a vector; fails like OutputSeries::Add. Keeps the order.
core::Status MergeEqualSeries(HeldVector& vector, QueryContext& context);

}  // namespace sextant::promql
