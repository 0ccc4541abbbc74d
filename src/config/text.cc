#include "config/text.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <optional>

#include "core/base64.h"
#include "core/regexp_syntax.h"

namespace sextant::config {

namespace {

// The length of the valid UTF-8 sequence at the start of `text`, or 0.
size_t Utf8Length(std::string_view text) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  auto is_tail = [&](size_t i) { return i < text.size() && (byte(i) & 0xc0) == 0x80; };
  if (byte(0) < 0x80) return 1;
  if (byte(0) >= 0xc2 && byte(0) <= 0xdf) return is_tail(1) ? 2 : 0;
  if (byte(0) >= 0xe0 && byte(0) <= 0xef) {
    if (!is_tail(1) || !is_tail(2)) return 0;
    if (byte(0) == 0xe0 && byte(1) < 0xa0) return 0;  // overlong
    if (byte(0) == 0xed && byte(1) > 0x9f) return 0;  // surrogates
    return 3;
  }
  if (byte(0) >= 0xf0 && byte(0) <= 0xf4) {
    if (!is_tail(1) || !is_tail(2) || !is_tail(3)) return 0;
    if (byte(0) == 0xf0 && byte(1) < 0x90) return 0;
    if (byte(0) == 0xf4 && byte(1) > 0x8f) return 0;
    return 4;
  }
  return 0;
}

// Levenshtein's distance with swapped neighbours as one step.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) cost[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) cost[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      size_t replaced = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      cost[i][j] = std::min({cost[i - 1][j] + 1, cost[i][j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
      }
    }
  }
  return cost[a.size()][b.size()];
}

std::string AsWord(std::string_view name) {
  std::string word;
  for (char c : name) {
    if (c == '-') c = '_';
    word += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return word;
}

struct ByteUnit {
  std::string_view letter;
  int shift;
};
constexpr ByteUnit kByteUnits[] = {{"E", 60}, {"P", 50}, {"T", 40}, {"G", 30}, {"M", 20}, {"K", 10}, {"", 0}};

// The power of two of "KiB", "KB", "B"; -1 for anything else.
int ByteUnitShift(std::string_view unit) {
  for (const ByteUnit& known : kByteUnits) {
    if (!unit.starts_with(known.letter)) continue;
    std::string_view rest = unit.substr(known.letter.size());
    if (rest == "B" || (!known.letter.empty() && rest == "iB")) return known.shift;
  }
  return -1;
}

// RE2's message in Go's words.
std::string_view GoRegexError(re2::RE2::ErrorCode code) {
  switch (code) {
    case re2::RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case re2::RE2::ErrorBadCharClass:
      return "invalid character class";
    case re2::RE2::ErrorBadCharRange:
      return "invalid character class range";
    case re2::RE2::ErrorMissingBracket:
      return "missing closing ]";
    case re2::RE2::ErrorMissingParen:
      return "missing closing )";
    case re2::RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case re2::RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case re2::RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case re2::RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case re2::RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case re2::RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case re2::RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case re2::RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case re2::RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return "invalid expression";
  }
}

}  // namespace

std::string Quote(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    auto first = static_cast<unsigned char>(text.front());
    size_t length = Utf8Length(text);
    if (length > 1) {
      out += text.substr(0, length);
      text.remove_prefix(length);
      continue;
    }
    switch (first) {
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
        if (length == 0 || first < 0x20 || first == 0x7f) {
          out += fmt::format("\\x{:02x}", first);
        } else {
          out += static_cast<char>(first);
        }
    }
    text.remove_prefix(1);
  }
  return out + '"';
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    size_t length = Utf8Length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool DecodeBase64(std::string_view text, std::string& decoded) {
  std::string digits;
  std::ranges::copy_if(text, std::back_inserter(digits), [](char c) { return c != '\n' && c != '\r'; });
  std::optional<std::string> bytes = core::DecodeBase64(digits);
  decoded = bytes.value_or("");
  return bytes.has_value();
}

core::Result<int64_t> ParseByteSize(std::string_view text) {
  std::string_view rest = text;
  double sign = 1;
  if (rest.starts_with('-') || rest.starts_with('+')) {
    if (rest.front() == '-') sign = -1;
    rest.remove_prefix(1);
  }
  if (rest == "0") return 0;
  if (rest.empty()) return core::Fail(core::Code::kInvalidArgument, "units: invalid {}", text);
  double total = 0;
  while (!rest.empty()) {
    size_t digits = std::min(rest.find_first_not_of("0123456789."), rest.size());
    std::string_view number = rest.substr(0, digits);
    double value = 0;
    auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (number.empty() || error != std::errc() || end != number.data() + number.size()) {
      return core::Fail(core::Code::kInvalidArgument, "units: invalid {}", text);
    }
    rest.remove_prefix(digits);
    size_t letters = std::min(rest.find_first_of("0123456789."), rest.size());
    std::string_view unit = rest.substr(0, letters);
    int shift = ByteUnitShift(unit);
    if (shift < 0)
      return core::Fail(core::Code::kInvalidArgument, "units: unknown unit {} in {}", unit, text);
    total += value * static_cast<double>(int64_t{1} << shift);
    rest.remove_prefix(letters);
  }
  if (total >= 9.2e18)
    return core::Fail(core::Code::kInvalidArgument, "units: overflow parsing unit in {}", text);
  return static_cast<int64_t>(sign * total);
}

std::string FormatByteSize(int64_t size_bytes) {
  if (size_bytes == 0) return "0B";
  std::string out;
  auto rest = static_cast<uint64_t>(size_bytes);
  if (size_bytes < 0) {
    out = "-";
    rest = ~rest + 1;
  }
  for (const ByteUnit& unit : kByteUnits) {
    uint64_t count = rest >> unit.shift;
    if (count == 0) continue;
    out += fmt::format("{}{}{}", count, unit.letter, unit.shift == 0 ? "B" : "iB");
    rest -= count << unit.shift;
  }
  return out;
}

std::string_view ClosestName(std::string_view word, const std::vector<std::string_view>& candidates) {
  constexpr size_t kLongestWord = 100;
  if (word.size() > kLongestWord) return {};
  std::string meant = AsWord(word);
  std::string_view best;
  size_t best_distance = std::max<size_t>(1, word.size() / 3) + 1;
  for (std::string_view candidate : candidates) {
    size_t distance = EditDistance(meant, AsWord(candidate));
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

std::string Suggestion(std::string_view word, const std::vector<std::string_view>& candidates) {
  std::string_view name = ClosestName(word, candidates);
  return name.empty() ? "" : fmt::format("; did you mean {}?", Quote(name));
}

core::Status CheckRegex(std::string_view expression) {
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  re2::RE2 regex(fmt::format("^(?s:{})$", core::ToRe2Syntax(expression)), options);
  if (regex.ok()) return {};
  std::string_view what = GoRegexError(regex.error_code());
  std::string part = regex.error_code() == re2::RE2::ErrorMissingParen ? regex.pattern() : regex.error_arg();
  return core::Fail(core::Code::kInvalidArgument, "error parsing regexp: {}: `{}`", what, part);
}

}  // namespace sextant::config
