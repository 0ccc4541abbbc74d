// The syntax trees of /api/v1/parse_query, against Prometheus' own cases.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>

#include "metrics/promql/ast_json.h"
#include "metrics/promql/parser.h"

namespace sextant::promql {
namespace {

namespace dom = simdjson::dom;

std::string Text(dom::element element) { return std::string(simdjson::minify(element)); }

// What a case's value stands for as JSON: calls of `durationNumber` and `durationExpr` are spelled out.
std::string Expected(dom::element value) {
  std::string_view call;
  if (!value.is_object() || value["$call"].get(call)) return Text(value);
  dom::array args = value["args"].get_array();
  if (call == "durationNumber") {
    return fmt::format(R"({{"duration":{},"type":"numberLiteral","val":{}}})", Text(args.at(1).value()),
                       Text(args.at(0).value()));
  }
  auto operand = [&](size_t i) { return Expected(args.at(i).value()); };
  return fmt::format(R"({{"lhs":{},"op":{},"rhs":{},"type":"durationExpr","wrapped":{}}})", operand(1),
                     Text(args.at(0).value()), operand(2), Text(args.at(3).value()));
}

TEST(AstJson, TranslatesAsPrometheusDoes) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::filesystem::path path = folder ? folder : SEXTANT_CONFORMANCE_DEFAULT;
  path /= "prometheus/api/translate_ast.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  dom::parser cases;
  int count = 0;
  for (dom::element one : cases.load(path.string()).get_array()) {
    ++count;
    std::string query(one["query"].get_string().value());
    SCOPED_TRACE(query);
    ParseResult<ExprPtr> expr = ParseExpr(query);
    ASSERT_TRUE(expr);
    core::JsonWriter json;
    WriteAstJson(**expr, json);
    dom::parser parser;
    dom::element tree = parser.parse(std::move(json).Take());
    EXPECT_EQ(Text(tree["type"]), Text(one["wantType"]));
    for (auto [name, value] : one["wantFields"].get_object()) {
      EXPECT_EQ(Text(tree[name]), Expected(value)) << name;
    }
  }
  EXPECT_EQ(count, 11);
}

}  // namespace
}  // namespace sextant::promql
