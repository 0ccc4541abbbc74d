// The tokens of a text as the parsers read them: one token of lookahead, the errors found so far, and the literals that
// all notations share.
//
// The lookahead is read no earlier than a parser asks for it. Positions of nodes depend on that: upstream ends a node at
// the last closing token that its own parser has seen, and so do we.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "metrics/promql/lexer.h"
#include "metrics/promql/parser.h"

namespace sextant::promql {

// Where a syntax error happens decides how it is worded: "unexpected X in <context>, expected <expected>".
struct ErrorContext {
  std::string_view context;
  std::string_view expected;
};

// Owned by one parse.
class TokenStream {
 public:
  TokenStream(std::string_view text, Lexer::Mode mode) : text_(text), lexer_(text, mode) {}

  std::string_view text() const { return text_; }

  // The next token, comments left out. After a lexical error (which is recorded) it is that error for ever.
  const Token& Peek();
  TokenKind PeekKind() { return Peek().kind; }
  Token Take();
  // Takes the next token if it is of a kind.
  bool Accept(TokenKind kind);

  // End of the last closing bracket, number or duration that was read, lookahead included.
  int last_closing() const { return last_closing_; }
  // Start of the last token that was read.
  int last_pos() const { return last_pos_; }

  void AddError(Position position, std::string message) { errors_.push_back({position, std::move(message)}); }
  // Records that the next token cannot stand there. A lexical error is not reported twice.
  void AddUnexpected(ErrorContext context);
  bool has_errors() const { return !errors_.empty(); }
  std::vector<ParseError> TakeErrors() { return std::move(errors_); }

  // Values of literals; errors are recorded and yield zero or an empty string.
  double Number(const Token& token);
  double DurationSeconds(const Token& token);
  std::string Unquote(const Token& token);

 private:
  std::string_view text_;
  Lexer lexer_;
  std::optional<Token> lookahead_;
  int last_closing_ = 0;
  int last_pos_ = 0;
  std::vector<ParseError> errors_;
};

inline Position PositionOf(const Token& token) { return {token.pos, token.end()}; }

// The value of a quoted string with Go's escapes, in single or double quotes or backquotes.
core::Result<std::string> UnquoteString(std::string_view quoted);

}  // namespace sextant::promql
