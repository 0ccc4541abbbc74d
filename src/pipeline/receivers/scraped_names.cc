#include <algorithm>
#include <span>
#include <vector>

#include "pipeline/receivers/scraped_metrics.h"

namespace sextant::pipeline {

namespace {

struct UnitWord {
  std::string_view word;
  std::string_view code;
};
constexpr UnitWord kUnits[] = {
    {"days", "d"},          {"hours", "h"},         {"minutes", "min"},    {"seconds", "s"},
    {"milliseconds", "ms"}, {"microseconds", "us"}, {"nanoseconds", "ns"}, {"bytes", "By"},
    {"kibibytes", "KiBy"},  {"mebibytes", "MiBy"},  {"gibibytes", "GiBy"}, {"tebibytes", "TiBy"},
    {"kilobytes", "KBy"},   {"megabytes", "MBy"},   {"gigabytes", "GBy"},  {"terabytes", "TBy"},
    {"meters", "m"},        {"volts", "V"},         {"amperes", "A"},      {"joules", "J"},
    {"watts", "W"},         {"grams", "g"},         {"celsius", "Cel"},    {"hertz", "Hz"},
    {"ratio", "1"},         {"percent", "%"}};
constexpr UnitWord kPerUnits[] = {{"second", "s"}, {"minute", "m"}, {"hour", "h"}, {"day", "d"},
                                  {"week", "w"},   {"month", "mo"}, {"year", "y"}};

std::string_view CodeOf(std::span<const UnitWord> units, std::string_view word) {
  for (const UnitWord& unit : units) {
    if (unit.word == word) return unit.code;
  }
  return word;
}

std::vector<std::string_view> Split(std::string_view text) {
  std::vector<std::string_view> tokens;
  while (true) {
    size_t end = text.find('_');
    tokens.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return tokens;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::string UnitCode(std::string_view unit) {
  constexpr std::string_view kPer = "_per_";
  size_t per = unit.find(kPer);
  std::string code(CodeOf(kUnits, unit.substr(0, per)));
  if (per == std::string_view::npos) return code;
  return code + "/" + std::string(CodeOf(kPerUnits, unit.substr(per + kPer.size())));
}

std::string TrimSuffixes(std::string_view name, otlp::MetricKind kind, std::string_view unit) {
  std::vector<std::string_view> tokens = Split(name);
  if (tokens.size() == 1) return std::string(name);
  if (kind == otlp::MetricKind::kSum && tokens.back() == "total") tokens.pop_back();
  std::vector<std::string_view> unit_tokens = Split(unit);
  if (!unit.empty() && tokens.size() > unit_tokens.size() &&
      std::equal(unit_tokens.rbegin(), unit_tokens.rend(), tokens.rbegin())) {
    tokens.resize(tokens.size() - unit_tokens.size());
  }
  std::string trimmed;
  for (std::string_view token : tokens) {
    if (!trimmed.empty()) trimmed += '_';
    trimmed += token;
  }
  return trimmed;
}

}  // namespace sextant::pipeline
