#include "metrics/promql/plan.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sextant::promql {

namespace {

// Whether a sub-expression has one value for all steps, and whether computing it only once is worth a node's flag.
struct Invariance {
  bool is_invariant = false;
  bool should_wrap = false;
};

// Functions whose value depends on the evaluation time even when their arguments do not, or on their argument's
// timestamps.
bool DependsOnEvaluationTime(FunctionId id) {
  switch (id) {
    case FunctionId::kDaysInMonth:
    case FunctionId::kDayOfMonth:
    case FunctionId::kDayOfWeek:
    case FunctionId::kDayOfYear:
    case FunctionId::kHour:
    case FunctionId::kMinute:
    case FunctionId::kMonth:
    case FunctionId::kYear:
    case FunctionId::kPredictLinear:
    case FunctionId::kTime:
    case FunctionId::kTimestamp: return true;
    default: return false;
  }
}

// The first and last time at which a node is evaluated.
struct Span {
  TimestampMs first_ms = 0;
  TimestampMs last_ms = 0;
};

class Planner {
 public:
  explicit Planner(const PlanOptions& options) : options_(options) {}

  core::Result<Plan> Run(const Expr& expr) {
    Invariance invariance;
    SEXTANT_ASSIGN(plan_.root, Build(expr, {options_.grid.start_ms, options_.grid.end_ms()}, invariance));
    plan_.root->is_step_invariant = invariance.should_wrap;
    for (size_t i = 0; i < plan_.selections.size(); ++i) {
      const Selection& selection = plan_.selections[i];
      plan_.min_ms = i == 0 ? selection.min_ms : std::min(plan_.min_ms, selection.min_ms);
      plan_.max_ms = i == 0 ? selection.max_ms : std::max(plan_.max_ms, selection.max_ms);
    }
    for (Span samples : info_spans_) {
      bool is_only = plan_.selections.empty();
      plan_.min_ms = is_only ? samples.first_ms : std::min(plan_.min_ms, samples.first_ms);
      plan_.max_ms = is_only ? samples.last_ms : std::max(plan_.max_ms, samples.last_ms);
    }
    return std::move(plan_);
  }

 private:
  core::Result<PlanPtr> Build(const Expr& expr, Span span, Invariance& invariance) {
    switch (expr.kind) {
      case NodeKind::kParen: return Build(*As<ParenExpr>(&expr)->expr, span, invariance);
      case NodeKind::kStepInvariant: return Build(*As<StepInvariantExpr>(&expr)->expr, span, invariance);
      case NodeKind::kNumber: invariance = {true, false}; return Number(As<NumberLiteral>(&expr)->value, expr);
      case NodeKind::kString: {
        invariance = {true, false};
        PlanPtr node = New(PlanKind::kString, expr);
        node->text = As<StringLiteral>(&expr)->value;
        return node;
      }
      case NodeKind::kUnary: return BuildUnary(*As<UnaryExpr>(&expr), span, invariance);
      case NodeKind::kVectorSelector: return BuildSelector(*As<VectorSelector>(&expr), span, invariance);
      case NodeKind::kMatrixSelector: return BuildRange(*As<MatrixSelector>(&expr), span, invariance);
      case NodeKind::kSubquery: return BuildSubquery(*As<SubqueryExpr>(&expr), span, invariance);
      case NodeKind::kCall: return BuildCall(*As<Call>(&expr), span, invariance);
      case NodeKind::kAggregate: return BuildAggregate(*As<AggregateExpr>(&expr), span, invariance);
      case NodeKind::kBinary: return BuildBinary(*As<BinaryExpr>(&expr), span, invariance);
      case NodeKind::kDuration: break;
    }
    return core::Fail(core::Code::kInternal, "unexpected node in an expression");
  }

  static PlanPtr New(PlanKind kind, const Expr& expr) {
    auto node = std::make_unique<PlanNode>();
    node->kind = kind;
    node->type = TypeOf(expr);
    node->position = expr.position;
    return node;
  }

  static PlanPtr Number(double value, const Expr& expr) {
    PlanPtr node = New(PlanKind::kNumber, expr);
    node->number = value;
    return node;
  }

  core::Result<PlanPtr> BuildUnary(const UnaryExpr& expr, Span span, Invariance& invariance) {
    SEXTANT_ASSIGN(PlanPtr operand, Build(*expr.expr, span, invariance));
    if (expr.op == UnaryOp::kAdd) return operand;
    PlanPtr node = New(PlanKind::kNegate, expr);
    node->args.push_back(std::move(operand));
    return node;
  }

  core::Status SetTime(const TimeModifiers& time, PlanNode& node) {
    node.offset_ms = time.original_offset_ms;
    if (time.original_offset_expr) {
      SEXTANT_ASSIGN(node.offset_ms, Duration(*time.original_offset_expr, true));
    }
    switch (time.start_or_end) {
      case StartOrEnd::kNone: node.at_ms = time.timestamp_ms; break;
      case StartOrEnd::kStart: node.at_ms = options_.grid.start_ms; break;
      case StartOrEnd::kEnd: node.at_ms = options_.grid.start_ms + options_.query_range_ms; break;
    }
    if (node.at_ms) node.at_ms = std::clamp(*node.at_ms, -kMaxTimestampMs, kMaxTimestampMs);
    return {};
  }

  // What the functions and operators around a selector need of histograms.
  struct HistogramUse {
    int statistics = 0;  // histogram_count, histogram_sum, histogram_avg
    int buckets = 0;     // what looks into buckets, and subqueries, which must find counter resets themselves
  };

  static int* UsedBy(const Call& call, HistogramUse& use) {
    switch (call.function->id) {
      case FunctionId::kHistogramCount:
      case FunctionId::kHistogramSum:
      case FunctionId::kHistogramAvg: return &use.statistics;
      case FunctionId::kHistogramQuantile:
      case FunctionId::kHistogramQuantiles:
      case FunctionId::kHistogramFraction: return &use.buckets;
      default: return nullptr;
    }
  }

  // Where the samples lie that an evaluation of this selector over `span` can touch.
  Span SampleSpan(const PlanNode& node, Span span) const {
    Span samples{node.ReferenceTime(span.first_ms), node.ReferenceTime(span.last_ms)};
    bool looks_back = node.kind == PlanKind::kSelector || node.is_anchored || node.is_smoothed;
    if (looks_back) samples.first_ms -= options_.lookback_ms;
    if (node.is_smoothed) samples.last_ms += options_.lookback_ms;
    samples.first_ms -= node.range_ms;
    samples.first_ms += 1;  // windows are open on the left
    return samples;
  }

  void SelectSeries(PlanNode& node, Span span) {
    node.needs_statistics_only = use_.statistics > 0 && use_.buckets == 0;
    Span samples = SampleSpan(node, span);
    for (size_t i = 0; i < plan_.selections.size(); ++i) {
      Selection& selection = plan_.selections[i];
      if (!(selection.matchers == node.matchers)) continue;
      selection.min_ms = std::min(selection.min_ms, samples.first_ms);
      selection.max_ms = std::max(selection.max_ms, samples.last_ms);
      selection.range_ms = std::max(selection.range_ms, node.range_ms);
      node.selection = i;
      return;
    }
    Selection selection;
    selection.matchers = node.matchers;
    selection.min_ms = samples.first_ms;
    selection.max_ms = samples.last_ms;
    selection.range_ms = node.range_ms;
    selection.has_one_name =
        std::any_of(node.matchers.begin(), node.matchers.end(), [](const model::Matcher& matcher) {
          return matcher.type() == model::MatchType::kEqual && matcher.name() == model::kMetricName;
        });
    node.selection = plan_.selections.size();
    plan_.selections.push_back(std::move(selection));
  }

  core::Result<PlanPtr> BuildSelector(const VectorSelector& expr, Span span, Invariance& invariance) {
    PlanPtr node = New(PlanKind::kSelector, expr);
    node->matchers = expr.matchers;
    node->is_anchored = expr.anchored;
    node->is_smoothed = expr.smoothed;
    SEXTANT_TRY(SetTime(expr.time, *node));
    // The second argument of info() is not a selection of its own.
    if (!expr.bypass_empty_matcher_check) SelectSeries(*node, span);
    invariance = {node->at_ms.has_value(), node->at_ms.has_value()};
    return node;
  }

  core::Result<PlanPtr> BuildRange(const MatrixSelector& expr, Span span, Invariance& invariance) {
    PlanPtr node = New(PlanKind::kRange, expr);
    const VectorSelector& selector = expr.vector_selector();
    node->matchers = selector.matchers;
    node->is_anchored = selector.anchored;
    node->is_smoothed = selector.smoothed;
    node->range_ms = expr.range_ms;
    if (expr.range_expr) {
      SEXTANT_ASSIGN(node->range_ms, Duration(*expr.range_expr, false));
    }
    SEXTANT_TRY(SetTime(selector.time, *node));
    SelectSeries(*node, span);
    invariance = {node->at_ms.has_value(), false};
    return node;
  }

  core::Result<PlanPtr> BuildSubquery(const SubqueryExpr& expr, Span span, Invariance& invariance) {
    PlanPtr node = New(PlanKind::kRange, expr);
    node->is_subquery = true;
    node->range_ms = expr.range_ms;
    node->subquery_step_ms = expr.step_ms;
    if (expr.range_expr) {
      SEXTANT_ASSIGN(node->range_ms, Duration(*expr.range_expr, false));
    }
    if (expr.step_expr) {
      SEXTANT_ASSIGN(node->subquery_step_ms, Duration(*expr.step_expr, false));
    }
    if (node->subquery_step_ms <= 0) node->subquery_step_ms = std::max<DurationMs>(1, options_.default_subquery_step_ms);
    SEXTANT_TRY(SetTime(expr.time, *node));
    Span inner{node->ReferenceTime(span.first_ms) - node->range_ms, node->ReferenceTime(span.last_ms)};
    Invariance inner_invariance;
    ++use_.buckets;
    SEXTANT_ASSIGN(PlanPtr operand, Build(*expr.expr, inner, inner_invariance));
    --use_.buckets;
    // A literal stays as it is: broadcasting it gains nothing.
    operand->is_step_invariant = inner_invariance.is_invariant && operand->kind != PlanKind::kNumber;
    node->args.push_back(std::move(operand));
    invariance = {node->at_ms.has_value(), node->at_ms.has_value()};
    return node;
  }

  core::Result<PlanPtr> BuildCall(const Call& expr, Span span, Invariance& invariance) {
    if (std::optional<double> value = ContextValue(expr.function->id)) {
      invariance = {true, false};
      return Number(*value, expr);
    }
    PlanPtr node = New(PlanKind::kCall, expr);
    node->function = expr.function;
    if (expr.function->id == FunctionId::kInfo) {
      info_spans_.push_back({span.first_ms - options_.lookback_ms + 1, span.last_ms});
    }
    bool is_invariant = !DependsOnEvaluationTime(expr.function->id);
    std::vector<bool> wraps;
    int* use = UsedBy(expr, use_);
    if (use) ++*use;
    for (const ExprPtr& arg : expr.args) {
      Invariance of_arg;
      SEXTANT_ASSIGN(PlanPtr operand, Build(*arg, span, of_arg));
      is_invariant = is_invariant && of_arg.is_invariant;
      wraps.push_back(of_arg.should_wrap);
      node->args.push_back(std::move(operand));
    }
    if (use) --*use;
    if (!is_invariant) Wrap(*node, wraps);
    invariance = {is_invariant, is_invariant};
    return node;
  }

  // A range argument is never wrapped: its windows are computed once for all steps anyway.
  static void Wrap(PlanNode& node, const std::vector<bool>& wraps) {
    for (size_t i = 0; i < wraps.size(); ++i) {
      node.args[i]->is_step_invariant = wraps[i] && node.args[i]->kind != PlanKind::kRange;
    }
  }

  core::Result<PlanPtr> BuildAggregate(const AggregateExpr& expr, Span span, Invariance& invariance) {
    PlanPtr node = New(PlanKind::kAggregate, expr);
    node->aggregate_op = expr.op;
    node->is_without = expr.without;
    node->grouping = expr.grouping;
    std::sort(node->grouping.begin(), node->grouping.end());
    node->grouping.erase(std::unique(node->grouping.begin(), node->grouping.end()), node->grouping.end());
    SEXTANT_ASSIGN(PlanPtr operand, Build(*expr.expr, span, invariance));
    node->args.push_back(std::move(operand));
    if (expr.param) {
      Invariance of_param;
      SEXTANT_ASSIGN(PlanPtr param, Build(*expr.param, span, of_param));
      node->args.push_back(std::move(param));
      // Upstream looks at the vector alone; a parameter that changes from step to step must not be frozen.
      if (!of_param.is_invariant && invariance.is_invariant) {
        node->args[0]->is_step_invariant = invariance.should_wrap;
        invariance = {false, false};
      }
    }
    return node;
  }

  core::Result<PlanPtr> BuildBinary(const BinaryExpr& expr, Span span, Invariance& invariance) {
    PlanPtr node = New(PlanKind::kBinary, expr);
    node->binary_op = expr.op;
    node->matching = expr.matching;
    node->returns_bool = expr.return_bool;
    Invariance of_lhs;
    Invariance of_rhs;
    bool trims = expr.op == BinaryOp::kTrimLower || expr.op == BinaryOp::kTrimUpper;
    use_.buckets += trims ? 1 : 0;
    SEXTANT_ASSIGN(PlanPtr lhs, Build(*expr.lhs, span, of_lhs));
    SEXTANT_ASSIGN(PlanPtr rhs, Build(*expr.rhs, span, of_rhs));
    use_.buckets -= trims ? 1 : 0;
    bool is_invariant = of_lhs.is_invariant && of_rhs.is_invariant;
    invariance = {is_invariant, is_invariant};
    node->args.push_back(std::move(lhs));
    node->args.push_back(std::move(rhs));
    if (!is_invariant) Wrap(*node, {of_lhs.should_wrap, of_rhs.should_wrap});
    return node;
  }

  std::optional<double> ContextValue(FunctionId id) const {
    auto seconds = [](int64_t ms) { return static_cast<double>(ms) / 1000; };
    switch (id) {
      case FunctionId::kStart: return seconds(options_.grid.start_ms);
      case FunctionId::kEnd: return seconds(options_.grid.start_ms + options_.query_range_ms);
      case FunctionId::kStep: return seconds(options_.query_step_ms);
      case FunctionId::kRange: return seconds(options_.query_range_ms);
      default: return std::nullopt;
    }
  }

  // A duration expression in seconds.
  core::Result<double> Seconds(const Expr& expr) const {
    if (const auto* number = As<NumberLiteral>(&expr)) return number->value;
    const auto* duration = As<DurationExpr>(&expr);
    if (!duration) return core::Fail(core::Code::kInternal, "unexpected node in a duration expression");
    double lhs = 0;
    double rhs = 0;
    if (duration->lhs) {
      SEXTANT_ASSIGN(lhs, Seconds(*duration->lhs));
    }
    if (duration->rhs) {
      SEXTANT_ASSIGN(rhs, Seconds(*duration->rhs));
    }
    switch (duration->op) {
      case DurationOp::kAdd: return duration->lhs ? lhs + rhs : rhs;
      case DurationOp::kSub: return duration->lhs ? lhs - rhs : -rhs;
      case DurationOp::kMul: return lhs * rhs;
      case DurationOp::kDiv:
        if (rhs == 0) return DurationError(expr, "division by zero");
        return lhs / rhs;
      case DurationOp::kMod:
        if (rhs == 0) return DurationError(expr, "modulo by zero");
        return std::fmod(lhs, rhs);
      case DurationOp::kPow: return std::pow(lhs, rhs);
      case DurationOp::kStep: return static_cast<double>(options_.query_step_ms) / 1000;
      case DurationOp::kRange: return *ContextValue(FunctionId::kRange);
      case DurationOp::kMinOf: return std::min(lhs, rhs);
      case DurationOp::kMaxOf: return std::max(lhs, rhs);
    }
    return core::Fail(core::Code::kInternal, "unexpected operator in a duration expression");
  }

  static tl::unexpected<core::Error> DurationError(const Expr& expr, std::string_view text) {
    return core::Fail(core::Code::kInvalidArgument, "{}:{}: {}", expr.position.start, expr.position.end, text);
  }

  core::Result<DurationMs> Duration(const Expr& expr, bool may_be_negative) const {
    SEXTANT_ASSIGN(double seconds, Seconds(expr));
    if (!(seconds > 0) && !may_be_negative) return DurationError(expr, "duration must be greater than 0");
    double ms = seconds * 1000;
    if (!(std::fabs(ms) <= static_cast<double>(kMaxDurationMs))) return DurationError(expr, "duration is out of range");
    return static_cast<DurationMs>(ms);
  }

  const PlanOptions options_;
  Plan plan_;
  HistogramUse use_;
  std::vector<Span> info_spans_;  // what info() reads besides the selections
};

}  // namespace

core::Result<Plan> MakePlan(const Expr& expr, const PlanOptions& options) { return Planner(options).Run(expr); }

}  // namespace sextant::promql
