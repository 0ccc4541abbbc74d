// Alertmanager's matchers: what they match and how they are written, in the classic and in the UTF-8 syntax.
//
// Unlike PromQL's matchers, a dot in a regular expression does not match a line feed, and label names may be
// any UTF-8 text. Matchers are immutable and may be shared between threads.
//
// Specification: https://prometheus.io/docs/alerting/latest/configuration/#matcher
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "model/labels.h"

namespace sextant::alerting {

enum class MatcherType : uint8_t { kEqual, kNotEqual, kRegexp, kNotRegexp };

class Matcher {
 public:
  // kInvalidArgument with Go's text when the regular expression is wrong, kResourceExhausted when it is too
  // large.
  static core::Result<Matcher> Make(MatcherType type, std::string name, std::string value);

  MatcherType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

  bool Matches(std::string_view value) const;
  bool Matches(const model::Labels& labels) const { return Matches(labels.Get(name_)); }

  // `name=~"value"`, with the name quoted when it holds characters that the syntax reserves.
  std::string ToString() const;

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }
  // By name, value and type, as Alertmanager sorts them.
  friend bool operator<(const Matcher& a, const Matcher& b);

 private:
  struct Regexp;
  Matcher() = default;

  MatcherType type_ = MatcherType::kEqual;
  std::string name_;
  std::string value_;
  std::shared_ptr<const Regexp> regexp_;
};

using Matchers = std::vector<Matcher>;

bool MatchesAll(const Matchers& matchers, const model::Labels& labels);
// `{a="b",c=~"d"}`.
std::string MatchersText(const Matchers& matchers);

// Which syntax counts. Fallback, Alertmanager's default: UTF-8, but what is valid in the classic syntax keeps
// its classic meaning.
enum class MatcherSyntax : uint8_t { kClassic, kUtf8Strict, kFallback };

// Parses a list: `{foo="bar", baz=~"x.*"}`, braces optional. Errors are kInvalidArgument with Alertmanager's
// texts. In fallback mode `warning`, when given, gets what a person should change (else it stays as it is).
core::Result<Matchers> ParseMatchers(std::string_view text, MatcherSyntax syntax,
                                     std::string* warning = nullptr);

// Parses exactly one matcher without braces, as the API's filters and command lines have them.
core::Result<Matcher> ParseMatcher(std::string_view text, MatcherSyntax syntax,
                                   std::string* warning = nullptr);

// Whether a text may name a label: in the classic syntax an identifier, else any UTF-8.
bool IsValidLabelName(std::string_view name, MatcherSyntax syntax);

}  // namespace sextant::alerting
