#include "metrics/relabel/template.h"

#include <charconv>

namespace sextant::relabel {

namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// Letters, digits and underscores. Go asks Unicode about letters; every byte of a longer character counts as
// one here.
bool IsNameByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || IsDigit(c) || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

// The name behind a dollar ("1", "{name}"); moves `rest` behind it. Empty when there is none.
std::string_view TakeName(std::string_view& rest) {
  bool is_braced = rest.starts_with('{');
  size_t start = is_braced ? 1 : 0;
  size_t end = start;
  while (end < rest.size() && IsNameByte(rest[end])) ++end;
  if (end == start) return {};
  if (is_braced && (end == rest.size() || rest[end] != '}')) return {};
  std::string_view name = rest.substr(start, end - start);
  rest.remove_prefix(end + (is_braced ? 1 : 0));
  return name;
}

// The number of a name of digits, or -1; numbers do not start with a zero.
int ToNumber(std::string_view name) {
  for (char c : name) {
    if (!IsDigit(c)) return -1;
  }
  if (name.size() > 8 || (name.size() > 1 && name.front() == '0')) return -1;
  int number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return number;
}

}  // namespace

Template::Template(std::string_view text, const std::map<std::string, int>& group_numbers, int group_count) {
  while (!text.empty()) {
    size_t dollar = text.find('$');
    AddLiteral(text.substr(0, dollar));
    if (dollar == std::string_view::npos) return;
    text.remove_prefix(dollar + 1);
    if (text.starts_with('$')) {
      AddLiteral("$");
      text.remove_prefix(1);
      continue;
    }
    std::string_view name = TakeName(text);
    if (name.empty()) {
      AddLiteral("$");  // malformed: the dollar stands for itself
      continue;
    }
    int group = ToNumber(name);
    if (group < 0) {
      auto found = group_numbers.find(std::string(name));
      group = found == group_numbers.end() ? -1 : found->second;
    }
    // A group that does not exist is empty.
    if (group >= 0 && group <= group_count) parts_.push_back({.literal = "", .group = group});
  }
}

void Template::AddLiteral(std::string_view text) {
  if (text.empty()) return;
  if (parts_.empty() || parts_.back().group >= 0) parts_.emplace_back();
  parts_.back().literal += text;
}

void Template::Expand(const std::vector<std::string_view>& groups, std::string& out) const {
  for (const Part& part : parts_) {
    if (part.group < 0) {
      out += part.literal;
    } else {
      out += groups[static_cast<size_t>(part.group)];
    }
  }
}

}  // namespace sextant::relabel
