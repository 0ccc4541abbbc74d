// The plan of a query: an expression made ready for certain evaluation times. Durations and @ modifiers are numbers,
// context functions (start(), step(), …) are literals, parentheses are gone, parts that have the same value at every
// step are marked, and every selector knows which stored series it reads, equal ones sharing one selection.
//
// A plan refers to nothing of the expression it came from except entries of the static function table. Immutable once
// built.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/promql/ast.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/value.h"
#include "model/matcher.h"

namespace sextant::promql {

// Series to ask the store for, once per query, and the times between which their samples can matter.
struct Selection {
  std::vector<model::Matcher> matchers;
  TimestampMs min_ms = 0;
  TimestampMs max_ms = 0;
  DurationMs range_ms = 0;
  // A matcher fixes the metric name, so that dropping it keeps label sets distinct.
  bool has_one_name = false;
};

enum class PlanKind {
  kNumber,
  kString,
  kSelector,   // instant vector selector
  kRange,      // range selector or subquery; `args[0]` is the inner expression of a subquery
  kCall,       // arguments in order; a range argument is a kRange node
  kAggregate,  // args[0] the vector, args[1] the parameter if any
  kBinary,
  kNegate,
};

struct PlanNode;
using PlanPtr = std::unique_ptr<PlanNode>;

struct PlanNode {
  PlanKind kind = PlanKind::kNumber;
  ValueType type = ValueType::kScalar;
  Position position;
  // Same value at every step, and worth computing once: evaluate at the first step, repeat for all.
  bool is_step_invariant = false;
  std::vector<PlanPtr> args;

  double number = 0;
  std::string text;

  // kSelector, kRange.
  size_t selection = 0;  // not of subqueries
  std::vector<model::Matcher> matchers;
  DurationMs offset_ms = 0;
  std::optional<TimestampMs> at_ms;
  bool is_anchored = false;
  bool is_smoothed = false;
  bool is_subquery = false;
  // Only counts and sums of histograms matter to what is computed from this selector.
  bool needs_statistics_only = false;
  DurationMs range_ms = 0;
  DurationMs subquery_step_ms = 0;

  const Function* function = nullptr;  // kCall

  // kAggregate.
  AggregateOp aggregate_op = AggregateOp::kSum;
  std::vector<std::string> grouping;  // sorted
  bool is_without = false;

  // kBinary.
  BinaryOp binary_op = BinaryOp::kAdd;
  std::optional<VectorMatching> matching;
  bool returns_bool = false;

  // The time that an evaluation at `time_ms` looks at, after @ and offset.
  TimestampMs ReferenceTime(TimestampMs time_ms) const { return at_ms.value_or(time_ms) - offset_ms; }
};

struct Plan {
  PlanPtr root;
  std::vector<Selection> selections;
  // What all selections together read; both 0 without selections.
  TimestampMs min_ms = 0;
  TimestampMs max_ms = 0;
};

struct PlanOptions {
  Grid grid;
  // What step() and range() mean: 0 for instant queries. end() is the start plus the range.
  DurationMs query_step_ms = 0;
  DurationMs query_range_ms = 0;
  DurationMs lookback_ms = 0;
  DurationMs default_subquery_step_ms = 60'000;
};

// Times that a query may name are clamped to this, so that sums of times and durations stay in range.
inline constexpr TimestampMs kMaxTimestampMs = int64_t{1} << 61;
// Longest range, offset or step: what fits Prometheus' durations.
inline constexpr DurationMs kMaxDurationMs = 9'223'372'036'854;

// Plans an expression. Fails with kInvalidArgument on durations that are not positive or out of range, with
// Prometheus' texts.
core::Result<Plan> MakePlan(const Expr& expr, const PlanOptions& options);

}  // namespace sextant::promql
