#include "metrics/promql/binary_operation.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "metrics/promql/column_reader.h"
#include "metrics/promql/float_histogram.h"
#include "metrics/promql/histogram_windows.h"
#include "metrics/promql/label_key.h"
#include "metrics/promql/native_quantile.h"
#include "metrics/promql/output_series.h"

namespace sextant::promql {

namespace {

// What a pair of series costs besides its steps: mostly the labels of what comes out.
constexpr size_t kWorkOfPair = 128;
constexpr size_t kWorkOfKey = 64;
constexpr size_t kBytesOfKey = 128;
constexpr size_t kWorkOfHistogram = 64;
constexpr size_t kStepsBetweenLooks = 4'096;

bool Compare(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kEql:
      return lhs == rhs;
    case BinaryOp::kNeq:
      return lhs != rhs;
    case BinaryOp::kGtr:
      return lhs > rhs;
    case BinaryOp::kLss:
      return lhs < rhs;
    case BinaryOp::kGte:
      return lhs >= rhs;
    case BinaryOp::kLte:
      return lhs <= rhs;
    default:
      return false;
  }
}

// Calls use(operation) with what a binary operator does with two floats: operation(lhs, rhs, kept), of which
// the last is what a comparison yields that holds. One loop for each operator, none of which asks for it
// again at every step. False when the operator is none of floats.
template <typename Use>
bool WithFloatOperation(BinaryOp op, bool returns_bool, Use&& use) {
  auto compare = [&](auto holds) {
    if (returns_bool) {
      use([holds](double lhs, double rhs, double) { return holds(lhs, rhs) ? 1.0 : 0.0; });
    } else {
      use([holds](double lhs, double rhs, double kept) { return holds(lhs, rhs) ? kept : kAbsent; });
    }
    return true;
  };
  switch (op) {
    case BinaryOp::kAdd:
      use([](double lhs, double rhs, double) { return lhs + rhs; });
      return true;
    case BinaryOp::kSub:
      use([](double lhs, double rhs, double) { return lhs - rhs; });
      return true;
    case BinaryOp::kMul:
      use([](double lhs, double rhs, double) { return lhs * rhs; });
      return true;
    case BinaryOp::kDiv:
      use([](double lhs, double rhs, double) { return lhs / rhs; });
      return true;
    case BinaryOp::kPow:
    case BinaryOp::kMod:
    case BinaryOp::kAtan2:
      use([op](double lhs, double rhs, double) { return ScalarOperation(op, lhs, rhs); });
      return true;
    case BinaryOp::kEql:
      return compare([](double lhs, double rhs) { return lhs == rhs; });
    case BinaryOp::kNeq:
      return compare([](double lhs, double rhs) { return lhs != rhs; });
    case BinaryOp::kGtr:
      return compare([](double lhs, double rhs) { return lhs > rhs; });
    case BinaryOp::kLss:
      return compare([](double lhs, double rhs) { return lhs < rhs; });
    case BinaryOp::kGte:
      return compare([](double lhs, double rhs) { return lhs >= rhs; });
    case BinaryOp::kLte:
      return compare([](double lhs, double rhs) { return lhs <= rhs; });
    default:
      return false;
  }
}

bool IsTrim(BinaryOp op) { return op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower; }

// An operand of one step: a float, or a histogram when that is not null.
struct MixedOperand {
  double value = 0;
  const HistogramPtr* histogram = nullptr;
};

MixedOperand OperandAt(const Column& column, size_t step) {
  return {column.values[step], column.histogram_ptr(step)};
}

// Combines elements of two vectors, or of a vector and a scalar.
class ElementOperation {
 public:
  ElementOperation(const PlanNode& node, QueryContext& context)
      : op_(node.binary_op),
        is_comparison_(IsComparison(node.binary_op)),
        returns_bool_(node.returns_bool),
        position_(node.position),
        context_(context) {}

  using Operand = MixedOperand;

  // The value of a step with floats on both sides, kAbsent when nothing is kept. `kept` is what a comparison
  // yields.
  double Floats(double lhs, double rhs, double kept) {
    if (is_comparison_) {
      bool holds = Compare(op_, lhs, rhs);
      if (returns_bool_) return holds ? 1 : 0;
      return holds ? kept : kAbsent;
    }
    if (IsTrim(op_)) {
      Incompatible({}, {});
      return kAbsent;
    }
    return ScalarOperation(op_, lhs, rhs);
  }

  // The same for any mix of floats and histograms; writes into `out`. `kept` is what a comparison yields.
  // False when the kinds do not fit together: then the step has no result at all.
  bool Mixed(const Operand& lhs, const Operand& rhs, const Operand& kept, size_t step, Column& out) {
    if (!lhs.histogram && !rhs.histogram) {
      if (IsTrim(op_)) {
        Incompatible(lhs, rhs);
        return false;
      }
      Put(Floats(lhs.value, rhs.value, kept.value), kept, step, out);
      return true;
    }
    if (lhs.histogram && rhs.histogram) return Histograms(lhs, rhs, kept, step, out);
    return HistogramAndFloat(lhs, rhs, step, out);
  }

  void Incompatible(const Operand& lhs, const Operand& rhs) {
    auto kind = [](const Operand& operand) { return operand.histogram ? "histogram" : "float"; };
    context_.annotations().AddInfo(
        fmt::format("incompatible sample types encountered for binary operator {}: {} {} {}",
                    model::QuoteGo(OpText(op_)), kind(lhs), OpText(op_), kind(rhs)),
        position_);
  }

 private:
  // A float result; a comparison without `bool` that held yields the kept operand, whatever it is.
  void Put(double value, const Operand& kept, size_t step, Column& out) const {
    if (is_comparison_ && !returns_bool_ && IsPresent(value) && kept.histogram) {
      out.SetHistogram(step, *kept.histogram);
      return;
    }
    out.Remove(step);
    out.values[step] = value;
  }

  bool HistogramAndFloat(const Operand& lhs, const Operand& rhs, size_t step, Column& out) {
    const FloatHistogram& histogram = lhs.histogram ? **lhs.histogram : **rhs.histogram;
    double number = lhs.histogram ? rhs.value : lhs.value;
    auto result = std::make_shared<FloatHistogram>(histogram);
    if (op_ == BinaryOp::kMul) {
      MultiplyHistogram(*result, number);
      CompactHistogram(*result);
    } else if (op_ == BinaryOp::kDiv && lhs.histogram) {
      DivideHistogram(*result, number);
      CompactHistogram(*result);
    } else if (IsTrim(op_) && lhs.histogram) {
      TrimHistogram(*result, number, op_ == BinaryOp::kTrimUpper);
    } else {
      Incompatible(lhs, rhs);
      return false;
    }
    out.SetHistogram(step, std::move(result));
    return true;
  }

  bool Histograms(const Operand& lhs, const Operand& rhs, const Operand& kept, size_t step, Column& out) {
    if (op_ == BinaryOp::kEql || op_ == BinaryOp::kNeq) {
      bool holds = EqualHistograms(**lhs.histogram, **rhs.histogram) == (op_ == BinaryOp::kEql);
      double value = returns_bool_ ? (holds ? 1 : 0) : (holds ? 0 : kAbsent);
      Put(value, kept, step, out);
      return true;
    }
    if (op_ != BinaryOp::kAdd && op_ != BinaryOp::kSub) {
      Incompatible(lhs, rhs);
      return false;
    }
    bool adds = op_ == BinaryOp::kAdd;
    auto result = std::make_shared<FloatHistogram>(**lhs.histogram);
    HistogramCombination outcome =
        adds ? AddHistogram(*result, **rhs.histogram) : SubtractHistogram(*result, **rhs.histogram);
    std::string_view operation = adds ? "addition" : "subtraction";
    if (!outcome.is_compatible) {
      context_.annotations().AddWarning(
          fmt::format("incompatible bucket layout encountered for binary operator {}", OpText(op_)),
          position_);
      return false;
    }
    if (outcome.counter_reset_collision)
      WarnCounterResetCollision(operation, position_, context_.annotations());
    if (outcome.bounds_reconciled) InformReconciledBounds(operation, position_, context_.annotations());
    if (!adds) result->counter_reset_hint = model::CounterResetHint::kGauge;
    CompactHistogram(*result);
    out.SetHistogram(step, std::move(result));
    return true;
  }

  const BinaryOp op_;
  const bool is_comparison_;
  const bool returns_bool_;
  const Position position_;
  QueryContext& context_;
};

// One operand: its series, which match group each belongs to, and how to name them.
struct Side {
  SourcePtr source;
  std::vector<size_t> groups;
  std::vector<Column> columns;  // when read

  size_t size() const { return source->size(); }
  model::Labels Labels(size_t i) const {
    return source->HidesMetadata() ? WithoutMetadata(source->labels(i)) : source->labels(i);
  }
};

class VectorMatch {
 public:
  VectorMatch(const PlanNode& node, SourcePtr lhs, SourcePtr rhs, const Grid& grid, bool delayed_name_removal,
              QueryContext& context)
      : node_(node),
        matching_(*node.matching),
        grid_(grid),
        delayed_(delayed_name_removal),
        context_(context),
        holding_(context),
        output_(context),
        element_(node, context) {
    lhs_.source = std::move(lhs);
    rhs_.source = std::move(rhs);
    signature_.names = matching_.labels;
    std::sort(signature_.names.begin(), signature_.names.end());
    signature_.is_without = !matching_.on;
    signature_.drops_metric_name = !matching_.on;
  }

  core::Result<HeldVector> Run() {
    SEXTANT_TRY(FindGroups(lhs_));
    SEXTANT_TRY(FindGroups(rhs_));
    switch (node_.binary_op) {
      case BinaryOp::kAnd:
        SEXTANT_TRY(Intersect(true));
        break;
      case BinaryOp::kUnless:
        SEXTANT_TRY(Intersect(false));
        break;
      case BinaryOp::kOr:
        SEXTANT_TRY(Unite());
        break;
      default:
        SEXTANT_TRY(Combine());
        break;
    }
    return std::move(output_).Take();
  }

 private:
  using Steps = std::vector<uint8_t>;

  core::Status FindGroups(Side& side) {
    LabelSelection selection = signature_;
    selection.hides_metadata = side.source->HidesMetadata();
    side.groups.reserve(side.size());
    for (size_t i = 0; i < side.size(); ++i) {
      SEXTANT_TRY(context_.Tick(64));
      side.groups.push_back(keys_.Add(side.source->labels(i), selection).first);
    }
    return {};
  }

  core::Status ReadAll(Side& side) {
    side.columns.resize(side.size());
    return ForEachColumn(*side.source, grid_.steps, context_, [&](size_t i, Column& column) -> core::Status {
      side.columns[i] = std::move(column);
      return holding_.Add(static_cast<int64_t>(side.columns[i].CountPresent()),
                          static_cast<int64_t>(grid_.steps * sizeof(double)));
    });
  }

  // Calls take(index, column) for the series of a side for which `skips` is false; reads them now unless all
  // were read before.
  core::Status ForEach(Side& side, const std::vector<bool>& skips,
                       const std::function<core::Status(size_t, Column&)>& take) {
    if (side.columns.empty()) return ForEachColumn(*side.source, grid_.steps, context_, take, skips);
    for (size_t i = 0; i < side.size(); ++i) {
      SEXTANT_TRY(context_.Tick(grid_.steps));
      if (skips.empty() || !skips[i]) SEXTANT_TRY(take(i, side.columns[i]));
    }
    return {};
  }

  static void MarkPresent(const Column& column, Steps& steps) {
    for (size_t i = 0; i < steps.size(); ++i) steps[i] |= IsPresent(column.values[i]) ? 1 : 0;
  }

  // For each match group, the steps at which a side has any sample; empty for groups without series on that
  // side.
  core::Result<std::vector<Steps>> Presence(Side& side) {
    std::vector<Steps> presence(keys_.size());
    auto mark = [&](size_t i, Column& column) -> core::Status {
      Steps& steps = presence[side.groups[i]];
      if (steps.empty()) {
        SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(grid_.steps)));
        steps.resize(grid_.steps);
      }
      MarkPresent(column, steps);
      return {};
    };
    SEXTANT_TRY(ForEach(side, {}, mark));
    return presence;
  }

  // `and` keeps what has a partner on the right, `unless` what has none.
  core::Status Intersect(bool keeps_matched) {
    SEXTANT_ASSIGN(std::vector<Steps> present, Presence(rhs_));
    std::vector<bool> skips(lhs_.size());
    for (size_t i = 0; i < lhs_.size(); ++i) skips[i] = keeps_matched && present[lhs_.groups[i]].empty();
    return ForEach(lhs_, skips, [&](size_t i, Column& column) -> core::Status {
      const Steps& partners = present[lhs_.groups[i]];
      if (!partners.empty()) {
        for (size_t step = 0; step < grid_.steps; ++step) {
          if ((partners[step] != 0) != keeps_matched) column.Remove(step);
        }
      }
      return output_.Add(lhs_.Labels(i), lhs_.source->DropsName(i), std::move(column));
    });
  }

  core::Status Unite() {
    SEXTANT_TRY(ReadAll(lhs_));
    SEXTANT_ASSIGN(std::vector<Steps> present, Presence(lhs_));
    for (size_t i = 0; i < lhs_.size(); ++i) {
      SEXTANT_TRY(output_.Add(lhs_.Labels(i), lhs_.source->DropsName(i), std::move(lhs_.columns[i])));
    }
    return ForEach(rhs_, {}, [&](size_t i, Column& column) -> core::Status {
      const Steps& taken = present[rhs_.groups[i]];
      for (size_t step = 0; step < taken.size(); ++step) {
        if (taken[step]) column.Remove(step);
      }
      return output_.Add(rhs_.Labels(i), rhs_.source->DropsName(i), std::move(column));
    });
  }

  // Arithmetic and comparison. "Many" is the side that may have several series per match group, "one" the
  // other.
  core::Status Combine() {
    is_swapped_ = matching_.cardinality == MatchCardinality::kOneToMany;
    Side& many = is_swapped_ ? rhs_ : lhs_;
    Side& one = is_swapped_ ? lhs_ : rhs_;
    // With group_right, too, fill_left fills the "many" side: Prometheus swaps the sides before it fills.
    const std::optional<double>& fill_one = matching_.fill_rhs;
    const std::optional<double>& fill_many = matching_.fill_lhs;
    SEXTANT_TRY(ReadAll(one));
    // Keys and what is noted of each.
    SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(keys_.size() * kBytesOfKey)));
    std::vector<std::vector<size_t>> owners(keys_.size());
    bool one_is_ambiguous = false;
    for (size_t i = 0; i < one.size(); ++i) {
      SEXTANT_TRY(context_.Tick(kWorkOfKey));
      owners[one.groups[i]].push_back(i);
      one_is_ambiguous = one_is_ambiguous || owners[one.groups[i]].size() > 1;
    }
    if (one_is_ambiguous)
      SEXTANT_TRY(CheckOneSide(many, one, owners, fill_one.has_value() || fill_many.has_value()));
    std::vector<size_t> many_sizes(keys_.size());
    for (size_t group : many.groups) ++many_sizes[group];

    std::vector<Steps> matched(keys_.size());  // only where it matters
    std::vector<bool> skips(many.size());
    for (size_t i = 0; i < many.size(); ++i) skips[i] = owners[many.groups[i]].empty() && !fill_one;
    auto combine = [&](size_t i, Column& column) -> core::Status {
      size_t group = many.groups[i];
      bool must_be_unique = matching_.cardinality == MatchCardinality::kOneToOne && many_sizes[group] > 1;
      Steps* group_matched = nullptr;
      if (must_be_unique || fill_many) {
        if (matched[group].empty()) SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(grid_.steps)));
        matched[group].resize(grid_.steps);
        group_matched = &matched[group];
      }
      return CombineSeries(many, i, column, one, owners[group], fill_one, must_be_unique, group_matched);
    };
    SEXTANT_TRY(ForEach(many, skips, combine));
    if (fill_many) SEXTANT_TRY(CombineUnmatched(one, matched, *fill_many));
    return {};
  }

  // Two series of the "one" side in a group are an error at steps where both have samples.
  core::Status CheckOneSide(Side& many, const Side& one, const std::vector<std::vector<size_t>>& owners,
                            bool has_fill) {
    SEXTANT_TRY(ReadAll(many));
    Steps many_present(grid_.steps, has_fill ? 1 : 0);
    for (const Column& column : many.columns) {
      SEXTANT_TRY(context_.Tick(grid_.steps));
      MarkPresent(column, many_present);
    }
    for (const std::vector<size_t>& group : owners) {
      if (group.size() < 2) continue;
      for (size_t step = 0; step < grid_.steps; ++step) {
        SEXTANT_TRY(context_.Tick(group.size()));
        if (!many_present[step]) continue;
        std::optional<size_t> first;
        for (size_t i : group) {
          if (IsAbsent(one.columns[i].values[step])) continue;
          if (first) return AmbiguousMatch(one, *first, i);
          first = i;
        }
      }
    }
    return {};
  }

  core::Status AmbiguousMatch(const Side& one, size_t first, size_t second) const {
    LabelSelection selection = signature_;
    selection.hides_metadata = one.source->HidesMetadata();
    return core::Fail(
        core::Code::kInvalidArgument,
        "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, {}]"
        ";many-to-many matching not allowed: matching labels must be unique on one side",
        SelectLabels(one.source->labels(second), selection).ToString(), is_swapped_ ? "left" : "right",
        std::min(one.Labels(first), one.Labels(second)).ToString(),
        std::max(one.Labels(first), one.Labels(second)).ToString());
  }

  // One step; the arguments are already in the order of the query.
  double Apply(double many, double one) {
    return is_swapped_ ? element_.Floats(one, many, one) : element_.Floats(many, one, many);
  }

  bool ApplyMixed(const MixedOperand& many, const MixedOperand& one, size_t step, Column& result) {
    return is_swapped_ ? element_.Mixed(one, many, one, step, result)
                       : element_.Mixed(many, one, many, step, result);
  }

  core::Status CombineSeries(const Side& many, size_t i, const Column& column, const Side& one,
                             const std::vector<size_t>& owners, const std::optional<double>& fill_one,
                             bool must_be_unique, Steps* matched) {
    auto match = [&](size_t step) -> core::Status {
      if (!matched) return {};
      if (must_be_unique && (*matched)[step]) {
        return core::Fail(
            core::Code::kInvalidArgument,
            "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)");
      }
      (*matched)[step] = 1;
      return {};
    };
    Steps unfilled;
    if (fill_one) {
      unfilled.resize(grid_.steps);
      MarkPresent(column, unfilled);
    }
    for (size_t owner : owners) {
      SEXTANT_TRY(context_.Tick(kWorkOfPair));
      const Column& other = one.columns[owner];
      bool is_mixed = column.has_histograms() || other.has_histograms();
      Column result(grid_.steps);
      Steps computed(tracks_computed() ? grid_.steps : 0);
      bool is_done = false;
      if (!is_mixed && !fill_one && !matched && computed.empty()) {
        SEXTANT_ASSIGN(is_done, CombineFloats(column, other, result));
      }
      if (is_done) {
        SEXTANT_TRY(
            Emit(many.Labels(i), one.Labels(owner), many.source->DropsName(i), computed, std::move(result)));
        continue;
      }
      for (size_t step = 0; step < grid_.steps; ++step) {
        if (step % kStepsBetweenLooks == 0) SEXTANT_TRY(context_.Tick(4 * kStepsBetweenLooks));
        if (IsAbsent(column.values[step]) || IsAbsent(other.values[step])) continue;
        if (fill_one) unfilled[step] = 0;
        if (is_mixed) {
          SEXTANT_TRY(context_.Tick(kWorkOfHistogram));
          if (!ApplyMixed(OperandAt(column, step), OperandAt(other, step), step, result)) continue;
        } else {
          result.values[step] = Apply(column.values[step], other.values[step]);
        }
        if (matched) SEXTANT_TRY(match(step));
        if (!computed.empty()) computed[step] = 1;
      }
      SEXTANT_TRY(
          Emit(many.Labels(i), one.Labels(owner), many.source->DropsName(i), computed, std::move(result)));
    }
    if (!fill_one) return {};
    Column result(grid_.steps);
    for (size_t step = 0; step < grid_.steps; ++step) {
      if (!unfilled[step] || !ApplyMixed(OperandAt(column, step), {*fill_one}, step, result)) continue;
      if (matched) SEXTANT_TRY(match(step));
    }
    model::Labels labels = many.Labels(i);
    model::Labels missing = SelectLabels(labels, signature_);
    return Emit(labels, missing, many.source->DropsName(i), {}, std::move(result));
  }

  // What most pairs are: floats, of which nothing need be remembered. False when the operator is none of
  // floats.
  core::Result<bool> CombineFloats(const Column& many, const Column& one, Column& result) const {
    const double* lhs = is_swapped_ ? one.values.data() : many.values.data();
    const double* rhs = is_swapped_ ? many.values.data() : one.values.data();
    double* out = result.values.data();
    bool is_of_floats = true;
    SEXTANT_TRY(InBlocks(context_, grid_.steps, 2, [&](size_t begin, size_t end) {
      is_of_floats = WithFloatOperation(node_.binary_op, node_.returns_bool, [&](auto operation) {
        for (size_t step = begin; step < end; ++step) {
          const double value = operation(lhs[step], rhs[step], lhs[step]);
          out[step] = IsAbsent(lhs[step]) || IsAbsent(rhs[step]) ? kAbsent : value;
        }
      });
    }));
    return is_of_floats;
  }

  // Samples of the "one" side without any partner, with the fill value in place of it.
  core::Status CombineUnmatched(const Side& one, const std::vector<Steps>& matched, double fill) {
    for (size_t i = 0; i < one.size(); ++i) {
      SEXTANT_TRY(context_.Tick(kWorkOfPair + 4 * grid_.steps));
      const Steps& taken = matched[one.groups[i]];
      const Column& column = one.columns[i];
      Column result(grid_.steps);
      for (size_t step = 0; step < grid_.steps; ++step) {
        if (IsAbsent(column.values[step]) || (!taken.empty() && taken[step])) continue;
        ApplyMixed({fill}, OperandAt(column, step), step, result);
      }
      model::Labels labels = one.Labels(i);
      SEXTANT_TRY(
          Emit(SelectLabels(labels, signature_), labels, one.source->DropsName(i), {}, std::move(result)));
    }
    return {};
  }

  // Whether steps that were computed and filtered out must be remembered, to see label sets that collide.
  bool tracks_computed() const {
    return matching_.cardinality != MatchCardinality::kOneToOne && !matching_.include.empty() &&
           IsComparison(node_.binary_op) && !node_.returns_bool;
  }

  core::Status Emit(const model::Labels& many, const model::Labels& one, bool drops_name,
                    const Steps& computed, Column result) {
    model::Labels labels = ResultLabels(many, one);
    bool result_drops_name = delayed_ && (node_.returns_bool || (!ChangesMetric(node_) && drops_name));
    if (!computed.empty()) SEXTANT_TRY(CheckCollision(labels, computed));
    auto added = output_.Add(std::move(labels), result_drops_name, std::move(result));
    if (added || matching_.cardinality == MatchCardinality::kOneToOne) return added;
    if (added.error().code() != core::Code::kInvalidArgument) return added;
    return core::Fail(core::Code::kInvalidArgument,
                      "multiple matches for labels: grouping labels must ensure unique matches");
  }

  core::Status CheckCollision(const model::Labels& labels, const Steps& computed) {
    Steps& seen = seen_[labels];
    if (seen.empty()) {
      SEXTANT_TRY(context_.Tick(grid_.steps));
      SEXTANT_TRY(holding_.Add(0, static_cast<int64_t>(grid_.steps)));
      seen = computed;
      return {};
    }
    for (size_t step = 0; step < seen.size(); ++step) {
      if (seen[step] && computed[step]) {
        return core::Fail(core::Code::kInvalidArgument,
                          "multiple matches for labels: grouping labels must ensure unique matches");
      }
      seen[step] |= computed[step];
    }
    return {};
  }

  model::Labels ResultLabels(const model::Labels& many, const model::Labels& one) {
    builder_.Reset();
    bool is_one_to_one = matching_.cardinality == MatchCardinality::kOneToOne;
    bool drops_metadata = ChangesMetric(node_) || (node_.returns_bool && !delayed_);
    bool is_changed = false;
    for (model::LabelView label : many) {
      bool keeps = !(drops_metadata && IsMetadataLabel(label.name));
      if (is_one_to_one) {
        bool is_named =
            std::binary_search(signature_.names.begin(), signature_.names.end(), label.name, std::less<>());
        keeps = keeps && is_named == matching_.on;
      }
      if (keeps) {
        builder_.Set(label.name, label.value);
      } else {
        is_changed = true;
      }
    }
    for (const std::string& name : matching_.include) {
      is_changed = true;
      builder_.Set(name, one.Get(name));
    }
    return is_changed ? builder_.Build() : many;
  }

  struct LabelsHash {
    size_t operator()(const model::Labels& labels) const { return labels.Hash(); }
  };

  const PlanNode& node_;
  const VectorMatching& matching_;
  const Grid grid_;
  const bool delayed_;
  QueryContext& context_;
  Side lhs_;
  Side rhs_;
  LabelSelection signature_;
  KeyMap keys_;
  Holding holding_;
  OutputSeries output_;
  ElementOperation element_;
  bool is_swapped_ = false;
  model::LabelsBuilder builder_;
  absl::flat_hash_map<model::Labels, Steps, LabelsHash> seen_;
};

}  // namespace

double ScalarOperation(BinaryOp op, double lhs, double rhs) {
  switch (op) {
    case BinaryOp::kAdd:
      return lhs + rhs;
    case BinaryOp::kSub:
      return lhs - rhs;
    case BinaryOp::kMul:
      return lhs * rhs;
    case BinaryOp::kDiv:
      return lhs / rhs;
    case BinaryOp::kPow:
      return std::pow(lhs, rhs);
    case BinaryOp::kMod:
      return std::fmod(lhs, rhs);
    case BinaryOp::kAtan2:
      return std::atan2(lhs, rhs);
    default:
      return Compare(op, lhs, rhs) ? 1 : 0;
  }
}

bool ChangesMetric(const PlanNode& node) { return !IsComparison(node.binary_op) && !IsTrim(node.binary_op); }

core::Status VectorScalarOperation(const PlanNode& node, bool is_swapped, const std::vector<double>& scalar,
                                   QueryContext& context, Column& column) {
  ElementOperation element(node, context);
  if (column.has_histograms()) {
    Column result(column.values.size());
    for (size_t i = 0; i < column.values.size(); ++i) {
      if (IsAbsent(column.values[i])) continue;
      SEXTANT_TRY(context.Tick(kWorkOfHistogram));
      MixedOperand vector = OperandAt(column, i);
      MixedOperand number{scalar[i], nullptr};
      is_swapped ? element.Mixed(number, vector, vector, i, result)
                 : element.Mixed(vector, number, vector, i, result);
    }
    column = std::move(result);
    return {};
  }
  double* values = column.values.data();
  return InBlocks(context, column.values.size(), 4, [&](size_t begin, size_t end) {
    bool is_done = WithFloatOperation(node.binary_op, node.returns_bool, [&](auto operation) {
      for (size_t i = begin; i < end; ++i) {
        const double value = values[i];
        const double result =
            is_swapped ? operation(scalar[i], value, value) : operation(value, scalar[i], value);
        values[i] = IsAbsent(value) ? kAbsent : result;
      }
    });
    for (size_t i = begin; !is_done && i < end; ++i) {
      if (IsPresent(values[i])) values[i] = element.Floats(values[i], scalar[i], values[i]);
    }
  });
}

core::Result<HeldVector> VectorOperation(const PlanNode& node, SourcePtr lhs, SourcePtr rhs, const Grid& grid,
                                         bool delayed_name_removal, QueryContext& context) {
  return VectorMatch(node, std::move(lhs), std::move(rhs), grid, delayed_name_removal, context).Run();
}

}  // namespace sextant::promql
