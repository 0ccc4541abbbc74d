// The tables of Prometheus' own parser tests: trees, errors with positions, tokens, printed and prettified texts.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <simdjson.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "metrics/promql/functions.h"
#include "metrics/promql/lexer.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"
#include "model/value.h"

namespace sextant::promql {
namespace {

using simdjson::dom::element;

std::string CasePath(std::string_view name) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return fmt::format("{}/prometheus/promql/parser_cases/{}.json", dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT,
                     name);
}

bool Has(element value, std::string_view key) {
  return value.is_object() && value[key].error() == simdjson::SUCCESS;
}

double NumberOf(element value) {
  if (value.is_string()) return std::string_view(value) == "-Inf" ? -INFINITY : INFINITY;
  if (value.is_double()) return double(value);
  if (value.is_uint64()) return static_cast<double>(uint64_t(value));
  return static_cast<double>(int64_t(value));
}

// Integers that do not fit into 64 bits are written as fractions, so that simdjson reads them.
std::string WithFractions(const std::string& json) {
  std::string out;
  bool in_string = false;
  size_t digits = 0;
  for (size_t i = 0; i < json.size(); ++i) {
    bool is_digit = !in_string && std::isdigit(static_cast<unsigned char>(json[i])) != 0;
    if (!is_digit && digits > 18) out += ".0";
    digits = is_digit ? digits + 1 : 0;
    if (json[i] == '"') in_string = !in_string;
    out += json[i];
    if (in_string && json[i] == '\\') out += json[++i];
  }
  return out;
}

// The tables' extraction took 5*Minute + 30*Second from left to right, as (5*Minute + 30) * Second. This takes it back.
int64_t DurationMsOf(double ns) {
  for (double unit : {1e9, 1e6}) {
    double count = std::round(ns / unit);
    double last = std::fmod(count, 1e9);
    if (count >= 1e9 && last != 0 && last < 1000) return static_cast<int64_t>((count - last + last * unit) / 1e6);
  }
  return static_cast<int64_t>(ns / 1e6);
}

// The tables hold some strings as the calls that make them.
std::string StringOf(element value) {
  if (value.is_string()) return std::string(std::string_view(value));
  if (Has(value, "$bytes_hex")) {
    std::string_view hex = value["$bytes_hex"];
    std::string out;
    for (size_t i = 0; i + 1 < hex.size(); i += 2) {
      out += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
    }
    return out;
  }
  if (Has(value, "$op")) return StringOf(value["a"]) + StringOf(value["b"]);
  if (Has(value, "$call")) {
    std::string_view call = value["$call"];
    simdjson::dom::array args = value["args"];
    std::string first = StringOf(args.at(0));
    if (call == "strings.Repeat") {
      std::string out;
      for (int64_t i = 0; i < int64_t(args.at(1)); ++i) out += first;
      return out;
    }
    size_t at = first.find("%f");
    return first.replace(at, 2, fmt::format("{:f}", NumberOf(args.at(1))));
  }
  return "?";
}

// --- Trees as text: the same notation from the table and from our nodes ---

using Fields = std::map<std::string, std::string>;

std::string Node(std::string_view type, const Fields& fields) {
  std::string out = std::string(type) + "(";
  for (const auto& [name, value] : fields) {
    if (!value.empty()) out += name + "=" + value + " ";
  }
  return out + ")";
}

std::string List(const std::vector<std::string>& items) {
  return items.empty() ? "" : fmt::format("[{}]", fmt::join(items, ", "));
}
std::string Flag(bool value) { return value ? "true" : ""; }
std::string Int(int64_t value) { return value == 0 ? "" : std::to_string(value); }
std::string Range(Position position) { return fmt::format("{}-{}", position.start, position.end); }

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

std::string FromTable(element value);

std::string FromTableField(std::string_view key, element value) {
  if (value.is_null()) return "";
  if (key == "PosRange") {
    int64_t start = Has(value, "Start") ? int64_t(value["Start"]) : 0;
    int64_t end = Has(value, "End") ? int64_t(value["End"]) : 0;
    return fmt::format("{}-{}", start, end);
  }
  if (key == "Val" && value.is_object()) return model::QuoteGo(StringOf(value));
  if (key == "Val" && !value.is_string()) return model::FormatValue(NumberOf(value));
  if (key == "Val") {
    std::string_view text = value;
    return text == "+Inf" || text == "-Inf" || text == "NaN" ? std::string(text) : model::QuoteGo(text);
  }
  if (key == "Range" || key == "Step" || key == "OriginalOffset") {
    return Int(DurationMsOf(NumberOf(value)));
  }
  if (key == "Op" || key == "StartOrEnd") {
    return value.is_string() ? std::string(std::string_view(value)) : Lower(StringOf(value["$id"]));
  }
  if (key == "Card") return StringOf(value["$id"]) == "CardOneToOne" ? "" : StringOf(value["$id"]);
  if (key == "Func") return StringOf(value["args"].at(0));
  if (key == "Timestamp") return std::to_string(int64_t(value["args"].at(0)));
  if (value.is_bool()) return Flag(bool(value));
  if (value.is_string()) return std::string(std::string_view(value));
  if (value.is_number()) return Int(static_cast<int64_t>(NumberOf(value)));
  if (value.is_array()) {
    std::vector<std::string> items;
    for (element item : value) items.push_back(FromTable(item));
    return List(items);
  }
  return FromTable(value);
}

std::string FromTable(element value) {
  if (value.is_string()) return std::string(std::string_view(value));
  if (value.is_null()) return "null";
  if (Has(value, "$call")) {
    simdjson::dom::array args = value["args"];
    std::string op = args.at(0).is_object() ? StringOf(args.at(0)["$id"]) : StringOf(args.at(0));
    return fmt::format("{}{}{}", StringOf(args.at(1)), op, model::QuoteGo(StringOf(args.at(2))));
  }
  std::string_view type = value["$type"];
  if (type == "Expressions") return "";
  Fields fields;
  for (auto [key, field] : simdjson::dom::object(value)) {
    if (key != "$type") fields[std::string(key)] = FromTableField(key, field);
  }
  return Node(type, fields);
}

std::string FromExpr(const Expr* expr);

std::string Card(MatchCardinality cardinality) {
  switch (cardinality) {
    case MatchCardinality::kOneToOne: return "";
    case MatchCardinality::kManyToOne: return "CardManyToOne";
    case MatchCardinality::kOneToMany: return "CardOneToMany";
    case MatchCardinality::kManyToMany: return "CardManyToMany";
  }
  return "";
}

void AddTime(Fields& fields, const TimeModifiers& time) {
  fields["OriginalOffset"] = Int(time.original_offset_ms);
  fields["OriginalOffsetExpr"] = FromExpr(time.original_offset_expr.get());
  if (time.timestamp_ms) fields["Timestamp"] = std::to_string(*time.timestamp_ms);
  if (time.start_or_end != StartOrEnd::kNone) {
    fields["StartOrEnd"] = time.start_or_end == StartOrEnd::kStart ? "start" : "end";
  }
}

std::string FromExpr(const Expr* expr) {
  if (expr == nullptr) return "";
  Fields fields{{"PosRange", Range(expr->position)}};
  if (const auto* node = As<NumberLiteral>(expr)) {
    fields["Val"] = model::FormatValue(node->value);
    fields["Duration"] = Flag(node->is_duration);
    return Node("NumberLiteral", fields);
  }
  if (const auto* node = As<StringLiteral>(expr)) {
    fields["Val"] = model::QuoteGo(node->value);
    return Node("StringLiteral", fields);
  }
  if (const auto* node = As<ParenExpr>(expr)) {
    fields["Expr"] = FromExpr(node->expr.get());
    return Node("ParenExpr", fields);
  }
  if (const auto* node = As<VectorSelector>(expr)) {
    fields["Name"] = node->name;
    std::vector<std::string> matchers;
    for (const model::Matcher& matcher : node->matchers) {
      matchers.push_back(fmt::format("{}{}{}", matcher.name(), model::MatchTypeText(matcher.type()),
                                     model::QuoteGo(matcher.value())));
    }
    fields["LabelMatchers"] = List(matchers);
    fields["BypassEmptyMatcherCheck"] = Flag(node->bypass_empty_matcher_check);
    AddTime(fields, node->time);
    return Node("VectorSelector", fields);
  }
  if (const auto* node = As<Call>(expr)) {
    fields["Func"] = std::string(node->function->name);
    std::vector<std::string> args;
    for (const ExprPtr& arg : node->args) args.push_back(FromExpr(arg.get()));
    fields["Args"] = List(args);
    return Node("Call", fields);
  }
  if (const auto* node = As<AggregateExpr>(expr)) {
    fields["Op"] = std::string(OpText(node->op));
    fields["Expr"] = FromExpr(node->expr.get());
    fields["Param"] = FromExpr(node->param.get());
    fields["Grouping"] = List(node->grouping);
    fields["Without"] = Flag(node->without);
    return Node("AggregateExpr", fields);
  }
  // The following have no range of their own upstream.
  Position position = expr->position;
  fields.clear();
  if (const auto* node = As<UnaryExpr>(expr)) {
    fields["Op"] = std::string(OpText(node->op));
    fields["Expr"] = FromExpr(node->expr.get());
    fields["StartPos"] = Int(position.start);
    return Node("UnaryExpr", fields);
  }
  if (const auto* node = As<MatrixSelector>(expr)) {
    fields["VectorSelector"] = FromExpr(node->selector.get());
    fields["Range"] = Int(node->range_ms);
    fields["RangeExpr"] = FromExpr(node->range_expr.get());
    fields["EndPos"] = Int(position.end);
    return Node("MatrixSelector", fields);
  }
  if (const auto* node = As<SubqueryExpr>(expr)) {
    fields["Expr"] = FromExpr(node->expr.get());
    fields["Range"] = Int(node->range_ms);
    fields["RangeExpr"] = FromExpr(node->range_expr.get());
    fields["Step"] = Int(node->step_ms);
    fields["StepExpr"] = FromExpr(node->step_expr.get());
    fields["EndPos"] = Int(position.end);
    AddTime(fields, node->time);
    return Node("SubqueryExpr", fields);
  }
  if (const auto* node = As<DurationExpr>(expr)) {
    fields["Op"] = std::string(OpText(node->op));
    fields["LHS"] = FromExpr(node->lhs.get());
    fields["RHS"] = FromExpr(node->rhs.get());
    fields["Wrapped"] = Flag(node->wrapped);
    fields["StartPos"] = Int(node->start_pos);
    fields["EndPos"] = Int(node->end_pos);
    return Node("DurationExpr", fields);
  }
  if (const auto* node = As<BinaryExpr>(expr)) {
    fields["Op"] = std::string(OpText(node->op));
    fields["LHS"] = FromExpr(node->lhs.get());
    fields["RHS"] = FromExpr(node->rhs.get());
    fields["ReturnBool"] = Flag(node->return_bool);
    if (node->matching) {
      fields["VectorMatching"] = Node("VectorMatching", {{"Card", Card(node->matching->cardinality)},
                                                         {"MatchingLabels", List(node->matching->labels)},
                                                         {"On", Flag(node->matching->on)},
                                                         {"Include", List(node->matching->include)}});
    }
    return Node("BinaryExpr", fields);
  }
  return "?";
}

std::string FromErrors(const ParseErrors& errors) {
  std::string out;
  for (const ParseError& error : errors.errors()) out += fmt::format("{} {}\n", Range(error.position), error.message);
  return out;
}

// Ten thousand errors, given as a formula: each a repetition of one error at equal distances.
std::string RepeatedErrors(element value) {
  if (Has(value, "$call") && std::string_view(value["$call"]) == "append") {
    std::string out;
    for (element arg : value["args"]) out += RepeatedErrors(arg);
    return out;
  }
  if (Has(value, "$call")) {
    // query, message, start, start increment, end, end increment, count
    simdjson::dom::array args = value["args"];
    std::string out;
    auto arg = [&](size_t i) { return int64_t(args.at(i)); };
    for (int64_t i = 0; i < arg(6); ++i) {
      out += fmt::format("{}-{} {}\n", arg(2) + i * arg(3), arg(4) + i * arg(5), StringOf(args.at(1)));
    }
    return out;
  }
  if (value.is_array()) {
    std::string out;
    for (element item : value) {
      element error = item;
      int64_t start = 0;
      int64_t end = 0;
      if (Has(error, "PositionRange")) {
        element range = error["PositionRange"];
        if (Has(range, "Start")) start = int64_t(range["Start"]);
        if (Has(range, "End")) end = int64_t(range["End"]);
      }
      out += fmt::format("{}-{} {}\n", start, end, StringOf(error["Err"]));
    }
    return out;
  }
  return simdjson::to_string(value);
}

// Runs something that recurses far deeper than any limit of ours allows.
void RunWithDeepStack(std::function<void()> run) {
  pthread_attr_t attributes;
  ASSERT_EQ(pthread_attr_init(&attributes), 0);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, size_t{512} << 20), 0);
  pthread_t thread;
  auto body = [](void* argument) -> void* {
    (*static_cast<std::function<void()>*>(argument))();
    return nullptr;
  };
  ASSERT_EQ(pthread_create(&thread, &attributes, body, &run), 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
}

class ParserTables : public testing::Test {
 protected:
  bool Load(std::string_view name) {
    std::string path = CasePath(name);
    if (!std::filesystem::exists(path)) return false;
    std::ifstream file(path);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    text = WithFractions(text);
    EXPECT_EQ(parser_.parse(text).get(table_), simdjson::SUCCESS);
    return true;
  }

  simdjson::dom::parser parser_;
  element table_;
};

void CheckExpressions(element table) {
  int passed = 0;
  int total = 0;
  for (element test : table) {
    ++total;
    std::string input = StringOf(test["input"]);
    ParserOptions options = ParserOptions::Everything();
    options.max_depth = 30'000;
    ParseResult<ExprPtr> result = ParseExpr(input, options);
    std::string want;
    std::string got;
    if (Has(test, "fail")) {
      want = RepeatedErrors(test["errors"]);
      got = result ? FromExpr(result->get()) : FromErrors(result.error());
    } else {
      want = FromTable(test["expected"]);
      got = result ? FromExpr(result->get()) : FromErrors(result.error());
    }
    if (want == got) {
      ++passed;
    } else {
      ADD_FAILURE() << input.substr(0, 200) << "\n  want " << want.substr(0, 2000) << "\n  got  " << got.substr(0, 2000);
    }
  }
  fmt::print("{} of {} expressions\n", passed, total);
}

TEST_F(ParserTables, Expressions) {
  if (!Load("parse")) GTEST_SKIP();
  RunWithDeepStack([this] { CheckExpressions(table_); });  // one case is 20,000 levels high
}

TEST_F(ParserTables, SeriesDescriptions) {
  if (!Load("series_desc")) GTEST_SKIP();
  for (element test : table_) {
    std::string input = StringOf(test["input"]);
    SCOPED_TRACE(input);
    ParseResult<SeriesDescription> result = ParseSeriesDescription(input);
    EXPECT_EQ(result.has_value(), !Has(test, "fail"));
    if (!result) continue;
    std::string want;
    for (element value : test["expectedValues"]["args"]) {
      want += (value.is_object() ? "_" : model::FormatValue(NumberOf(value))) + " ";
    }
    std::string got;
    for (const SequenceValue& value : result->values) {
      got += (value.omitted ? "_" : model::FormatValue(value.value)) + " ";
    }
    EXPECT_EQ(got, want);
    if (Has(test["expectedMetric"], "$call")) continue;
    model::LabelsBuilder labels;
    for (auto [name, value] : simdjson::dom::object(test["expectedMetric"])) labels.Set(name, StringOf(value));
    EXPECT_EQ(result->labels, labels.Build());
  }
}

TEST_F(ParserTables, Tokens) {
  if (!Load("lexer")) GTEST_SKIP();
  for (element group : table_) {
    for (element test : group["tests"]) {
      std::string input = StringOf(test["input"]);
      SCOPED_TRACE(input);
      bool series = Has(test, "seriesDesc");
      Lexer lexer(input, series ? Lexer::Mode::kSeriesDescription : Lexer::Mode::kExpression);
      std::vector<std::pair<int, std::string>> got;
      bool failed = false;
      for (Token token = lexer.Next(); token.kind != TokenKind::kEof; token = lexer.Next()) {
        got.emplace_back(token.pos, std::string(token.text));
        failed |= token.kind == TokenKind::kError;
      }
      if (Has(test, "fail")) {
        EXPECT_TRUE(failed);
        continue;
      }
      std::vector<std::pair<int, std::string>> want;
      for (element token : test["expected"]) {
        want.emplace_back(static_cast<int>(int64_t(token.at(1))), StringOf(token.at(2)));
      }
      EXPECT_EQ(got, want);
    }
  }
}

TEST_F(ParserTables, Printer) {
  if (!Load("printer")) GTEST_SKIP();
  for (element test : table_) {
    std::string input = test.is_string() ? StringOf(test) : StringOf(test["in"]);
    std::string want = Has(test, "out") ? StringOf(test["out"]) : input;
    ParseResult<ExprPtr> result = ParseExpr(input, ParserOptions::Everything());
    ASSERT_TRUE(result) << input << ": " << result.error().Message();
    if (test.is_string()) {
      // Queries whose printed text upstream only parses again.
      EXPECT_TRUE(ParseExpr(Print(**result), ParserOptions::Everything())) << input;
    } else {
      EXPECT_EQ(Print(**result), want);
    }
    EXPECT_EQ(Print(*Clone(**result)), Print(**result));
  }
}

TEST_F(ParserTables, Prettifier) {
  if (!Load("prettier")) GTEST_SKIP();
  for (element test : table_) {
    std::string input = StringOf(test["in"]);
    ParseResult<ExprPtr> result = ParseExpr(input, ParserOptions::Everything());
    ASSERT_TRUE(result) << input << ": " << result.error().Message();
    EXPECT_EQ(Prettify(**result, 10), StringOf(test["out"]));
  }
}

}  // namespace
}  // namespace sextant::promql
