// A syntax tree as JSON, as Prometheus' /api/v1/parse_query answers it (for the tree view of its pages). Object keys are
// in alphabetical order, as Go writes maps.
#pragma once

#include "core/json_writer.h"
#include "metrics/promql/ast.h"

namespace sextant::promql {

// Appends the tree as one JSON value. Recurses as deep as the tree is high; pure; any thread.
void WriteAstJson(const Expr& expr, core::JsonWriter& json);

}  // namespace sextant::promql
