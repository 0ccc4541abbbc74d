#include "metrics/promql/type_check.h"

#include <fmt/format.h>

#include "metrics/promql/functions.h"
#include "model/labels.h"

namespace sextant::promql {

namespace {

class Checker {
 public:
  Checker(std::string_view text, std::vector<ParseError>& errors) : text_(text), errors_(errors) {}

  // Checks everything below and the node itself; returns its type.
  ValueType Check(Expr& expr) {
    switch (expr.kind) {
      case NodeKind::kAggregate: return CheckNode(*As<AggregateExpr>(&expr));
      case NodeKind::kBinary: return CheckNode(*As<BinaryExpr>(&expr));
      case NodeKind::kCall: return CheckNode(*As<Call>(&expr));
      case NodeKind::kMatrixSelector: return CheckNode(*As<MatrixSelector>(&expr));
      case NodeKind::kParen: return Check(*As<ParenExpr>(&expr)->expr);
      case NodeKind::kStepInvariant: return Check(*As<StepInvariantExpr>(&expr)->expr);
      case NodeKind::kSubquery: return CheckNode(*As<SubqueryExpr>(&expr));
      case NodeKind::kUnary: return CheckNode(*As<UnaryExpr>(&expr));
      case NodeKind::kVectorSelector: return CheckNode(*As<VectorSelector>(&expr));
      case NodeKind::kString: return ValueType::kString;
      case NodeKind::kDuration:
      case NodeKind::kNumber: return ValueType::kScalar;
    }
    return ValueType::kNone;
  }

 private:
  template <typename... Args>
  void Add(Position position, fmt::format_string<Args...> format, Args&&... args) {
    errors_.push_back({position, fmt::format(format, std::forward<Args>(args)...)});
  }

  void Expect(Expr& expr, ValueType want, std::string_view context) {
    ValueType got = Check(expr);
    if (got != want) {
      Add(expr.position, "expected type {} in {}, got {}", DocumentedType(want), context, DocumentedType(got));
    }
  }

  ValueType CheckNode(AggregateExpr& node) {
    Expect(*node.expr, ValueType::kVector, "aggregation expression");
    if (HasParameter(node.op)) {
      Expect(*node.param, node.op == AggregateOp::kCountValues ? ValueType::kString : ValueType::kScalar,
             "aggregation parameter");
    }
    return ValueType::kVector;
  }

  // The operator with its modifiers, without the spaces around.
  Position OperatorPosition(const BinaryExpr& node) const {
    auto is_space = [&](int i) {
      char c = text_[static_cast<size_t>(i)];
      return c == ' ' || c == '\t' || c == '\n' || c == '\r';
    };
    Position position{node.lhs->position.end, node.rhs->position.start - 1};
    auto size = static_cast<int>(text_.size());
    while (position.start < size && is_space(position.start)) ++position.start;
    while (position.end > 0 && position.end < size && is_space(position.end)) --position.end;
    return position;
  }

  ValueType CheckNode(BinaryExpr& node) {
    ValueType lhs = Check(*node.lhs);
    ValueType rhs = Check(*node.rhs);
    bool both_scalars = lhs == ValueType::kScalar && rhs == ValueType::kScalar;
    bool both_vectors = lhs == ValueType::kVector && rhs == ValueType::kVector;
    VectorMatching& matching = *node.matching;

    if (node.return_bool && !IsComparison(node.op)) {
      Add(OperatorPosition(node), "bool modifier can only be used on comparison operators");
    }
    if (IsComparison(node.op) && !node.return_bool && both_scalars) {
      Add(OperatorPosition(node), "comparisons between scalars must use BOOL modifier");
    }
    if (IsSetOperator(node.op) && matching.cardinality == MatchCardinality::kOneToOne) {
      matching.cardinality = MatchCardinality::kManyToMany;
    }
    for (const std::string& label : matching.labels) {
      for (const std::string& included : matching.include) {
        if (label != included || !matching.on) continue;
        Add(OperatorPosition(node), "label {} must not occur in ON and GROUP clause at once", model::QuoteGo(label));
      }
    }
    for (auto [operand, type] : {std::pair(node.lhs.get(), lhs), std::pair(node.rhs.get(), rhs)}) {
      if (type == ValueType::kScalar || type == ValueType::kVector) continue;
      Add(operand->position, "binary expression must contain only scalar and instant vector types");
    }
    bool has_fill = matching.fill_lhs || matching.fill_rhs;
    if (!both_vectors) {
      if (!matching.labels.empty()) Add(node.position, "vector matching only allowed between instant vectors");
      if (has_fill) Add(node.position, "filling in missing series only allowed between instant vectors");
      node.matching.reset();
    } else if (IsSetOperator(node.op)) {
      if (matching.cardinality != MatchCardinality::kManyToMany) {
        Add(node.position, "no grouping allowed for \"{}\" operation", OpText(node.op));
        Add(node.position, "set operations must always be many-to-many");
      }
      if (has_fill) Add(node.position, "filling in missing series not allowed for set operators");
    }
    if ((lhs == ValueType::kScalar || rhs == ValueType::kScalar) && IsSetOperator(node.op)) {
      Add(node.position, "set operator \"{}\" not allowed in binary scalar expression", OpText(node.op));
    }
    return both_scalars ? ValueType::kScalar : ValueType::kVector;
  }

  ValueType CheckNode(Call& node) {
    const Function& function = *node.function;
    size_t declared = function.arg_types.size();
    if (function.variadic == 0) {
      if (declared != node.args.size()) {
        Add(node.position, "expected {} argument(s) in call to \"{}\", got {}", declared, function.name,
            node.args.size());
      }
    } else {
      size_t required = declared - 1;
      if (required > node.args.size()) {
        Add(node.position, "expected at least {} argument(s) in call to \"{}\", got {}", required, function.name,
            node.args.size());
      } else if (function.variadic > 0 && required + static_cast<size_t>(function.variadic) < node.args.size()) {
        Add(node.position, "expected at most {} argument(s) in call to \"{}\", got {}",
            required + static_cast<size_t>(function.variadic), function.name, node.args.size());
      }
    }
    if (function.id == FunctionId::kInfo && node.args.size() > 1) CheckInfoSelector(node);
    for (size_t i = 0; i < node.args.size(); ++i) {
      if (i >= declared && function.variadic == 0) break;  // too many, reported above
      ValueType want = function.arg_types[std::min(i, declared - 1)];
      ValueType got = Check(*node.args[i]);
      if (got == want) continue;
      Add(node.args[i]->position, "expected type {} in call to function \"{}\", got {}", DocumentedType(want),
          function.name, DocumentedType(got));
    }
    return function.return_type;
  }

  void CheckInfoSelector(Call& node) {
    Expr& arg = *node.args[1];
    if (ValueType type = TypeOf(arg); type != ValueType::kVector) {
      Add(node.position, "expected type {} in call to function \"info\", got {}", DocumentedType(ValueType::kVector),
          DocumentedType(type));
    }
    auto* selector = As<VectorSelector>(&arg);
    if (selector == nullptr) {
      Add(arg.position, "expected label selectors only");
    } else if (!selector->name.empty()) {
      Add(arg.position, "expected label selectors only, got vector selector instead");
    } else {
      selector->bypass_empty_matcher_check = true;
    }
  }

  ValueType CheckNode(MatrixSelector& node) {
    Check(*node.selector);
    return ValueType::kMatrix;
  }

  ValueType CheckNode(SubqueryExpr& node) {
    if (ValueType type = Check(*node.expr); type != ValueType::kVector) {
      Add(node.position, "subquery is only allowed on instant vector, got {} instead", ValueTypeText(type));
    }
    return ValueType::kMatrix;
  }

  ValueType CheckNode(UnaryExpr& node) {
    ValueType type = Check(*node.expr);
    if (type != ValueType::kScalar && type != ValueType::kVector) {
      Add(node.position, "unary expression only allowed on expressions of type scalar or instant vector, got \"{}\"",
          DocumentedType(type));
    }
    return type;
  }

  ValueType CheckNode(VectorSelector& node) {
    if (!node.name.empty()) {
      // The last matcher is that of the name.
      for (size_t i = 0; i + 1 < node.matchers.size(); ++i) {
        if (node.matchers[i].name() != model::kMetricName) continue;
        Add(node.position, "metric name must not be set twice: {} or {}", model::QuoteGo(node.name),
            model::QuoteGo(node.matchers[i].value()));
      }
    } else if (!node.bypass_empty_matcher_check) {
      bool selects = false;
      for (const model::Matcher& matcher : node.matchers) selects |= !matcher.MatchesEmpty();
      if (!selects) Add(node.position, "vector selector must contain at least one non-empty matcher");
    }
    return ValueType::kVector;
  }

  std::string_view text_;
  std::vector<ParseError>& errors_;
};

}  // namespace

void CheckTypes(Expr& expr, std::string_view text, std::vector<ParseError>& errors) {
  Checker(text, errors).Check(expr);
}

}  // namespace sextant::promql
