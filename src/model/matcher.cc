#include "model/matcher.h"

#include <re2/re2.h>

#include <algorithm>

#include "core/regexp_syntax.h"
#include "model/regexp_shape.h"

namespace sextant::model {

namespace {

constexpr int64_t kRegexpMemoryBytes = 8 << 20;
// More patterns than these take longer to try one by one than RE2 takes for all.
constexpr size_t kMaxTried = 8;

std::string CommonPrefix(const std::vector<RegexpPattern>& patterns) {
  std::string_view common = patterns[0].prefix();
  for (const RegexpPattern& pattern : patterns) {
    auto end = std::mismatch(common.begin(), common.end(), pattern.prefix().begin(), pattern.prefix().end());
    common = common.substr(0, static_cast<size_t>(end.first - common.begin()));
  }
  return std::string(common);
}

}  // namespace

struct Matcher::Regexp {
  Regexp(const std::string& expression, const RE2::Options& options) : re(expression, options) {}

  bool Matches(std::string_view value) const {
    if (patterns.empty()) return RunRe2(value);
    bool is_possible = false;
    for (const RegexpPattern& pattern : patterns) {
      if (!pattern.Matches(value)) continue;
      if (pattern.is_exact()) return true;
      is_possible = true;
    }
    return is_possible && RunRe2(value);
  }
  bool RunRe2(std::string_view value) const {
    return RE2::FullMatch(re2::StringPiece(value.data(), value.size()), re);
  }

  RE2 re;
  std::vector<RegexpPattern> patterns;  // to be tried first; none: they are too many
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
    std::string expression = core::ToRe2Syntax(value);
    auto regexp = std::make_shared<Regexp>(expression, options);
    if (!regexp->re.ok()) {
      return core::Fail(core::Code::kInvalidArgument, "error parsing regexp: {}", regexp->re.error());
    }
    matcher.TakeShape(RegexpShape(expression), *regexp);
    // What lists its values needs nothing else.
    if (matcher.set_matches_.empty()) matcher.regexp_ = std::move(regexp);
  } else if (value.empty()) {
    (type == MatchType::kEqual ? matcher.accepts_no_values_ : matcher.accepts_all_values_) = true;
  }
  matcher.matches_empty_ = matcher.Matches("");
  return matcher;
}

void Matcher::TakeShape(std::vector<RegexpPattern> patterns, Regexp& regexp) {
  prefix_ = CommonPrefix(patterns);
  using Gap = RegexpPattern::Gap;
  bool is_anything = std::any_of(patterns.begin(), patterns.end(), [](const RegexpPattern& pattern) {
    return pattern.is_exact() && (pattern.IsOnly(Gap::kAny) || pattern.IsOnly(Gap::kSome));
  });
  if (is_anything) (type_ == MatchType::kRegexp ? accepts_all_values_ : accepts_no_values_) = true;
  if (std::all_of(patterns.begin(), patterns.end(),
                  [](const auto& pattern) { return pattern.is_literal(); })) {
    set_matches_.reserve(patterns.size());
    for (const RegexpPattern& pattern : patterns) set_matches_.push_back(pattern.prefix());
    std::sort(set_matches_.begin(), set_matches_.end());
    set_matches_.erase(std::unique(set_matches_.begin(), set_matches_.end()), set_matches_.end());
    bool is_empty = set_matches_.size() == 1 && set_matches_[0].empty();
    if (is_empty) (type_ == MatchType::kRegexp ? accepts_no_values_ : accepts_all_values_) = true;
  } else if (patterns.size() <= kMaxTried) {
    regexp.patterns = std::move(patterns);
  }
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
  bool matches = set_matches_.empty() ? regexp_->Matches(value)
                                      : std::binary_search(set_matches_.begin(), set_matches_.end(), value);
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
