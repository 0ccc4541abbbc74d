#include "metrics/exposition/family.h"

#include <initializer_list>

namespace sextant::exposition {

namespace {

std::string_view WithoutSuffix(std::string_view name, std::initializer_list<std::string_view> suffixes) {
  for (std::string_view suffix : suffixes) {
    if (name.ends_with(suffix)) return name.substr(0, name.size() - suffix.size());
  }
  return name;
}

}  // namespace

std::string_view MetricTypeName(MetricType type) {
  switch (type) {
    case MetricType::kUnknown:
      return "unknown";
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
    case MetricType::kGaugeHistogram:
      return "gaugehistogram";
    case MetricType::kSummary:
      return "summary";
    case MetricType::kInfo:
      return "info";
    case MetricType::kStateSet:
      return "stateset";
  }
  return "";
}

std::string_view FamilyNameOf(std::string_view metric, MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return WithoutSuffix(metric, {"_total"});
    case MetricType::kHistogram:
      return WithoutSuffix(metric, {"_bucket", "_sum", "_count"});
    case MetricType::kGaugeHistogram:
      return WithoutSuffix(metric, {"_bucket", "_gsum", "_gcount"});
    case MetricType::kSummary:
      return WithoutSuffix(metric, {"_sum", "_count"});
    case MetricType::kInfo:
      return WithoutSuffix(metric, {"_info"});
    case MetricType::kUnknown:
    case MetricType::kGauge:
    case MetricType::kStateSet:
      return metric;
  }
  return metric;
}

void SetTypeAndUnit(const Family& family, model::LabelsBuilder& labels) {
  // The text format of old has a counter's suffix in its family's name, too.
  std::string_view name =
      family.type == MetricType::kCounter ? WithoutSuffix(family.name, {"_total"}) : family.name;
  if (FamilyNameOf(labels.Get(model::kMetricName), family.type) != name) return;
  if (family.type != MetricType::kUnknown) labels.Set(kTypeLabel, MetricTypeName(family.type));
  if (!family.unit.empty()) labels.Set(kUnitLabel, family.unit);
}

}  // namespace sextant::exposition
