// The syntax tree of a PromQL expression (the language of Prometheus 3.14), as ParseExpr makes it and the printer and the
// engine read it.
//
// A tree of plain structs: every node owns its children, says its kind, and knows its place in the query's text. A tree
// that ParseExpr returned is well formed and well typed: no child that the grammar demands is null, arguments have the
// types of the function's table entry, and its height is bounded (ParserOptions::max_depth), so that recursion over it is
// safe. Trees are immutable by convention once parsed; const access from several threads is safe.
//
// Durations are milliseconds, positive offsets look into the past, timestamps are milliseconds since the Unix epoch.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "model/matcher.h"

namespace sextant::promql {

struct Function;

// Half-open range of bytes in the query's text.
struct Position {
  int start = 0;
  int end = 0;

  friend bool operator==(const Position&, const Position&) = default;
};

enum class ValueType { kNone, kVector, kScalar, kMatrix, kString };

// As the HTTP API and some messages write it: "none", "vector", "scalar", "matrix", "string".
std::string_view ValueTypeText(ValueType type);
// As the documentation and most messages write it: "instant vector", "range vector", ...
std::string_view DocumentedType(ValueType type);

enum class NodeKind {
  kAggregate,
  kBinary,
  kCall,
  kDuration,
  kMatrixSelector,
  kNumber,
  kParen,
  kStepInvariant,
  kString,
  kSubquery,
  kUnary,
  kVectorSelector,
};

enum class BinaryOp {
  kAdd, kSub, kMul, kDiv, kMod, kPow, kAtan2,  // arithmetic
  kEql, kNeq, kGtr, kLss, kGte, kLte,          // comparison
  kAnd, kOr, kUnless,                          // sets
  kTrimUpper, kTrimLower,                      // histograms: `</` and `>/`
};

enum class AggregateOp {
  kAvg, kBottomk, kCount, kCountValues, kGroup, kMax, kMin, kQuantile, kStddev, kStdvar, kSum, kTopk,
  kLimitk, kLimitRatio,  // experimental
};

enum class UnaryOp { kAdd, kSub };

// Operators inside duration expressions; kStep and kRange are step() and range(), without operands.
enum class DurationOp { kAdd, kSub, kMul, kDiv, kMod, kPow, kStep, kRange, kMinOf, kMaxOf };

// As they are written in a query: "+", "==", "and", "</", "sum", "step", "min_of".
std::string_view OpText(BinaryOp op);
std::string_view OpText(AggregateOp op);
std::string_view OpText(UnaryOp op);
std::string_view OpText(DurationOp op);

bool IsComparison(BinaryOp op);
bool IsSetOperator(BinaryOp op);
// topk, bottomk, count_values, quantile, limitk, limit_ratio.
bool HasParameter(AggregateOp op);

// What every node has. Nodes are made by the parser (or by the engine's rewriting) and owned by unique_ptr.
struct Expr {
  explicit Expr(NodeKind node_kind) : kind(node_kind) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  const NodeKind kind;
  // Where the node stands in the query, from its first to after its last byte, as Prometheus reports it.
  Position position;
};

using ExprPtr = std::unique_ptr<Expr>;

// The node as T when it is one, else null: `if (const auto* call = As<Call>(expr))`.
template <typename T>
const T* As(const Expr* expr) {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<const T*>(expr) : nullptr;
}
template <typename T>
T* As(Expr* expr) {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<T*>(expr) : nullptr;
}
template <typename T, typename Pointer>
auto As(const std::unique_ptr<Pointer>& expr) {
  return As<T>(expr.get());
}

// The type that an expression evaluates to.
ValueType TypeOf(const Expr& expr);

// `1.5`, `0x1f`, `+Inf`, and durations as numbers of seconds (`5m` is 300).
struct NumberLiteral : Expr {
  static constexpr NodeKind kKind = NodeKind::kNumber;
  NumberLiteral() : Expr(kKind) {}

  double value = 0;
  bool is_duration = false;  // written as a duration, and printed as one
};

struct StringLiteral : Expr {
  static constexpr NodeKind kKind = NodeKind::kString;
  StringLiteral() : Expr(kKind) {}

  std::string value;
};

// Arithmetic on durations in range, step and offset (`[5m + step()]`). Operands are NumberLiterals (seconds) or
// DurationExprs; a unary operator has no left operand. The engine computes it when it knows the query's step and range.
struct DurationExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kDuration;
  DurationExpr() : Expr(kKind) {}

  DurationOp op = DurationOp::kAdd;
  ExprPtr lhs;           // null for unary operators, step() and range()
  ExprPtr rhs;           // null for step() and range()
  bool wrapped = false;  // stands in parentheses
  // Start of the operator of a unary operation, and both ends of a function-like one (upstream's StartPos, EndPos).
  int start_pos = 0;
  int end_pos = 0;
};

// What an @ modifier names when it is not a number.
enum class StartOrEnd { kNone, kStart, kEnd };

// The offset and @ modifiers that selectors and subqueries share.
struct TimeModifiers {
  core::DurationMs original_offset_ms = 0;            // as written; 0 when given by the expression
  std::unique_ptr<DurationExpr> original_offset_expr;  // may be null
  core::DurationMs offset_ms = 0;                     // for the engine: the offset in effect
  std::optional<core::TimestampMs> timestamp_ms;      // `@ 123.4`; for the engine: also the resolved start() or end()
  StartOrEnd start_or_end = StartOrEnd::kNone;        // `@ start()`, `@ end()`
};

// `name{label="value"} @ ... offset ...`.
struct VectorSelector : Expr {
  static constexpr NodeKind kKind = NodeKind::kVectorSelector;
  VectorSelector() : Expr(kKind) {}

  std::string name;  // the metric name when it stands outside of the braces; else empty
  // All matchers in the order of the text; that of a name outside of the braces comes last.
  std::vector<model::Matcher> matchers;
  TimeModifiers time;
  bool anchored = false;  // extended range selectors
  bool smoothed = false;
  bool bypass_empty_matcher_check = false;  // second argument of info(): may match everything
};

// `selector[range]`. Its offset and @ are those of the vector selector.
struct MatrixSelector : Expr {
  static constexpr NodeKind kKind = NodeKind::kMatrixSelector;
  MatrixSelector() : Expr(kKind) {}

  // The VectorSelector; always one in a tree without errors.
  const VectorSelector& vector_selector() const { return static_cast<const VectorSelector&>(*selector); }
  VectorSelector& vector_selector() { return static_cast<VectorSelector&>(*selector); }

  ExprPtr selector;
  core::DurationMs range_ms = 0;             // 0 when given by the expression
  std::unique_ptr<DurationExpr> range_expr;  // may be null
};

// `expr[range:step]`.
struct SubqueryExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kSubquery;
  SubqueryExpr() : Expr(kKind) {}

  ExprPtr expr;
  core::DurationMs range_ms = 0;
  std::unique_ptr<DurationExpr> range_expr;  // may be null
  core::DurationMs step_ms = 0;              // 0: the default interval
  std::unique_ptr<DurationExpr> step_expr;   // may be null
  TimeModifiers time;
};

struct Call : Expr {
  static constexpr NodeKind kKind = NodeKind::kCall;
  Call() : Expr(kKind) {}

  const Function* function = nullptr;  // an entry of the table in functions.h, which lives for ever
  std::vector<ExprPtr> args;
};

struct AggregateExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kAggregate;
  AggregateExpr() : Expr(kKind) {}

  AggregateOp op = AggregateOp::kSum;
  ExprPtr expr;
  ExprPtr param;  // only when HasParameter(op)
  std::vector<std::string> grouping;
  bool without = false;
};

enum class MatchCardinality { kOneToOne, kManyToOne, kOneToMany, kManyToMany };

// "one-to-one", "many-to-one", ...
std::string_view MatchCardinalityText(MatchCardinality cardinality);

// How the elements of two vectors pair up.
struct VectorMatching {
  MatchCardinality cardinality = MatchCardinality::kOneToOne;  // group_left is kManyToOne; sets are kManyToMany
  std::vector<std::string> labels;                             // of on() or ignoring()
  bool on = false;
  std::vector<std::string> include;  // of group_left() or group_right()
  std::optional<double> fill_lhs;    // fill modifiers: stands in for a missing element of that side
  std::optional<double> fill_rhs;
};

struct BinaryExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kBinary;
  BinaryExpr() : Expr(kKind) {}

  BinaryOp op = BinaryOp::kAdd;
  ExprPtr lhs;
  ExprPtr rhs;
  std::optional<VectorMatching> matching;  // set when both sides are vectors
  bool return_bool = false;
};

struct UnaryExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kUnary;
  UnaryExpr() : Expr(kKind) {}

  UnaryOp op = UnaryOp::kAdd;
  ExprPtr expr;
};

struct ParenExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kParen;
  ParenExpr() : Expr(kKind) {}

  ExprPtr expr;
};

// The same value at every step. The parser never makes it; the engine may wrap sub-expressions with it.
struct StepInvariantExpr : Expr {
  static constexpr NodeKind kKind = NodeKind::kStepInvariant;
  StepInvariantExpr() : Expr(kKind) {}

  ExprPtr expr;
};

// The operands of a node, in upstream's order (an aggregation: expression, then parameter); no duration expressions.
std::vector<const Expr*> Children(const Expr& expr);

// A deep copy.
ExprPtr Clone(const Expr& expr);

// Calls `visit(node)` for the node and everything below it, parents first.
template <typename Visit>
void Walk(const Expr& expr, Visit&& visit) {
  visit(expr);
  for (const Expr* child : Children(expr)) Walk(*child, visit);
}

}  // namespace sextant::promql
