#include "gotemplate/unicode.h"

#include <fmt/format.h>
#include <locale.h>
#include <wctype.h>

namespace sextant::gotemplate {
namespace {

// glibc's character tables; null when the system lacks them, and then only ASCII has case.
locale_t Utf8Locale() {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", static_cast<locale_t>(nullptr));
  return locale;
}

bool HasClass(char32_t rune, int (*classify)(wint_t, locale_t)) {
  return Utf8Locale() != nullptr && classify(static_cast<wint_t>(rune), Utf8Locale()) != 0;
}

bool IsAsciiAlpha(char32_t rune) { return (rune >= 'a' && rune <= 'z') || (rune >= 'A' && rune <= 'Z'); }

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// One character or escape of a quoted text; false when it is not well formed.
struct Unescaper {
  std::string_view text;
  char quote;

  bool Number(size_t digits, uint32_t base, char32_t& out) {
    if (text.size() < digits) return false;
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i) {
      const int digit = HexDigit(text[i]);
      if (digit < 0 || static_cast<uint32_t>(digit) >= base) return false;
      value = value * base + static_cast<uint32_t>(digit);
    }
    text.remove_prefix(digits);
    out = value;
    return true;
  }

  // `is_byte`: the escape names a byte, not a character.
  bool Next(char32_t& out, bool& is_byte) {
    is_byte = false;
    if (text.empty()) return false;
    if (text[0] == quote || text[0] == '\n') return false;
    if (text[0] != '\\') {
      const Rune rune = DecodeRune(text);
      if (!rune.valid) {
        out = static_cast<unsigned char>(text[0]);
        is_byte = true;
      } else {
        out = rune.value;
      }
      text.remove_prefix(rune.size);
      return true;
    }
    if (text.size() < 2) return false;
    const char kind = text[1];
    text.remove_prefix(2);
    switch (kind) {
      case 'a':
        out = '\a';
        return true;
      case 'b':
        out = '\b';
        return true;
      case 'f':
        out = '\f';
        return true;
      case 'n':
        out = '\n';
        return true;
      case 'r':
        out = '\r';
        return true;
      case 't':
        out = '\t';
        return true;
      case 'v':
        out = '\v';
        return true;
      case '\\':
        out = '\\';
        return true;
      case '\'':
      case '"':
        out = static_cast<char32_t>(kind);
        return kind == quote;
      case 'x':
        is_byte = true;
        return Number(2, 16, out);
      case 'u':
        return Number(4, 16, out) && (out < 0xD800 || out > 0xDFFF);
      case 'U':
        return Number(8, 16, out) && out <= 0x10FFFF && (out < 0xD800 || out > 0xDFFF);
      default:
        break;
    }
    if (kind < '0' || kind > '7') return false;
    char32_t rest = 0;
    if (!Number(2, 8, rest)) return false;
    out = static_cast<char32_t>(kind - '0') * 64 + rest;
    is_byte = true;
    return out <= 255;
  }
};

}  // namespace

Rune DecodeRune(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return {first, 1};
  size_t size = 0;
  char32_t value = 0;
  if (first >= 0xC2 && first <= 0xDF) {
    size = 2;
    value = first & 0x1F;
  } else if (first >= 0xE0 && first <= 0xEF) {
    size = 3;
    value = first & 0x0F;
  } else if (first >= 0xF0 && first <= 0xF4) {
    size = 4;
    value = first & 0x07;
  }
  if (size == 0 || text.size() < size) return {kRuneError, 1, false};
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {kRuneError, 1, false};
    value = (value << 6) | (byte(i) & 0x3F);
  }
  const bool too_long = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
  if (too_long || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return {kRuneError, 1, false};
  return {value, size};
}

void AppendRune(std::string& out, char32_t rune) {
  if (rune > 0x10FFFF || (rune >= 0xD800 && rune <= 0xDFFF)) rune = kRuneError;
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | (rune >> 6));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0 | (rune >> 12));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | (rune >> 18));
    out += static_cast<char>(0x80 | ((rune >> 12) & 0x3F));
    out += static_cast<char>(0x80 | ((rune >> 6) & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  }
}

size_t CountRunes(std::string_view text) {
  size_t count = 0;
  while (!text.empty()) {
    text.remove_prefix(DecodeRune(text).size);
    ++count;
  }
  return count;
}

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.size);
  }
  return true;
}

bool IsLetter(char32_t rune) {
  if (rune < 0x80) return IsAsciiAlpha(rune);
  return HasClass(rune, iswalpha_l) && !IsDigit(rune);
}

bool IsDigit(char32_t rune) {
  if (rune < 0x80) return rune >= '0' && rune <= '9';
  // Decimal digits of other scripts: glibc files them under letters, so the common blocks are named here.
  constexpr char32_t kZeros[] = {0x0660, 0x06F0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6,
                                 0x0C66, 0x0CE6, 0x0D66, 0x0E50, 0x0ED0, 0x0F20, 0xFF10};
  for (const char32_t zero : kZeros) {
    if (rune >= zero && rune <= zero + 9) return true;
  }
  return false;
}

bool IsSpaceRune(char32_t rune) {
  switch (rune) {
    case '\t':
    case '\n':
    case '\v':
    case '\f':
    case '\r':
    case ' ':
    case 0x85:
    case 0xA0:
    case 0x1680:
    case 0x2028:
    case 0x2029:
    case 0x202F:
    case 0x205F:
    case 0x3000:
      return true;
    default:
      return rune >= 0x2000 && rune <= 0x200A;
  }
}

bool IsPrint(char32_t rune) {
  if (rune < 0x80) return rune >= 0x20 && rune < 0x7F;
  if (rune < 0xA1 || rune == 0xAD) return false;
  if (IsSpaceRune(rune)) return false;
  if ((rune >= 0x200B && rune <= 0x200F) || (rune >= 0x202A && rune <= 0x202E) ||
      (rune >= 0x2060 && rune <= 0x206F) || rune == 0xFEFF || (rune >= 0xFFF0 && rune <= 0xFFFB)) {
    return false;  // format characters
  }
  if ((rune >= 0xE000 && rune <= 0xF8FF) || rune >= 0xE0000) return false;  // private use and tags
  return Utf8Locale() == nullptr || HasClass(rune, iswprint_l);
}

char32_t ToUpperRune(char32_t rune) {
  if (rune < 0x80) return rune >= 'a' && rune <= 'z' ? rune - 32 : rune;
  if (Utf8Locale() == nullptr) return rune;
  return static_cast<char32_t>(towupper_l(static_cast<wint_t>(rune), Utf8Locale()));
}

char32_t ToLowerRune(char32_t rune) {
  if (rune < 0x80) return rune >= 'A' && rune <= 'Z' ? rune + 32 : rune;
  if (Utf8Locale() == nullptr) return rune;
  return static_cast<char32_t>(towlower_l(static_cast<wint_t>(rune), Utf8Locale()));
}

std::string ToUpper(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    AppendRune(out, ToUpperRune(rune.value));
    text.remove_prefix(rune.size);
  }
  return out;
}

std::string ToLower(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    AppendRune(out, ToLowerRune(rune.value));
    text.remove_prefix(rune.size);
  }
  return out;
}

std::string TitleWords(std::string_view text) {
  // A word ends where a separator follows: in ASCII anything but letters, digits and '_'; beyond it only
  // space.
  const auto is_separator = [](char32_t rune) {
    if (rune < 0x80) return !(IsAsciiAlpha(rune) || IsDigit(rune) || rune == '_');
    return !IsLetter(rune) && !IsDigit(rune) && IsSpaceRune(rune);
  };
  std::string out;
  char32_t previous = ' ';
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    AppendRune(out, is_separator(previous) ? ToUpperRune(rune.value) : rune.value);
    previous = rune.value;
    text.remove_prefix(rune.size);
  }
  return out;
}

std::string TitleCase(std::string_view text) {
  std::string out;
  bool in_word = false;
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    text.remove_prefix(rune.size);
    const bool is_word_char = IsLetter(rune.value) || IsDigit(rune.value) || rune.value == '_';
    if (is_word_char) {
      if (in_word) {
        AppendRune(out, ToLowerRune(rune.value));
      } else if (rune.value == 0xDF) {
        out += "Ss";  // sharp s has no title case letter of its own
      } else {
        AppendRune(out, ToUpperRune(rune.value));
      }
      in_word = true;
      continue;
    }
    // An apostrophe, full stop or colon between letters is part of the word (Unicode word boundaries).
    const bool joins = rune.value == '\'' || rune.value == 0x2019 || rune.value == '.' || rune.value == ':';
    const bool letter_follows = !text.empty() && IsLetter(DecodeRune(text).value);
    in_word = in_word && joins && letter_follows;
    AppendRune(out, rune.value);
  }
  return out;
}

std::string_view TrimSpace(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    if (!IsSpaceRune(rune.value)) break;
    text.remove_prefix(rune.size);
  }
  while (!text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && text.size() - start < 4 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80)
      --start;
    const Rune rune = DecodeRune(text.substr(start));
    if (!rune.valid || start + rune.size != text.size() || !IsSpaceRune(rune.value)) break;
    text.remove_suffix(rune.size);
  }
  return text;
}

std::string Quote(std::string_view text, bool ascii_only) {
  std::string out = "\"";
  while (!text.empty()) {
    const Rune rune = DecodeRune(text);
    const auto byte = static_cast<unsigned char>(text[0]);
    text.remove_prefix(rune.size);
    if (!rune.valid) {
      out += fmt::format("\\x{:02x}", byte);
      continue;
    }
    switch (rune.value) {
      case '"':
        out += "\\\"";
        continue;
      case '\\':
        out += "\\\\";
        continue;
      case '\a':
        out += "\\a";
        continue;
      case '\b':
        out += "\\b";
        continue;
      case '\f':
        out += "\\f";
        continue;
      case '\n':
        out += "\\n";
        continue;
      case '\r':
        out += "\\r";
        continue;
      case '\t':
        out += "\\t";
        continue;
      case '\v':
        out += "\\v";
        continue;
      default:
        break;
    }
    if (IsPrint(rune.value) && (!ascii_only || rune.value < 0x80)) {
      AppendRune(out, rune.value);
    } else if (rune.value < 0x80) {
      out += fmt::format("\\x{:02x}", static_cast<uint32_t>(rune.value));
    } else if (rune.value < 0x10000) {
      out += fmt::format("\\u{:04x}", static_cast<uint32_t>(rune.value));
    } else {
      out += fmt::format("\\U{:08x}", static_cast<uint32_t>(rune.value));
    }
  }
  out += '"';
  return out;
}

bool Unquote(std::string_view text, std::string& out) {
  out.clear();
  if (text.size() < 2 || text.front() != text.back()) return false;
  const char quote = text.front();
  std::string_view inner = text.substr(1, text.size() - 2);
  if (quote == '`') {
    if (inner.find('`') != std::string_view::npos) return false;
    for (const char c : inner) {
      if (c != '\r') out += c;  // Go drops carriage returns from raw strings
    }
    return true;
  }
  if (quote != '"') return false;
  Unescaper unescaper{inner, quote};
  while (!unescaper.text.empty()) {
    char32_t value = 0;
    bool is_byte = false;
    if (!unescaper.Next(value, is_byte)) return false;
    if (is_byte) {
      out += static_cast<char>(value);
    } else {
      AppendRune(out, value);
    }
  }
  return true;
}

bool UnquoteChar(std::string_view text, char32_t& out) {
  if (text.size() < 3 || text.front() != '\'' || text.back() != '\'') return false;
  Unescaper unescaper{text.substr(1, text.size() - 2), '\''};
  bool is_byte = false;
  return unescaper.Next(out, is_byte) && unescaper.text.empty();
}

std::string DescribeRune(char32_t rune) {
  std::string out = fmt::format("U+{:04X}", static_cast<uint32_t>(rune));
  if (IsPrint(rune)) {
    out += " '";
    AppendRune(out, rune);
    out += "'";
  }
  return out;
}

}  // namespace sextant::gotemplate
