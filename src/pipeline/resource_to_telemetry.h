// Resource attributes made attributes of all points, as the collector's exporters for Prometheus do it
// (`resource_to_telemetry_conversion`).
#pragma once

#include "config/decode.h"
#include "otlp/metrics.h"

namespace sextant::pipeline {

struct ResourceToTelemetryConfig {
  bool enabled = false;
  bool exclude_service_attributes = false;  // service.name, service.namespace and service.instance.id
  bool clear_after_copy = false;            // the resource loses what was copied
};

const config::Struct& FieldsOf(const ResourceToTelemetryConfig*);

// Where a point has an attribute of the same name, the resource's takes its place.
void CopyResourceAttributes(const ResourceToTelemetryConfig& config, otlp::MetricsData& data);

}  // namespace sextant::pipeline
