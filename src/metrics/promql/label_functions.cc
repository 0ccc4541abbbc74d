#include "metrics/promql/label_functions.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <set>

#include "metrics/promql/output_series.h"
#include "metrics/promql/stable_sort.h"
#include "model/labels.h"

namespace sextant::promql {

namespace {

constexpr int64_t kRegexpMemoryBytes = 8 << 20;
// Nested calls could double a label each time.
constexpr size_t kMaxValueBytes = 16 << 20;
constexpr size_t kWorkOfLabels = 64;

bool IsLabelName(std::string_view name) { return !name.empty() && model::IsValidUtf8(name); }

bool IsWordByte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// Go's regexp.Expand: `$1`, `$name`, `${name}`, `$$`; groups that do not exist are empty, a `$` that starts
// none of these stands for itself.
class Template {
 public:
  Template(std::string_view text, const RE2& regexp) {
    const std::map<std::string, int>& names = regexp.NamedCapturingGroups();
    while (!text.empty()) {
      size_t dollar = text.find('$');
      AddText(text.substr(0, dollar));
      if (dollar == std::string_view::npos) break;
      text.remove_prefix(dollar + 1);
      if (text.starts_with('$')) {
        AddText("$");
        text.remove_prefix(1);
        continue;
      }
      std::string_view name = TakeName(text);
      if (name.empty()) {
        AddText("$");
        continue;
      }
      int group = -1;
      auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), group);
      if (error != std::errc() || end != name.data() + name.size()) {
        auto it = names.find(std::string(name));
        group = it == names.end() ? -1 : it->second;
      }
      parts_.push_back({"", group <= regexp.NumberOfCapturingGroups() ? group : -1});
    }
  }

  size_t ExpandedSize(const std::vector<re2::StringPiece>& groups) const {
    size_t size = 0;
    for (const Part& part : parts_) {
      size += part.text.size();
      if (part.group >= 0) size += groups[static_cast<size_t>(part.group)].size();
    }
    return size;
  }

  std::string Expand(const std::vector<re2::StringPiece>& groups) const {
    std::string out;
    for (const Part& part : parts_) {
      out += part.text;
      if (part.group >= 0)
        out.append(groups[static_cast<size_t>(part.group)].data(),
                   groups[static_cast<size_t>(part.group)].size());
    }
    return out;
  }

 private:
  struct Part {
    std::string text;
    int group = -1;
  };

  void AddText(std::string_view text) {
    if (!text.empty()) parts_.push_back({std::string(text), -1});
  }

  // Takes the name after a `$` from the text; empty when there is none.
  static std::string_view TakeName(std::string_view& text) {
    if (text.starts_with('{')) {
      size_t close = text.find('}');
      if (close == std::string_view::npos) return {};
      std::string_view name = text.substr(1, close - 1);
      if (name.empty() || !std::all_of(name.begin(), name.end(), IsWordByte)) return {};
      text.remove_prefix(close + 1);
      return name;
    }
    size_t length = 0;
    while (length < text.size() && IsWordByte(text[length])) ++length;
    std::string_view name = text.substr(0, length);
    text.remove_prefix(length);
    return name;
  }

  std::vector<Part> parts_;
};

// Splits into runs of digits and of other characters.
std::vector<std::string_view> Chunks(std::string_view text) {
  auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::vector<std::string_view> chunks;
  while (!text.empty()) {
    size_t length = 1;
    while (length < text.size() && is_digit(text[length]) == is_digit(text[0])) ++length;
    chunks.push_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return chunks;
}

bool ParseInteger(std::string_view text, int64_t& value) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// Accounts for a label value that is going to be made, and for the time it takes.
core::Status HoldValue(std::string_view function, size_t bytes, HeldVector& vector, QueryContext& context) {
  SEXTANT_TRY(context.Tick(bytes));
  if (bytes > kMaxValueBytes) {
    return core::Fail(core::Code::kResourceExhausted, "{}() would make a label value of more than {} bytes",
                      function, kMaxValueBytes);
  }
  return vector.holding.Add(0, static_cast<int64_t>(bytes));
}

}  // namespace

core::Status LabelReplace(const PlanNode& node, HeldVector& vector, QueryContext& context) {
  const std::string& target = node.args[1]->text;
  const std::string& source = node.args[3]->text;
  const std::string& expression = node.args[4]->text;
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexpMemoryBytes);
  RE2 regexp("^(?s:" + expression + ")$", options);
  if (!regexp.ok()) {
    return core::Fail(core::Code::kInvalidArgument, "invalid regular expression in label_replace(): {}",
                      expression);
  }
  if (!IsLabelName(target)) {
    return core::Fail(core::Code::kInvalidArgument, "invalid destination label name in label_replace(): {}",
                      target);
  }
  Template replacement(node.args[2]->text, regexp);
  std::vector<re2::StringPiece> groups(static_cast<size_t>(regexp.NumberOfCapturingGroups()) + 1);
  model::LabelsBuilder builder;
  for (SeriesColumn& series : vector.series) {
    std::string_view value = series.labels.Get(source);
    SEXTANT_TRY(context.Tick(kWorkOfLabels + 8 * value.size()));
    re2::StringPiece text(value.data(), value.size());
    if (!regexp.Match(text, 0, text.size(), RE2::ANCHOR_BOTH, groups.data(), static_cast<int>(groups.size())))
      continue;
    SEXTANT_TRY(HoldValue("label_replace", replacement.ExpandedSize(groups), vector, context));
    builder.Reset(series.labels);
    builder.Set(target, replacement.Expand(groups));
    series.labels = builder.Build();
    if (target == model::kMetricName) series.drops_name = false;
  }
  return MergeEqualSeries(vector, context);
}

core::Status LabelJoin(const PlanNode& node, HeldVector& vector, QueryContext& context) {
  const std::string& target = node.args[1]->text;
  const std::string& separator = node.args[2]->text;
  for (size_t i = 3; i < node.args.size(); ++i) {
    if (!IsLabelName(node.args[i]->text)) {
      return core::Fail(core::Code::kInvalidArgument, "invalid source label name in label_join(): {}",
                        node.args[i]->text);
    }
  }
  if (!IsLabelName(target)) {
    return core::Fail(core::Code::kInvalidArgument, "invalid destination label name in label_join(): {}",
                      target);
  }
  model::LabelsBuilder builder;
  for (SeriesColumn& series : vector.series) {
    SEXTANT_TRY(context.Tick(kWorkOfLabels));
    size_t bytes = separator.size() * node.args.size();
    for (size_t i = 3; i < node.args.size(); ++i) bytes += series.labels.Get(node.args[i]->text).size();
    SEXTANT_TRY(HoldValue("label_join", bytes, vector, context));
    std::string joined;
    for (size_t i = 3; i < node.args.size(); ++i) {
      if (i > 3) joined += separator;
      joined += series.labels.Get(node.args[i]->text);
    }
    builder.Reset(series.labels);
    builder.Set(target, joined);
    series.labels = builder.Build();
    if (target == model::kMetricName) series.drops_name = false;
  }
  return MergeEqualSeries(vector, context);
}

core::Status SortByValue(bool is_descending, HeldVector& vector, QueryContext& context) {
  std::erase_if(vector.series, [](const SeriesColumn& series) {
    return series.column.histogram(0) != nullptr || IsAbsent(series.column.values[0]);
  });
  return StableSort(vector.series, context, [&](const SeriesColumn& a, const SeriesColumn& b) {
    double x = a.column.values[0];
    double y = b.column.values[0];
    if (std::isnan(x) || std::isnan(y)) return !std::isnan(x) && std::isnan(y);
    return is_descending ? x > y : x < y;
  });
}

core::Status SortByLabels(const PlanNode& node, bool is_descending, HeldVector& vector,
                          QueryContext& context) {
  std::erase_if(vector.series, [](const SeriesColumn& series) { return IsAbsent(series.column.values[0]); });
  return StableSort(vector.series, context, [&](const SeriesColumn& a, const SeriesColumn& b) {
    for (size_t i = 1; i < node.args.size(); ++i) {
      std::string_view x = a.labels.Get(node.args[i]->text);
      std::string_view y = b.labels.Get(node.args[i]->text);
      if (x == y) continue;
      bool x_is_less = NaturalLess(x, y);
      // The natural order takes some different texts for equal ("01" and "1"): then neither comes first.
      if (!x_is_less && !NaturalLess(y, x)) continue;
      return x_is_less != is_descending;
    }
    return is_descending ? a.labels > b.labels : a.labels < b.labels;
  });
}

bool NaturalLess(std::string_view a, std::string_view b) {
  std::vector<std::string_view> chunks_a = Chunks(a);
  std::vector<std::string_view> chunks_b = Chunks(b);
  for (size_t i = 0; i < chunks_a.size(); ++i) {
    if (i >= chunks_b.size()) return false;
    int64_t x = 0;
    int64_t y = 0;
    if (ParseInteger(chunks_a[i], x) && ParseInteger(chunks_b[i], y)) {
      if (x != y) return x < y;
      continue;
    }
    if (chunks_a[i] != chunks_b[i]) return chunks_a[i] < chunks_b[i];
  }
  return chunks_a.size() < chunks_b.size();
}

model::Labels LabelsOfAbsent(const PlanNode& argument) {
  bool is_selector =
      argument.kind == PlanKind::kSelector || (argument.kind == PlanKind::kRange && !argument.is_subquery);
  model::LabelsBuilder builder;
  if (!is_selector) return builder.Build();
  std::set<std::string_view> seen;
  for (const model::Matcher& matcher : argument.matchers) {
    if (matcher.name() == model::kMetricName) continue;
    // A label that is asked for twice is left out, whatever was asked.
    if (matcher.type() == model::MatchType::kEqual && seen.insert(matcher.name()).second) {
      builder.Set(matcher.name(), matcher.value());
    } else {
      builder.Delete(matcher.name());
    }
  }
  return builder.Build();
}

}  // namespace sextant::promql
