#include "metrics/promql/ast.h"

#include "metrics/promql/functions.h"

namespace sextant::promql {

std::string_view ValueTypeText(ValueType type) {
  switch (type) {
    case ValueType::kNone: return "none";
    case ValueType::kVector: return "vector";
    case ValueType::kScalar: return "scalar";
    case ValueType::kMatrix: return "matrix";
    case ValueType::kString: return "string";
  }
  return "none";
}

std::string_view DocumentedType(ValueType type) {
  switch (type) {
    case ValueType::kVector: return "instant vector";
    case ValueType::kMatrix: return "range vector";
    default: return ValueTypeText(type);
  }
}

std::string_view OpText(BinaryOp op) {
  switch (op) {
    case BinaryOp::kAdd: return "+";
    case BinaryOp::kSub: return "-";
    case BinaryOp::kMul: return "*";
    case BinaryOp::kDiv: return "/";
    case BinaryOp::kMod: return "%";
    case BinaryOp::kPow: return "^";
    case BinaryOp::kAtan2: return "atan2";
    case BinaryOp::kEql: return "==";
    case BinaryOp::kNeq: return "!=";
    case BinaryOp::kGtr: return ">";
    case BinaryOp::kLss: return "<";
    case BinaryOp::kGte: return ">=";
    case BinaryOp::kLte: return "<=";
    case BinaryOp::kAnd: return "and";
    case BinaryOp::kOr: return "or";
    case BinaryOp::kUnless: return "unless";
    case BinaryOp::kTrimUpper: return "</";
    case BinaryOp::kTrimLower: return ">/";
  }
  return "";
}

std::string_view OpText(AggregateOp op) {
  switch (op) {
    case AggregateOp::kAvg: return "avg";
    case AggregateOp::kBottomk: return "bottomk";
    case AggregateOp::kCount: return "count";
    case AggregateOp::kCountValues: return "count_values";
    case AggregateOp::kGroup: return "group";
    case AggregateOp::kMax: return "max";
    case AggregateOp::kMin: return "min";
    case AggregateOp::kQuantile: return "quantile";
    case AggregateOp::kStddev: return "stddev";
    case AggregateOp::kStdvar: return "stdvar";
    case AggregateOp::kSum: return "sum";
    case AggregateOp::kTopk: return "topk";
    case AggregateOp::kLimitk: return "limitk";
    case AggregateOp::kLimitRatio: return "limit_ratio";
  }
  return "";
}

std::string_view OpText(UnaryOp op) { return op == UnaryOp::kAdd ? "+" : "-"; }

std::string_view OpText(DurationOp op) {
  switch (op) {
    case DurationOp::kAdd: return "+";
    case DurationOp::kSub: return "-";
    case DurationOp::kMul: return "*";
    case DurationOp::kDiv: return "/";
    case DurationOp::kMod: return "%";
    case DurationOp::kPow: return "^";
    case DurationOp::kStep: return "step";
    case DurationOp::kRange: return "range";
    case DurationOp::kMinOf: return "min_of";
    case DurationOp::kMaxOf: return "max_of";
  }
  return "";
}

bool IsComparison(BinaryOp op) { return op >= BinaryOp::kEql && op <= BinaryOp::kLte; }

bool IsSetOperator(BinaryOp op) { return op >= BinaryOp::kAnd && op <= BinaryOp::kUnless; }

bool HasParameter(AggregateOp op) {
  switch (op) {
    case AggregateOp::kBottomk:
    case AggregateOp::kCountValues:
    case AggregateOp::kLimitk:
    case AggregateOp::kLimitRatio:
    case AggregateOp::kQuantile:
    case AggregateOp::kTopk: return true;
    default: return false;
  }
}

std::string_view MatchCardinalityText(MatchCardinality cardinality) {
  switch (cardinality) {
    case MatchCardinality::kOneToOne: return "one-to-one";
    case MatchCardinality::kManyToOne: return "many-to-one";
    case MatchCardinality::kOneToMany: return "one-to-many";
    case MatchCardinality::kManyToMany: return "many-to-many";
  }
  return "";
}

ValueType TypeOf(const Expr& expr) {
  switch (expr.kind) {
    case NodeKind::kAggregate:
    case NodeKind::kVectorSelector: return ValueType::kVector;
    case NodeKind::kMatrixSelector:
    case NodeKind::kSubquery: return ValueType::kMatrix;
    case NodeKind::kDuration:
    case NodeKind::kNumber: return ValueType::kScalar;
    case NodeKind::kString: return ValueType::kString;
    case NodeKind::kCall: return As<Call>(&expr)->function->return_type;
    case NodeKind::kParen: return TypeOf(*As<ParenExpr>(&expr)->expr);
    case NodeKind::kStepInvariant: return TypeOf(*As<StepInvariantExpr>(&expr)->expr);
    case NodeKind::kUnary: return TypeOf(*As<UnaryExpr>(&expr)->expr);
    case NodeKind::kBinary: {
      const auto* binary = As<BinaryExpr>(&expr);
      bool scalars = TypeOf(*binary->lhs) == ValueType::kScalar && TypeOf(*binary->rhs) == ValueType::kScalar;
      return scalars ? ValueType::kScalar : ValueType::kVector;
    }
  }
  return ValueType::kNone;
}

std::vector<const Expr*> Children(const Expr& expr) {
  switch (expr.kind) {
    case NodeKind::kAggregate: {
      const auto* aggregate = As<AggregateExpr>(&expr);
      std::vector<const Expr*> children{aggregate->expr.get()};
      if (aggregate->param) children.push_back(aggregate->param.get());
      return children;
    }
    case NodeKind::kBinary: return {As<BinaryExpr>(&expr)->lhs.get(), As<BinaryExpr>(&expr)->rhs.get()};
    case NodeKind::kCall: {
      std::vector<const Expr*> children;
      for (const ExprPtr& arg : As<Call>(&expr)->args) children.push_back(arg.get());
      return children;
    }
    case NodeKind::kMatrixSelector: return {As<MatrixSelector>(&expr)->selector.get()};
    case NodeKind::kParen: return {As<ParenExpr>(&expr)->expr.get()};
    case NodeKind::kStepInvariant: return {As<StepInvariantExpr>(&expr)->expr.get()};
    case NodeKind::kSubquery: return {As<SubqueryExpr>(&expr)->expr.get()};
    case NodeKind::kUnary: return {As<UnaryExpr>(&expr)->expr.get()};
    case NodeKind::kDuration:
    case NodeKind::kNumber:
    case NodeKind::kString:
    case NodeKind::kVectorSelector: return {};
  }
  return {};
}

namespace {

ExprPtr CloneOrNull(const Expr* expr) { return expr ? Clone(*expr) : nullptr; }

std::unique_ptr<DurationExpr> CloneFields(const DurationExpr& expr) {
  auto copy = std::make_unique<DurationExpr>();
  copy->position = expr.position;
  copy->op = expr.op;
  copy->lhs = CloneOrNull(expr.lhs.get());
  copy->rhs = CloneOrNull(expr.rhs.get());
  copy->wrapped = expr.wrapped;
  copy->start_pos = expr.start_pos;
  copy->end_pos = expr.end_pos;
  return copy;
}

std::unique_ptr<DurationExpr> CloneDuration(const std::unique_ptr<DurationExpr>& expr) {
  return expr ? CloneFields(*expr) : nullptr;
}

TimeModifiers CloneTime(const TimeModifiers& time) {
  return {.original_offset_ms = time.original_offset_ms,
          .original_offset_expr = CloneDuration(time.original_offset_expr),
          .offset_ms = time.offset_ms,
          .timestamp_ms = time.timestamp_ms,
          .start_or_end = time.start_or_end};
}

ExprPtr CloneFields(const AggregateExpr& expr) {
  auto copy = std::make_unique<AggregateExpr>();
  copy->op = expr.op;
  copy->expr = CloneOrNull(expr.expr.get());
  copy->param = CloneOrNull(expr.param.get());
  copy->grouping = expr.grouping;
  copy->without = expr.without;
  return copy;
}

ExprPtr CloneFields(const BinaryExpr& expr) {
  auto copy = std::make_unique<BinaryExpr>();
  copy->op = expr.op;
  copy->lhs = CloneOrNull(expr.lhs.get());
  copy->rhs = CloneOrNull(expr.rhs.get());
  copy->matching = expr.matching;
  copy->return_bool = expr.return_bool;
  return copy;
}

ExprPtr CloneFields(const Call& expr) {
  auto copy = std::make_unique<Call>();
  copy->function = expr.function;
  for (const ExprPtr& arg : expr.args) copy->args.push_back(CloneOrNull(arg.get()));
  return copy;
}

ExprPtr CloneFields(const MatrixSelector& expr) {
  auto copy = std::make_unique<MatrixSelector>();
  copy->selector = CloneOrNull(expr.selector.get());
  copy->range_ms = expr.range_ms;
  copy->range_expr = CloneDuration(expr.range_expr);
  return copy;
}

ExprPtr CloneFields(const SubqueryExpr& expr) {
  auto copy = std::make_unique<SubqueryExpr>();
  copy->expr = CloneOrNull(expr.expr.get());
  copy->range_ms = expr.range_ms;
  copy->range_expr = CloneDuration(expr.range_expr);
  copy->step_ms = expr.step_ms;
  copy->step_expr = CloneDuration(expr.step_expr);
  copy->time = CloneTime(expr.time);
  return copy;
}

ExprPtr CloneFields(const VectorSelector& expr) {
  auto copy = std::make_unique<VectorSelector>();
  copy->name = expr.name;
  copy->matchers = expr.matchers;
  copy->time = CloneTime(expr.time);
  copy->anchored = expr.anchored;
  copy->smoothed = expr.smoothed;
  copy->bypass_empty_matcher_check = expr.bypass_empty_matcher_check;
  return copy;
}

ExprPtr CloneFields(const NumberLiteral& expr) {
  auto copy = std::make_unique<NumberLiteral>();
  copy->value = expr.value;
  copy->is_duration = expr.is_duration;
  return copy;
}

ExprPtr CloneFields(const StringLiteral& expr) {
  auto copy = std::make_unique<StringLiteral>();
  copy->value = expr.value;
  return copy;
}

ExprPtr CloneFields(const UnaryExpr& expr) {
  auto copy = std::make_unique<UnaryExpr>();
  copy->op = expr.op;
  copy->expr = CloneOrNull(expr.expr.get());
  return copy;
}

template <typename Wrapper>
ExprPtr CloneWrapper(const Wrapper& expr) {
  auto copy = std::make_unique<Wrapper>();
  copy->expr = CloneOrNull(expr.expr.get());
  return copy;
}

}  // namespace

ExprPtr Clone(const Expr& expr) {
  ExprPtr copy;
  switch (expr.kind) {
    case NodeKind::kAggregate: copy = CloneFields(*As<AggregateExpr>(&expr)); break;
    case NodeKind::kBinary: copy = CloneFields(*As<BinaryExpr>(&expr)); break;
    case NodeKind::kCall: copy = CloneFields(*As<Call>(&expr)); break;
    case NodeKind::kMatrixSelector: copy = CloneFields(*As<MatrixSelector>(&expr)); break;
    case NodeKind::kNumber: copy = CloneFields(*As<NumberLiteral>(&expr)); break;
    case NodeKind::kParen: copy = CloneWrapper(*As<ParenExpr>(&expr)); break;
    case NodeKind::kStepInvariant: copy = CloneWrapper(*As<StepInvariantExpr>(&expr)); break;
    case NodeKind::kString: copy = CloneFields(*As<StringLiteral>(&expr)); break;
    case NodeKind::kSubquery: copy = CloneFields(*As<SubqueryExpr>(&expr)); break;
    case NodeKind::kUnary: copy = CloneFields(*As<UnaryExpr>(&expr)); break;
    case NodeKind::kVectorSelector: copy = CloneFields(*As<VectorSelector>(&expr)); break;
    case NodeKind::kDuration: copy = CloneFields(*As<DurationExpr>(&expr)); break;
  }
  copy->position = expr.position;
  return copy;
}

}  // namespace sextant::promql
