#include "model/regexp_shape.h"

#include <algorithm>
#include <optional>

namespace sextant::model {
namespace {

using Patterns = std::vector<RegexpPattern>;
using Gap = RegexpPattern::Gap;

// A choice may be long when it is written out, but not when it comes from multiplying.
constexpr size_t kMaxWritten = 10'000;
constexpr size_t kMaxMultiplied = 256;
constexpr size_t kMaxBytes = 1 << 20;
constexpr size_t kMaxWork = 32 << 20;  // bytes copied
constexpr size_t kMaxClass = 64;
constexpr int kMaxDepth = 100;

bool IsAsciiLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsPunctuation(char c) { return c > ' ' && c < 0x7f && !IsAsciiLetter(c) && !IsDigit(c); }

size_t RuneBytes(char lead) {
  auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
}

Patterns OneLiteral(std::string_view text) {
  Patterns patterns(1);
  patterns[0].AppendLiteral(text);
  return patterns;
}

Patterns OneGap(Gap gap) {
  Patterns patterns(1);
  patterns[0].AppendGap(gap);
  return patterns;
}

// A letter in both cases, with what Unicode folds onto it.
Patterns FoldedLetter(char letter) {
  char lower = static_cast<char>(letter | 0x20);
  char upper = static_cast<char>(lower & ~0x20);
  Patterns patterns = OneLiteral({&lower, 1});
  patterns.push_back(OneLiteral({&upper, 1})[0]);
  if (lower == 'k') patterns.push_back(OneLiteral("\u212a")[0]);
  if (lower == 's') patterns.push_back(OneLiteral("\u017f")[0]);
  return patterns;
}

// Reads an expression. What it does not know makes it give up (nullopt) rather than guess.
class ShapeParser {
 public:
  explicit ShapeParser(std::string_view expression) : rest_(expression) {}

  std::optional<Patterns> Parse() {
    std::optional<Patterns> patterns = ParseChoice(0);
    return patterns && rest_.empty() ? std::move(patterns) : std::nullopt;
  }

 private:
  bool Take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  // Up to the end or the closing parenthesis, which stays.
  std::optional<Patterns> ParseChoice(int depth) {
    if (depth > kMaxDepth) return std::nullopt;
    Patterns all;
    size_t bytes = 0;
    do {
      std::optional<Patterns> row = ParseRow(depth);
      if (!row) return std::nullopt;
      for (RegexpPattern& pattern : *row) {
        bytes += pattern.SizeBytes();
        all.push_back(std::move(pattern));
      }
      if (all.size() > kMaxWritten || bytes > kMaxBytes) return std::nullopt;
    } while (Take("|"));
    return all;
  }

  std::optional<Patterns> ParseRow(int depth) {
    Patterns row(1);
    bool is_first = true;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      // Anchors say nothing new at the ends, and are not looked into elsewhere.
      if (depth == 0 && is_first && Take("^")) {
        is_first = false;
        if (IsRepetition()) return std::nullopt;
        continue;
      }
      if (depth == 0 && (rest_ == "$" || rest_.starts_with("$|"))) {
        rest_.remove_prefix(1);
        break;
      }
      is_first = false;
      std::optional<Patterns> part = ParseRepeated(depth);
      if (!part || !Multiply(row, *part)) return std::nullopt;
    }
    return row;
  }

  bool IsRepetition() const {
    return !rest_.empty() && std::string_view("*+?{").find(rest_[0]) != std::string_view::npos;
  }

  static size_t SizeBytes(const Patterns& patterns) {
    size_t size = 0;
    for (const RegexpPattern& pattern : patterns) size += pattern.SizeBytes();
    return size;
  }

  // Puts each of `part` after each of `row`, or says that something follows when that would be too many.
  // False when it is too much work.
  bool Multiply(Patterns& row, const Patterns& part) {
    work_ += row.size() * (SizeBytes(part) + 1);
    if (part.size() > 1) work_ += SizeBytes(row) * part.size();
    if (work_ > kMaxWork) return false;
    if (row.size() * part.size() > std::max({row.size(), part.size(), kMaxMultiplied})) {
      for (RegexpPattern& pattern : row) pattern.AppendGap(Gap::kUnknown);
      return true;
    }
    if (part.size() == 1) {
      for (RegexpPattern& pattern : row) pattern.Append(part[0]);
      return true;
    }
    Patterns product;
    product.reserve(row.size() * part.size());
    for (const RegexpPattern& left : row) {
      for (const RegexpPattern& right : part) {
        product.push_back(left);
        product.back().Append(right);
      }
    }
    row = std::move(product);
    return true;
  }

  // One element with the repetition after it.
  std::optional<Patterns> ParseRepeated(int depth) {
    bool is_dot = rest_[0] == '.';
    std::optional<Patterns> part = is_dot ? OneGap(Gap::kUnknown) : ParseElement(depth);
    if (is_dot) rest_.remove_prefix(1);
    if (!part || !IsRepetition()) return part;
    char repetition = rest_[0];
    if (repetition == '{') {
      std::optional<size_t> length = RepeatCountLength();
      if (!length) return std::nullopt;
      if (*length == 0) return part;  // a literal brace, which comes next
      rest_.remove_prefix(*length);
    } else {
      rest_.remove_prefix(1);
    }
    Take("?");  // how greedy it is does not matter for a whole match
    if (IsRepetition() && rest_[0] != '{') return std::nullopt;
    if (is_dot && repetition == '*') return OneGap(Gap::kAny);
    if (is_dot && repetition == '+') return OneGap(Gap::kSome);
    if (repetition != '?') return OneGap(Gap::kUnknown);
    part->emplace_back();
    return part;
  }

  // The length of `{n}`, `{n,}` or `{n,m}` at the front; 0 when it is none; nothing when that is not certain.
  std::optional<size_t> RepeatCountLength() const {
    size_t end = rest_.find('}');
    if (end == std::string_view::npos || end < 2) return 0;
    std::string_view inner = rest_.substr(1, end - 1);
    size_t comma = std::min(inner.find(','), inner.size());
    std::string_view low = inner.substr(0, comma);
    std::string_view high = comma < inner.size() ? inner.substr(comma + 1) : std::string_view();
    auto is_number = [](std::string_view text) { return std::all_of(text.begin(), text.end(), IsDigit); };
    if (low.empty() || !is_number(low) || !is_number(high)) return 0;
    auto is_odd = [](std::string_view text) { return text.size() > 1 && text[0] == '0'; };
    if (is_odd(low) || is_odd(high)) return std::nullopt;
    return end + 1;
  }

  std::optional<Patterns> ParseElement(int depth) {
    switch (rest_[0]) {
      case '(':
        return ParseGroup(depth);
      case '[':
        return ParseClass();
      case '\\':
        return ParseEscape();
      case '{':
        if (RepeatCountLength() != 0) return std::nullopt;
        break;
      case '*':
      case '+':
      case '?':
      case '^':
      case '$':
        return std::nullopt;
      default:
        break;
    }
    std::string_view rune = rest_.substr(0, RuneBytes(rest_[0]));
    rest_.remove_prefix(rune.size());
    return Literal(rune);
  }

  Patterns Literal(std::string_view rune) const {
    if (!folds_case_) return OneLiteral(rune);
    if (rune.size() > 1) return OneGap(Gap::kUnknown);
    return IsAsciiLetter(rune[0]) ? FoldedLetter(rune[0]) : OneLiteral(rune);
  }

  std::optional<Patterns> ParseEscape() {
    if (rest_.size() < 2) return std::nullopt;
    char c = rest_[1];
    rest_.remove_prefix(2);
    if (IsPunctuation(c)) return OneLiteral({&c, 1});
    switch (c) {
      case 'n':
        return OneLiteral("\n");
      case 't':
        return OneLiteral("\t");
      case 'r':
        return OneLiteral("\r");
      case 'd':
      case 'D':
      case 's':
      case 'S':
      case 'w':
      case 'W':
        return OneGap(Gap::kUnknown);
      default:
        return std::nullopt;
    }
  }

  std::optional<Patterns> ParseGroup(int depth) {
    rest_.remove_prefix(1);
    bool folded_case = folds_case_;
    if (Take("?P<")) {
      size_t end = rest_.find('>');
      if (end == std::string_view::npos) return std::nullopt;
      rest_.remove_prefix(end + 1);
    } else if (Take("?")) {
      while (!rest_.empty() && (rest_[0] == 'i' || rest_[0] == 's')) {
        if (rest_[0] == 'i') folds_case_ = true;
        rest_.remove_prefix(1);
      }
      if (Take(")")) {  // the flags are for the rest of the group around
        if (IsRepetition()) return std::nullopt;
        return Patterns(1);
      }
      if (!Take(":")) return std::nullopt;
    }
    std::optional<Patterns> inner = ParseChoice(depth + 1);
    folds_case_ = folded_case;
    if (!Take(")")) return std::nullopt;
    return inner;
  }

  // A character class: its members when they are few and plain.
  std::optional<Patterns> ParseClass() {
    rest_.remove_prefix(1);
    bool is_plain = !Take("^") && !folds_case_;
    Patterns members;
    for (bool is_first = true; is_first || !rest_.starts_with("]"); is_first = false) {
      if (rest_.empty() || rest_.starts_with("[:")) return std::nullopt;
      if (rest_[0] == '\\') {
        bool is_single =
            rest_.size() > 1 &&
            (IsPunctuation(rest_[1]) || std::string_view("dDsSwW").find(rest_[1]) != std::string_view::npos);
        if (!is_single) return std::nullopt;
        is_plain = false;
        rest_.remove_prefix(2);
        continue;
      }
      std::string_view rune = rest_.substr(0, RuneBytes(rest_[0]));
      rest_.remove_prefix(rune.size());
      bool is_range = rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']';
      if (!is_range) {
        members.push_back(OneLiteral(rune)[0]);
      } else if (rest_[1] == '\\' || rest_[1] == '[') {
        return std::nullopt;
      } else {
        std::string_view last = rest_.substr(1, RuneBytes(rest_[1]));
        rest_.remove_prefix(1 + last.size());
        is_plain = is_plain && rune.size() == 1 && last.size() == 1;
        for (char c = rune[0]; is_plain && c <= last[0] && members.size() <= kMaxClass; ++c) {
          members.push_back(OneLiteral({&c, 1})[0]);
          if (c == 0x7f) break;
        }
      }
      if (members.size() > kMaxClass) is_plain = false;
      if (!is_plain) members.clear();
    }
    if (!Take("]")) return std::nullopt;
    if (!is_plain) return OneGap(Gap::kUnknown);
    return members;
  }

  std::string_view rest_;
  bool folds_case_ = false;
  size_t work_ = 0;
};

}  // namespace

bool RegexpPattern::IsOnly(Gap gap) const {
  return items_.size() == 2 && items_[0].gap == gap && items_[0].literal.empty() && items_[1].literal.empty();
}

void RegexpPattern::AppendGap(Gap gap) {
  if (gap == Gap::kUnknown) is_exact_ = false;
  // Two gaps in a row are one; only of two `.+` one cannot say it.
  if (items_.size() > 1 && items_.back().literal.empty()) {
    Gap& last = items_[items_.size() - 2].gap;
    if (last == Gap::kSome && gap == Gap::kSome) {
      is_exact_ = false;
      return;
    }
    last = std::max(last, gap);
    return;
  }
  items_.back().gap = gap;
  items_.emplace_back();
}

void RegexpPattern::Append(const RegexpPattern& other) {
  for (const Item& item : other.items_) {
    AppendLiteral(item.literal);
    if (item.gap != Gap::kNone) AppendGap(item.gap);
  }
  is_exact_ = is_exact_ && other.is_exact_;
}

bool RegexpPattern::Matches(std::string_view value) const {
  const std::string& first = items_.front().literal;
  if (items_.size() == 1) return value == first;
  const std::string& last = items_.back().literal;
  if (value.size() < first.size() + last.size() || !value.starts_with(first) || !value.ends_with(last)) {
    return false;
  }
  value.remove_prefix(first.size());
  value.remove_suffix(last.size());
  // Every literal as early as it can be leaves the most to those after it.
  for (size_t i = 1; i + 1 < items_.size(); ++i) {
    size_t at = value.find(items_[i].literal, items_[i - 1].gap == Gap::kSome ? 1 : 0);
    if (at == std::string_view::npos) return false;
    value.remove_prefix(at + items_[i].literal.size());
  }
  return items_[items_.size() - 2].gap != Gap::kSome || !value.empty();
}

size_t RegexpPattern::SizeBytes() const {
  size_t size = sizeof(*this);
  for (const Item& item : items_) size += sizeof(Item) + item.literal.size();
  return size;
}

std::vector<RegexpPattern> RegexpShape(std::string_view expression) {
  std::optional<Patterns> patterns = ShapeParser(expression).Parse();
  return patterns && !patterns->empty() ? *std::move(patterns) : OneGap(Gap::kUnknown);
}

}  // namespace sextant::model
