// Parses the input as an expression, a selector and a series. An expression that parses must print as a text that parses
// again and prints the same.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "core/json_writer.h"
#include "metrics/promql/ast_json.h"
#include "metrics/promql/parser.h"
#include "metrics/promql/printer.h"

namespace {

[[noreturn]] void Fail(const std::string& printed, const std::string& problem) {
  std::fprintf(stderr, "printed %s\n%s\n", printed.c_str(), problem.c_str());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  using namespace sextant::promql;
  std::string_view text(reinterpret_cast<const char*>(bytes), size);
  static_cast<void>(ParseExpr(text));
  static_cast<void>(ParseMetricSelector(text));
  static_cast<void>(ParseMetric(text));
  static_cast<void>(ParseSeriesDescription(text));

  ParseResult<ExprPtr> expr = ParseExpr(text, ParserOptions::Everything());
  if (!expr) return 0;
  sextant::core::JsonWriter json;
  WriteAstJson(**expr, json);
  std::string printed = Print(**expr);
  // What is printed may be a little longer and deeper than what was read.
  ParserOptions options = ParserOptions::Everything();
  options.max_input_bytes *= 16;
  ParseResult<ExprPtr> again = ParseExpr(printed, options);
  if (!again) Fail(printed, again.error().Message());
  if (std::string twice = Print(**again); twice != printed) Fail(printed, twice);
  if (std::string copy = Print(*Clone(**expr)); copy != printed) Fail(printed, copy);
  ParseResult<ExprPtr> pretty = ParseExpr(Prettify(**expr), options);
  if (!pretty) Fail(Prettify(**expr), pretty.error().Message());
  return 0;
}
