// Go's package fmt for template values: Print, Println and Printf with all verbs and flags, on a bounded
// output. Specification: https://pkg.go.dev/fmt
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "gotemplate/value.h"

namespace sextant::gotemplate {

// Text that stops growing at a limit and remembers that it did. What builds on it checks exceeded() in the
// end; loops that could run long without output check it on the way.
class BoundedText {
 public:
  explicit BoundedText(size_t limit_bytes) : limit_(limit_bytes) {}

  void Append(std::string_view text);
  void Append(char c) { Append(std::string_view(&c, 1)); }
  void Fill(char c, size_t count);
  bool exceeded() const { return exceeded_; }
  size_t limit() const { return limit_; }
  const std::string& text() const { return text_; }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
  size_t limit_;
  bool exceeded_ = false;
};

// fmt.Sprint: a space between operands when neither is a string.
void Print(BoundedText& out, std::span<const Value> args);
// fmt.Sprintln.
void PrintLine(BoundedText& out, std::span<const Value> args);
// fmt.Sprintf.
void PrintFormatted(BoundedText& out, std::string_view format, std::span<const Value> args);

// One value as %v.
void PrintValue(BoundedText& out, const Value& value);

// Go's strconv.FormatFloat(value, verb, precision, 64) for verbs e, E, f, g, G; precision −1 is the shortest
// that reads back. Infinities are "+Inf" and "-Inf".
std::string FormatFloat(double value, char verb, int precision);

// encoding/json.Marshal (keys sorted, HTML characters escaped). False when the value cannot be written
// (functions, NaN, infinities).
bool AppendJson(BoundedText& out, const Value& value);
void AppendJsonString(BoundedText& out, std::string_view text);

}  // namespace sextant::gotemplate
