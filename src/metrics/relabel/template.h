// Go's replacement templates (Regexp.Expand): `$1`, `${1}`, `${name}`, `$name`, `$$`.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::relabel {

// A template whose references are resolved to group numbers once. Immutable.
class Template {
 public:
  // `group_numbers` holds the expression's named groups, `group_count` how many groups it has.
  Template(std::string_view text, const std::map<std::string, int>& group_numbers, int group_count);

  // Whether the result does not depend on the match.
  bool is_constant() const { return parts_.size() <= 1 && (parts_.empty() || parts_[0].group < 0); }
  // Whether the template is nothing but one group; its number, or -1.
  int single_group() const { return parts_.size() == 1 ? parts_[0].group : -1; }

  // Appends the result; groups[0] is the whole match, and groups that took no part are empty.
  void Expand(const std::vector<std::string_view>& groups, std::string& out) const;

 private:
  struct Part {
    std::string literal;
    int group = -1;  // or a literal
  };
  void AddLiteral(std::string_view text);

  std::vector<Part> parts_;
};

}  // namespace sextant::relabel
