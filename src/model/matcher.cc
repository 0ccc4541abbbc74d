#include "model/matcher.h"

#include <re2/re2.h>

#include <algorithm>

namespace sextant::model {

namespace {

constexpr int64_t kRegexpMemoryBytes = 8 << 20;
constexpr std::string_view kRegexpMeta = "\\.+*?()|[]{}^$";

// The values of an expression that is only an alternation of literals ("a|b|c"), else nothing.
std::vector<std::string> SplitLiterals(std::string_view expression) {
  if (expression.size() >= 2 && expression.front() == '(' && expression.back() == ')') {
    expression = expression.substr(1, expression.size() - 2);
    if (expression.starts_with("?:")) expression.remove_prefix(2);
  }
  std::vector<std::string> values;
  std::string value;
  for (size_t i = 0; i < expression.size(); ++i) {
    char c = expression[i];
    if (c == '|') {
      values.push_back(std::move(value));
      value.clear();
    } else if (c == '\\' && i + 1 < expression.size() &&
               kRegexpMeta.find(expression[i + 1]) != std::string_view::npos) {
      value += expression[++i];
    } else if (kRegexpMeta.find(c) != std::string_view::npos) {
      return {};
    } else {
      value += c;
    }
  }
  values.push_back(std::move(value));
  return values;
}

// The literal that an expression starts with; what could be optional or part of an alternation does not
// count.
std::string LiteralPrefix(std::string_view expression) {
  if (expression.find('|') != std::string_view::npos) return "";
  size_t end = std::min(expression.find_first_of(kRegexpMeta), expression.size());
  bool last_is_repeated =
      end < expression.size() && std::string_view("*?{").find(expression[end]) != std::string_view::npos;
  if (last_is_repeated) {
    // The repeated element is a whole UTF-8 character.
    while (end > 0 && (static_cast<unsigned char>(expression[end - 1]) & 0xc0) == 0x80) --end;
    if (end > 0) --end;
  }
  return std::string(expression.substr(0, end));
}

}  // namespace

struct Matcher::Regexp {
  Regexp(std::string_view expression, const RE2::Options& options)
      : re(re2::StringPiece(expression.data(), expression.size()), options) {}
  RE2 re;
};

std::string_view MatchTypeText(MatchType type) {
  switch (type) {
    case MatchType::kEqual:
      return "=";
    case MatchType::kNotEqual:
      return "!=";
    case MatchType::kRegexp:
      return "=~";
    case MatchType::kNotRegexp:
      return "!~";
  }
  return "?";
}

core::Result<Matcher> Matcher::Make(MatchType type, std::string_view name, std::string_view value) {
  Matcher matcher;
  matcher.type_ = type;
  matcher.name_ = name;
  matcher.value_ = value;
  if (type == MatchType::kRegexp || type == MatchType::kNotRegexp) {
    RE2::Options options;
    options.set_log_errors(false);
    options.set_dot_nl(true);
    options.set_max_mem(kRegexpMemoryBytes);
    auto regexp = std::make_shared<Regexp>(value, options);
    if (!regexp->re.ok()) {
      return core::Fail(core::Code::kInvalidArgument, "error parsing regexp: {}", regexp->re.error());
    }
    matcher.set_matches_ = SplitLiterals(value);
    matcher.prefix_ = LiteralPrefix(value);
    matcher.regexp_ = std::move(regexp);
  }
  matcher.matches_empty_ = matcher.Matches("");
  return matcher;
}

Matcher Matcher::Equal(std::string_view name, std::string_view value) {
  return std::move(*Make(MatchType::kEqual, name, value));
}

bool Matcher::Matches(std::string_view value) const {
  switch (type_) {
    case MatchType::kEqual:
      return value == value_;
    case MatchType::kNotEqual:
      return value != value_;
    case MatchType::kRegexp:
    case MatchType::kNotRegexp:
      break;
  }
  bool matches = false;
  if (!set_matches_.empty()) {
    matches = std::find(set_matches_.begin(), set_matches_.end(), value) != set_matches_.end();
  } else {
    matches = value.starts_with(prefix_) &&
              RE2::FullMatch(re2::StringPiece(value.data(), value.size()), regexp_->re);
  }
  return matches == (type_ == MatchType::kRegexp);
}

std::string Matcher::ToString() const {
  std::string name = IsClassicLabelName(name_) ? name_ : QuoteGo(name_);
  return fmt::format("{}{}{}", name, MatchTypeText(type_), QuoteGo(value_));
}

bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels) {
  return std::all_of(matchers.begin(), matchers.end(),
                     [&](const Matcher& matcher) { return matcher.Matches(labels.Get(matcher.name())); });
}

}  // namespace sextant::model
