#include "alerting/receivers/telegram_text.h"

#include <charconv>
#include <cstdint>

#include "gotemplate/unicode.h"

namespace sextant::alerting {
namespace {

bool IsAlpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// The bytes of the entity at the start of `text`, 0 when Telegram would show it as it is.
size_t EntitySize(std::string_view text) {
  size_t end = 1;
  if (end < text.size() && text[end] != '#') {
    while (end < text.size() && IsAlpha(text[end])) ++end;
    const std::string_view name = text.substr(1, end - 1);
    if (name != "lt" && name != "gt" && name != "amp" && name != "quot") return 0;
    return end + (end < text.size() && text[end] == ';' ? 1 : 0);
  }
  if (end >= text.size()) return 0;
  ++end;
  int base = 10;
  if (end < text.size() && text[end] == 'x') {
    base = 16;
    ++end;
  }
  uint32_t code = 0;
  const auto [rest, error] = std::from_chars(text.data() + end, text.data() + text.size(), code, base);
  end = static_cast<size_t>(rest - text.data());
  if (error != std::errc() || code == 0 || code >= 0x10FFFF || end >= 10) return 0;
  return end + (end < text.size() && text[end] == ';' ? 1 : 0);
}

}  // namespace

size_t CountTelegramRunes(std::string_view html) {
  size_t count = 0;
  size_t i = 0;
  while (i < html.size()) {
    const std::string_view rest = html.substr(i);
    if (rest[0] == '<' && rest.size() > 1 && (IsAlpha(rest[1]) || rest[1] == '/' || rest[1] == '!')) {
      const size_t end = rest.find('>');
      if (rest[1] == '!' || end == std::string_view::npos) return gotemplate::CountRunes(html);
      i += end + 1;
      continue;
    }
    const size_t entity = rest[0] == '&' ? EntitySize(rest) : 0;
    i += entity != 0 ? entity : gotemplate::DecodeRune(rest).size;
    ++count;
  }
  return count;
}

}  // namespace sextant::alerting
