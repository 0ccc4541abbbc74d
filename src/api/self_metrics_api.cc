#include "api/self_metrics_api.h"

#include <re2/re2.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "api/envelope.h"
#include "config/text.h"
#include "core/json_writer.h"
#include "core/regexp_syntax.h"
#include "metrics/exposition/number.h"
#include "metrics/exposition/parser.h"
#include "model/labels.h"

namespace sextant::api {

namespace {

using core::JsonWriter;
using exposition::MetricType;

// One metric of a family: what its lines say together.
struct Metric {
  model::Labels labels;  // without le and quantile
  double value = 0;      // of a counter or gauge; of the others, the sum
  double count = 0;
  std::vector<std::pair<double, double>> points;  // bound → cumulative count, or quantile → value
};

struct Family {
  std::string name;
  std::string help;
  MetricType type = MetricType::kUnknown;
  std::vector<Metric> metrics;
};

// A line's part in its metric: the suffix that histograms and summaries put behind the family's name.
std::string_view SuffixOf(const Family& family, std::string_view name) {
  return name.substr(std::min(family.name.size(), name.size()));
}

void AddSample(Family& family, model::LabelsBuilder& labels, double value) {
  std::string suffix(SuffixOf(family, labels.Get(model::kMetricName)));
  std::string point;
  for (const char* name : {"le", "quantile"}) {
    bool is_point = (family.type == MetricType::kHistogram && name == std::string_view("le")) ||
                    (family.type == MetricType::kSummary && name == std::string_view("quantile"));
    if (!is_point || labels.Get(name).empty()) continue;
    point = labels.Get(name);
    labels.Delete(name);
  }
  labels.Delete(model::kMetricName);
  model::Labels own = labels.Build();
  if (family.metrics.empty() || family.metrics.back().labels != own)
    family.metrics.push_back({own, 0, 0, {}});
  Metric& metric = family.metrics.back();
  double bound = 0;
  if (suffix == "_count") {
    metric.count = value;
  } else if (point.empty()) {
    metric.value = value;
  } else if (exposition::ParseFloat(point, bound) == exposition::NumberError::kNone && !std::isinf(bound)) {
    metric.points.emplace_back(bound, value);
  }
}

core::Result<std::vector<Family>> ReadFamilies(const std::string& text) {
  using exposition::EntryKind;
  std::vector<Family> families;
  auto parser = exposition::NewParser(exposition::Format::kPrometheusText, text);
  model::LabelsBuilder labels;
  for (EntryKind kind = parser->Next(); kind != EntryKind::kEnd; kind = parser->Next()) {
    if (kind == EntryKind::kError) return tl::unexpected(parser->error());
    const exposition::Entry& entry = parser->entry();
    if (kind == EntryKind::kHelp) families.push_back({std::string(entry.name), parser->HelpText(), {}, {}});
    if (kind == EntryKind::kType && !families.empty()) families.back().type = entry.type;
    if (kind != EntryKind::kSample || families.empty()) continue;
    SEXTANT_TRY(parser->ReadLabels(labels));
    AddSample(families.back(), labels, entry.value);
  }
  return families;
}

std::string_view TypeText(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "COUNTER";
    case MetricType::kGauge:
      return "GAUGE";
    case MetricType::kHistogram:
      return "HISTOGRAM";
    case MetricType::kSummary:
      return "SUMMARY";
    default:
      return "UNTYPED";
  }
}

// Numbers that JSON does not have are texts.
void WriteNumber(JsonWriter& json, std::string_view key, double value) {
  json.Key(key);
  if (std::isnan(value)) {
    json.String("NaN");
  } else if (std::isinf(value)) {
    json.String(value > 0 ? "Infinity" : "-Infinity");
  } else {
    json.Double(value);
  }
}

// 64-bit integers are texts.
void WriteCount(JsonWriter& json, std::string_view key, double count) {
  json.Key(key).String(fmt::format("{}", static_cast<uint64_t>(count)));
}

void WritePoints(JsonWriter& json, const Family& family, const Metric& metric) {
  bool is_histogram = family.type == MetricType::kHistogram;
  json.Key(is_histogram ? "histogram" : "summary").BeginObject();
  WriteCount(json, "sampleCount", metric.count);
  WriteNumber(json, "sampleSum", metric.value);
  json.Key(is_histogram ? "bucket" : "quantile").BeginArray();
  for (const auto& [point, value] : metric.points) {
    json.BeginObject();
    if (is_histogram) {
      WriteCount(json, "cumulativeCount", value);
      WriteNumber(json, "upperBound", point);
    } else {
      WriteNumber(json, "quantile", point);
      WriteNumber(json, "value", value);
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
}

void WriteFamily(JsonWriter& json, const Family& family) {
  json.BeginObject().Key("name").String(family.name).Key("help").String(family.help);
  json.Key("type").String(TypeText(family.type)).Key("metric").BeginArray();
  for (const Metric& metric : family.metrics) {
    json.BeginObject();
    if (!metric.labels.empty()) {
      json.Key("label").BeginArray();
      for (model::LabelView label : metric.labels) {
        json.BeginObject().Key("name").String(label.name).Key("value").String(label.value).EndObject();
      }
      json.EndArray();
    }
    if (family.type == MetricType::kHistogram || family.type == MetricType::kSummary) {
      WritePoints(json, family, metric);
    } else {
      json.Key(family.type == MetricType::kCounter ? "counter" : "gauge").BeginObject();
      WriteNumber(json, "value", metric.value);
      json.EndObject();
    }
    json.EndObject();
  }
  json.EndArray().EndObject();
}

net::HttpResponse HandleSelfMetrics(const core::Registry& registry, const net::HttpRequest& request) {
  net::QueryParams params = request.Query();
  std::string pattern(params.Get("metric_name_pattern"));
  if (core::Status checked = config::CheckRegex(pattern); !checked)
    return ErrorResponse(ApiError::InvalidParameter("metric_name_pattern", checked.error().message()));
  re2::RE2::Options options;
  options.set_log_errors(false);
  re2::RE2 expression(fmt::format("(?s:{})", core::ToRe2Syntax(pattern)), options);
  if (!expression.ok())
    return ErrorResponse(ApiError::InvalidParameter("metric_name_pattern", expression.error()));
  auto families = ReadFamilies(registry.RenderText());
  if (!families) return ErrorResponse(ApiError::From(families.error()));
  return SuccessResponse([&](JsonWriter& json) {
    json.BeginArray();
    for (const Family& family : *families) {
      if (pattern.empty() || re2::RE2::FullMatch(family.name, expression)) WriteFamily(json, family);
    }
    json.EndArray();
  });
}

}  // namespace

void AddSelfMetricsRoute(net::Router& router, const core::Registry& registry) {
  router.Add("GET", "/api/v1/status/self_metrics",
             [&registry](const net::HttpRequest& request) { return HandleSelfMetrics(registry, request); });
}

}  // namespace sextant::api
