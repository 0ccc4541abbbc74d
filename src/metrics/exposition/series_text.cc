// From the bytes of a series to its labels.
#include "metrics/exposition/custom_buckets_parser.h"
#include "metrics/exposition/number.h"
#include "metrics/exposition/open_metrics_parser.h"
#include "metrics/exposition/parser.h"
#include "metrics/exposition/protobuf_parser.h"
#include "metrics/exposition/text_parser.h"

namespace sextant::exposition {

namespace {

// Walks over the label list of a series that has been checked already; blanks are allowed between all tokens.
class LabelScanner {
 public:
  explicit LabelScanner(std::string_view text) : text_(text) { SkipBlanks(); }

  bool at_end() const { return text_.empty() || text_.front() == '}'; }
  bool TakeByte(char c) {
    if (!text_.starts_with(c)) return false;
    text_.remove_prefix(1);
    SkipBlanks();
    return true;
  }
  // A name, or a quoted text without its quotes (then `is_quoted`).
  std::string_view TakeText(bool& is_quoted) {
    is_quoted = text_.starts_with('"');
    size_t size = 0;
    if (is_quoted) {
      size = 1;
      while (size < text_.size() && text_[size] != '"') size += text_[size] == '\\' ? 2 : 1;
      size = std::min(size + 1, text_.size());
    } else {
      size = std::min(text_.find_first_of(" \t\n={},\""), text_.size());
    }
    std::string_view taken = text_.substr(0, size);
    text_.remove_prefix(size);
    SkipBlanks();
    if (is_quoted && taken.size() >= 2) taken = taken.substr(1, taken.size() - 2);
    return taken;
  }

 private:
  // Zero bytes behind a value are skipped like blanks, as the lexer does.
  void SkipBlanks() {
    size_t first = text_.find_first_not_of(std::string_view(" \t\0", 3));
    text_.remove_prefix(std::min(first, text_.size()));
  }

  std::string_view text_;
};

core::Status AddLabel(std::string_view raw_name, std::string_view raw_value, MetricType type,
                      model::LabelsBuilder& labels) {
  bool has_escapes =
      raw_name.find('\\') != std::string_view::npos || raw_value.find('\\') != std::string_view::npos;
  std::string name_text;
  std::string value_text;
  if (has_escapes) {
    name_text = UnescapeLabelValue(raw_name);
    value_text = UnescapeLabelValue(raw_value);
  }
  std::string_view name = has_escapes ? name_text : raw_name;
  std::string_view value = has_escapes ? value_text : raw_value;
  if (name.empty() || !model::IsValidUtf8(name) || !model::IsValidUtf8(value)) {
    return core::Fail(core::Code::kInvalidArgument, "invalid metric name or label names: {}",
                      model::QuoteGo(name));
  }
  if (!labels.Get(name).empty()) {
    return core::Fail(core::Code::kInvalidArgument, "label name {} is not unique: invalid sample",
                      model::QuoteGo(name));
  }
  std::string number_text;
  bool is_bound = (type == MetricType::kHistogram && name == "le") ||
                  (type == MetricType::kGaugeHistogram && name == "le") ||
                  (type == MetricType::kSummary && name == "quantile");
  double number = 0;
  if (is_bound && ParseFloat(value, number) == NumberError::kNone) {
    number_text = FormatOpenMetricsFloat(number);
    value = number_text;
  }
  labels.Set(name, value);
  return {};
}

// Reads the list between braces; a quoted text without a value is the metric's name.
core::Status AddLabels(std::string_view list, MetricType type, model::LabelsBuilder& labels) {
  LabelScanner scanner(list);
  while (!scanner.at_end()) {
    bool is_quoted = false;
    std::string_view name = scanner.TakeText(is_quoted);
    if (scanner.TakeByte('=')) {
      SEXTANT_TRY(AddLabel(name, scanner.TakeText(is_quoted), type, labels));
    } else if (is_quoted) {
      SEXTANT_TRY(AddLabel(model::kMetricName, name, type, labels));
    } else {
      return core::Fail(core::Code::kInvalidArgument, "not the bytes of a series: {}", model::QuoteGo(list));
    }
    scanner.TakeByte(',');
  }
  return {};
}

}  // namespace

core::Status ParseSeries(std::string_view series, MetricType type, model::LabelsBuilder& labels) {
  labels.Reset();
  size_t brace = std::min(series.find('{'), series.size());
  std::string_view name = series.substr(0, brace);
  name = name.substr(0, name.find_last_not_of(" \t") + 1);
  if (!name.empty()) SEXTANT_TRY(AddLabel(model::kMetricName, name, type, labels));
  if (brace < series.size()) SEXTANT_TRY(AddLabels(series.substr(brace + 1), type, labels));
  if (labels.Get(model::kMetricName).empty()) {
    return core::Fail(core::Code::kInvalidArgument, "missing metric name (__name__ label)");
  }
  return {};
}

core::Status Parser::ReadLabels(model::LabelsBuilder& labels) const {
  const Family family = CurrentFamily();
  SEXTANT_TRY(ParseSeries(entry_.series, family.type, labels));
  if (adds_type_and_unit_labels_) SetTypeAndUnit(family, labels);
  return {};
}

core::Status Parser::ReadExemplarLabels(model::LabelsBuilder& labels) const {
  labels.Reset();
  if (!entry_.exemplar) return {};
  return AddLabels(entry_.exemplar->labels, MetricType::kUnknown, labels);
}

std::unique_ptr<Parser> NewParser(Format format, std::string_view body, ParserOptions options) {
  std::unique_ptr<Parser> parser;
  switch (format) {
    case Format::kPrometheusText:
      parser = std::make_unique<TextParser>(body, options);
      break;
    case Format::kOpenMetrics:
      parser = std::make_unique<OpenMetricsParser>(body, options);
      break;
    case Format::kProtobuf:
      parser = std::make_unique<ProtobufParser>(body, options);
      break;
  }
  if (!options.custom_buckets) return parser;
  return std::make_unique<CustomBucketsParser>(std::move(parser), options);
}

core::Result<std::unique_ptr<Parser>> NewParser(std::string_view content_type, std::string_view body,
                                                std::optional<Format> fallback, ParserOptions options) {
  SEXTANT_ASSIGN(Format format, FormatOf(content_type, fallback));
  return NewParser(format, body, options);
}

}  // namespace sextant::exposition
