#include "otlp/prometheus_names.h"

#include <algorithm>
#include <vector>

#include "model/labels.h"

namespace sextant::otlp {

namespace {

using core::Code;
using core::Fail;
using core::Result;

struct Word {
  std::string_view ucum;
  std::string_view prometheus;
};

constexpr Word kUnits[] = {
    {"d", "days"},
    {"h", "hours"},
    {"min", "minutes"},
    {"s", "seconds"},
    {"ms", "milliseconds"},
    {"us", "microseconds"},
    {"ns", "nanoseconds"},
    {"By", "bytes"},
    {"KiBy", "kibibytes"},
    {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},
    {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},
    {"MBy", "megabytes"},
    {"GBy", "gigabytes"},
    {"TBy", "terabytes"},
    {"m", "meters"},
    {"V", "volts"},
    {"A", "amperes"},
    {"J", "joules"},
    {"W", "watts"},
    {"g", "grams"},
    {"Cel", "celsius"},
    {"Hz", "hertz"},
    {"1", ""},
    {"%", "percent"},
};

constexpr Word kPerUnits[] = {{"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
                              {"w", "week"},   {"mo", "month"}, {"y", "year"}};

template <size_t N>
std::string Translate(const Word (&words)[N], std::string_view unit) {
  for (const Word& word : words) {
    if (word.ucum == unit) return std::string(word.prometheus);
  }
  return std::string(unit);
}

std::string_view TrimSpace(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// "per_" stands before what a unit is divided by.
struct UnitSuffixes {
  std::string main;
  std::string per;
};

UnitSuffixes SuffixesOf(std::string_view unit) {
  UnitSuffixes suffixes;
  auto is_annotation = [](std::string_view text) {
    return text.find_first_of("{}") != std::string_view::npos;
  };
  size_t slash = unit.find('/');
  std::string_view main = TrimSpace(unit.substr(0, slash));
  if (!main.empty() && !is_annotation(main)) suffixes.main = Translate(kUnits, main);
  if (slash == std::string_view::npos) return suffixes;
  std::string_view per = TrimSpace(unit.substr(slash + 1));
  if (!per.empty() && !is_annotation(per)) suffixes.per = "per_" + Translate(kPerUnits, per);
  return suffixes;
}

// Continuation bytes of UTF-8 are part of the character before them.
bool IsContinuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }

std::string Collapse(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c != '_' || out.empty() || out.back() != '_') out += c;
  }
  return out;
}

std::string CleanUnit(std::string_view unit) {
  std::string replaced;
  for (char c : unit) {
    if (IsContinuation(c)) continue;
    replaced += IsLetter(c) || IsDigit(c) || c == ':' ? c : '_';
  }
  std::string out = Collapse(replaced);
  if (out.starts_with('_')) out.erase(0, 1);
  return out;
}

// The parts between characters that are not kept.
template <typename Keeps>
std::vector<std::string> Fields(std::string_view text, Keeps&& keeps) {
  std::vector<std::string> fields;
  bool is_inside = false;
  for (char c : text) {
    if (!keeps(c)) {
      is_inside = false;
      continue;
    }
    if (!is_inside) fields.emplace_back();
    is_inside = true;
    fields.back() += c;
  }
  return fields;
}

std::string Join(const std::vector<std::string>& parts) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) out += (i > 0 ? "_" : "") + parts[i];
  return out;
}

void MoveToEnd(std::vector<std::string>& tokens, std::string_view word) {
  std::erase(tokens, word);
  tokens.emplace_back(word);
}

void AddUnits(std::vector<std::string>& tokens, std::string_view unit) {
  UnitSuffixes suffixes = SuffixesOf(unit);
  std::string main = CleanUnit(suffixes.main);
  std::string per = CleanUnit(suffixes.per);
  auto has = [&](const std::string& word) { return std::ranges::find(tokens, word) != tokens.end(); };
  if (has(main)) main.clear();
  if (per == "per_") {
    per.clear();
  } else {
    if (per.ends_with('_')) per.pop_back();
    if (has(per)) per.clear();
  }
  if (!per.empty() && main.ends_with('_')) main.pop_back();
  if (!main.empty()) tokens.push_back(main);
  if (!per.empty()) tokens.push_back(per);
}

bool IsOnlyUnderscores(std::string_view text) {
  return text.find_first_not_of('_') == std::string_view::npos;
}

std::string NormalizedWithSuffixes(const MetricNamer& namer, std::string_view name, std::string_view unit,
                                   NamedType type) {
  std::vector<std::string> tokens =
      Fields(name, [](char c) { return IsLetter(c) || IsDigit(c) || c == ':'; });
  AddUnits(tokens, unit);
  if (type == NamedType::kMonotonicCounter) MoveToEnd(tokens, "total");
  if (unit == "1" && type == NamedType::kGauge) MoveToEnd(tokens, "ratio");
  if (!namer.name_space.empty()) tokens.insert(tokens.begin(), namer.name_space);
  std::string out = Join(tokens);
  if (!out.empty() && IsDigit(out.front())) out.insert(0, 1, '_');
  return out;
}

std::string NormalizedWithoutSuffixes(const MetricNamer& namer, std::string_view name) {
  auto keeps = [](char c) { return IsLetter(c) || IsDigit(c) || c == ':' || c == '_'; };
  std::string out = Join(Fields(name, keeps));
  if (!namer.name_space.empty()) return Join(Fields(namer.name_space, keeps)) + "_" + out;
  if (!out.empty() && IsDigit(out.front())) out.insert(0, 1, '_');
  return out;
}

// Takes a suffix and the character before it away.
void TrimSuffix(std::string& name, std::string_view suffix) {
  if (name.ends_with(suffix) && name.size() > suffix.size() + 1) name.resize(name.size() - suffix.size() - 1);
}

std::string WithSuffixes(std::string name, std::string_view unit, NamedType type) {
  bool is_ratio = unit == "1" && type == NamedType::kGauge;
  bool is_total = type == NamedType::kMonotonicCounter;
  if (is_ratio) TrimSuffix(name, "ratio");
  if (is_total) TrimSuffix(name, "total");
  UnitSuffixes suffixes = SuffixesOf(unit);
  if (!suffixes.per.empty()) TrimSuffix(name, suffixes.per);
  if (!suffixes.main.empty() && !name.ends_with(suffixes.main)) name += "_" + suffixes.main;
  if (!suffixes.per.empty()) name += "_" + suffixes.per;
  if (is_total) name += "_total";
  if (is_ratio) name += "_ratio";
  return name;
}

}  // namespace

NamedType NamedTypeOf(const Metric& metric) {
  switch (metric.kind) {
    case MetricKind::kNone:
      return NamedType::kUnknown;
    case MetricKind::kGauge:
      return NamedType::kGauge;
    case MetricKind::kSum:
      return metric.is_monotonic ? NamedType::kMonotonicCounter : NamedType::kOther;
    default:
      return NamedType::kOther;
  }
}

Result<std::string> MetricNamer::Build(std::string_view name, std::string_view unit, NamedType type) const {
  std::string built;
  if (allows_utf8) {
    built = name_space.empty() ? std::string(name) : name_space + "_" + std::string(name);
    if (adds_suffixes) built = WithSuffixes(std::move(built), unit, type);
    if (built.empty()) return Fail(Code::kInvalidArgument, "metric name is empty");
    return built;
  }
  built = adds_suffixes ? NormalizedWithSuffixes(*this, name, unit, type)
                        : NormalizedWithoutSuffixes(*this, name);
  if (built.empty()) {
    return Fail(Code::kInvalidArgument, "normalization for metric {} resulted in empty name",
                model::QuoteGo(name));
  }
  if (built != name && IsOnlyUnderscores(built)) {
    return Fail(Code::kInvalidArgument, "normalization for metric {} resulted in invalid name {}",
                model::QuoteGo(name), model::QuoteGo(built));
  }
  return built;
}

Result<std::string> LabelNamer::Build(std::string_view name) const {
  if (name.empty()) return Fail(Code::kInvalidArgument, "label name is empty");
  if (allows_utf8) {
    if (!IsOnlyUnderscores(name)) return std::string(name);
    return Fail(Code::kInvalidArgument, "label name {} contains only underscores", model::QuoteGo(name));
  }
  std::string built;
  for (char c : name) {
    if (IsContinuation(c)) continue;
    built += IsLetter(c) || IsDigit(c) ? c : '_';
  }
  if (!preserves_multiple_underscores) {
    // Reserved names keep the underscores around them.
    bool is_reserved = built.size() > 4 && built.starts_with("__") && built.ends_with("__");
    built = Collapse(built);
    if (is_reserved) built = "_" + built + "_";
  }
  if (IsDigit(built.front())) {
    built.insert(0, "key_");
  } else if (prefixes_underscore && built.starts_with('_') && !built.starts_with("__")) {
    built.insert(0, "key");
  }
  if (IsOnlyUnderscores(built)) {
    return Fail(Code::kInvalidArgument, "normalization for label name {} resulted in invalid name {}",
                model::QuoteGo(name), model::QuoteGo(built));
  }
  return built;
}

std::string BuildUnit(std::string_view unit, bool allows_utf8) {
  UnitSuffixes suffixes = SuffixesOf(unit);
  if (!allows_utf8) {
    suffixes.main = CleanUnit(suffixes.main);
    suffixes.per = CleanUnit(suffixes.per);
  }
  std::string out = suffixes.main;
  if (!out.empty() && !suffixes.per.empty()) out += '_';
  out += suffixes.per;
  if (out.starts_with('_')) out.erase(0, 1);
  if (out.ends_with('_')) out.pop_back();
  return out;
}

}  // namespace sextant::otlp
