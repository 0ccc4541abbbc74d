// Series as the text format writes them, for parsers whose series do not stand in the body in that form.
#pragma once

#include <string>
#include <string_view>

#include "model/labels.h"

namespace sextant::exposition {

// A text in quotes, escaped as label values are.
inline void AppendQuoted(std::string_view text, std::string& out) {
  out += '"';
  for (char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

// `name="value"`, the name in quotes where it is not classic.
inline void AppendLabel(std::string_view name, std::string_view value, std::string& out) {
  if (model::IsClassicLabelName(name)) {
    out += name;
  } else {
    AppendQuoted(name, out);
  }
  out += '=';
  AppendQuoted(value, out);
}

}  // namespace sextant::exposition
