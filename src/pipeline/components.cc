// All component types of this version. A new one is a line here and a file of its own.
#include <algorithm>

#include "pipeline/component.h"
#include "pipeline/connectors/count_connector.h"
#include "pipeline/connectors/forward_connector.h"
#include "pipeline/connectors/service_graph_connector.h"
#include "pipeline/connectors/span_metrics_connector.h"
#include "pipeline/exporters/debug_exporter.h"
#include "pipeline/exporters/file_exporter.h"
#include "pipeline/exporters/nop_exporter.h"
#include "pipeline/exporters/otlp_exporter.h"
#include "pipeline/exporters/prometheus_exporter.h"
#include "pipeline/exporters/prometheus_remote_write_exporter.h"
#include "pipeline/exporters/sextant_exporter.h"
#include "pipeline/extensions/basic_auth_extension.h"
#include "pipeline/extensions/bearer_token_extension.h"
#include "pipeline/extensions/file_storage_extension.h"
#include "pipeline/extensions/health_check_extension.h"
#include "pipeline/extensions/pprof_extension.h"
#include "pipeline/extensions/zpages_extension.h"
#include "pipeline/hostmetrics/host_metrics_receiver.h"
#include "pipeline/processors/attributes_processor.h"
#include "pipeline/processors/batch_processor.h"
#include "pipeline/processors/cumulative_to_delta_processor.h"
#include "pipeline/processors/delta_to_cumulative_processor.h"
#include "pipeline/processors/group_by_attrs_processor.h"
#include "pipeline/processors/k8s_attributes_processor.h"
#include "pipeline/processors/memory_limiter.h"
#include "pipeline/processors/probabilistic_sampler_processor.h"
#include "pipeline/processors/resource_detection_processor.h"
#include "pipeline/processors/resource_processor.h"
#include "pipeline/receivers/jaeger_receiver.h"
#include "pipeline/receivers/nop_receiver.h"
#include "pipeline/receivers/otlp_receiver.h"
#include "pipeline/receivers/prometheus_receiver.h"
#include "pipeline/receivers/zipkin_receiver.h"

namespace sextant::pipeline {

namespace {

using TypeGetter = ComponentType (*)();

// clang-format off
constexpr TypeGetter kGetters[] = {
    &HostMetricsReceiverType,
    &JaegerReceiverType,
    &NopReceiverType,
    &OtlpReceiverType,
    &PrometheusReceiverType,
    &ZipkinReceiverType,
    &AttributesProcessorType,
    &BatchProcessorType,
    &CumulativeToDeltaProcessorType,
    &DeltaToCumulativeProcessorType,
    &GroupByAttrsProcessorType,
    &K8sAttributesProcessorType,
    &MemoryLimiterType,
    &ProbabilisticSamplerProcessorType,
    &ResourceDetectionProcessorType,
    &ResourceProcessorType,
    &DebugExporterType,
    &FileExporterType,
    &NopExporterType,
    &OtlpExporterType,
    &OtlpHttpExporterType,
    &PrometheusExporterType,
    &PrometheusRemoteWriteExporterType,
    &SextantExporterType,
    &CountConnectorType,
    &ForwardConnectorType,
    &ServiceGraphConnectorType,
    &SpanMetricsConnectorType,
    &BasicAuthExtensionType,
    &BearerTokenExtensionType,
    &FileStorageExtensionType,
    &HealthCheckExtensionType,
    &PprofExtensionType,
    &ZpagesExtensionType,
};
// clang-format on

}  // namespace

const std::vector<ComponentType>& ComponentTypes() {
  static const std::vector<ComponentType> kTypes = [] {
    std::vector<ComponentType> types;
    for (TypeGetter getter : kGetters) types.push_back(getter());
    std::ranges::stable_sort(types, {},
                             [](const ComponentType& type) { return std::pair(type.kind, type.name); });
    return types;
  }();
  return kTypes;
}

}  // namespace sextant::pipeline
