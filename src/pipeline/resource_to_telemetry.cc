#include "pipeline/resource_to_telemetry.h"

namespace sextant::pipeline {

namespace {

bool IsServiceAttribute(std::string_view key) {
  return key == "service.name" || key == "service.namespace" || key == "service.instance.id";
}

template <typename Visit>
void ForEachPoint(otlp::ResourceMetrics& resource, Visit&& visit) {
  for (otlp::ScopeMetrics& scope : resource.scopes) {
    for (otlp::Metric& metric : scope.metrics) {
      for (otlp::Point& point : metric.numbers) visit(point);
      for (otlp::Point& point : metric.histograms) visit(point);
      for (otlp::Point& point : metric.exponentials) visit(point);
      for (otlp::Point& point : metric.summaries) visit(point);
    }
  }
}

}  // namespace

const config::Struct& FieldsOf(const ResourceToTelemetryConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<ResourceToTelemetryConfig>({
      Member<&ResourceToTelemetryConfig::enabled>("enabled"),
      Member<&ResourceToTelemetryConfig::exclude_service_attributes>("exclude_service_attributes"),
      Member<&ResourceToTelemetryConfig::clear_after_copy>("clear_after_copy"),
  });
  return kFields;
}

void CopyResourceAttributes(const ResourceToTelemetryConfig& config, otlp::MetricsData& data) {
  if (!config.enabled) return;
  for (otlp::ResourceMetrics& resource : data.resources) {
    auto is_copied = [&](const otlp::KeyValue& item) {
      return !config.exclude_service_attributes || !IsServiceAttribute(item.key);
    };
    ForEachPoint(resource, [&](otlp::Point& point) {
      otlp::AttributeEditor editor(point.attributes, data.memory);
      for (const otlp::KeyValue& item : resource.resource.attributes) {
        if (is_copied(item)) editor.Set(item.key, item.value);
      }
      editor.Apply();
    });
    if (!config.clear_after_copy) continue;
    otlp::AttributeEditor editor(resource.resource.attributes, data.memory);
    editor.RemoveIf(is_copied);
    editor.Apply();
  }
}

}  // namespace sextant::pipeline
