#include "metrics/promql/aggregation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "metrics/promql/column_reader.h"
#include "metrics/promql/float_histogram.h"
#include "metrics/promql/histogram_accumulator.h"
#include "metrics/promql/kahan.h"
#include "metrics/promql/label_key.h"
#include "metrics/promql/quantile.h"
#include "metrics/promql/stable_sort.h"

namespace sextant::promql {

namespace {

// What a group costs besides its steps, in work and in memory: its key, its labels, its accumulator.
constexpr size_t kWorkOfGroup = 64;
constexpr int64_t kBytesOfGroup = 384;

// The series of the input by group.
struct Groups {
  std::vector<size_t> group_of;  // for each series
  std::vector<model::Labels> labels;
  std::vector<uint8_t> drops_name;  // for each group

  size_t size() const { return labels.size(); }
};

LabelSelection GroupingLabels(const PlanNode& node, const SeriesSource& source) {
  LabelSelection selection;
  selection.names = node.grouping;
  selection.is_without = node.is_without;
  selection.drops_metric_name = node.is_without;
  selection.hides_metadata = source.HidesMetadata();
  return selection;
}

core::Result<Groups> MakeGroups(const PlanNode& node, const SeriesSource& source, QueryContext& context) {
  Groups groups;
  groups.group_of.reserve(source.size());
  LabelSelection selection = GroupingLabels(node, source);
  if (!selection.is_without && selection.names.empty()) {
    // One group of all, whatever their labels are: these need not be made.
    groups.group_of.assign(source.size(), 0);
    groups.labels.resize(std::min<size_t>(source.size(), 1));
    groups.drops_name.resize(groups.labels.size());
    return groups;
  }
  KeyMap keys;
  for (size_t i = 0; i < source.size(); ++i) {
    SEXTANT_TRY(context.Tick(64));
    auto [group, is_new] = keys.Add(source.labels(i), selection);
    if (is_new) {
      groups.labels.push_back(SelectLabels(source.labels(i), selection));
      groups.drops_name.push_back(0);
    }
    groups.group_of.push_back(group);
  }
  return groups;
}

void AddIgnoredHistogram(const PlanNode& node, Position position, QueryContext& context) {
  context.annotations().AddInfo(fmt::format("ignored histogram in {} aggregation", OpText(node.aggregate_op)),
                                position);
}

// Accumulators of one group: a value per step in each array that the operator needs.
class Accumulator {
 public:
  Accumulator(const PlanNode& node, size_t steps) : node_(node), value_(steps, kAbsent) {
    switch (node.aggregate_op) {
      case AggregateOp::kSum:
        compensation_.resize(steps);
        break;
      case AggregateOp::kAvg:
        means_.resize(steps);
        break;
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        mean_.resize(steps);
        count_.resize(steps);
        break;
      default:
        break;
    }
  }

  static int64_t BytesPerStep(AggregateOp op) {
    switch (op) {
      case AggregateOp::kSum:
        return 16;
      case AggregateOp::kAvg:
        return 8 + sizeof(KahanMean);
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        return 24;
      default:
        return 8;
    }
  }

  // Adds the steps from `begin` up to before `end` of a series of floats.
  void Add(const Column& column, size_t begin, size_t end) {
    const double* in = column.values.data();
    switch (node_.aggregate_op) {
      case AggregateOp::kSum:
        AddToSum(in, begin, end);
        break;
      case AggregateOp::kAvg:
        for (size_t i = begin; i < end; ++i) {
          if (IsAbsent(in[i])) continue;
          value_[i] = 0;
          means_[i].Add(in[i]);
        }
        break;
      case AggregateOp::kMin:
        for (size_t i = begin; i < end; ++i) {
          // An absent accumulator is a NaN, too.
          bool takes = IsPresent(in[i]) && (std::isnan(value_[i]) || value_[i] > in[i]);
          value_[i] = takes ? in[i] : value_[i];
        }
        break;
      case AggregateOp::kMax:
        for (size_t i = begin; i < end; ++i) {
          bool takes = IsPresent(in[i]) && (std::isnan(value_[i]) || value_[i] < in[i]);
          value_[i] = takes ? in[i] : value_[i];
        }
        break;
      case AggregateOp::kCount:
        for (size_t i = begin; i < end; ++i) {
          double next = IsAbsent(value_[i]) ? 1 : value_[i] + 1;
          value_[i] = IsPresent(in[i]) ? next : value_[i];
        }
        break;
      case AggregateOp::kGroup:
        for (size_t i = begin; i < end; ++i) {
          if (IsPresent(in[i])) value_[i] = 1;
        }
        break;
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        AddToVariance(in, begin, end);
        break;
      default:
        break;
    }
  }

  // The aggregated column. Leaves the accumulator empty.
  Column Finish() {
    switch (node_.aggregate_op) {
      case AggregateOp::kSum:
        for (size_t i = 0; i < value_.size(); ++i) {
          if (IsPresent(value_[i])) value_[i] += compensation_[i];
        }
        break;
      case AggregateOp::kAvg:
        for (size_t i = 0; i < value_.size(); ++i) {
          if (IsPresent(value_[i])) value_[i] = means_[i].Mean();
        }
        break;
      case AggregateOp::kStddev:
      case AggregateOp::kStdvar:
        for (size_t i = 0; i < value_.size(); ++i) {
          if (IsAbsent(value_[i])) continue;
          value_[i] /= count_[i];
          if (node_.aggregate_op == AggregateOp::kStddev) value_[i] = std::sqrt(value_[i]);
        }
        break;
      default:
        break;
    }
    Column column;
    column.values = std::move(value_);
    return column;
  }

 private:
  void AddToSum(const double* in, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (IsAbsent(in[i])) continue;
      if (IsAbsent(value_[i])) {
        value_[i] = in[i];
        continue;
      }
      KahanSum sum{value_[i], compensation_[i]};
      sum.Add(in[i]);
      value_[i] = sum.sum;
      compensation_[i] = sum.compensation;
    }
  }

  void AddToVariance(const double* in, size_t begin, size_t end) {
    for (size_t i = begin; i < end; ++i) {
      if (IsAbsent(in[i])) continue;
      if (IsAbsent(value_[i])) {
        value_[i] = std::isfinite(in[i]) ? 0 : model::NormalNan();
        mean_[i] = in[i];
        count_[i] = 1;
        continue;
      }
      count_[i] += 1;
      double delta = in[i] - mean_[i];
      mean_[i] += delta / count_[i];
      value_[i] += delta * (in[i] - mean_[i]);
    }
  }

  const PlanNode& node_;
  std::vector<double> value_;
  std::vector<double> compensation_;
  std::vector<KahanMean> means_;
  std::vector<double> mean_;
  std::vector<double> count_;
};

core::Result<HeldVector> Emit(const Groups& groups, std::vector<Column> columns, QueryContext& context) {
  HeldVector result(context);
  for (size_t g = 0; g < groups.size(); ++g) {
    SEXTANT_TRY(context.Tick(64));
    if (!columns[g].AnyPresent()) continue;
    SEXTANT_TRY(result.Add({groups.labels[g], groups.drops_name[g] != 0, std::move(columns[g])}));
  }
  return result;
}

// Deals with the histograms of a column, and leaves those in it that the operator counts like floats.
core::Status AddHistograms(const PlanNode& node, std::string_view metric_name, Column& column,
                           std::unique_ptr<HistogramAccumulator>& accumulator, QueryContext& context) {
  AggregateOp op = node.aggregate_op;
  if (op == AggregateOp::kCount || op == AggregateOp::kGroup) return {};
  if (op == AggregateOp::kSum || op == AggregateOp::kAvg) {
    if (!accumulator)
      accumulator = std::make_unique<HistogramAccumulator>(node, column.values.size(), context);
    SEXTANT_TRY(accumulator->Add(column, metric_name, context));
  } else if (std::any_of(column.histograms.begin(), column.histograms.end(),
                         [](const auto& h) { return h != nullptr; })) {
    AddIgnoredHistogram(node, node.args[0]->position, context);
  }
  column.DropHistograms();
  return {};
}

// Sums up a batch of series. Threads share the steps, so that each step's values are added in the order of
// the series.
class SimpleAggregation {
 public:
  SimpleAggregation(const AggregationInput& input, SeriesSource& source, QueryContext& context)
      : input_(input), node_(input.node), source_(source), context_(context), holding_(context) {}

  core::Result<HeldVector> Run() {
    SEXTANT_ASSIGN(groups_, MakeGroups(node_, source_, context_));
    const size_t steps = input_.grid.steps;
    SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(groups_.size()) *
                                    (kBytesOfGroup + static_cast<int64_t>(steps) *
                                                         Accumulator::BytesPerStep(node_.aggregate_op))));
    accumulators_.reserve(groups_.size());
    for (size_t g = 0; g < groups_.size(); ++g) {
      SEXTANT_TRY(context_.Tick(kWorkOfGroup + steps / 4));
      accumulators_.emplace_back(node_, steps);
    }
    histograms_.resize(groups_.size());
    SEXTANT_TRY(ForEachBatch(source_, steps, context_, [&](size_t first, std::vector<Column>& columns) {
      return AddBatch(first, columns);
    }));
    std::vector<Column> columns;
    columns.reserve(groups_.size());
    for (size_t g = 0; g < groups_.size(); ++g) {
      SEXTANT_TRY(context_.Tick(kWorkOfGroup + steps / 4));
      columns.push_back(accumulators_[g].Finish());
      if (histograms_[g]) histograms_[g]->Finish(columns[g], context_);
    }
    return Emit(groups_, std::move(columns), context_);
  }

 private:
  core::Status AddBatch(size_t first, std::vector<Column>& columns) {
    for (size_t k = 0; k < columns.size(); ++k) {
      size_t group = groups_.group_of[first + k];
      if (source_.DropsName(first + k)) groups_.drops_name[group] = 1;
      if (!columns[k].has_histograms()) continue;
      SEXTANT_TRY(AddHistograms(node_, source_.labels(first + k).metric_name(), columns[k],
                                histograms_[group], context_));
    }
    auto add = [&](size_t begin, size_t end) {
      for (size_t k = 0; k < columns.size(); ++k) {
        accumulators_[groups_.group_of[first + k]].Add(columns[k], begin, end);
      }
    };
    constexpr size_t kLeastSteps = 64;
    constexpr size_t kMostValues = 1 << 19;
    const size_t block = std::max(kLeastSteps, kMostValues / std::max<size_t>(1, columns.size()));
    for (size_t begin = 0; begin < input_.grid.steps; begin += block) {
      const size_t steps = std::min(block, input_.grid.steps - begin);
      SEXTANT_TRY(context_.Tick(columns.size() * steps));
      if (columns.size() < 2 || steps < kLeastSteps) {
        add(begin, begin + steps);
        continue;
      }
      size_t pieces = context_.parallel()->width();
      context_.parallel()->Run(
          pieces, [&](size_t i) { add(begin + steps * i / pieces, begin + steps * (i + 1) / pieces); });
    }
    return {};
  }

  const AggregationInput& input_;
  const PlanNode& node_;
  SeriesSource& source_;
  QueryContext& context_;
  Holding holding_;
  Groups groups_;
  std::vector<Accumulator> accumulators_;
  std::vector<std::unique_ptr<HistogramAccumulator>> histograms_;  // null without histograms
};

// All columns of the input, for aggregations that need every value of a step at once.
core::Result<std::vector<Column>> ReadAll(SeriesSource& source, size_t steps, QueryContext& context,
                                          Holding& holding) {
  std::vector<Column> columns(source.size());
  SEXTANT_TRY(ForEachColumn(source, steps, context, [&](size_t i, Column& column) -> core::Status {
    columns[i] = std::move(column);
    return holding.Add(static_cast<int64_t>(columns[i].CountPresent()),
                       static_cast<int64_t>(columns[i].values.size() * sizeof(double)));
  }));
  return columns;
}

struct ParameterRange {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  bool has_nan = false;
};

ParameterRange RangeOf(const std::vector<double>& values) {
  ParameterRange range;
  for (double value : values) {
    range.has_nan = range.has_nan || std::isnan(value);
    range.min = std::fmin(range.min, value);
    range.max = std::fmax(range.max, value);
  }
  return range;
}

core::Result<HeldVector> AggregateQuantile(const AggregationInput& input, SeriesSource& source,
                                           QueryContext& context) {
  const PlanNode& node = input.node;
  ParameterRange range = RangeOf(input.parameter);
  auto warn = [&](double q) {
    context.annotations().AddWarning(
        fmt::format("quantile value should be between 0 and 1, got {}", FormatG(q)), node.args[1]->position);
  };
  SEXTANT_ASSIGN(Groups groups, MakeGroups(node, source, context));
  Holding holding(context);
  SEXTANT_ASSIGN(std::vector<Column> columns, ReadAll(source, input.grid.steps, context, holding));
  if (range.has_nan) warn(model::NormalNan());
  if (range.max > 1) warn(range.max);
  if (range.min < 0) warn(range.min);
  std::vector<std::vector<size_t>> members(groups.size());
  for (size_t i = 0; i < columns.size(); ++i) {
    members[groups.group_of[i]].push_back(i);
    if (source.DropsName(i)) groups.drops_name[groups.group_of[i]] = 1;
  }
  SEXTANT_TRY(holding.Add(0, static_cast<int64_t>(groups.size() * input.grid.steps * sizeof(double))));
  std::vector<Column> results(groups.size());
  std::vector<double> values;
  for (size_t g = 0; g < groups.size(); ++g) {
    results[g].Clear(input.grid.steps);
    for (size_t step = 0; step < input.grid.steps; ++step) {
      SEXTANT_TRY(context.Tick(4 * members[g].size()));
      values.clear();
      for (size_t i : members[g]) {
        if (columns[i].histogram(step)) {
          SEXTANT_TRY(context.Tick(64));
          AddIgnoredHistogram(node, node.args[0]->position, context);
        } else if (IsPresent(columns[i].values[step])) {
          values.push_back(columns[i].values[step]);
        }
      }
      if (!values.empty()) results[g].values[step] = Quantile(input.parameter[step], values, context);
    }
  }
  return Emit(groups, std::move(results), context);
}

// Keeps the k best of a step, the worst of them on top: the heap of Prometheus, element for element, so that
// ties fall the same way.
struct Candidate {
  double value = 0;
  size_t series = 0;
};

// Whether `a` stands nearer to the top: smaller for topk, greater for bottomk, NaN before all.
bool IsWorse(const Candidate& a, const Candidate& b, bool is_topk) {
  if (std::isnan(a.value)) return true;
  return is_topk ? a.value < b.value : a.value > b.value;
}

void SiftUp(std::vector<Candidate>& heap, size_t child, bool is_topk) {
  while (child > 0) {
    size_t parent = (child - 1) / 2;
    if (!IsWorse(heap[child], heap[parent], is_topk)) break;
    std::swap(heap[parent], heap[child]);
    child = parent;
  }
}

void SiftDown(std::vector<Candidate>& heap, bool is_topk) {
  size_t parent = 0;
  for (;;) {
    size_t child = 2 * parent + 1;
    if (child >= heap.size()) break;
    if (child + 1 < heap.size() && IsWorse(heap[child + 1], heap[child], is_topk)) ++child;
    if (!IsWorse(heap[child], heap[parent], is_topk)) break;
    std::swap(heap[parent], heap[child]);
    parent = child;
  }
}

// The share of label sets that limit_ratio keeps is decided by a hash, so that the same series are kept at
// all times.
bool IsInRatio(double ratio, const model::Labels& labels) {
  double offset =
      static_cast<double>(labels.Hash()) / static_cast<double>(std::numeric_limits<uint64_t>::max());
  return (ratio >= 0 && offset < ratio) || (ratio < 0 && offset >= 1 + ratio);
}

core::Status CheckCountParameter(const ParameterRange& range) {
  if (range.has_nan) return core::Fail(core::Code::kInvalidArgument, "Parameter value is NaN");
  if (range.min <= -9223372036854775808.0) {
    return core::Fail(core::Code::kInvalidArgument, "Scalar value {} underflows int64", FormatG(range.min));
  }
  if (range.max >= 9223372036854774784.0) {
    return core::Fail(core::Code::kInvalidArgument, "Scalar value {} overflows int64", FormatG(range.max));
  }
  return {};
}

core::Status CheckRatioParameter(const PlanNode& node, const ParameterRange& range, QueryContext& context) {
  if (range.has_nan) return core::Fail(core::Code::kInvalidArgument, "Ratio value is NaN");
  auto warn = [&](double value, int cap) {
    context.annotations().AddWarning(
        fmt::format("ratio value should be between -1 and 1, got {}, capping to {}", FormatG(value), cap),
        node.args[1]->position);
  };
  if (range.max > 1) warn(range.max, 1);
  if (range.min < -1) warn(range.min, -1);
  return {};
}

// topk, bottomk, limitk and limit_ratio: picks samples of each step; the result has the labels of the input.
class Picker {
 public:
  Picker(const AggregationInput& input, SeriesSource& source, QueryContext& context)
      : input_(input), node_(input.node), source_(source), context_(context), holding_(context) {}

  core::Result<HeldVector> Run() {
    ParameterRange range = RangeOf(input_.parameter);
    HeldVector result(context_);
    bool is_ratio = node_.aggregate_op == AggregateOp::kLimitRatio;
    if (is_ratio) {
      SEXTANT_TRY(CheckRatioParameter(node_, range, context_));
    } else {
      SEXTANT_TRY(CheckCountParameter(range));
    }
    bool picks_nothing = is_ratio ? range.max == 0 && range.min == 0 : range.max < 1;
    if (picks_nothing && !range.has_nan) return result;
    SEXTANT_ASSIGN(groups_, MakeGroups(node_, source_, context_));
    SEXTANT_ASSIGN(columns_, ReadAll(source_, input_.grid.steps, context_, holding_));
    members_.resize(groups_.size());
    for (size_t i = 0; i < columns_.size(); ++i) members_[groups_.group_of[i]].push_back(i);
    results_.resize(columns_.size());
    for (size_t g = 0; g < groups_.size(); ++g) {
      for (size_t step = 0; step < input_.grid.steps; ++step) {
        SEXTANT_TRY(context_.Tick(4 * members_[g].size()));
        SEXTANT_TRY(PickStep(g, step));
      }
    }
    for (size_t i : order_) {
      SEXTANT_TRY(context_.Tick(64));
      model::Labels labels = source_.HidesMetadata() ? WithoutMetadata(source_.labels(i)) : source_.labels(i);
      SEXTANT_TRY(result.Add({std::move(labels), source_.DropsName(i), std::move(results_[i])}));
    }
    return result;
  }

 private:
  core::Status PickStep(size_t group, size_t step) {
    switch (node_.aggregate_op) {
      case AggregateOp::kTopk:
        return PickBest(group, step, true);
      case AggregateOp::kBottomk:
        return PickBest(group, step, false);
      case AggregateOp::kLimitk:
        return PickFirst(group, step);
      default:
        return PickRatio(group, step);
    }
  }

  int64_t Count(size_t step) const {
    return std::min(static_cast<int64_t>(input_.parameter[step]), static_cast<int64_t>(columns_.size()));
  }

  core::Status Take(size_t series, size_t step) {
    if (results_[series].values.empty()) {
      SEXTANT_TRY(context_.Tick(input_.grid.steps));
      SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(input_.grid.steps * sizeof(double))));
      results_[series].Clear(input_.grid.steps);
      order_.push_back(series);
    }
    results_[series].CopyStep(step, columns_[series], step);
    return {};
  }

  core::Status PickBest(size_t group, size_t step, bool is_topk) {
    int64_t count = Count(step);
    if (count < 1) return {};
    heap_.clear();
    for (size_t i : members_[group]) {
      if (columns_[i].histogram(step)) {
        SEXTANT_TRY(context_.Tick(64));
        AddIgnoredHistogram(node_, node_.position, context_);
        continue;
      }
      double value = columns_[i].values[step];
      if (IsAbsent(value)) continue;
      if (static_cast<int64_t>(heap_.size()) < count) {
        heap_.push_back({value, i});
        SiftUp(heap_, heap_.size() - 1, is_topk);
        continue;
      }
      double top = heap_[0].value;
      bool is_better = (is_topk ? top < value : top > value) || (std::isnan(top) && !std::isnan(value));
      if (!is_better) continue;
      heap_[0] = {value, i};
      SiftDown(heap_, is_topk);
    }
    // Best first; NaN goes last.
    SEXTANT_TRY(StableSort(heap_, context_, [is_topk](const Candidate& a, const Candidate& b) {
      if (std::isnan(a.value) || std::isnan(b.value)) return !std::isnan(a.value) && std::isnan(b.value);
      return is_topk ? a.value > b.value : a.value < b.value;
    }));
    for (const Candidate& candidate : heap_) SEXTANT_TRY(Take(candidate.series, step));
    return {};
  }

  core::Status PickFirst(size_t group, size_t step) {
    int64_t left = Count(step);
    for (size_t i : members_[group]) {
      if (left < 1) break;
      if (IsAbsent(columns_[i].values[step])) continue;
      SEXTANT_TRY(Take(i, step));
      --left;
    }
    return {};
  }

  core::Status PickRatio(size_t group, size_t step) {
    double ratio = std::clamp(input_.parameter[step], -1.0, 1.0);
    if (ratio == 0) return {};
    for (size_t i : members_[group]) {
      if (IsPresent(columns_[i].values[step]) && IsInRatio(ratio, source_.labels(i)))
        SEXTANT_TRY(Take(i, step));
    }
    return {};
  }

  const AggregationInput& input_;
  const PlanNode& node_;
  SeriesSource& source_;
  QueryContext& context_;
  Holding holding_;
  Groups groups_;
  std::vector<Column> columns_;
  std::vector<std::vector<size_t>> members_;  // series of each group
  std::vector<Column> results_;               // for each series; empty until a sample of it is taken
  std::vector<size_t> order_;                 // series in the order in which they were first taken
  std::vector<Candidate> heap_;
};

core::Result<HeldVector> CountValues(const AggregationInput& input, SeriesSource& source,
                                     QueryContext& context) {
  const PlanNode& node = input.node;
  const std::string& label = node.args[1]->text;
  if (!model::IsValidUtf8(label) || label.empty()) {
    return core::Fail(core::Code::kInvalidArgument, "invalid label name {}", model::QuoteGo(label));
  }
  LabelSelection selection = GroupingLabels(node, source);
  if (!node.is_without) {
    auto at = std::lower_bound(selection.names.begin(), selection.names.end(), label);
    if (at == selection.names.end() || *at != label) selection.names.insert(at, label);
  }
  KeyMap keys;
  HeldVector result(context);
  Column column;
  model::LabelsBuilder builder;
  for (size_t i = 0; i < source.size(); ++i) {
    SEXTANT_TRY(source.Read(i, column));
    SEXTANT_TRY(context.Tick(QueryContext::kWorkOfSeries + input.grid.steps));
    std::map<std::string, size_t> outputs;  // of this series: by value
    for (size_t step = 0; step < input.grid.steps; ++step) {
      if (IsAbsent(column.values[step])) continue;
      SEXTANT_TRY(context.Tick(64));
      const FloatHistogram* histogram = column.histogram(step);
      std::string text = histogram ? FormatHistogram(*histogram) : model::FormatValue(column.values[step]);
      auto known = outputs.find(text);
      if (known == outputs.end()) {
        builder.Reset(source.labels(i));
        builder.Set(label, text);
        model::Labels labels = builder.Build();
        auto [output, is_new] = keys.Add(labels, selection);
        if (is_new)
          SEXTANT_TRY(result.Add({SelectLabels(labels, selection), false, Column(input.grid.steps)}));
        known = outputs.emplace(std::move(text), output).first;
      }
      double& count = result.series[known->second].column.values[step];
      if (IsAbsent(count)) {
        SEXTANT_TRY(result.holding.Add(1, 0));
        count = 1;
      } else {
        count += 1;
      }
    }
  }
  return result;
}

}  // namespace

core::Result<HeldVector> Aggregate(const AggregationInput& input, SeriesSource& source,
                                   QueryContext& context) {
  switch (input.node.aggregate_op) {
    case AggregateOp::kTopk:
    case AggregateOp::kBottomk:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
      return Picker(input, source, context).Run();
    case AggregateOp::kQuantile:
      return AggregateQuantile(input, source, context);
    case AggregateOp::kCountValues:
      return CountValues(input, source, context);
    default:
      return SimpleAggregation(input, source, context).Run();
  }
}

}  // namespace sextant::promql
