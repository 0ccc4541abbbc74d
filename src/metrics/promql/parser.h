// Parser of PromQL and of the notations around it. Hand-written (precedence climbing over lexer.h), with the
// error texts and byte positions of Prometheus 3.14. Everything is bounded: length of the text, nesting,
// length of value sequences. Functions keep no state; any thread may call them.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "metrics/promql/ast.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace sextant::promql {

// What is switched on, and the limits. The four switches are Prometheus' feature flags
// (promql-experimental-functions, promql-duration-expr, promql-extended-range-selectors,
// promql-binop-fill-modifiers).
struct ParserOptions {
  bool experimental_functions = false;
  bool duration_expressions = true;
  bool extended_range_selectors = false;
  bool binop_fill = false;

  size_t max_input_bytes = 1 << 20;
  // Highest tree (an operator chain a+b+c+… grows one level per operator), so that everything that walks it
  // may recurse.
  int max_depth = 1000;
  // Most parentheses, calls and signs around each other, for which the parser itself recurses.
  int max_nesting = 200;

  // All switches on.
  static ParserOptions Everything() {
    ParserOptions options;
    options.experimental_functions = options.duration_expressions = true;
    options.extended_range_selectors = options.binop_fill = true;
    return options;
  }
};

// One complaint of the parser: a text without position, and the bytes it is about.
struct ParseError {
  Position position;
  std::string message;
};

// What is wrong with a text, in the order of discovery; never empty.
class ParseErrors {
 public:
  ParseErrors(std::string query, std::vector<ParseError> errors)
      : query_(std::move(query)), errors_(std::move(errors)) {}

  const std::string& query() const { return query_; }
  const std::vector<ParseError>& errors() const { return errors_; }

  // The first error as Prometheus reports it: `1:5: parse error: unexpected ...` (line and column from 1).
  // For multi-line files, `line_offset` is added to the line.
  std::string Message(int line_offset = 0) const;
  // The same as an error value of ours (kInvalidArgument).
  core::Error ToError() const { return core::Error(core::Code::kInvalidArgument, Message()); }

 private:
  std::string query_;
  std::vector<ParseError> errors_;
};

template <typename T>
using ParseResult = tl::expected<T, ParseErrors>;

// Parses and type-checks an expression.
ParseResult<ExprPtr> ParseExpr(std::string_view text, const ParserOptions& options = {});

// Parses a metric as label set: `name{a="b"}`.
ParseResult<model::Labels> ParseMetric(std::string_view text);

// Parses a series selector, as in the API's `match[]`. A selector that matches everything is accepted here,
// as upstream does; callers that must refuse it check Matcher::MatchesEmpty.
ParseResult<std::vector<model::Matcher>> ParseMetricSelector(std::string_view text);

// One value of a series description: a number, a histogram, or nothing at this place (`_`).
struct SequenceValue {
  double value = 0;
  bool omitted = false;
  std::shared_ptr<const model::FloatHistogram> histogram = nullptr;
  bool counter_reset_hint_set = false;  // the description said counter_reset_hint
};

struct SeriesDescription {
  model::Labels labels;
  std::vector<SequenceValue> values;
};

// Parses a series with its values as test files write it: `name{a="b"} 1+2x5 _x3 stale {{sum:3 count:2
// buckets:[1 1]}}`. At most 1,000,000 values.
ParseResult<SeriesDescription> ParseSeriesDescription(std::string_view text);

}  // namespace sextant::promql
