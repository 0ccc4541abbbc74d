#include "dashboards/expand.h"

#include "config/node.h"

namespace sextant::dashboards {

namespace {

using core::Code;
using core::Fail;

constexpr size_t kMaxFileBytes = 1 << 20;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

core::Result<std::string> ReadTrimmed(const std::string& path) {
  SEXTANT_ASSIGN(std::string text, config::ReadTextFile(path, kMaxFileBytes));
  constexpr std::string_view kSpace = " \t\r\n";
  size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return std::string();
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

}  // namespace

core::Result<std::string> Expand(std::string_view text, const ReadVariable& variable) {
  std::string out;
  while (!text.empty()) {
    size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) break;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      out += '$';
      text.remove_prefix(1);
      continue;
    }
    size_t size = 0;
    while (size < text.size() && IsNameCharacter(text[size])) ++size;
    std::string_view word = text.substr(0, size);
    bool has_brace = size < text.size() && text[size] == '{';
    if (has_brace && (word.empty() || word.starts_with("__"))) {
      size_t end = text.find('}');
      if (end == std::string_view::npos)
        return Fail(Code::kInvalidArgument, "\"${}\" has no closing brace", text);
      std::string inside(text.substr(size + 1, end - size - 1));
      text.remove_prefix(end + 1);
      if (word == "__file") {
        SEXTANT_ASSIGN(std::string content, ReadTrimmed(inside));
        out += content;
      } else if (word.empty() || word == "__env") {
        out += variable(inside);
      } else {
        return Fail(Code::kInvalidArgument, "${}{{…}} is not supported; use $__env{{…}} or $__file{{…}}",
                    word);
      }
    } else if (size == 0) {
      out += '$';
    } else {
      out += variable(std::string(word));
      text.remove_prefix(size);
    }
  }
  return out;
}

}  // namespace sextant::dashboards
