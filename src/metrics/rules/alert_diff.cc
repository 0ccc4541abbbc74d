#include "metrics/rules/alert_diff.h"

#include <algorithm>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "model/value.h"

namespace sextant::rules {
namespace {

enum class Tone { kNone, kNormal, kAdded, kRemoved, kChanged };

std::string_view BeginOf(Tone tone) {
  switch (tone) {
    case Tone::kAdded:
      return "\033[0;32m";
    case Tone::kRemoved:
      return "\033[0;31m";
    case Tone::kChanged:
      return "\033[0;33m";
    default:
      return "";
  }
}

std::string_view EndOf(Tone tone) { return BeginOf(tone).empty() ? "" : "\033[0m"; }

// Text in tones, whose lines begin and end their tone anew.
class Writer {
 public:
  void Use(Tone tone) {
    if (tone_ == tone) return;
    text_ += EndOf(tone_);
    text_ += BeginOf(tone);
    tone_ = tone;
  }
  void Append(std::string_view text) { text_ += text; }
  void Quote(std::string_view text) { text_ += model::QuoteGo(text); }
  void Key(std::string_view key) {
    Quote(key);
    Append(": ");
  }
  void Open(std::string_view bracket) {
    ++depth_;
    Break(bracket);
  }
  // Behind an element: a comma, or the end of the line before the closing bracket.
  void Next(bool is_last) {
    if (is_last) --depth_;
    Break(is_last ? "" : ",");
  }
  std::string Take() && {
    text_ += EndOf(tone_);
    return std::move(text_);
  }

 private:
  void Break(std::string_view text) {
    text_ += text;
    text_ += EndOf(tone_);
    text_ += '\n';
    for (int i = 0; i < depth_; ++i) text_ += "    ";
    text_ += BeginOf(tone_);
  }

  std::string text_;
  Tone tone_ = Tone::kNone;
  int depth_ = 0;
};

void Write(const model::Labels& labels, Writer& out) {
  size_t left = labels.size();
  if (left == 0) out.Append("{");
  if (left > 0) out.Open("{");
  for (const model::LabelView label : labels) {
    out.Key(label.name);
    out.Quote(label.value);
    out.Next(--left == 0);
  }
  out.Append("}");
}

void Write(const AlertView& alert, Writer& out) {
  out.Open("{");
  out.Key("Annotations");
  Write(alert.annotations, out);
  out.Next(false);
  out.Key("Labels");
  Write(alert.labels, out);
  out.Next(true);
  out.Append("}");
}

using Sides = std::pair<std::optional<std::string_view>, std::optional<std::string_view>>;

void DiffValue(std::string_view name, const Sides& sides, Writer& out) {
  const auto& [expected, found] = sides;
  if (expected && found) {
    out.Key(name);
    out.Use(*expected == *found ? Tone::kNormal : Tone::kChanged);
    out.Quote(*expected);
    if (*expected == *found) return;
    out.Append(" => ");
    out.Quote(*found);
    return;
  }
  out.Use(expected ? Tone::kRemoved : Tone::kAdded);
  out.Key(name);
  out.Quote(expected ? *expected : *found);
}

void Diff(const model::Labels& expected, const model::Labels& found, Writer& out) {
  std::map<std::string_view, Sides> values;
  for (const model::LabelView label : expected) values[label.name].first = label.value;
  for (const model::LabelView label : found) values[label.name].second = label.value;
  out.Use(Tone::kNormal);
  size_t left = values.size();
  if (left == 0) out.Append("{");
  if (left > 0) out.Open("{");
  for (const auto& [name, sides] : values) {
    DiffValue(name, sides, out);
    out.Use(Tone::kNormal);
    out.Next(--left == 0);
  }
  out.Append("}");
}

void Diff(const AlertView& expected, const AlertView& found, Writer& out) {
  out.Use(Tone::kNormal);
  out.Open("{");
  out.Key("Annotations");
  Diff(expected.annotations, found.annotations, out);
  out.Next(false);
  out.Key("Labels");
  Diff(expected.labels, found.labels, out);
  out.Next(true);
  out.Append("}");
}

}  // namespace

std::string DiffAlerts(std::vector<AlertView> expected, std::vector<AlertView> found) {
  if (expected.empty()) expected.emplace_back();
  if (found.empty()) found.emplace_back();
  const size_t count = std::max(expected.size(), found.size());
  Writer out;
  out.Use(Tone::kNormal);
  out.Open("[");
  for (size_t i = 0; i < count; ++i) {
    if (i < expected.size() && i < found.size()) {
      Diff(expected[i], found[i], out);
    } else {
      const bool is_missing = i < expected.size();
      out.Use(is_missing ? Tone::kRemoved : Tone::kAdded);
      Write(is_missing ? expected[i] : found[i], out);
    }
    out.Use(Tone::kNormal);
    out.Next(i + 1 == count);
  }
  out.Append("]");
  return std::move(out).Take();
}

}  // namespace sextant::rules
