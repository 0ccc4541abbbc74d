#include "core/metric_names.h"

#include <fmt/core.h>

#include <cstdint>
#include <utility>

namespace sextant::core {

namespace {

constexpr std::pair<std::string_view, Escaping> kEscapings[] = {
    {"allow-utf-8", Escaping::kAllowUtf8},
    {"underscores", Escaping::kUnderscores},
    {"dots", Escaping::kDots},
    {"values", Escaping::kValues},
};

constexpr uint32_t kReplacement = 0xfffd;

bool IsLegacyCharacter(uint32_t c, bool is_first, bool with_colon) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && with_colon) ||
         (c >= '0' && c <= '9' && !is_first);
}

bool IsLegacyName(std::string_view name, bool with_colon) {
  if (name.empty()) return false;
  for (size_t i = 0; i < name.size(); ++i) {
    if (!IsLegacyCharacter(static_cast<unsigned char>(name[i]), i == 0, with_colon)) return false;
  }
  return true;
}

// Takes the first character off a text that is not empty; a byte that begins none counts as U+FFFD by
// itself, as in Go. False for such a byte.
bool TakeCharacter(std::string_view& text, uint32_t& character) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t length = 1;
  character = byte(0);
  if (character >= 0xf0 && character < 0xf5) {
    length = 4;
    character &= 0x07;
  } else if (character >= 0xe0 && character < 0xf0) {
    length = 3;
    character &= 0x0f;
  } else if (character >= 0xc2 && character < 0xe0) {
    length = 2;
    character &= 0x1f;
  }
  bool is_valid = length > 1 ? length <= text.size() : character < 0x80;
  for (size_t i = 1; is_valid && i < length; ++i) {
    is_valid = (byte(i) & 0xc0) == 0x80;
    character = (character << 6) | (byte(i) & 0x3fu);
  }
  if (length == 3) is_valid = is_valid && character >= 0x800 && (character < 0xd800 || character > 0xdfff);
  if (length == 4) is_valid = is_valid && character >= 0x10000 && character <= 0x10ffff;
  if (!is_valid) {
    length = 1;
    character = kReplacement;
  }
  text.remove_prefix(length);
  return is_valid;
}

bool IsUtf8(std::string_view text) {
  uint32_t character = 0;
  while (!text.empty()) {
    if (!TakeCharacter(text, character)) return false;
  }
  return true;
}

// What stands for a character in an escaped name.
std::string EscapeCharacter(uint32_t c, bool is_first, Escaping escaping) {
  if (c == '_' && escaping != Escaping::kUnderscores) return "__";
  if (c == '.' && escaping == Escaping::kDots) return "_dot_";
  if (IsLegacyCharacter(c, is_first, true)) return std::string(1, static_cast<char>(c));
  if (escaping == Escaping::kUnderscores) return "_";
  if (escaping == Escaping::kDots) return "__";
  return fmt::format("_{:x}_", c);
}

}  // namespace

bool IsMetricName(std::string_view name, NameScheme scheme) {
  return scheme == NameScheme::kLegacy ? IsLegacyName(name, true) : !name.empty() && IsUtf8(name);
}

bool IsLabelName(std::string_view name, NameScheme scheme) {
  return scheme == NameScheme::kLegacy ? IsLegacyName(name, false) : !name.empty() && IsUtf8(name);
}

std::string_view EscapingName(Escaping escaping) {
  for (const auto& [name, known] : kEscapings) {
    if (known == escaping) return name;
  }
  return "";
}

std::optional<Escaping> ParseEscaping(std::string_view name) {
  for (const auto& [known, escaping] : kEscapings) {
    if (known == name) return escaping;
  }
  return std::nullopt;
}

std::string EscapeName(std::string_view name, Escaping escaping) {
  bool stays = escaping == Escaping::kAllowUtf8 || (escaping != Escaping::kDots && IsLegacyName(name, true));
  if (name.empty() || stays) return std::string(name);
  std::string escaped = escaping == Escaping::kValues ? "U__" : "";
  bool is_first = true;
  while (!name.empty()) {
    uint32_t character = 0;
    TakeCharacter(name, character);
    escaped += EscapeCharacter(character, is_first, escaping);
    is_first = false;
  }
  return escaped;
}

std::string EscapeExposedName(std::string_view name, Escaping escaping) {
  return IsLegacyName(name, true) ? std::string(name) : EscapeName(name, escaping);
}

}  // namespace sextant::core
