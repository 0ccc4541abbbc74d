#include "metrics/promql/label_parser.h"

namespace sextant::promql {

namespace {

std::optional<model::MatchType> MatchTypeOf(TokenKind kind) {
  switch (kind) {
    case TokenKind::kAssign: return model::MatchType::kEqual;
    case TokenKind::kNeq: return model::MatchType::kNotEqual;
    case TokenKind::kEqlRegex: return model::MatchType::kRegexp;
    case TokenKind::kNeqRegex: return model::MatchType::kNotRegexp;
    default: return std::nullopt;
  }
}

// One matcher: `name="value"`, `"quoted name"="value"` or `"metric name"`. False after a syntax error; a regular
// expression that does not compile is recorded and left out.
bool ParseMatcher(TokenStream& tokens, std::vector<model::Matcher>& matchers) {
  constexpr std::string_view kContext = "label matching";
  TokenKind kind = tokens.PeekKind();
  if (kind != TokenKind::kIdentifier && kind != TokenKind::kString) {
    tokens.AddUnexpected({kContext, "identifier or \"}\""});
    return false;
  }
  Token name = tokens.Take();
  std::string unquoted = kind == TokenKind::kString ? tokens.Unquote(name) : std::string(name.text);
  std::optional<model::MatchType> type = MatchTypeOf(tokens.PeekKind());
  if (!type) {
    if (kind == TokenKind::kString) {
      matchers.push_back(model::Matcher::Equal(model::kMetricName, unquoted));
      return true;
    }
    tokens.AddUnexpected({kContext, "label matching operator"});
    return false;
  }
  tokens.Take();
  if (tokens.PeekKind() != TokenKind::kString) {
    tokens.AddUnexpected({kContext, "string"});
    return false;
  }
  Token value = tokens.Take();
  core::Result<model::Matcher> matcher = model::Matcher::Make(*type, unquoted, tokens.Unquote(value));
  if (matcher) {
    matchers.push_back(*std::move(matcher));
  } else {
    tokens.AddError({name.pos, value.end()}, matcher.error().message());
  }
  return true;
}

bool ParseLabel(TokenStream& tokens, model::LabelsBuilder& labels) {
  constexpr std::string_view kContext = "label set";
  TokenKind kind = tokens.PeekKind();
  if (kind != TokenKind::kIdentifier && kind != TokenKind::kString) {
    tokens.AddUnexpected({kContext, "identifier or \"}\""});
    return false;
  }
  Token name = tokens.Take();
  std::string unquoted = kind == TokenKind::kString ? tokens.Unquote(name) : std::string(name.text);
  if (tokens.PeekKind() != TokenKind::kAssign) {
    if (kind == TokenKind::kString) {
      labels.Set(model::kMetricName, unquoted);
      return true;
    }
    tokens.AddUnexpected({kContext, "\"=\""});
    return false;
  }
  tokens.Take();
  if (tokens.PeekKind() != TokenKind::kString) {
    tokens.AddUnexpected({kContext, "string"});
    return false;
  }
  labels.Set(unquoted, tokens.Unquote(tokens.Take()));
  return true;
}

// Items separated by commas, with an optional one at the end, up to the right brace, which is returned.
template <typename ParseItem>
std::optional<Token> ParseBraces(TokenStream& tokens, std::string_view context, ParseItem parse_item) {
  tokens.Take();
  while (tokens.PeekKind() != TokenKind::kRightBrace) {
    if (!parse_item()) return std::nullopt;
    if (tokens.PeekKind() == TokenKind::kRightBrace) break;
    if (!tokens.Accept(TokenKind::kComma)) {
      tokens.AddUnexpected({context, "\",\" or \"}\""});
      return std::nullopt;
    }
  }
  return tokens.Take();
}

}  // namespace

bool IsMetricName(TokenKind kind) {
  if (IsAggregator(kind)) return true;
  switch (kind) {
    case TokenKind::kAnchored:
    case TokenKind::kAnd:
    case TokenKind::kBy:
    case TokenKind::kEnd:
    case TokenKind::kIdentifier:
    case TokenKind::kMaxOf:
    case TokenKind::kMetricIdentifier:
    case TokenKind::kMinOf:
    case TokenKind::kOffset:
    case TokenKind::kOr:
    case TokenKind::kRange:
    case TokenKind::kSmoothed:
    case TokenKind::kStart:
    case TokenKind::kStep:
    case TokenKind::kUnless:
    case TokenKind::kWithout: return true;
    default: return false;
  }
}

std::optional<BracedMatchers> ParseMatchers(TokenStream& tokens) {
  BracedMatchers braced;
  braced.position.start = tokens.Peek().pos;
  std::optional<Token> right =
      ParseBraces(tokens, "label matching", [&] { return ParseMatcher(tokens, braced.matchers); });
  if (!right) return std::nullopt;
  braced.position.end = right->end();
  return braced;
}

std::optional<model::Labels> ParseLabelSet(TokenStream& tokens) {
  model::LabelsBuilder labels;
  std::string name;
  if (IsMetricName(tokens.PeekKind())) name = tokens.Take().text;
  if (tokens.PeekKind() == TokenKind::kLeftBrace &&
      !ParseBraces(tokens, "label set", [&] { return ParseLabel(tokens, labels); })) {
    return std::nullopt;
  }
  if (!name.empty()) labels.Set(model::kMetricName, name);
  return labels.Build();
}

}  // namespace sextant::promql
