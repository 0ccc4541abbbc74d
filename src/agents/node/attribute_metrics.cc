#include "agents/node/attribute_metrics.h"

namespace sextant::node {

void AddAttributes(const AttributeFolder& folder, std::span<const AttributeMetric> metrics,
                   std::string_view label_name, std::string_view label_value, MetricSink& sink) {
  for (const AttributeMetric& metric : metrics) {
    const auto value = folder.Number(metric.file);
    if (!value) continue;
    sink.GetFamily(metric.name, metric.help, metric.type, {label_name})
        .Add({label_value}, static_cast<double>(*value) / metric.divisor);
  }
}

}  // namespace sextant::node
