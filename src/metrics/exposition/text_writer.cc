#include "metrics/exposition/text_writer.h"

#include "metrics/exposition/number.h"

namespace sextant::exposition {

namespace {

std::string Escape(std::string_view text, bool with_quotes) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    if (c == '\\' || (with_quotes && c == '"')) {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

std::string Quoted(std::string_view text) { return '"' + Escape(text, true) + '"'; }

std::string_view TypeWord(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
    case MetricType::kGauge:
    case MetricType::kHistogram:
    case MetricType::kSummary:
      return MetricTypeName(type);
    default:
      return "untyped";
  }
}

}  // namespace

void TextWriter::BeginFamily(std::string_view name, std::string_view help, MetricType type) {
  std::string written = model::IsClassicMetricName(name) ? std::string(name) : Quoted(name);
  if (!help.empty()) out_ += fmt::format("# HELP {} {}\n", written, Escape(help, false));
  out_ += fmt::format("# TYPE {} {}\n", written, TypeWord(type));
}

void TextWriter::AddSample(const model::Labels& labels, double value,
                           std::optional<core::TimestampMs> timestamp_ms) {
  std::string_view metric = labels.metric_name();
  bool is_classic = model::IsClassicMetricName(metric);
  std::string list;
  if (is_classic) {
    out_ += metric;
  } else {
    list = Quoted(metric);
  }
  for (auto [name, label_value] : labels) {
    if (name == model::kMetricName) continue;
    if (!list.empty()) list += ',';
    list += model::IsClassicLabelName(name) ? std::string(name) : Quoted(name);
    list += '=';
    list += Quoted(label_value);
  }
  if (!list.empty()) out_ += '{' + list + '}';
  out_ += ' ';
  out_ += FormatTextFloat(value);
  if (timestamp_ms) out_ += fmt::format(" {}", *timestamp_ms);
  out_ += '\n';
}

}  // namespace sextant::exposition
