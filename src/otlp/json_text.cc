#include "otlp/json_text.h"

#include <fmt/format.h>
#include <simdjson.h>

#include "core/utf8.h"

namespace sextant::otlp {

namespace {

bool IsPlain(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\'; }

void AppendEscape(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  }
}

}  // namespace

void AppendJsonText(std::string& out, std::string_view text) {
  if (!simdjson::validate_utf8(text.data(), text.size())) return AppendJsonText(out, core::RepairUtf8(text));
  out += '"';
  size_t at = 0;
  while (at < text.size()) {
    size_t start = at;
    while (at < text.size() && IsPlain(text[at])) ++at;
    out.append(text, start, at - start);
    if (at < text.size()) AppendEscape(out, text[at++]);
  }
  out += '"';
}

}  // namespace sextant::otlp
