#include "metrics/promql/printer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/duration.h"
#include "metrics/promql/functions.h"
#include "model/labels.h"
#include "model/value.h"

namespace sextant::promql {

namespace {

void Append(std::string& out, const Expr& expr);

void AppendLabelNames(std::string& out, const std::vector<std::string>& names) {
  out += '(';
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ", ";
    out += model::IsClassicLabelName(names[i]) ? names[i] : model::QuoteGo(names[i]);
  }
  out += ')';
}

// Seconds in duration notation.
std::string DurationText(double seconds) {
  auto ms = static_cast<core::DurationMs>(std::trunc(std::abs(seconds) * 1e9)) / 1'000'000;
  std::string text = core::FormatDuration(ms);
  return seconds < 0 ? "-" + text : text;
}

void AppendNumber(std::string& out, const NumberLiteral& number) {
  out += number.is_duration ? DurationText(number.value) : model::FormatValue(number.value);
}

void AppendDuration(std::string& out, const DurationExpr& duration) {
  if (duration.wrapped) out += '(';
  switch (duration.op) {
    case DurationOp::kStep:
    case DurationOp::kRange:
      out += OpText(duration.op);
      out += "()";
      break;
    case DurationOp::kMinOf:
    case DurationOp::kMaxOf:
      out += OpText(duration.op);
      out += '(';
      Append(out, *duration.lhs);
      out += ", ";
      Append(out, *duration.rhs);
      out += ')';
      break;
    default:
      if (duration.lhs) {
        Append(out, *duration.lhs);
        out += ' ';
        out += OpText(duration.op);
        out += ' ';
      } else if (duration.op == DurationOp::kSub) {
        out += '-';
      }
      Append(out, *duration.rhs);
  }
  if (duration.wrapped) out += ')';
}

void AppendAt(std::string& out, const TimeModifiers& time) {
  if (time.timestamp_ms) {
    out += fmt::format(" @ {:.3f}", static_cast<double>(*time.timestamp_ms) / 1000);
  } else if (time.start_or_end == StartOrEnd::kStart) {
    out += " @ start()";
  } else if (time.start_or_end == StartOrEnd::kEnd) {
    out += " @ end()";
  }
}

void AppendOffset(std::string& out, const TimeModifiers& time) {
  if (const DurationExpr* expr = time.original_offset_expr.get()) {
    // An operator behind `offset` would be one of the expression around, were it not in parentheses.
    bool is_function = expr->op == DurationOp::kMinOf || expr->op == DurationOp::kMaxOf;
    bool needs_parens = expr->lhs && !is_function && !expr->wrapped;
    out += needs_parens ? " offset (" : " offset ";
    AppendDuration(out, *expr);
    if (needs_parens) out += ')';
  } else if (time.original_offset_ms != 0) {
    out += " offset " + core::FormatDuration(time.original_offset_ms);
  }
}

void AppendDurationOr(std::string& out, const std::unique_ptr<DurationExpr>& expr, core::DurationMs ms) {
  if (expr) {
    AppendDuration(out, *expr);
  } else {
    out += core::FormatDuration(ms);
  }
}

void AppendExtended(std::string& out, const VectorSelector& selector) {
  if (selector.anchored) {
    out += " anchored";
  } else if (selector.smoothed) {
    out += " smoothed";
  }
}

// Name and matchers, without modifiers.
void AppendSelection(std::string& out, const VectorSelector& selector) {
  out += selector.name;
  std::vector<std::string> matchers;
  for (const model::Matcher& matcher : selector.matchers) {
    bool is_name = matcher.name() == model::kMetricName && matcher.type() == model::MatchType::kEqual &&
                   matcher.value() == selector.name && !selector.name.empty();
    if (!is_name) matchers.push_back(matcher.ToString());
  }
  // Selectors that match everything exist only as info()'s second argument.
  if (matchers.empty() && !selector.name.empty()) return;
  std::sort(matchers.begin(), matchers.end());
  out += '{';
  for (size_t i = 0; i < matchers.size(); ++i) {
    if (i > 0) out += ',';
    out += matchers[i];
  }
  out += '}';
}

void AppendSubquerySuffix(std::string& out, const SubqueryExpr& subquery) {
  out += '[';
  AppendDurationOr(out, subquery.range_expr, subquery.range_ms);
  out += ':';
  if (subquery.step_expr || subquery.step_ms != 0) AppendDurationOr(out, subquery.step_expr, subquery.step_ms);
  out += ']';
  AppendAt(out, subquery.time);
  AppendOffset(out, subquery.time);
}

void AppendAggregation(std::string& out, const AggregateExpr& aggregate) {
  out += OpText(aggregate.op);
  if (!aggregate.without && aggregate.grouping.empty()) return;
  out += aggregate.without ? " without " : " by ";
  AppendLabelNames(out, aggregate.grouping);
  out += ' ';
}

// The operator with bool, matching and fill.
void AppendOperator(std::string& out, const BinaryExpr& binary) {
  out += OpText(binary.op);
  if (binary.return_bool) out += " bool";
  if (!binary.matching) return;
  const VectorMatching& matching = *binary.matching;
  bool many_to_one = matching.cardinality == MatchCardinality::kManyToOne;
  bool grouped = many_to_one || matching.cardinality == MatchCardinality::kOneToMany;
  if (!matching.labels.empty() || matching.on || grouped) {
    out += matching.on ? " on " : " ignoring ";
    AppendLabelNames(out, matching.labels);
  }
  if (grouped) {
    out += many_to_one ? " group_left " : " group_right ";
    AppendLabelNames(out, matching.include);
  }
  if (matching.fill_lhs && matching.fill_rhs && *matching.fill_lhs == *matching.fill_rhs) {
    out += fmt::format(" fill ({})", model::FormatValue(*matching.fill_lhs));
    return;
  }
  if (matching.fill_lhs) out += fmt::format(" fill_left ({})", model::FormatValue(*matching.fill_lhs));
  if (matching.fill_rhs) out += fmt::format(" fill_right ({})", model::FormatValue(*matching.fill_rhs));
}

void Append(std::string& out, const Expr& expr) {
  switch (expr.kind) {
    case NodeKind::kAggregate: {
      const auto& aggregate = *As<AggregateExpr>(&expr);
      AppendAggregation(out, aggregate);
      out += '(';
      if (aggregate.param) {
        Append(out, *aggregate.param);
        out += ", ";
      }
      Append(out, *aggregate.expr);
      out += ')';
      return;
    }
    case NodeKind::kBinary: {
      const auto& binary = *As<BinaryExpr>(&expr);
      Append(out, *binary.lhs);
      out += ' ';
      AppendOperator(out, binary);
      out += ' ';
      Append(out, *binary.rhs);
      return;
    }
    case NodeKind::kCall: {
      const auto& call = *As<Call>(&expr);
      out += call.function->name;
      out += '(';
      for (size_t i = 0; i < call.args.size(); ++i) {
        if (i > 0) out += ", ";
        Append(out, *call.args[i]);
      }
      out += ')';
      return;
    }
    case NodeKind::kDuration: return AppendDuration(out, *As<DurationExpr>(&expr));
    case NodeKind::kMatrixSelector: {
      const auto& matrix = *As<MatrixSelector>(&expr);
      const VectorSelector& selector = matrix.vector_selector();
      AppendSelection(out, selector);
      out += '[';
      AppendDurationOr(out, matrix.range_expr, matrix.range_ms);
      out += ']';
      AppendExtended(out, selector);
      AppendAt(out, selector.time);
      AppendOffset(out, selector.time);
      return;
    }
    case NodeKind::kNumber: return AppendNumber(out, *As<NumberLiteral>(&expr));
    case NodeKind::kParen:
      out += '(';
      Append(out, *As<ParenExpr>(&expr)->expr);
      out += ')';
      return;
    case NodeKind::kStepInvariant: return Append(out, *As<StepInvariantExpr>(&expr)->expr);
    case NodeKind::kString: out += model::QuoteGo(As<StringLiteral>(&expr)->value); return;
    case NodeKind::kSubquery:
      Append(out, *As<SubqueryExpr>(&expr)->expr);
      return AppendSubquerySuffix(out, *As<SubqueryExpr>(&expr));
    case NodeKind::kUnary:
      out += OpText(As<UnaryExpr>(&expr)->op);
      return Append(out, *As<UnaryExpr>(&expr)->expr);
    case NodeKind::kVectorSelector: {
      const auto& selector = *As<VectorSelector>(&expr);
      AppendSelection(out, selector);
      AppendAt(out, selector.time);
      AppendExtended(out, selector);
      AppendOffset(out, selector.time);
      return;
    }
  }
}

// Writes a node indented by its level, and its operands one level deeper on lines of their own when it is too long.
class Prettifier {
 public:
  explicit Prettifier(size_t line_limit) : line_limit_(line_limit) {}

  std::string Write(const Expr& expr, size_t level) const {
    std::string line = Print(expr);
    bool splits = line.size() > line_limit_;
    std::string indent(2 * level, ' ');
    switch (expr.kind) {
      case NodeKind::kAggregate: {
        if (!splits) break;
        const auto& aggregate = *As<AggregateExpr>(&expr);
        std::string out = indent;
        AppendAggregation(out, aggregate);
        out += "(\n";
        if (aggregate.param) out += Write(*aggregate.param, level + 1) + ",\n";
        return out + Write(*aggregate.expr, level + 1) + "\n" + indent + ")";
      }
      case NodeKind::kBinary: {
        if (!splits) break;
        const auto& binary = *As<BinaryExpr>(&expr);
        std::string out = Write(*binary.lhs, level + 1) + "\n" + indent;
        AppendOperator(out, binary);
        return out + "\n" + Write(*binary.rhs, level + 1);
      }
      case NodeKind::kCall: {
        const auto& call = *As<Call>(&expr);
        if (!splits || call.args.empty()) break;
        std::string out = indent + std::string(call.function->name) + "(\n";
        for (size_t i = 0; i < call.args.size(); ++i) {
          if (i > 0) out += ",\n";
          out += Write(*call.args[i], level + 1);
        }
        return out + "\n" + indent + ")";
      }
      case NodeKind::kParen:
        if (!splits) break;
        return indent + "(\n" + Write(*As<ParenExpr>(&expr)->expr, level + 1) + "\n" + indent + ")";
      case NodeKind::kStepInvariant: return Write(*As<StepInvariantExpr>(&expr)->expr, level);
      case NodeKind::kSubquery: {
        if (!splits) return line;
        std::string out = Write(*As<SubqueryExpr>(&expr)->expr, level);
        AppendSubquerySuffix(out, *As<SubqueryExpr>(&expr));
        return out;
      }
      case NodeKind::kUnary: {
        const auto& unary = *As<UnaryExpr>(&expr);
        std::string operand = Write(*unary.expr, level);
        size_t first = std::min(operand.find_first_not_of(' '), operand.size());
        return indent + std::string(OpText(unary.op)) + operand.substr(first);
      }
      default: break;
    }
    return indent + line;
  }

 private:
  size_t line_limit_;
};

}  // namespace

std::string Print(const Expr& expr) {
  std::string out;
  Append(out, expr);
  return out;
}

std::string Prettify(const Expr& expr, size_t line_limit) { return Prettifier(line_limit).Write(expr, 0); }

}  // namespace sextant::promql
