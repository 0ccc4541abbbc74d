#include "users/ini_file.h"

namespace sextant::users {

namespace {

using core::Code;
using core::Fail;
using core::Result;

constexpr std::string_view kBlank = " \t\r\v\f";

std::string_view Trim(std::string_view text) {
  size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

bool IsQuotedBy(std::string_view text, char quote) {
  return text.size() >= 2 && text.front() == quote && text.back() == quote;
}

// The value behind a key's '='.
Result<std::string> ReadValue(std::string_view text) {
  text = Trim(text);
  for (std::string_view quote : {std::string_view("\"\"\""), std::string_view("`")}) {
    if (!text.starts_with(quote)) continue;
    text.remove_prefix(quote.size());
    size_t end = text.rfind(quote);
    if (end == std::string_view::npos)
      return Fail(Code::kInvalidArgument, "the value's {} is not closed in its line", quote);
    return std::string(text.substr(0, end));
  }
  if (text.ends_with('\\'))
    return Fail(Code::kInvalidArgument, "a value that goes on in the next line is not supported");
  text = Trim(text.substr(0, text.find_first_of("#;")));
  if (IsQuotedBy(text, '"') || IsQuotedBy(text, '\'')) text = text.substr(1, text.size() - 2);
  return std::string(text);
}

Result<std::string> ReadSection(std::string_view line) {
  size_t end = line.find(']');
  if (end == std::string_view::npos) return Fail(Code::kInvalidArgument, "the section's ']' is missing");
  std::string_view rest = Trim(line.substr(end + 1));
  if (!rest.empty() && rest.front() != ';' && rest.front() != '#')
    return Fail(Code::kInvalidArgument, "nothing may follow a section's ']'");
  std::string_view name = Trim(line.substr(1, end - 1));
  if (name.empty()) return Fail(Code::kInvalidArgument, "the section has no name");
  return std::string(name);
}

}  // namespace

Result<std::vector<IniEntry>> ParseIni(std::string_view text, std::string_view file_name) {
  if (text.size() > kMaxIniBytes)
    return Fail(Code::kResourceExhausted, "{} is larger than {} bytes", file_name, kMaxIniBytes);
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  std::vector<IniEntry> entries;
  std::string section;
  int number = 0;
  auto context = [&](core::Error error) {
    return std::move(error).WithContext(fmt::format("{}:{}", file_name, number));
  };
  while (!text.empty()) {
    ++number;
    size_t end = text.find('\n');
    std::string_view line = Trim(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.empty() || line.front() == ';' || line.front() == '#') continue;
    if (line.find('\0') != std::string_view::npos)
      return tl::unexpected(context(core::Error(Code::kInvalidArgument, "the line holds a zero byte")));
    if (line.front() == '[') {
      SEXTANT_ASSIGN(section, ReadSection(line).map_error(context));
      continue;
    }
    size_t delimiter = line.find_first_of("=:");
    std::string_view key = Trim(line.substr(0, delimiter));
    if (delimiter == std::string_view::npos || key.empty()) {
      return tl::unexpected(
          context(core::Error(Code::kInvalidArgument, "expected \"key = value\" or \"[section]\"")));
    }
    if (entries.size() == kMaxIniEntries)
      return Fail(Code::kResourceExhausted, "{} has more than {} keys", file_name, kMaxIniEntries);
    SEXTANT_ASSIGN(std::string value, ReadValue(line.substr(delimiter + 1)).map_error(context));
    entries.push_back({section, std::string(key), std::move(value), number});
  }
  return entries;
}

}  // namespace sextant::users
