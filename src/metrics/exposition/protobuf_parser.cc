#include "metrics/exposition/protobuf_parser.h"

#include <cmath>

#include "metrics/exposition/number.h"
#include "metrics/exposition/series_bytes.h"
#include "model/value.h"

namespace sextant::exposition {

namespace {

using core::Code;
using core::Status;
using wire::FamilyMetric;
using wire::FamilyType;

constexpr uint64_t kFreeSeriesBytes = 64 << 20;
constexpr uint64_t kExpansion = 64;

MetricType TypeOf(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return MetricType::kCounter;
    case FamilyType::kGauge:
      return MetricType::kGauge;
    case FamilyType::kSummary:
      return MetricType::kSummary;
    case FamilyType::kUntyped:
      return MetricType::kUnknown;
    case FamilyType::kHistogram:
      return MetricType::kHistogram;
    case FamilyType::kGaugeHistogram:
      return MetricType::kGaugeHistogram;
  }
  return MetricType::kUnknown;
}

bool IsHistogram(FamilyType type) {
  return type == FamilyType::kHistogram || type == FamilyType::kGaugeHistogram;
}

// Whether `name` ends with "_<unit>".
bool EndsWithUnit(std::string_view name, std::string_view unit) {
  return name.size() > unit.size() && name.ends_with(unit) && name[name.size() - unit.size() - 1] == '_';
}

double WithNormalNan(double value) {
  // The stale marker is not for targets to give.
  return std::isnan(value) ? model::NormalNan() : value;
}

}  // namespace

ProtobufParser::ProtobufParser(std::string_view body, ParserOptions options)
    : Parser(options),
      options_(options),
      reader_(body),
      max_series_bytes_(kFreeSeriesBytes + kExpansion * body.size()) {}

Status ProtobufParser::CheckFamily() {
  const wire::FamilyHead& family = reader_.family();
  if (family.name.empty() || !model::IsValidUtf8(family.name)) {
    return core::Fail(Code::kInvalidArgument, "invalid metric name: {}", model::QuoteGo(family.name));
  }
  if (!model::IsValidUtf8(family.help)) {
    return core::Fail(Code::kInvalidArgument, "invalid help for metric {}: {}", model::QuoteGo(family.name),
                      model::QuoteGo(family.help));
  }
  if (family.unit.empty()) return {};
  std::string_view name = family.name;
  bool is_total = family.type == FamilyType::kCounter && name.ends_with("_total");
  if (is_total) name.remove_suffix(std::string_view("_total").size());
  if (EndsWithUnit(name, family.unit)) return {};
  return core::Fail(Code::kInvalidArgument, "unit {} not a suffix of {} {}", model::QuoteGo(family.unit),
                    is_total ? "counter" : "metric", model::QuoteGo(family.name));
}

EntryKind ProtobufParser::BeginMetric() {
  core::Result<wire::FamilyReader::Step> step = reader_.Next();
  if (!step) return Fail(step.error().message());
  if (*step == wire::FamilyReader::Step::kEnd) return EntryKind::kEnd;
  part_ = 0;
  stage_ = Stage::kMetric;
  if (*step == wire::FamilyReader::Step::kMetric) return EntryKind::kComment;
  if (Status checked = CheckFamily(); !checked) return Fail(checked.error().message());
  const wire::FamilyHead& family = reader_.family();
  family_ = {family.name, TypeOf(family.type), family.unit};
  stage_ = Stage::kHelp;
  return EntryKind::kComment;
}

EntryKind ProtobufParser::Next(const SeriesGuess& guess) {
  entry_ = Entry();
  entry_.name = reader_.family().name;
  while (true) {
    switch (stage_) {
      case Stage::kNextMetric: {
        EntryKind kind = BeginMetric();
        if (kind != EntryKind::kComment) return kind;
        entry_.name = reader_.family().name;
        break;
      }
      case Stage::kHelp:
        stage_ = Stage::kUnit;
        entry_.text = reader_.family().help;
        return EntryKind::kHelp;
      case Stage::kUnit:
        stage_ = Stage::kType;
        if (reader_.family().unit.empty()) break;
        entry_.text = reader_.family().unit;
        return EntryKind::kUnit;
      case Stage::kType:
        stage_ = Stage::kMetric;
        entry_.type = family_.type;
        return EntryKind::kType;
      case Stage::kMetric:
        if (series_bytes_ > max_series_bytes_) return Fail("the series of the histograms are too large");
        if (NextPart(guess)) return EntryKind::kSample;
        stage_ = Stage::kNextMetric;
        break;
    }
  }
}

bool ProtobufParser::IsNative() const {
  return options_.native_histograms && IsHistogram(reader_.family().type) && reader_.metric().is_native;
}

// How many series a metric is in the classic form.
size_t ProtobufParser::ClassicParts() const {
  const FamilyMetric& metric = reader_.metric();
  if (reader_.family().type == FamilyType::kSummary) return 2 + metric.quantiles.size();
  if (!IsHistogram(reader_.family().type)) return 1;
  // Up to the bucket that has everything, which is added when it is not there.
  for (size_t i = 0; i < metric.buckets.size(); ++i) {
    if (metric.buckets[i].upper_bound == HUGE_VAL) return 2 + i + 1;
  }
  return 2 + metric.buckets.size() + 1;
}

// Shows the next series of the metric; false when there is none left.
bool ProtobufParser::NextPart(const SeriesGuess& guess) {
  const FamilyMetric& metric = reader_.metric();
  FamilyType type = reader_.family().type;
  exemplar_ = {};
  next_exemplar_ = 0;
  is_exemplar_shown_ = false;
  size_t part = part_++;
  if (IsNative()) {
    bool with_classic = options_.classic_histograms && !metric.buckets.empty();
    if (part == 0) {
      ShowNative();
    } else if (!with_classic || part > ClassicParts()) {
      return false;
    } else {
      ShowHistogramPart(part - 1);
    }
  } else if (part >= ClassicParts()) {
    return false;
  } else if (type == FamilyType::kSummary) {
    ShowSummaryPart(part);
  } else if (IsHistogram(type)) {
    ShowHistogramPart(part);
  } else {
    exemplar_ = metric.exemplar;
    ShowSeries("", metric.value);
  }
  entry_.is_expected = guess.Matches(series_);
  if (metric.time_ms != 0) entry_.timestamp_ms = metric.time_ms;
  entry_.start_ms = metric.created_ms;
  NextExemplar();
  return true;
}

void ProtobufParser::ShowNative() {
  ShowSeries("", 0);
  entry_.histogram = &reader_.metric().histogram;
}

void ProtobufParser::ShowSummaryPart(size_t part) {
  const FamilyMetric& metric = reader_.metric();
  if (part == 0) return ShowSeries("_count", metric.count);
  if (part == 1) return ShowSeries("_sum", metric.sum);
  const FamilyMetric::Quantile& quantile = metric.quantiles[part - 2];
  ShowSeries("", quantile.value, "quantile", quantile.quantile);
}

void ProtobufParser::ShowHistogramPart(size_t part) {
  const FamilyMetric& metric = reader_.metric();
  if (part == 0) return ShowSeries("_count", metric.count);
  if (part == 1) return ShowSeries("_sum", metric.sum);
  if (part - 2 == metric.buckets.size()) return ShowSeries("_bucket", metric.count, "le", HUGE_VAL);
  const FamilyMetric::Bucket& bucket = metric.buckets[part - 2];
  exemplar_ = bucket.exemplar;
  ShowSeries("_bucket", bucket.cumulative_count, "le", bucket.upper_bound);
}

void ProtobufParser::ShowSeries(std::string_view suffix, double value, std::string_view bound_label,
                                double bound) {
  const wire::FamilyHead& family = reader_.family();
  series_.clear();
  bool is_classic = model::IsClassicMetricName(family.name);
  if (is_classic) {
    series_ += family.name;
    series_ += suffix;
  }
  size_t begin = series_.size();
  auto separate = [&] { series_ += series_.size() == begin ? '{' : ','; };
  if (!is_classic) {
    separate();
    AppendQuoted(std::string(family.name) + std::string(suffix), series_);
  }
  for (const model::LabelView& label : reader_.metric().labels) {
    separate();
    AppendLabel(label.name, label.value, series_);
  }
  if (!bound_label.empty()) {
    separate();
    AppendLabel(bound_label, FormatOpenMetricsFloat(bound), series_);
  }
  if (series_.size() != begin) series_ += '}';
  series_bytes_ += series_.size();
  entry_.series = series_;
  entry_.value = WithNormalNan(value);
}

bool ProtobufParser::ShowExemplar(std::string_view bytes, bool needs_time) {
  if (bytes.empty() || !wire::ReadFamilyExemplar(bytes, exemplar_fields_)) return false;
  if (needs_time && !exemplar_fields_.time_ms) return false;
  exemplar_labels_.clear();
  for (const model::LabelView& label : exemplar_fields_.labels) {
    if (!exemplar_labels_.empty()) exemplar_labels_ += ',';
    AppendLabel(label.name, label.value, exemplar_labels_);
  }
  entry_.exemplar = Exemplar{exemplar_labels_, exemplar_fields_.value, exemplar_fields_.time_ms};
  return true;
}

// A native histogram has exemplars of its own or those of its buckets, all of which need a time.
bool ProtobufParser::NextExemplar() {
  entry_.exemplar = std::nullopt;
  if (entry_.histogram == nullptr) {
    if (is_exemplar_shown_) return false;
    is_exemplar_shown_ = true;
    return ShowExemplar(exemplar_, /*needs_time=*/false);
  }
  const FamilyMetric& metric = reader_.metric();
  bool has_own = !metric.exemplars.empty();
  size_t count = has_own ? metric.exemplars.size() : metric.buckets.size();
  while (next_exemplar_ < count) {
    size_t at = next_exemplar_++;
    if (ShowExemplar(has_own ? metric.exemplars[at] : metric.buckets[at].exemplar, /*needs_time=*/true)) {
      return true;
    }
  }
  return false;
}

}  // namespace sextant::exposition
