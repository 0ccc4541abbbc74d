// The rules that the grammar cannot express: types of operands and arguments, what modifiers may be combined with, and
// that a selector selects something.
#pragma once

#include <string_view>
#include <vector>

#include "metrics/promql/ast.h"
#include "metrics/promql/parser.h"

namespace sextant::promql {

// Checks a syntactically correct tree over `text`, appends what is wrong to `errors`, and settles what depends on types:
// set operators become many-to-many, matching goes away unless both sides are vectors, the second argument of info() may
// match everything. Recurses as deep as the tree is high.
void CheckTypes(Expr& expr, std::string_view text, std::vector<ParseError>& errors);

}  // namespace sextant::promql
