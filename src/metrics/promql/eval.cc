#include "metrics/promql/eval.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "metrics/promql/aggregation.h"
#include "metrics/promql/binary_operation.h"
#include "metrics/promql/column_reader.h"
#include "metrics/promql/float_functions.h"
#include "metrics/promql/histogram_functions.h"
#include "metrics/promql/info_function.h"
#include "metrics/promql/label_functions.h"
#include "metrics/promql/native_quantile.h"
#include "metrics/promql/output_series.h"
#include "metrics/promql/query_profile.h"

namespace sextant::promql {

namespace {

constexpr size_t kWorkOfHistogram = 64;
constexpr size_t kWorkOfScalar = 4;

Grid FirstStep(const Grid& grid) { return {grid.start_ms, grid.step_ms, 1}; }

// The values of a one-step vector at every step of a longer grid.
core::Result<HeldVector> Repeat(HeldVector once, size_t steps, QueryContext& context) {
  HeldVector repeated(context);
  for (SeriesColumn& series : once.series) {
    SEXTANT_TRY(context.Tick(steps));
    if (IsAbsent(series.column.values[0])) continue;
    Column column(steps);
    if (const HistogramPtr* histogram = series.column.histogram_ptr(0)) {
      for (size_t step = 0; step < steps; ++step) column.SetHistogram(step, *histogram);
    } else {
      std::fill(column.values.begin(), column.values.end(), series.column.values[0]);
    }
    SEXTANT_TRY(repeated.Add({std::move(series.labels), series.drops_name, std::move(column)}));
  }
  return repeated;
}

// Applies `change` to the floats of a column; histograms are dropped.
template <typename Change>
core::Status ChangeFloats(Column& column, QueryContext& context, Change&& change) {
  constexpr size_t kWorkOfChange = 4;
  return InBlocks(context, column.values.size(), kWorkOfChange, [&](size_t begin, size_t end) {
    for (size_t step = begin; step < end; ++step) {
      if (IsPresent(column.values[step])) column.values[step] = change(column.values[step], step);
    }
  });
}

double HistogramStatistic(FunctionId id, const FloatHistogram& histogram) {
  switch (id) {
    case FunctionId::kHistogramCount:
      return histogram.count;
    case FunctionId::kHistogramSum:
      return histogram.sum;
    case FunctionId::kHistogramAvg:
      return histogram.sum / histogram.count;
    case FunctionId::kHistogramStddev:
      return std::sqrt(HistogramVariance(histogram));
    default:
      return HistogramVariance(histogram);
  }
}

}  // namespace

Evaluator::Evaluator(const Plan& plan, const model::Querier& querier, const EvaluatorOptions& options,
                     QueryContext& context)
    : plan_(plan), querier_(querier), options_(options), context_(context) {}

core::Status Evaluator::Select(DurationMs step_ms) {
  is_range_query_ = step_ms > 0;
  for (const Selection& selection : plan_.selections) {
    SEXTANT_TRY(context_.Check());
    model::SelectHints hints;
    hints.start_ms = selection.min_ms;
    hints.end_ms = selection.max_ms;
    hints.step_ms = step_ms;
    hints.range_ms = selection.range_ms;
    hints.check = context_.checker();
    SEXTANT_ASSIGN(std::shared_ptr<const model::SeriesSet> set, querier_.Select(selection.matchers, hints));
    for (const std::string& warning : set->Warnings()) context_.annotations().AddStorageWarning(warning);
    if (context_.profile()) context_.profile()->NoteSelection(selection, set->size());
    sets_.push_back(std::move(set));
  }
  return {};
}

SelectorSettings Evaluator::Settings(const Grid& grid) const {
  return {grid, options_.lookback_ms, options_.delayed_name_removal, options_.type_and_unit_labels,
          options_.use_start_timestamps};
}

MappedNames Evaluator::DroppedNames() const {
  return {!options_.delayed_name_removal, options_.delayed_name_removal};
}

core::Result<HeldVector> Evaluator::EvalVector(const PlanNode& node, const Grid& grid) {
  SEXTANT_ASSIGN(SourcePtr source, Open(node, grid));
  return Materialize(*source, grid.steps);
}

core::Result<HeldVector> Evaluator::Materialize(SeriesSource& source, size_t steps) {
  HeldVector vector(context_);
  auto add = [&](size_t i, Column& column) -> core::Status {
    if (!column.AnyPresent()) return {};
    SEXTANT_TRY(context_.Tick(QueryContext::kWorkOfSeries));
    SeriesColumn series;
    series.column = std::move(column);
    series.labels = source.HidesMetadata() ? WithoutMetadata(source.labels(i)) : source.labels(i);
    series.drops_name = source.DropsName(i);
    return vector.Add(std::move(series));
  };
  SEXTANT_TRY(ForEachColumn(source, steps, context_, add));
  if (source.HidesMetadata() && !source.HasOneName()) SEXTANT_TRY(MergeEqualSeries(vector, context_));
  return vector;
}

core::Result<SourcePtr> Evaluator::Open(const PlanNode& node, const Grid& grid) {
  QueryProfile* profile = context_.profile();
  if (!profile) return OpenUnwatched(node, grid);
  QueryProfile::Span span(profile, node, context_);
  SEXTANT_ASSIGN(SourcePtr source, OpenUnwatched(node, grid));
  return profile->Watch(node, std::move(source), context_);
}

core::Result<SourcePtr> Evaluator::OpenUnwatched(const PlanNode& node, const Grid& grid) {
  SEXTANT_TRY(context_.Check());
  if (!node.is_step_invariant || grid.is_instant()) {
    SEXTANT_ASSIGN(SourcePtr each, OpenAtEachStep(node, grid));
    if (!each->HidesMetadata() || each->HasOneName()) return each;
    // Label sets that become equal without their names are found here, before anything is filtered or summed
    // up.
    SEXTANT_ASSIGN(HeldVector vector, Materialize(*each, grid.steps));
    return MakeVectorSource(std::move(vector));
  }
  SEXTANT_ASSIGN(SourcePtr source, OpenAtEachStep(node, FirstStep(grid)));
  SEXTANT_ASSIGN(HeldVector once, Materialize(*source, 1));
  SEXTANT_ASSIGN(HeldVector repeated, Repeat(std::move(once), grid.steps, context_));
  return MakeVectorSource(std::move(repeated));
}

core::Result<SourcePtr> Evaluator::OpenAtEachStep(const PlanNode& node, const Grid& grid) {
  switch (node.kind) {
    case PlanKind::kSelector:
      return MakeSelectorSource(node, sets_[node.selection], plan_.selections[node.selection].has_one_name,
                                Settings(grid), SelectorOutput::kValue, context_);
    case PlanKind::kCall:
      return OpenCall(node, grid);
    case PlanKind::kAggregate:
      return OpenAggregate(node, grid);
    case PlanKind::kBinary:
      return OpenBinary(node, grid);
    case PlanKind::kNegate: {
      SEXTANT_ASSIGN(SourcePtr inner, Open(*node.args[0], grid));
      return MakeMappedSource(
          std::move(inner), DroppedNames(),
          [](Column& column, QueryContext& context) -> core::Status {
            SEXTANT_TRY(ChangeFloats(column, context, [](double value, size_t) { return -value; }));
            for (HistogramPtr& histogram : column.histograms) {
              if (!histogram) continue;
              SEXTANT_TRY(context.Tick(kWorkOfHistogram));
              auto negated = std::make_shared<FloatHistogram>(*histogram);
              MultiplyHistogram(*negated, -1);
              histogram = std::move(negated);
            }
            return {};
          },
          context_);
    }
    case PlanKind::kNumber:
    case PlanKind::kString:
    case PlanKind::kRange:
      break;
  }
  return core::Fail(core::Code::kInternal, "expected an instant vector");
}

core::Result<SourcePtr> Evaluator::OpenCall(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  if (id == FunctionId::kAbsent || id == FunctionId::kAbsentOverTime) return OpenAbsent(node, grid);
  if (IsWindowFunction(id)) return OpenWindowFunction(node, grid);
  if (FindFloatFunction(id)) return OpenFloatFunction(node, grid);
  switch (id) {
    case FunctionId::kClamp:
    case FunctionId::kClampMin:
    case FunctionId::kClampMax:
    case FunctionId::kRound:
      return OpenClamp(node, grid);
    case FunctionId::kTimestamp:
      return OpenTimestamp(node, grid);
    case FunctionId::kStartTimestamp:
      return OpenStartTimestamp(node, grid);
    case FunctionId::kVector: {
      SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(*node.args[0], grid));
      return SingleSeries({}, std::move(scalar), false);
    }
    case FunctionId::kSort:
    case FunctionId::kSortDesc:
    case FunctionId::kSortByLabel:
    case FunctionId::kSortByLabelDesc:
      return OpenSort(node, grid);
    case FunctionId::kLabelReplace:
    case FunctionId::kLabelJoin: {
      SEXTANT_ASSIGN(HeldVector vector, EvalVector(*node.args[0], grid));
      SEXTANT_TRY(id == FunctionId::kLabelReplace ? LabelReplace(node, vector, context_)
                                                  : LabelJoin(node, vector, context_));
      return MakeVectorSource(std::move(vector));
    }
    case FunctionId::kHistogramAvg:
    case FunctionId::kHistogramCount:
    case FunctionId::kHistogramStddev:
    case FunctionId::kHistogramStdvar:
    case FunctionId::kHistogramSum:
      return OpenHistogramStatistic(node, grid);
    case FunctionId::kHistogramQuantile:
    case FunctionId::kHistogramQuantiles:
    case FunctionId::kHistogramFraction:
      return OpenHistogramFunction(node, grid);
    case FunctionId::kInfo: {
      SEXTANT_ASSIGN(HeldVector vector, EvalVector(*node.args[0], grid));
      SEXTANT_ASSIGN(HeldVector enriched,
                     EvalInfo(node, std::move(vector), querier_, Settings(grid), context_));
      return MakeVectorSource(std::move(enriched));
    }
    default:
      return core::Fail(core::Code::kUnimplemented, "function {}() is not supported yet",
                        node.function->name);
  }
}

core::Result<Grid> Evaluator::SubqueryGrid(const PlanNode& range, const Grid& grid) const {
  TimestampMs first = range.ReferenceTime(grid.start_ms) - range.range_ms;
  TimestampMs last = range.ReferenceTime(grid.end_ms());
  Grid inner;
  inner.step_ms = range.subquery_step_ms;
  // The first multiple of the step after the left edge, which is open.
  inner.start_ms = first / inner.step_ms * inner.step_ms;
  if (inner.start_ms <= first) inner.start_ms += inner.step_ms;
  constexpr int64_t kMaxSteps = 100'000'000;
  int64_t steps = last < inner.start_ms ? 0 : (last - inner.start_ms) / inner.step_ms + 1;
  if (steps > kMaxSteps) {
    return core::Fail(core::Code::kResourceExhausted,
                      "query processing would load too many samples into memory in query execution");
  }
  inner.steps = static_cast<size_t>(steps);
  return inner;
}

core::Result<SourcePtr> Evaluator::OpenWindowFunction(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  const PlanNode* range = nullptr;
  std::vector<HeldScalar> scalars;
  WindowArguments arguments;
  arguments.first_position = node.args[0]->position;
  for (const PlanPtr& arg : node.args) {
    if (arg->kind == PlanKind::kRange) {
      range = arg.get();
      continue;
    }
    SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(*arg, grid));
    scalars.push_back(std::move(scalar));
  }
  if (!range) return core::Fail(core::Code::kInternal, "expected a range vector");
  arguments.range_position = range->position;
  WindowSpec spec;
  spec.is_anchored = range->is_anchored;
  spec.is_smoothed = range->is_smoothed;
  SEXTANT_TRY(CheckExtendedSelector(id, node.function->name, spec));
  auto shared_scalars = std::make_shared<const std::vector<HeldScalar>>(std::move(scalars));
  if (!range->is_subquery) {
    return MakeWindowSource(id, *range, sets_[range->selection],
                            plan_.selections[range->selection].has_one_name, Settings(grid),
                            std::move(arguments), std::move(shared_scalars), context_);
  }
  SEXTANT_ASSIGN(Grid inner_grid, SubqueryGrid(*range, grid));
  HeldVector inner(context_);
  if (inner_grid.steps > 0) {
    SEXTANT_ASSIGN(inner, EvalVectorOrScalar(*range->args[0], inner_grid));
  }
  return MakeSubquerySource(id, *range, std::move(inner), inner_grid, Settings(grid), std::move(arguments),
                            std::move(shared_scalars), context_);
}

core::Result<HeldVector> Evaluator::EvalVectorOrScalar(const PlanNode& node, const Grid& grid) {
  if (node.type != ValueType::kScalar) return EvalVector(node, grid);
  HeldVector vector(context_);
  SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(node, grid));
  Column column;
  column.values = std::move(scalar.values);
  scalar.holding.Reset();
  SEXTANT_TRY(vector.Add({{}, false, std::move(column)}));
  return vector;
}

core::Result<SourcePtr> Evaluator::OpenFloatFunction(const PlanNode& node, const Grid& grid) {
  FloatFunction function = FindFloatFunction(node.function->id);
  if (node.args.empty()) {
    SEXTANT_ASSIGN(HeldScalar scalar, ScalarOfSteps(grid, [&](size_t step) {
                     return function(static_cast<double>(grid.At(step) / 1000));
                   }));
    return SingleSeries({}, std::move(scalar), false);
  }
  SEXTANT_ASSIGN(SourcePtr inner, Open(*node.args[0], grid));
  return MakeMappedSource(
      std::move(inner), DroppedNames(),
      [function](Column& column, QueryContext& context) -> core::Status {
        column.DropHistograms();
        return ChangeFloats(column, context, [function](double value, size_t) { return function(value); });
      },
      context_);
}

core::Result<SourcePtr> Evaluator::OpenClamp(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  std::vector<HeldScalar> held;
  for (size_t i = 1; i < node.args.size(); ++i) {
    SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(*node.args[i], grid));
    held.push_back(std::move(scalar));
  }
  SEXTANT_ASSIGN(SourcePtr inner, Open(*node.args[0], grid));
  SharedScalars shared = std::make_shared<const std::vector<HeldScalar>>(std::move(held));
  auto change = [id, shared](Column& column, QueryContext& context) -> core::Status {
    const std::vector<HeldScalar>& scalars = *shared;
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    column.DropHistograms();
    return ChangeFloats(column, context, [&](double value, size_t step) {
      if (id == FunctionId::kRound) return RoundTo(value, scalars.empty() ? 1 : scalars[0].values[step]);
      double min = id == FunctionId::kClampMax ? -kInfinity : scalars[0].values[step];
      double max = id == FunctionId::kClampMin ? kInfinity : scalars.back().values[step];
      return max < min ? kAbsent : Clamp(value, min, max);
    });
  };
  return MakeMappedSource(std::move(inner), DroppedNames(), std::move(change), context_);
}

core::Result<SourcePtr> Evaluator::OpenTimestamp(const PlanNode& node, const Grid& grid) {
  const PlanNode& argument = *node.args[0];
  if (argument.kind == PlanKind::kSelector) {
    SourcePtr selector = MakeSelectorSource(argument, sets_[argument.selection],
                                            plan_.selections[argument.selection].has_one_name, Settings(grid),
                                            SelectorOutput::kTimestampSeconds, context_);
    return MakeMappedSource(
        std::move(selector), DroppedNames(), [](Column&, QueryContext&) { return core::Status(); }, context_);
  }
  SEXTANT_ASSIGN(SourcePtr inner, Open(argument, grid));
  return MakeMappedSource(
      std::move(inner), DroppedNames(),
      [grid](Column& column, QueryContext& context) -> core::Status {
        column.histograms.clear();
        return ChangeFloats(column, context,
                            [&](double, size_t step) { return static_cast<double>(grid.At(step)) / 1000; });
      },
      context_);
}

// Only what is stored has start timestamps: of anything computed there is no answer.
core::Result<SourcePtr> Evaluator::OpenStartTimestamp(const PlanNode& node, const Grid& grid) {
  const PlanNode& argument = *node.args[0];
  if (argument.kind != PlanKind::kSelector || !options_.use_start_timestamps) {
    SEXTANT_TRY(EvalVector(argument, grid));
    return MakeVectorSource(HeldVector(context_));
  }
  SourcePtr selector = MakeSelectorSource(argument, sets_[argument.selection],
                                          plan_.selections[argument.selection].has_one_name, Settings(grid),
                                          SelectorOutput::kStartTimestampSeconds, context_);
  return MakeMappedSource(
      std::move(selector), DroppedNames(), [](Column&, QueryContext&) { return core::Status(); }, context_);
}

core::Result<SourcePtr> Evaluator::SingleSeries(model::Labels labels, HeldScalar scalar, bool drops_name) {
  HeldVector vector(context_);
  Column column;
  column.values = std::move(scalar.values);
  scalar.holding.Reset();
  if (column.AnyPresent()) SEXTANT_TRY(vector.Add({std::move(labels), drops_name, std::move(column)}));
  return MakeVectorSource(std::move(vector));
}

core::Result<SourcePtr> Evaluator::OpenSort(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  bool is_by_value = id == FunctionId::kSort || id == FunctionId::kSortDesc;
  bool is_descending = id == FunctionId::kSortDesc || id == FunctionId::kSortByLabelDesc;
  if (is_range_query_) {
    context_.annotations().AddWarning(
        "sort is ineffective for range queries since results are always ordered by labels", node.position);
  }
  SEXTANT_ASSIGN(HeldVector vector, EvalVector(*node.args[0], grid));
  if (!grid.is_instant()) {
    if (is_by_value) {
      for (SeriesColumn& series : vector.series) series.column.DropHistograms();
    }
    return MakeVectorSource(std::move(vector));
  }
  if (is_by_value) {
    SEXTANT_TRY(SortByValue(is_descending, vector, context_));
  } else {
    SEXTANT_TRY(SortByLabels(node, is_descending, vector, context_));
  }
  return MakeVectorSource(std::move(vector));
}

core::Result<SourcePtr> Evaluator::OpenAbsent(const PlanNode& node, const Grid& grid) {
  const PlanNode& argument = *node.args[0];
  bool is_over_time = node.function->id == FunctionId::kAbsentOverTime;
  SourcePtr source;
  if (is_over_time) {
    SEXTANT_ASSIGN(source, OpenWindowFunction(node, grid));
  } else {
    SEXTANT_ASSIGN(source, Open(argument, grid));
  }
  SEXTANT_ASSIGN(HeldScalar scalar, HeldScalar::Make(grid.steps, 1.0, context_));
  std::vector<double>& values = scalar.values;
  size_t left = grid.steps;
  Column column;
  for (size_t i = 0; i < source->size() && left > 0; ++i) {
    SEXTANT_TRY(source->Read(i, column));
    SEXTANT_TRY(context_.Tick(grid.steps + QueryContext::kWorkOfSeries));
    for (size_t step = 0; step < grid.steps; ++step) {
      if (IsAbsent(column.values[step]) || IsAbsent(values[step])) continue;
      values[step] = kAbsent;
      --left;
    }
  }
  return SingleSeries(LabelsOfAbsent(argument), std::move(scalar),
                      options_.delayed_name_removal && is_over_time);
}

core::Result<SourcePtr> Evaluator::OpenHistogramStatistic(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  SEXTANT_ASSIGN(SourcePtr inner, Open(*node.args[0], grid));
  return MakeMappedSource(
      std::move(inner), DroppedNames(),
      [id](Column& column, QueryContext& context) -> core::Status {
        for (size_t step = 0; step < column.values.size(); ++step) {
          SEXTANT_TRY(context.Tick(column.histogram(step) ? kWorkOfHistogram : 1));
          const FloatHistogram* histogram = column.histogram(step);
          column.values[step] = histogram ? HistogramStatistic(id, *histogram) : kAbsent;
        }
        column.histograms.clear();
        return {};
      },
      context_);
}

core::Result<SourcePtr> Evaluator::OpenHistogramFunction(const PlanNode& node, const Grid& grid) {
  FunctionId id = node.function->id;
  HistogramCall call{node, grid, options_.delayed_name_removal, {}};
  SourcePtr source;
  for (size_t i = 0; i < node.args.size(); ++i) {
    const PlanNode& arg = *node.args[i];
    if (arg.type == ValueType::kScalar) {
      SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(arg, grid));
      call.scalars.push_back(std::move(scalar));
    } else if (arg.type == ValueType::kVector) {
      SEXTANT_ASSIGN(source, Open(arg, grid));
    }
  }
  if (!source || (id == FunctionId::kHistogramFraction && call.scalars.size() != 2)) {
    return core::Fail(core::Code::kInternal, "unexpected arguments of {}", node.function->name);
  }
  SEXTANT_ASSIGN(HeldVector vector, EvalHistogramFunction(call, *source, context_));
  return MakeVectorSource(std::move(vector));
}

core::Result<SourcePtr> Evaluator::OpenAggregate(const PlanNode& node, const Grid& grid) {
  SEXTANT_ASSIGN(HeldScalar parameter, HeldScalar::Make(0, 0, context_));
  if (node.args.size() > 1 && node.aggregate_op != AggregateOp::kCountValues) {
    SEXTANT_ASSIGN(parameter, EvalScalar(*node.args[1], grid));
  }
  AggregationInput input{node, grid, parameter.values};
  SEXTANT_ASSIGN(SourcePtr source, Open(*node.args[0], grid));
  SEXTANT_ASSIGN(HeldVector vector, Aggregate(input, *source, context_));
  return MakeVectorSource(std::move(vector));
}

core::Result<SourcePtr> Evaluator::OpenBinary(const PlanNode& node, const Grid& grid) {
  const PlanNode& lhs = *node.args[0];
  const PlanNode& rhs = *node.args[1];
  if (lhs.type == ValueType::kVector && rhs.type == ValueType::kVector) {
    SEXTANT_ASSIGN(SourcePtr left, Open(lhs, grid));
    SEXTANT_ASSIGN(SourcePtr right, Open(rhs, grid));
    SEXTANT_ASSIGN(HeldVector vector, VectorOperation(node, std::move(left), std::move(right), grid,
                                                      options_.delayed_name_removal, context_));
    return MakeVectorSource(std::move(vector));
  }
  bool is_swapped = lhs.type == ValueType::kScalar;
  SEXTANT_ASSIGN(HeldScalar held, EvalScalar(is_swapped ? lhs : rhs, grid));
  SEXTANT_ASSIGN(SourcePtr inner, Open(is_swapped ? rhs : lhs, grid));
  bool drops = ChangesMetric(node) || node.returns_bool;
  auto scalar = std::make_shared<const HeldScalar>(std::move(held));
  return MakeMappedSource(
      std::move(inner), drops ? DroppedNames() : MappedNames(),
      [&node, is_swapped, scalar](Column& column, QueryContext& context) {
        return VectorScalarOperation(node, is_swapped, scalar->values, context, column);
      },
      context_);
}

template <typename Value>
core::Result<HeldScalar> Evaluator::ScalarOfSteps(const Grid& grid, Value&& value) {
  SEXTANT_ASSIGN(HeldScalar scalar, HeldScalar::Make(grid.steps, 0, context_));
  SEXTANT_TRY(InBlocks(context_, grid.steps, kWorkOfScalar, [&](size_t begin, size_t end) {
    for (size_t step = begin; step < end; ++step) scalar.values[step] = value(step);
  }));
  return scalar;
}

core::Result<HeldScalar> Evaluator::EvalScalar(const PlanNode& node, const Grid& grid) {
  QueryProfile::Span span(context_.profile(), node, context_);
  SEXTANT_TRY(context_.Check());
  if (!node.is_step_invariant || grid.is_instant()) return EvalScalarAtEachStep(node, grid);
  SEXTANT_ASSIGN(HeldScalar once, EvalScalarAtEachStep(node, FirstStep(grid)));
  return HeldScalar::Make(grid.steps, once.values[0], context_);
}

core::Result<HeldScalar> Evaluator::EvalScalarAtEachStep(const PlanNode& node, const Grid& grid) {
  switch (node.kind) {
    case PlanKind::kNumber:
      return HeldScalar::Make(grid.steps, node.number, context_);
    case PlanKind::kNegate: {
      SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(*node.args[0], grid));
      SEXTANT_TRY(InBlocks(context_, grid.steps, 1, [&](size_t begin, size_t end) {
        for (size_t step = begin; step < end; ++step) scalar.values[step] = -scalar.values[step];
      }));
      return scalar;
    }
    case PlanKind::kBinary: {
      SEXTANT_ASSIGN(HeldScalar lhs, EvalScalar(*node.args[0], grid));
      SEXTANT_ASSIGN(HeldScalar rhs, EvalScalar(*node.args[1], grid));
      SEXTANT_TRY(InBlocks(context_, grid.steps, kWorkOfScalar, [&](size_t begin, size_t end) {
        for (size_t step = begin; step < end; ++step) {
          lhs.values[step] = ScalarOperation(node.binary_op, lhs.values[step], rhs.values[step]);
        }
      }));
      return lhs;
    }
    case PlanKind::kCall:
      return EvalScalarCall(node, grid);
    default:
      return core::Fail(core::Code::kInternal, "expected a scalar");
  }
}

core::Result<HeldScalar> Evaluator::EvalScalarCall(const PlanNode& node, const Grid& grid) {
  switch (node.function->id) {
    case FunctionId::kPi:
      return HeldScalar::Make(grid.steps, std::numbers::pi, context_);
    case FunctionId::kTime:
      return ScalarOfSteps(grid, [&](size_t step) { return static_cast<double>(grid.At(step)) / 1000; });
    case FunctionId::kScalar:
      return ScalarOfVector(*node.args[0], grid);
    case FunctionId::kMinOf:
    case FunctionId::kMaxOf: {
      SEXTANT_ASSIGN(HeldScalar scalar, EvalScalar(*node.args[0], grid));
      std::vector<double>& values = scalar.values;
      for (size_t i = 1; i < node.args.size(); ++i) {
        SEXTANT_ASSIGN(HeldScalar others, EvalScalar(*node.args[i], grid));
        SEXTANT_TRY(InBlocks(context_, grid.steps, kWorkOfScalar, [&](size_t begin, size_t end) {
          for (size_t step = begin; step < end; ++step) {
            values[step] = node.function->id == FunctionId::kMinOf ? MinOf(values[step], others.values[step])
                                                                   : MaxOf(values[step], others.values[step]);
          }
        }));
      }
      return scalar;
    }
    default:
      return core::Fail(core::Code::kUnimplemented, "function {}() is not supported yet",
                        node.function->name);
  }
}

// The value of the only float at each step; NaN when there are none or several.
core::Result<HeldScalar> Evaluator::ScalarOfVector(const PlanNode& node, const Grid& grid) {
  SEXTANT_ASSIGN(SourcePtr source, Open(node, grid));
  SEXTANT_ASSIGN(HeldScalar scalar, HeldScalar::Make(grid.steps, kAbsent, context_));
  std::vector<double>& values = scalar.values;
  Column column;
  for (size_t i = 0; i < source->size(); ++i) {
    SEXTANT_TRY(source->Read(i, column));
    SEXTANT_TRY(context_.Tick(grid.steps + QueryContext::kWorkOfSeries));
    column.DropHistograms();
    for (size_t step = 0; step < grid.steps; ++step) {
      if (IsAbsent(column.values[step])) continue;
      values[step] = IsAbsent(values[step]) ? column.values[step] : std::numeric_limits<double>::quiet_NaN();
    }
  }
  for (double& value : values) {
    if (IsAbsent(value)) value = std::numeric_limits<double>::quiet_NaN();
  }
  return scalar;
}

core::Result<std::vector<RawSeries>> Evaluator::EvalRange(const PlanNode& node, const Grid& grid,
                                                          Holding& holding) {
  QueryProfile::Span span(context_.profile(), node, context_);
  if (!node.is_subquery) return ReadRange(node, *sets_[node.selection], Settings(grid), context_, holding);
  std::vector<RawSeries> result;
  SEXTANT_ASSIGN(Grid inner_grid, SubqueryGrid(node, grid));
  if (inner_grid.steps == 0) return result;
  SEXTANT_ASSIGN(HeldVector inner, EvalVectorOrScalar(*node.args[0], inner_grid));
  for (SeriesColumn& series : inner.series) {
    RawSeries raw;
    raw.labels =
        options_.delayed_name_removal && series.drops_name ? WithoutMetadata(series.labels) : series.labels;
    SEXTANT_TRY(InBlocks(context_, inner_grid.steps, 1, [&](size_t begin, size_t end) {
      for (size_t step = begin; step < end; ++step) {
        if (IsAbsent(series.column.values[step])) continue;
        raw.times_ms.push_back(inner_grid.At(step));
        raw.values.push_back(series.column.values[step]);
        if (series.column.has_histograms()) raw.histograms.push_back(series.column.histograms[step]);
      }
    }));
    if (!raw.times_ms.empty()) result.push_back(std::move(raw));
  }
  holding = std::move(inner.holding);
  return result;
}

}  // namespace sextant::promql
