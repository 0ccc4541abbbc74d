// The tokens of Prometheus' text format, exactly as its lexer (promlex.l) cuts them, including where it stops
// on bad input: error texts show that place. Slow and thorough; TextParser reads ordinary lines without it.
#pragma once

#include <cstddef>
#include <string_view>

namespace sextant::exposition {

enum class Token {
  kInvalid,
  kEof,
  kLinebreak,
  kWhitespace,
  kHelp,
  kType,
  kUnit,     // OpenMetrics only
  kEofWord,  // OpenMetrics only
  kText,
  kComment,
  kMetricName,
  kQuotedString,
  kBraceOpen,
  kBraceClose,
  kLabelName,
  kLabelValue,
  kComma,
  kEqual,
  kTimestamp,
  kValue,
};

// The name Prometheus' errors give a token ("MNAME").
std::string_view TokenName(Token token);

// Works on the body with a line break added behind it, as Prometheus does. The added byte is never stored, so
// tokens are views of the body; a token that contains it is cut short by one byte.
class TextLexer {
 public:
  explicit TextLexer(std::string_view body) : body_(body) {}

  // Continues at this offset, at the start of a line.
  void Seek(size_t offset) {
    at_ = offset;
    state_ = State::kInit;
  }
  // The next token; whitespace is one too.
  Token Next();

  // The offsets of the current token, and the body's size with the added line break.
  size_t token_start() const { return start_; }
  size_t token_end() const { return at_; }
  size_t size() const { return body_.size() + 1; }

 private:
  enum class State { kInit, kComment, kMeta1, kMeta2, kLabels, kLabelValue, kValue, kTimestamp };

  unsigned char Byte(size_t at) const {
    return at < body_.size() ? static_cast<unsigned char>(body_[at]) : static_cast<unsigned char>('\n');
  }
  // Takes the current byte; the next one, or 0 at the end and for a zero byte.
  unsigned char Advance();

  Token AtLineStart(unsigned char c);
  Token AfterHash(unsigned char c);
  Token RestOfComment();
  Token MetaName(unsigned char c);
  Token MetaText(unsigned char c);
  Token InLabels(unsigned char c);
  Token InLabelValue(unsigned char c);
  Token InValue(unsigned char c);
  Token InTimestamp(unsigned char c);
  // A quoted string from its opening quote; false when it does not end.
  bool TakeQuoted();
  bool TakeWord(std::string_view word, unsigned char& c);

  std::string_view body_;
  size_t at_ = 0;
  size_t start_ = 0;
  State state_ = State::kInit;
};

}  // namespace sextant::exposition
