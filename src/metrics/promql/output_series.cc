#include "metrics/promql/output_series.h"

#include <algorithm>

namespace sextant::promql {

namespace {

constexpr size_t kWorkOfLabels = 64;

core::Status MergeColumn(const Column& from, Column& into) {
  for (size_t step = 0; step < from.values.size(); ++step) {
    if (IsAbsent(from.values[step])) continue;
    if (IsPresent(into.values[step])) {
      return core::Fail(core::Code::kInvalidArgument, "vector cannot contain metrics with the same labelset");
    }
    into.CopyStep(step, from, step);
  }
  return {};
}

}  // namespace

core::Status OutputSeries::Add(model::Labels labels, bool drops_name, Column column) {
  if (!column.AnyPresent()) return {};
  SEXTANT_TRY(context_.Tick(kWorkOfLabels + column.values.size() / 4));
  auto [it, is_new] = index_.try_emplace(labels, vector_.series.size());
  if (is_new) return vector_.Add({std::move(labels), drops_name, std::move(column)});
  return MergeColumn(column, vector_.series[it->second].column);
}

core::Status MergeEqualSeries(HeldVector& vector, QueryContext& context) {
  if (vector.series.size() < 2) return {};
  struct LabelsHash {
    size_t operator()(const model::Labels& labels) const { return labels.Hash(); }
  };
  absl::flat_hash_map<model::Labels, size_t, LabelsHash> index;
  index.reserve(vector.series.size());
  size_t kept = 0;
  for (size_t i = 0; i < vector.series.size(); ++i) {
    SEXTANT_TRY(context.Tick(kWorkOfLabels));
    SeriesColumn& series = vector.series[i];
    auto [it, is_new] = index.try_emplace(series.labels, kept);
    if (!is_new) {
      SEXTANT_TRY(context.Tick(series.column.values.size()));
      SEXTANT_TRY(MergeColumn(series.column, vector.series[it->second].column));
      continue;
    }
    if (kept != i) vector.series[kept] = std::move(series);
    ++kept;
  }
  vector.series.erase(vector.series.begin() + static_cast<std::ptrdiff_t>(kept), vector.series.end());
  return {};
}

}  // namespace sextant::promql
