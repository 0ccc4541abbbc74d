#include "metrics/promql/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_writer.h"
#include "metrics/promql/ast_json.h"
#include "metrics/promql/functions.h"
#include "metrics/promql/printer.h"

namespace sextant::promql {
namespace {

using testing::HasSubstr;

std::string ErrorOf(std::string_view text, const ParserOptions& options = ParserOptions::Everything()) {
  ParseResult<ExprPtr> expr = ParseExpr(text, options);
  return expr ? "" : expr.error().Message();
}

std::string Printed(std::string_view text) {
  ParseResult<ExprPtr> expr = ParseExpr(text, ParserOptions::Everything());
  return expr ? Print(**expr) : expr.error().Message();
}

std::string Json(std::string_view text) {
  ParseResult<ExprPtr> expr = ParseExpr(text, ParserOptions::Everything());
  if (!expr) return expr.error().Message();
  core::JsonWriter json;
  WriteAstJson(**expr, json);
  return std::move(json).Take();
}

std::string Repeat(std::string_view text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Parser, ErrorsNameLineAndColumn) {
  EXPECT_EQ(ErrorOf("sum(\n  foo +)"), "2:8: parse error: unexpected \")\" in aggregation");
  EXPECT_EQ(ErrorOf(""), "unknown position: parse error: no expression found in input");
  EXPECT_EQ(ErrorOf("foo bar"), "1:5: parse error: unexpected identifier \"bar\"");
}

TEST(Parser, BindsOperatorsAsDocumented) {
  auto is_negative_power = [](std::string_view text) {
    ParseResult<ExprPtr> expr = ParseExpr(text);
    const auto* unary = As<UnaryExpr>(*expr);
    return unary != nullptr && As<BinaryExpr>(unary->expr) != nullptr;
  };
  EXPECT_TRUE(is_negative_power("-a ^ 2"));
  EXPECT_FALSE(is_negative_power("-a * 2"));
  ParseResult<ExprPtr> power = ParseExpr("a ^ b ^ c");
  EXPECT_TRUE(As<BinaryExpr>(As<BinaryExpr>(*power)->rhs));
  ParseResult<ExprPtr> mixed = ParseExpr("a or b and c == d + e * f");
  EXPECT_EQ(As<BinaryExpr>(*mixed)->op, BinaryOp::kOr);
  ParseResult<ExprPtr> trim = ParseExpr("a + b >/ c");
  EXPECT_EQ(As<BinaryExpr>(*trim)->op, BinaryOp::kTrimLower);
}

TEST(Parser, AnOffsetEndsAtItsNumber) {
  ParseResult<ExprPtr> expr = ParseExpr("foo offset -2 ^ 2");
  ASSERT_TRUE(expr);
  const auto* binary = As<BinaryExpr>(*expr);
  ASSERT_NE(binary, nullptr);
  EXPECT_EQ(As<VectorSelector>(binary->lhs)->time.original_offset_ms, -2000);
}

TEST(Parser, ExperimentsAreOffByDefault) {
  ParserOptions without;
  without.duration_expressions = false;
  EXPECT_EQ(ErrorOf("foo[5m+1m]", without),
            "1:5: parse error: experimental duration expression is not enabled");
  EXPECT_EQ(ErrorOf("foo offset step()", without),
            "1:12: parse error: experimental duration expression is not enabled");
  EXPECT_EQ(ErrorOf("foo[5m+1m]", {}), "");
  EXPECT_EQ(ErrorOf("foo[5m] anchored", {}),
            "1:1: parse error: anchored modifier is experimental and not enabled");
  EXPECT_EQ(ErrorOf("foo + fill(0) bar", {}),
            "1:1: parse error: binop fill modifiers are experimental and not enabled");
  EXPECT_EQ(ErrorOf("info(foo)", {}), "1:1: parse error: function \"info\" is not enabled");
  EXPECT_THAT(ErrorOf("limitk(1, foo)", {}), HasSubstr("limitk() is experimental and must be enabled with"));
  EXPECT_EQ(ErrorOf("foo[5m]", {}), "");
  EXPECT_EQ(ErrorOf("foo offset -5m", {}), "");
}

TEST(Parser, NestingIsBounded) {
  for (std::string text :
       {Repeat("(", 100'000) + "1" + Repeat(")", 100'000), Repeat("-", 100'000) + "a",
        "a" + Repeat("+a", 100'000), Repeat("abs(", 100'000), "a" + Repeat("[1m:]", 100'000),
        "a[" + Repeat("(", 100'000), "a[" + Repeat("-", 100'000), "a[1" + Repeat("+1", 100'000) + "]",
        Repeat("sum(", 100'000), Repeat("a^", 100'000), "a offset -(" + Repeat("(", 100'000)}) {
    EXPECT_THAT(ErrorOf(text), HasSubstr("nested too deeply")) << text.substr(0, 20);
  }
  EXPECT_EQ(ErrorOf(Repeat("(", 190) + "1" + Repeat(")", 190)), "");
  EXPECT_EQ(ErrorOf("a" + Repeat(" or a", 900)), "");
}

TEST(Parser, InputIsBounded) {
  EXPECT_THAT(ErrorOf(std::string(2 << 20, ' ')), HasSubstr("too long"));
  EXPECT_FALSE(ParseMetricSelector("{a=\"" + std::string(2 << 20, 'x') + "\"}"));
  EXPECT_FALSE(ParseSeriesDescription("a 1x99999999999"));
  EXPECT_FALSE(ParseSeriesDescription("a _x99999999999999999999999"));
}

TEST(Parser, Selectors) {
  auto matchers = ParseMetricSelector("foo{a!=\"b\", \"c d\"=~`e.*`, }");
  ASSERT_TRUE(matchers);
  ASSERT_EQ(matchers->size(), 3u);
  EXPECT_EQ((*matchers)[1].ToString(), "\"c d\"=~\"e.*\"");
  EXPECT_EQ((*matchers)[2].ToString(), "__name__=\"foo\"");
  EXPECT_TRUE(ParseMetricSelector("{\"my metric\"}"));
  EXPECT_FALSE(ParseMetricSelector("foo[5m]"));
  EXPECT_FALSE(ParseMetricSelector(""));
  EXPECT_FALSE(ParseMetricSelector("{a=~\"(\"}"));
  EXPECT_EQ(ParseMetric("foo{a=\"b\"}")->ToMetricString(), "foo{a=\"b\"}");
  EXPECT_FALSE(ParseMetric("foo{a!=\"b\"}"));
}

TEST(Parser, SeriesWithHistograms) {
  auto series =
      ParseSeriesDescription("h {{schema:1 sum:-3 count:22 buckets:[5 10 7]}}x1 {{count:1}}+{{count:2}}x2");
  ASSERT_TRUE(series) << series.error().Message();
  ASSERT_EQ(series->values.size(), 5u);
  EXPECT_EQ(series->values[0].histogram->schema, 1);
  EXPECT_EQ(series->values[0].histogram->sum, -3);
  EXPECT_EQ(series->values[4].histogram->count, 5);
  EXPECT_FALSE(ParseSeriesDescription("h {{sum:1 sum:2}}"));
  EXPECT_FALSE(ParseSeriesDescription("h {{bogus:1}}"));
}

TEST(Parser, KeywordsAreNamesWhereNothingElseFits) {
  EXPECT_EQ(Printed("sum + by"), "sum + by");
  EXPECT_EQ(Printed("fill + fill_left"), "fill + fill_left");
  EXPECT_EQ(Printed("sum by (on, bool, step) (min_of)"), "sum by (on, bool, step) (min_of)");
}

TEST(Printer, KeepsSelectorsThatMatchEverything) { EXPECT_EQ(Printed("info(foo, {})"), "info(foo, {})"); }

TEST(AstJson, HasTheFieldsOfPrometheus) {
  EXPECT_EQ(Json("foo{a=\"b\"} offset 1m"),
            R"({"anchored":false,"matchers":[{"name":"a","type":"=","value":"b"},)"
            R"({"name":"__name__","type":"=","value":"foo"}],"name":"foo","offset":60000,"offsetExpr":null,)"
            R"("smoothed":false,"startOrEnd":null,"timestamp":null,"type":"vectorSelector"})");
  EXPECT_THAT(
      Json("foo[5m+1m]"),
      HasSubstr(
          R"("range":0,"rangeExpr":{"lhs":{"duration":true,"type":"numberLiteral","val":"300"},"op":"+",)"
          R"("rhs":{"duration":true,"type":"numberLiteral","val":"60"},"type":"durationExpr","wrapped":false})"));
  EXPECT_THAT(Json("foo offset (10m/2)"), HasSubstr(R"("type":"durationExpr","wrapped":true})"));
  EXPECT_THAT(Json("foo[4s:1s] @ end()"), HasSubstr(R"("startOrEnd":"end","step":1000,"stepExpr":null)"));
  EXPECT_EQ(
      Json("pi()"),
      R"({"args":[],"func":{"argTypes":[],"name":"pi","returnType":"scalar","variadic":0},"type":"call"})");
  EXPECT_THAT(
      Json("a + on(x) group_left(y) b"),
      HasSubstr(R"("matching":{"card":"many-to-one","fillValues":{"lhs":null,"rhs":null},"include":["y"],)"
                R"("labels":["x"],"on":true})"));
  EXPECT_EQ(Json("-(\"x\" == 1)"),
            "1:3: parse error: binary expression must contain only scalar and instant vector types");
}

TEST(Functions, AreFoundByName) {
  for (const Function& function : Functions()) {
    EXPECT_EQ(FindFunction(function.name), &function);
    EXPECT_EQ(&Functions()[static_cast<size_t>(function.id)], &function);
  }
  EXPECT_EQ(FindFunction("RATE"), nullptr);
}

}  // namespace
}  // namespace sextant::promql
