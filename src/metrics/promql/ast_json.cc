#include "metrics/promql/ast_json.h"

#include "metrics/promql/functions.h"
#include "model/value.h"

namespace sextant::promql {

namespace {

using core::JsonWriter;

void WriteOrNull(const Expr* expr, JsonWriter& json) {
  if (expr != nullptr) {
    WriteAstJson(*expr, json);
  } else {
    json.Null();
  }
}

void WriteStrings(const std::vector<std::string>& strings, JsonWriter& json) {
  json.BeginArray();
  for (const std::string& string : strings) json.String(string);
  json.EndArray();
}

void WriteNumberOrNull(const std::optional<double>& number, JsonWriter& json) {
  if (number) {
    json.Double(*number);
  } else {
    json.Null();
  }
}

void WriteMatchers(const std::vector<model::Matcher>& matchers, JsonWriter& json) {
  json.Key("matchers").BeginArray();
  for (const model::Matcher& matcher : matchers) {
    json.BeginObject().Key("name").String(matcher.name());
    json.Key("type").String(model::MatchTypeText(matcher.type()));
    json.Key("value").String(matcher.value()).EndObject();
  }
  json.EndArray();
}

void WriteOffset(const TimeModifiers& time, JsonWriter& json) {
  json.Key("offset").Int(time.original_offset_ms).Key("offsetExpr");
  WriteOrNull(time.original_offset_expr.get(), json);
}

void WriteStartOrEnd(const TimeModifiers& time, JsonWriter& json) {
  json.Key("startOrEnd");
  if (time.start_or_end == StartOrEnd::kNone) {
    json.Null();
  } else {
    json.String(time.start_or_end == StartOrEnd::kStart ? "start" : "end");
  }
}

void WriteTimestamp(const TimeModifiers& time, JsonWriter& json) {
  json.Key("timestamp");
  if (time.timestamp_ms) {
    json.Int(*time.timestamp_ms);
  } else {
    json.Null();
  }
}

void WriteFields(const AggregateExpr& node, JsonWriter& json) {
  json.Key("expr");
  WriteAstJson(*node.expr, json);
  json.Key("grouping");
  WriteStrings(node.grouping, json);
  json.Key("op").String(OpText(node.op)).Key("param");
  WriteOrNull(node.param.get(), json);
  json.Key("type").String("aggregation").Key("without").Bool(node.without);
}

void WriteFields(const BinaryExpr& node, JsonWriter& json) {
  json.Key("bool").Bool(node.return_bool).Key("lhs");
  WriteAstJson(*node.lhs, json);
  json.Key("matching");
  if (node.matching) {
    const VectorMatching& matching = *node.matching;
    json.BeginObject().Key("card").String(MatchCardinalityText(matching.cardinality));
    json.Key("fillValues").BeginObject().Key("lhs");
    WriteNumberOrNull(matching.fill_lhs, json);
    json.Key("rhs");
    WriteNumberOrNull(matching.fill_rhs, json);
    json.EndObject().Key("include");
    WriteStrings(matching.include, json);
    json.Key("labels");
    WriteStrings(matching.labels, json);
    json.Key("on").Bool(matching.on).EndObject();
  } else {
    json.Null();
  }
  json.Key("op").String(OpText(node.op)).Key("rhs");
  WriteAstJson(*node.rhs, json);
  json.Key("type").String("binaryExpr");
}

void WriteFields(const Call& node, JsonWriter& json) {
  json.Key("args").BeginArray();
  for (const ExprPtr& arg : node.args) WriteAstJson(*arg, json);
  json.EndArray().Key("func").BeginObject().Key("argTypes").BeginArray();
  for (ValueType type : node.function->arg_types) json.String(ValueTypeText(type));
  json.EndArray().Key("name").String(node.function->name);
  json.Key("returnType").String(ValueTypeText(node.function->return_type));
  json.Key("variadic").Int(node.function->variadic).EndObject().Key("type").String("call");
}

void WriteFields(const DurationExpr& node, JsonWriter& json) {
  json.Key("lhs");
  WriteOrNull(node.lhs.get(), json);
  json.Key("op").String(OpText(node.op)).Key("rhs");
  WriteOrNull(node.rhs.get(), json);
  json.Key("type").String("durationExpr").Key("wrapped").Bool(node.wrapped);
}

void WriteFields(const MatrixSelector& node, JsonWriter& json) {
  const VectorSelector& selector = node.vector_selector();
  json.Key("anchored").Bool(selector.anchored);
  WriteMatchers(selector.matchers, json);
  json.Key("name").String(selector.name);
  WriteOffset(selector.time, json);
  json.Key("range").Int(node.range_ms).Key("rangeExpr");
  WriteOrNull(node.range_expr.get(), json);
  json.Key("smoothed").Bool(selector.smoothed);
  WriteStartOrEnd(selector.time, json);
  WriteTimestamp(selector.time, json);
  json.Key("type").String("matrixSelector");
}

void WriteFields(const SubqueryExpr& node, JsonWriter& json) {
  json.Key("expr");
  WriteAstJson(*node.expr, json);
  WriteOffset(node.time, json);
  json.Key("range").Int(node.range_ms).Key("rangeExpr");
  WriteOrNull(node.range_expr.get(), json);
  WriteStartOrEnd(node.time, json);
  json.Key("step").Int(node.step_ms).Key("stepExpr");
  WriteOrNull(node.step_expr.get(), json);
  WriteTimestamp(node.time, json);
  json.Key("type").String("subquery");
}

void WriteFields(const VectorSelector& node, JsonWriter& json) {
  json.Key("anchored").Bool(node.anchored);
  WriteMatchers(node.matchers, json);
  json.Key("name").String(node.name);
  WriteOffset(node.time, json);
  json.Key("smoothed").Bool(node.smoothed);
  WriteStartOrEnd(node.time, json);
  WriteTimestamp(node.time, json);
  json.Key("type").String("vectorSelector");
}

}  // namespace

void WriteAstJson(const Expr& expr, JsonWriter& json) {
  if (expr.kind == NodeKind::kStepInvariant) return WriteAstJson(*As<StepInvariantExpr>(&expr)->expr, json);
  json.BeginObject();
  switch (expr.kind) {
    case NodeKind::kAggregate: WriteFields(*As<AggregateExpr>(&expr), json); break;
    case NodeKind::kBinary: WriteFields(*As<BinaryExpr>(&expr), json); break;
    case NodeKind::kCall: WriteFields(*As<Call>(&expr), json); break;
    case NodeKind::kDuration: WriteFields(*As<DurationExpr>(&expr), json); break;
    case NodeKind::kMatrixSelector: WriteFields(*As<MatrixSelector>(&expr), json); break;
    case NodeKind::kSubquery: WriteFields(*As<SubqueryExpr>(&expr), json); break;
    case NodeKind::kVectorSelector: WriteFields(*As<VectorSelector>(&expr), json); break;
    case NodeKind::kNumber: {
      const auto& number = *As<NumberLiteral>(&expr);
      json.Key("duration").Bool(number.is_duration).Key("type").String("numberLiteral");
      json.Key("val").String(model::FormatValue(number.value));
      break;
    }
    case NodeKind::kParen:
      json.Key("expr");
      WriteAstJson(*As<ParenExpr>(&expr)->expr, json);
      json.Key("type").String("parenExpr");
      break;
    case NodeKind::kString:
      json.Key("type").String("stringLiteral").Key("val").String(As<StringLiteral>(&expr)->value);
      break;
    case NodeKind::kUnary:
      json.Key("expr");
      WriteAstJson(*As<UnaryExpr>(&expr)->expr, json);
      json.Key("op").String(OpText(As<UnaryExpr>(&expr)->op)).Key("type").String("unaryExpr");
      break;
    case NodeKind::kStepInvariant: break;  // handled above
  }
  json.EndObject();
}

}  // namespace sextant::promql
