#include "gotemplate/text_functions.h"

#include <re2/re2.h>

#include <cmath>
#include <cstdlib>

#include "gotemplate/unicode.h"

namespace sextant::gotemplate {
namespace {

using core::Result;
using Args = std::span<const Value>;

constexpr int64_t kMaxRegexMemory = int64_t{8} << 20;
constexpr size_t kMaxRegexBytes = 4096;

// RE2's errors in the words of Go's regexp/syntax.
std::string_view GoRegexError(RE2::ErrorCode code) {
  switch (code) {
    case RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case RE2::ErrorBadCharClass:
      return "invalid character class";
    case RE2::ErrorBadCharRange:
      return "invalid character class range";
    case RE2::ErrorMissingBracket:
      return "missing closing ]";
    case RE2::ErrorMissingParen:
      return "missing closing )";
    case RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
      return "expression too large";
    default:
      return "invalid expression";
  }
}

std::string RegexError(const RE2& regex) {
  const std::string& arg = regex.error_code() == RE2::ErrorMissingParen ? regex.pattern() : regex.error_arg();
  return fmt::format("error parsing regexp: {}: `{}`", GoRegexError(regex.error_code()), arg);
}

Result<std::unique_ptr<RE2>> Compile(const std::string& pattern) {
  if (pattern.size() > kMaxRegexBytes)
    return FailCall("regexp of {} bytes exceeds {}", pattern.size(), kMaxRegexBytes);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kMaxRegexMemory);
  auto regex = std::make_unique<RE2>(pattern, options);
  if (!regex->ok()) return FailCall("{}", RegexError(*regex));
  return regex;
}

// Appends a replacement with $1, ${1}, $name and ${name} filled in, by the rules of Go's Regexp.Expand.
void Expand(BoundedText& out, std::string_view replacement, const RE2& regex,
            const std::vector<re2::StringPiece>& groups) {
  while (!replacement.empty()) {
    const size_t dollar = replacement.find('$');
    out.Append(replacement.substr(0, dollar));
    if (dollar == std::string_view::npos) return;
    replacement.remove_prefix(dollar + 1);
    if (replacement.starts_with('$')) {
      out.Append('$');
      replacement.remove_prefix(1);
      continue;
    }
    const bool braced = replacement.starts_with('{');
    const size_t start = braced ? 1 : 0;
    size_t end = start;
    while (end < replacement.size()) {
      const Rune rune = DecodeRune(replacement.substr(end));
      if (!IsLetter(rune.value) && !IsDigit(rune.value) && rune.value != '_') break;
      end += rune.size;
    }
    const bool closed = !braced || (end < replacement.size() && replacement[end] == '}');
    if (end == start || !closed) {
      out.Append('$');  // not a reference: the dollar stands for itself
      continue;
    }
    const std::string name(replacement.substr(start, end - start));
    replacement.remove_prefix(end + (braced ? 1 : 0));
    size_t group = groups.size();
    if (name.find_first_not_of("0123456789") == std::string::npos) {
      group = name.size() > 6 ? groups.size() : static_cast<size_t>(std::atoi(name.c_str()));
    } else if (const auto found = regex.NamedCapturingGroups().find(name);
               found != regex.NamedCapturingGroups().end()) {
      group = static_cast<size_t>(found->second);
    }
    if (group < groups.size()) out.Append({groups[group].data(), groups[group].size()});
  }
}

// Go's ReplaceAllString: every match from left to right; an empty match does not follow a match directly.
void ReplaceAll(BoundedText& out, const RE2& regex, const std::string& text, std::string_view replacement) {
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regex.NumberOfCapturingGroups()) + 1);
  size_t copied = 0;
  size_t search = 0;
  size_t last_match_end = std::string::npos;
  while (search <= text.size() && !out.exceeded()) {
    if (!regex.Match(text, search, text.size(), RE2::UNANCHORED, groups.data(),
                     static_cast<int>(groups.size())))
      break;
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    out.Append(std::string_view(text).substr(copied, begin - copied));
    copied = begin;
    if (end > begin || begin != last_match_end) {
      Expand(out, replacement, regex, groups);
      copied = end;
    }
    last_match_end = end;
    if (end > search) {
      search = end;
    } else if (search < text.size()) {
      search += DecodeRune(std::string_view(text).substr(search)).size;
    } else {
      break;
    }
  }
  out.Append(std::string_view(text).substr(copied));
}

template <std::string (*Transform)(std::string_view)>
Function TextFunction() {
  return {{Param::String()}, false, [](Call&, Args args) -> Result<Value> {
            return Value::String(Transform(args[0].AsString()));
          }};
}

}  // namespace

Result<double> ToFloat(const Value& value) {
  switch (value.kind()) {
    case Kind::kFloat:
      return value.AsFloat();
    case Kind::kInt:
      // A Duration counts in seconds here.
      if (value.int_type() == IntType::kDuration) return static_cast<double>(value.AsInt()) / 1e9;
      if (value.int_type() == IntType::kUint64)
        return static_cast<double>(static_cast<uint64_t>(value.AsInt()));
      return static_cast<double>(value.AsInt());
    case Kind::kString: {
      const std::string& text = value.AsString();
      // strtod takes leading space and "nan(…)", which Go does not.
      const bool plausible = !text.empty() && !IsSpaceRune(static_cast<unsigned char>(text[0])) &&
                             text.find('(') == std::string::npos;
      char* end = nullptr;
      const double number = plausible ? std::strtod(text.c_str(), &end) : 0;
      if (!plausible || end != text.c_str() + text.size()) {
        return FailCall("strconv.ParseFloat: parsing {}: invalid syntax", Quote(text));
      }
      return number;
    }
    default:
      return FailCall("can't convert {} to float", value.TypeName());
  }
}

std::string HumanizeDuration(double seconds) {
  if (std::isnan(seconds) || std::isinf(seconds)) return FormatFloat(seconds, 'g', 4);
  if (seconds == 0) return FormatFloat(seconds, 'g', 4) + "s";
  if (std::abs(seconds) >= 1) {
    const char* sign = seconds < 0 ? "-" : "";
    const double size = std::abs(seconds);
    const auto whole = size < 9e18 ? static_cast<int64_t>(size) : INT64_MAX;
    const int64_t s = whole % 60;
    const int64_t m = whole / 60 % 60;
    const int64_t h = whole / 3600 % 24;
    const int64_t d = whole / 86'400;
    if (d != 0) return fmt::format("{}{}d {}h {}m {}s", sign, d, h, m, s);
    if (h != 0) return fmt::format("{}{}h {}m {}s", sign, h, m, s);
    if (m != 0) return fmt::format("{}{}m {}s", sign, m, s);
    return FormatFloat(seconds, 'g', 4) + "s";
  }
  constexpr std::string_view kPrefixes[] = {"m", "u", "n", "p", "f", "a", "z", "y"};
  std::string_view prefix;
  for (const std::string_view next : kPrefixes) {
    if (std::abs(seconds) >= 1) break;
    prefix = next;
    seconds *= 1000;
  }
  return fmt::format("{}{}s", FormatFloat(seconds, 'g', 4), prefix);
}

Function MatchFunction() {
  return {{Param::String(), Param::String()}, false, [](Call&, Args args) -> Result<Value> {
            SEXTANT_ASSIGN(const auto regex, Compile(args[0].AsString()));
            return Value::Bool(RE2::PartialMatch(args[1].AsString(), *regex));
          }};
}

Function ReReplaceAllFunction() {
  return {
      {Param::String(), Param::String(), Param::String()}, false, [](Call& call, Args args) -> Result<Value> {
        SEXTANT_ASSIGN(const auto regex, Compile(args[0].AsString()).map_error([&](core::Error error) {
          // Upstream panics through regexp.MustCompile, whose text this is.
          return std::move(error).WithContext(fmt::format("regexp: Compile(`{}`)", args[0].AsString()));
        }));
        BoundedText out(call.max_text_bytes());
        ReplaceAll(out, *regex, args[2].AsString(), args[1].AsString());
        return FinishText(out);
      }};
}

Function ToUpperFunction() { return TextFunction<ToUpper>(); }
Function ToLowerFunction() { return TextFunction<ToLower>(); }
Function SafeHtmlFunction() {
  return {{Param::String()}, false, [](Call&, Args args) -> Result<Value> {
            return Value::String(args[0].AsString(), TextType::kHtml);
          }};
}
Function SafeUrlFunction() {
  return {{Param::String()}, false, [](Call&, Args args) -> Result<Value> {
            return Value::String(args[0].AsString(), TextType::kUrl);
          }};
}

Function HumanizeDurationFunction() {
  return {{Param::Any()}, false, [](Call&, Args args) -> Result<Value> {
            SEXTANT_ASSIGN(const double seconds, ToFloat(args[0]));
            return Value::String(HumanizeDuration(seconds));
          }};
}

}  // namespace sextant::gotemplate
