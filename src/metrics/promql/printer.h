// Writes expressions as text again, in Prometheus' normal form. What Print writes, the parser reads back as an equal tree
// (positions aside). Pure functions; any thread. They recurse as deep as the tree is high.
#pragma once

#include <string>
#include <vector>

#include "metrics/promql/ast.h"

namespace sextant::promql {

// On one line: `sum by (job) (rate(foo{a="b"}[5m] offset 1m))`.
std::string Print(const Expr& expr);

// On several lines where one would be longer than 100 characters, as the API's format_query answers. `line_limit` is for
// tests.
std::string Prettify(const Expr& expr, size_t line_limit = 100);

}  // namespace sextant::promql
