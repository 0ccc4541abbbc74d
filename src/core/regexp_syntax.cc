#include "core/regexp_syntax.h"

#include <algorithm>

namespace sextant::core {

std::string ToRe2Syntax(std::string_view expression) {
  std::string out;
  bool is_in_class = false;
  for (size_t i = 0; i < expression.size(); ++i) {
    std::string_view rest = expression.substr(i);
    if (rest.starts_with("\\Q")) {
      size_t end = std::min(rest.find("\\E"), rest.size() - 1);
      out += rest.substr(0, end + 1);
      i += end;
      continue;
    }
    if (rest[0] == '\\' && rest.size() > 1) {
      out += rest.substr(0, 2);
      ++i;
      continue;
    }
    if (!is_in_class && rest.starts_with("(?<") && !rest.starts_with("(?<=") && !rest.starts_with("(?<!")) {
      out += "(?P<";
      i += 2;
      continue;
    }
    // A bracket that opens a class may be followed by a closing one that is a member.
    if (!is_in_class && rest[0] == '[') {
      is_in_class = true;
      size_t length = rest.starts_with("[^]") ? 3 : rest.starts_with("[]") || rest.starts_with("[^") ? 2 : 1;
      out += rest.substr(0, length);
      i += length - 1;
      continue;
    }
    if (is_in_class && rest.starts_with("[:")) {
      out += "[:";
      i += 1;
      continue;
    }
    if (is_in_class && rest.starts_with(":]")) {
      out += ":]";
      i += 1;
      continue;
    }
    if (rest[0] == ']') is_in_class = false;
    out += rest[0];
  }
  return out;
}

}  // namespace sextant::core
