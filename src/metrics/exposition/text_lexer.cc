#include "metrics/exposition/text_lexer.h"

#include "core/result.h"

namespace sextant::exposition {

namespace {

bool IsDigit(unsigned char c) { return c >= '0' && c <= '9'; }
bool IsNameStart(unsigned char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsMetricStart(unsigned char c) { return IsNameStart(c) || c == ':'; }
bool IsBlank(unsigned char c) { return c == ' ' || c == '\t'; }

}  // namespace

std::string_view TokenName(Token token) {
  switch (token) {
    case Token::kInvalid:
      return "INVALID";
    case Token::kEof:
      return "EOF";
    case Token::kLinebreak:
      return "LINEBREAK";
    case Token::kWhitespace:
      return "WHITESPACE";
    case Token::kHelp:
      return "HELP";
    case Token::kType:
      return "TYPE";
    case Token::kUnit:
      return "UNIT";
    case Token::kEofWord:
      return "EOFWORD";
    case Token::kText:
      return "TEXT";
    case Token::kComment:
      return "COMMENT";
    case Token::kMetricName:
      return "MNAME";
    case Token::kQuotedString:
      return "QSTRING";
    case Token::kBraceOpen:
      return "BOPEN";
    case Token::kBraceClose:
      return "BCLOSE";
    case Token::kLabelName:
      return "LNAME";
    case Token::kLabelValue:
      return "LVALUE";
    case Token::kComma:
      return "COMMA";
    case Token::kEqual:
      return "EQUAL";
    case Token::kTimestamp:
      return "TIMESTAMP";
    case Token::kValue:
      return "VALUE";
  }
  return "";
}

unsigned char TextLexer::Advance() {
  ++at_;
  if (at_ >= size()) return 0;
  // Zero bytes are allowed in these places, and skipped there.
  if (state_ == State::kLabelValue || state_ == State::kMeta2 || state_ == State::kComment) {
    while (Byte(at_) == 0) ++at_;
  }
  return Byte(at_);
}

Token TextLexer::Next() {
  if (at_ >= size()) return Token::kEof;
  start_ = at_;
  unsigned char c = Byte(at_);
  // Blanks are a token of their own everywhere but in front of a text, which takes them too.
  if (IsBlank(c) && state_ != State::kMeta2) {
    while (IsBlank(c)) c = Advance();
    return Token::kWhitespace;
  }
  switch (state_) {
    case State::kInit:
      return AtLineStart(c);
    case State::kComment:
      return AfterHash(c);
    case State::kMeta1:
      return MetaName(c);
    case State::kMeta2:
      return MetaText(c);
    case State::kLabels:
      return InLabels(c);
    case State::kLabelValue:
      return InLabelValue(c);
    case State::kValue:
      return InValue(c);
    case State::kTimestamp:
      return InTimestamp(c);
  }
  return Token::kInvalid;
}

Token TextLexer::AtLineStart(unsigned char c) {
  if (c == 0) return Token::kEof;
  if (c == '\n') {
    Advance();
    return Token::kLinebreak;
  }
  if (c == '#') {
    c = Advance();
    if (!IsBlank(c)) return RestOfComment();
    while (IsBlank(c)) c = Advance();
    state_ = State::kComment;
    return AfterHash(c);
  }
  if (c == '{') {
    Advance();
    state_ = State::kLabels;
    return Token::kBraceOpen;
  }
  if (!IsMetricStart(c)) return Token::kInvalid;
  while (IsMetricStart(c) || IsDigit(c)) c = Advance();
  state_ = State::kValue;
  return Token::kMetricName;
}

bool TextLexer::TakeWord(std::string_view word, unsigned char& c) {
  for (char expected : word) {
    if (c != static_cast<unsigned char>(expected)) return false;
    c = Advance();
  }
  if (!IsBlank(c)) return false;
  while (IsBlank(c)) c = Advance();
  return true;
}

Token TextLexer::AfterHash(unsigned char c) {
  bool may_be_help = c == 'H';
  if ((may_be_help || c == 'T') && TakeWord(may_be_help ? "HELP" : "TYPE", c)) {
    state_ = State::kMeta1;
    return may_be_help ? Token::kHelp : Token::kType;
  }
  return RestOfComment();
}

Token TextLexer::RestOfComment() {
  for (unsigned char c = Byte(at_);; c = Advance()) {
    if (c == 0) return Token::kEof;
    if (c == '\n') {
      state_ = State::kInit;
      return Token::kComment;
    }
  }
}

bool TextLexer::TakeQuoted() {
  unsigned char c = Advance();
  while (c != '"') {
    if (c == 0) return false;
    if (c == '\\') {
      c = Advance();
      if (c == 0 || c == '\n') return false;
    }
    c = Advance();
  }
  Advance();
  return true;
}

Token TextLexer::MetaName(unsigned char c) {
  if (c == '"') {
    if (!TakeQuoted()) return Token::kInvalid;
  } else {
    if (!IsMetricStart(c)) return Token::kInvalid;
    while (IsMetricStart(c) || IsDigit(c)) c = Advance();
  }
  state_ = State::kMeta2;
  return Token::kMetricName;
}

Token TextLexer::MetaText(unsigned char c) {
  bool is_blank = IsBlank(c);
  while (c != '\n' && c != 0) {
    c = Advance();
    is_blank = is_blank && (c == '\n' || c == 0 || IsBlank(c));
  }
  // Nothing but blanks is a blank; the text behind it is empty.
  if (is_blank) return Token::kWhitespace;
  state_ = State::kInit;
  return Token::kText;
}

Token TextLexer::InLabels(unsigned char c) {
  switch (c) {
    case '"':
      return TakeQuoted() ? Token::kQuotedString : Token::kInvalid;
    case '}':
      Advance();
      state_ = State::kValue;
      return Token::kBraceClose;
    case '=':
      Advance();
      state_ = State::kLabelValue;
      return Token::kEqual;
    case ',':
      Advance();
      return Token::kComma;
    default:
      break;
  }
  if (!IsNameStart(c)) return Token::kInvalid;
  while (IsNameStart(c) || IsDigit(c)) c = Advance();
  return Token::kLabelName;
}

Token TextLexer::InLabelValue(unsigned char c) {
  if (c != '"' || !TakeQuoted()) return Token::kInvalid;
  state_ = State::kLabels;
  return Token::kLabelValue;
}

Token TextLexer::InValue(unsigned char c) {
  if (c == '{') {
    Advance();
    state_ = State::kLabels;
    return Token::kBraceOpen;
  }
  if (c == '\n' || c == 0) return Token::kInvalid;
  while (c != '{' && c != '\n' && c != 0 && !IsBlank(c)) c = Advance();
  state_ = State::kTimestamp;
  return Token::kValue;
}

Token TextLexer::InTimestamp(unsigned char c) {
  if (c == '\n') {
    Advance();
    state_ = State::kInit;
    return Token::kLinebreak;
  }
  if (!IsDigit(c)) return Token::kInvalid;
  while (IsDigit(c)) c = Advance();
  return Token::kTimestamp;
}

}  // namespace sextant::exposition
