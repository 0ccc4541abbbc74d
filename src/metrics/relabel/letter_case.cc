#include "metrics/relabel/letter_case.h"

#include <clocale>
#include <cwchar>
#include <cwctype>

namespace sextant::relabel {

namespace {

// The C library's Unicode tables; part of the library itself, so there on every machine.
locale_t UnicodeLocale() {
  static const locale_t kLocale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return kLocale;
}

// Takes one character from the front of `text`; invalid bytes become U+FFFD, as when Go ranges over a string.
char32_t TakeCharacter(std::string_view& text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto is_tail = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  char32_t first = byte(0);
  size_t length = 1;
  char32_t character = first;
  if (first >= 0xc2 && first <= 0xdf && is_tail(1)) {
    length = 2;
    character = (first & 0x1f) << 6 | (byte(1) & 0x3f);
  } else if (first >= 0xe0 && first <= 0xef && is_tail(1) && is_tail(2)) {
    length = 3;
    character = (first & 0x0f) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
  } else if (first >= 0xf0 && first <= 0xf4 && is_tail(1) && is_tail(2) && is_tail(3)) {
    length = 4;
    character = (first & 0x07) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
  } else if (first >= 0x80) {
    character = 0xfffd;
  }
  text.remove_prefix(length);
  return character;
}

void Append(char32_t character, std::string& out) {
  if (character < 0x80) {
    out += static_cast<char>(character);
  } else if (character < 0x800) {
    out += static_cast<char>(0xc0 | character >> 6);
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    out += static_cast<char>(0xe0 | character >> 12);
    out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (character & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | character >> 18);
    out += static_cast<char>(0x80 | (character >> 12 & 0x3f));
    out += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    out += static_cast<char>(0x80 | (character & 0x3f));
  }
}

template <typename Map>
std::string MapCharacters(std::string_view text, char from, char to, Map map) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    char c = text.front();
    if (static_cast<unsigned char>(c) < 0x80) {
      out += c >= from && c <= to ? static_cast<char>(c ^ 0x20) : c;
      text.remove_prefix(1);
      continue;
    }
    char32_t character = TakeCharacter(text);
    if (UnicodeLocale() != nullptr) character = static_cast<char32_t>(map(static_cast<wint_t>(character)));
    Append(character, out);
  }
  return out;
}

}  // namespace

std::string ToLower(std::string_view text) {
  return MapCharacters(text, 'A', 'Z', [](wint_t c) { return ::towlower_l(c, UnicodeLocale()); });
}

std::string ToUpper(std::string_view text) {
  return MapCharacters(text, 'a', 'z', [](wint_t c) { return ::towupper_l(c, UnicodeLocale()); });
}

}  // namespace sextant::relabel
