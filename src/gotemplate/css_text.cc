#include "gotemplate/css_text.h"

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string DecodeCss(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      if (text[i] != '\\') out += text[i];
      ++i;
      continue;
    }
    ++i;
    if (HexDigit(text[i]) < 0) {
      out += text[i++];
      continue;
    }
    char32_t rune = 0;
    const size_t begin = i;
    while (i < text.size() && i - begin < 6 && HexDigit(text[i]) >= 0)
      rune = rune * 16 + static_cast<char32_t>(HexDigit(text[i++]));
    if (rune > 0x10FFFF) {
      rune /= 16;
      --i;
    }
    AppendRune(out, rune);
    // One space after the digits belongs to them.
    if (text.substr(i).starts_with("\r\n")) {
      i += 2;
    } else if (i < text.size() && std::string_view(" \t\n\f\r").find(text[i]) != std::string_view::npos) {
      ++i;
    }
  }
  return out;
}

bool IsCssNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool EndsWithCssKeyword(std::string_view text, std::string_view keyword) {
  if (text.size() < keyword.size()) return false;
  const size_t begin = text.size() - keyword.size();
  if (begin > 0 && IsCssNameChar(text[begin - 1])) return false;
  for (size_t i = 0; i < keyword.size(); ++i) {
    const char c = text[begin + i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c) != keyword[i]) return false;
  }
  return true;
}

}  // namespace sextant::gotemplate
