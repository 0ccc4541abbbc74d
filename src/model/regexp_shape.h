// What a regular expression says that can be told without running it: the values it lists, or the literals
// that a value must begin with, end with and hold in between.
//
// An expression is taken as a choice of patterns, each a row of literals and gaps: `(a|b)c.*` is `ac…` or
// `bc…`. Where a part is more than that (`\d+`), a gap stands for it and the shape is a condition that every
// match fulfils; where nothing else is there, the shape decides alone. Values are UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sextant::model {

// One way to match: literals with gaps between them.
class RegexpPattern {
 public:
  enum class Gap : uint8_t {
    kNone,
    kAny,      // `.*`
    kSome,     // `.+`
    kUnknown,  // something that only the expression itself tells
  };

  // Whether every match of this pattern is a match of the expression.
  bool is_exact() const { return is_exact_; }
  // Whether it is one literal without gaps.
  bool is_literal() const { return items_.size() == 1 && items_[0].gap == Gap::kNone; }
  // What a value begins with.
  const std::string& prefix() const { return items_[0].literal; }
  // Whether this is one gap and no literal: `.*` or `.+`.
  bool IsOnly(Gap gap) const;

  bool Matches(std::string_view value) const;

  void AppendLiteral(std::string_view text) { items_.back().literal += text; }
  void AppendGap(Gap gap);
  void Append(const RegexpPattern& other);
  size_t SizeBytes() const;

 private:
  struct Item {
    std::string literal;
    Gap gap = Gap::kNone;  // after the literal; kNone only in the last
  };
  std::vector<Item> items_ = std::vector<Item>(1);
  bool is_exact_ = true;
};

// The patterns of an expression that RE2 accepts (anchored at both ends, dot matches newlines); of one that
// is not understood, or would be too many, the single pattern `.*`, not exact. Never empty.
std::vector<RegexpPattern> RegexpShape(std::string_view expression);

}  // namespace sextant::model
