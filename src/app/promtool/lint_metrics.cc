#include "app/promtool/lint_metrics.h"

#include <algorithm>
#include <map>
#include <set>

#include "metrics/exposition/text_parser.h"

namespace sextant::promtool {

namespace {

using exposition::EntryKind;
using exposition::MetricType;

struct FamilyView {
  MetricType type = MetricType::kUnknown;
  bool has_help = false;
  std::vector<std::vector<std::string>> label_names;  // of each sample
  bool has_duplicates = false;
};

// Units that are none of the base units, and what to use in their place.
const std::map<std::string_view, std::string_view>& Units() {
  static const std::map<std::string_view, std::string_view> kUnits = {
      {"amperes", "amperes"}, {"bytes", "bytes"},     {"celsius", "celsius"}, {"grams", "grams"},
      {"joules", "joules"},   {"kelvin", "kelvin"},   {"kelvins", "kelvin"},  {"meters", "meters"},
      {"metres", "metres"},   {"seconds", "seconds"}, {"volts", "volts"},     {"minutes", "seconds"},
      {"hours", "seconds"},   {"days", "seconds"},    {"weeks", "seconds"},   {"fahrenheit", "celsius"},
      {"rankine", "celsius"}, {"inches", "meters"},   {"yards", "meters"},    {"miles", "meters"},
      {"bits", "bytes"},      {"calories", "joules"}, {"pounds", "grams"},    {"ounces", "grams"},
  };
  return kUnits;
}
constexpr std::string_view kPrefixes[] = {"pico", "nano",  "micro", "milli", "centi", "deci",
                                          "deca", "hecto", "kilo",  "kibi",  "mega",  "mibi",
                                          "giga", "gibi",  "tera",  "tebi",  "peta",  "pebi"};
constexpr std::string_view kAbbreviations[] = {"s",  "ms", "us", "ns", "sec", "b", "kb",
                                               "mb", "gb", "tb", "pb", "m",   "h", "d"};
constexpr std::string_view kTypeNames[] = {"counter", "gauge", "summary", "histogram", "gauge_histogram"};

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  return lower;
}

bool IsCamelCase(std::string_view name) {
  for (size_t i = 1; i < name.size(); ++i) {
    if (name[i - 1] >= 'a' && name[i - 1] <= 'z' && name[i] >= 'A' && name[i] <= 'Z') return true;
  }
  return false;
}

// Whether a name has this word between underscores, or as its last.
bool HasWord(const std::string& name, std::string_view word) {
  std::string middle = fmt::format("_{}_", word);
  return name.find(middle) != std::string::npos ||
         std::string_view(name).ends_with(std::string_view(middle).substr(0, middle.size() - 1));
}

std::string CheckUnits(std::string_view name) {
  for (size_t begin = 0; begin <= name.size();) {
    size_t end = std::min(name.find('_', begin), name.size());
    std::string_view word = name.substr(begin, end - begin);
    begin = end + 1;
    auto unit = Units().find(word);
    for (std::string_view prefix : kPrefixes) {
      if (unit == Units().end() && word.starts_with(prefix)) unit = Units().find(word.substr(prefix.size()));
    }
    if (unit == Units().end()) continue;
    if (unit->second == word) return "";
    return fmt::format("use base unit \"{}\" instead of \"{}\"", unit->second, word);
  }
  return "";
}

class Linter {
 public:
  std::vector<LintProblem> Lint(const std::map<std::string, FamilyView>& families) {
    for (const auto& [name, family] : families) {
      name_ = name;
      LintName(family);
      if (family.type != MetricType::kUnknown) LintTyped(family);
      for (const auto& labels : family.label_names) {
        for (const std::string& label : labels) {
          if (IsCamelCase(label)) Say("label names should be written in 'snake_case' not 'camelCase'");
        }
      }
      if (family.has_duplicates) Say("metric not unique");
    }
    std::ranges::stable_sort(problems_);
    return std::move(problems_);
  }

 private:
  void Say(std::string text) { problems_.push_back({name_, std::move(text)}); }

  void LintName(const FamilyView& family) {
    if (!family.has_help) Say("no help text");
    if (std::string text = CheckUnits(name_); !text.empty()) Say(std::move(text));
    if (name_.find(':') != std::string::npos) Say("metric names should not contain ':'");
    if (IsCamelCase(name_)) Say("metric names should be written in 'snake_case' not 'camelCase'");
    std::string lower = Lower(name_);
    for (std::string_view word : kAbbreviations) {
      if (HasWord(lower, word)) Say("metric names should not contain abbreviated units");
    }
  }

  void LintTyped(const FamilyView& family) {
    bool is_counter = family.type == MetricType::kCounter;
    bool is_histogram = family.type == MetricType::kHistogram;
    bool is_summary = family.type == MetricType::kSummary;
    bool has_total = std::string_view(name_).ends_with("_total");
    if (is_counter && !has_total) Say("counter metrics should have \"_total\" suffix");
    if (!is_counter && has_total) Say("non-counter metrics should not have \"_total\" suffix");
    auto ends = [&](std::string_view suffix) { return std::string_view(name_).ends_with(suffix); };
    if (!is_histogram && ends("_bucket")) Say("non-histogram metrics should not have \"_bucket\" suffix");
    for (const char* suffix : {"_count", "_sum"}) {
      if (!is_histogram && !is_summary && ends(suffix))
        Say(fmt::format("non-histogram and non-summary metrics should not have \"{}\" suffix", suffix));
    }
    for (const auto& labels : family.label_names) {
      for (const std::string& label : labels) {
        if (!is_histogram && label == "le") Say("non-histogram metrics should not have \"le\" label");
        if (!is_summary && label == "quantile") Say("non-summary metrics should not have \"quantile\" label");
      }
    }
    std::string lower = Lower(name_);
    for (std::string_view type : kTypeNames) {
      if (HasWord(lower, type)) Say(fmt::format("metric name should not include type '{}'", type));
    }
  }

  std::string name_;
  std::vector<LintProblem> problems_;
};

// The family that a sample belongs to: histograms and summaries have several names.
std::string FamilyOf(std::string_view name, const std::map<std::string, FamilyView>& families) {
  for (std::string_view suffix : {"_bucket", "_count", "_sum"}) {
    if (!name.ends_with(suffix)) continue;
    auto family = families.find(std::string(name.substr(0, name.size() - suffix.size())));
    if (family == families.end()) continue;
    MetricType type = family->second.type;
    if (type == MetricType::kHistogram || (type == MetricType::kSummary && suffix != "_bucket"))
      return family->first;
  }
  return std::string(name);
}

core::Result<std::map<std::string, FamilyView>> ReadFamilies(std::string_view body) {
  exposition::TextParser parser(body);
  std::map<std::string, FamilyView> families;
  std::set<std::string> seen;
  model::LabelsBuilder labels;
  while (true) {
    switch (parser.Next()) {
      case EntryKind::kEnd:
        return families;
      case EntryKind::kError:
        return tl::unexpected(parser.error());
      case EntryKind::kHelp:
        families[std::string(parser.entry().name)].has_help = !parser.entry().text.empty();
        break;
      case EntryKind::kType:
        families[std::string(parser.entry().name)].type = parser.entry().type;
        break;
      case EntryKind::kUnit:
      case EntryKind::kComment:
        break;
      case EntryKind::kSample: {
        SEXTANT_TRY(parser.ReadLabels(labels));
        std::string_view name = labels.Get(model::kMetricName);
        std::string family_name = FamilyOf(name, families);
        FamilyView& family = families[family_name];
        // The labels that make a histogram or summary of samples are not the metric's own.
        bool is_part = family_name != name || family.type == MetricType::kSummary;
        std::vector<std::string> names;
        for (const auto& [label, value] : labels.labels()) {
          bool is_made = is_part && (label == "le" || label == "quantile");
          if (label != model::kMetricName && !is_made) names.push_back(label);
        }
        family.label_names.push_back(std::move(names));
        if (!seen.insert(labels.Build().ToString()).second) family.has_duplicates = true;
        break;
      }
    }
  }
}

}  // namespace

core::Result<std::vector<LintProblem>> LintMetrics(std::string_view body) {
  SEXTANT_ASSIGN(auto families, ReadFamilies(body));
  return Linter().Lint(families);
}

core::Result<std::map<std::string, uint64_t>> CountMetrics(std::string_view body) {
  SEXTANT_ASSIGN(auto families, ReadFamilies(body));
  std::map<std::string, uint64_t> counts;
  for (const auto& [name, family] : families) {
    if (!family.label_names.empty()) counts[name] = family.label_names.size();
  }
  return counts;
}

}  // namespace sextant::promtool
