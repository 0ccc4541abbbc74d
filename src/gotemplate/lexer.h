// Cuts a template's text into tokens: text between actions, delimiters with their trim markers, and what
// stands inside actions. Specification: Go's text/template documentation ("Text and spaces", "Actions",
// "Arguments").
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sextant::gotemplate {

enum class TokenType : uint8_t {
  kError,  // val is the message; always the last token
  kEof,
  kText,
  kLeftDelim,
  kRightDelim,
  kLeftParen,
  kRightParen,
  kSpace,
  kPipe,
  kAssign,   // =
  kDeclare,  // :=
  kChar,     // any other character, such as ','
  kBool,
  kCharConstant,
  kNumber,
  kString,
  kRawString,
  kIdentifier,
  kField,     // ".Name"
  kVariable,  // "$" or "$name"
  // Keywords; everything from here on prints as <keyword>.
  kBlock,
  kBreak,
  kContinue,
  kDefine,
  kDot,
  kElse,
  kEnd,
  kIf,
  kNil,
  kRange,
  kTemplate,
  kWith,
};

struct Token {
  TokenType type;
  size_t pos;             // byte offset in the text
  int line;               // of its first byte, from 1
  std::string_view text;  // as written
  std::string message;    // of kError
};

// Tokens of the whole text; the last one is kEof or kError. The tokens point into `text`.
std::vector<Token> Lex(std::string_view text);

}  // namespace sextant::gotemplate
