// The little of Unicode that templates need: UTF-8 steps, case mapping and what is printable. Stateless.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sextant::gotemplate {

inline constexpr char32_t kRuneError = 0xFFFD;

struct Rune {
  char32_t value;  // kRuneError when the bytes are not UTF-8
  size_t size;     // bytes consumed, at least 1 unless the text was empty
  bool valid = true;
};

// The first character of `text` (which is not empty).
Rune DecodeRune(std::string_view text);
void AppendRune(std::string& out, char32_t rune);
size_t CountRunes(std::string_view text);
bool IsValidUtf8(std::string_view text);

bool IsLetter(char32_t rune);
bool IsDigit(char32_t rune);
bool IsSpaceRune(char32_t rune);
// As Go's unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space.
bool IsPrint(char32_t rune);
char32_t ToUpperRune(char32_t rune);
char32_t ToLowerRune(char32_t rune);

// Go's strings.ToUpper, ToLower, Title (first letter of each word) and TrimSpace.
std::string ToUpper(std::string_view text);
std::string ToLower(std::string_view text);
std::string TitleWords(std::string_view text);
std::string_view TrimSpace(std::string_view text);
// Title case as golang.org/x/text/cases does it for American English: the rest of each word in lower case, an
// apostrophe does not end a word.
std::string TitleCase(std::string_view text);

// Go's strconv.Quote and its inverse for quoted and raw strings. Unquote returns false for bad syntax.
std::string Quote(std::string_view text, bool ascii_only = false);
bool Unquote(std::string_view text, std::string& out);
// The value of a character constant with its quotes.
bool UnquoteChar(std::string_view text, char32_t& out);
// "U+00A0", or "U+0041 'A'" for what can be printed.
std::string DescribeRune(char32_t rune);

}  // namespace sextant::gotemplate
