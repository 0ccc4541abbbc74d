// Label matchers: name="v", name!="v", name=~"re", name!~"re". Regular expressions have Go's syntax, are
// anchored at both ends, and dot matches newlines, as in Prometheus. Most need no automaton: a list of values
// is looked up, `foo.*`, `.*foo.*` and choices of such compare literals (regexp_shape.h), and RE2 runs for
// the rest, on values that have the literals the expression demands. Immutable, cheap to copy, thread-safe.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "model/labels.h"

namespace sextant::model {

class RegexpPattern;

enum class MatchType { kEqual, kNotEqual, kRegexp, kNotRegexp };

// "=", "!=", "=~", "!~".
std::string_view MatchTypeText(MatchType type);

class Matcher {
 public:
  // kInvalidArgument when the regular expression does not compile or would take more than its share of
  // memory.
  static core::Result<Matcher> Make(MatchType type, std::string_view name, std::string_view value);
  // name="value", which cannot fail.
  static Matcher Equal(std::string_view name, std::string_view value);

  MatchType type() const { return type_; }
  const std::string& name() const { return name_; }
  const std::string& value() const { return value_; }

  // Whether a label value matches; "" stands for an absent label.
  bool Matches(std::string_view value) const;
  // Whether a series without this label matches.
  bool MatchesEmpty() const { return matches_empty_; }

  // For =~ and !~ whose expression lists its values (a|b|c, (a|b)c, foo[123], (?i:ab)): these values, sorted,
  // each once; for others empty. Lets an index look values up instead of trying all of them.
  const std::vector<std::string>& set_matches() const { return set_matches_; }
  // For =~ and !~: a literal that every value of the expression starts with; may be empty.
  const std::string& prefix() const { return prefix_; }
  // Whether every value but "" is accepted (!="", =~".+", =~".*"), or none (="", !~".+", !~".*").
  bool AcceptsAllValues() const { return accepts_all_values_; }
  bool AcceptsNoValues() const { return accepts_no_values_; }

  // `name=~"value"`, as Prometheus prints it.
  std::string ToString() const;

  friend bool operator==(const Matcher& a, const Matcher& b) {
    return a.type_ == b.type_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  struct Regexp;
  Matcher() = default;
  void TakeShape(std::vector<RegexpPattern> patterns, Regexp& regexp);

  MatchType type_ = MatchType::kEqual;
  bool matches_empty_ = false;
  bool accepts_all_values_ = false;
  bool accepts_no_values_ = false;
  std::string name_;
  std::string value_;
  std::string prefix_;
  std::vector<std::string> set_matches_;
  std::shared_ptr<const Regexp> regexp_;
};

// Whether all matchers accept a label set.
bool MatchesAll(const std::vector<Matcher>& matchers, const Labels& labels);

}  // namespace sextant::model
