// Selectors and label sets, which expressions, series descriptions and the API's `match[]` share. Each function returns
// nothing after a syntax error, which is then in the stream.
#pragma once

#include <optional>
#include <vector>

#include "metrics/promql/token_stream.h"
#include "model/labels.h"
#include "model/matcher.h"

namespace sextant::promql {

// Whether a token can be the name of a metric: most keywords can.
bool IsMetricName(TokenKind kind);

// Matchers in braces, and the braces' place.
struct BracedMatchers {
  std::vector<model::Matcher> matchers;
  Position position;
};
// The next token is the left brace.
std::optional<BracedMatchers> ParseMatchers(TokenStream& tokens);

// `name{a="b"}`, both parts optional.
std::optional<model::Labels> ParseLabelSet(TokenStream& tokens);

}  // namespace sextant::promql
