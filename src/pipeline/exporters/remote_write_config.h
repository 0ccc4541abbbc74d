// Settings of the exporter prometheusremotewrite.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "otlp/prometheus_translator.h"
#include "pipeline/delivery/delivery_config.h"
#include "pipeline/resource_to_telemetry.h"
#include "pipeline/settings/client_config.h"
#include "wire/remote_write.h"

namespace sextant::pipeline {

struct RemoteWriteQueueConfig {
  bool enabled = true;
  int64_t queue_size = 10'000;
  int64_t num_consumers = 5;  // requests at once, unless max_batch_request_parallelism says it
};

struct SwitchConfig {
  bool enabled = false;
};

struct RemoteWriteExporterConfig {
  RemoteWriteExporterConfig();

  std::string name_space;
  std::map<std::string, std::string> external_labels;
  HttpClientConfig client;  // as it stands among the other fields
  // The same under `http`, which takes its place.
  std::optional<HttpClientConfig> http;
  std::string compression;
  RetryConfig retry_on_failure;
  RemoteWriteQueueConfig remote_write_queue;
  int64_t max_batch_size_bytes = 3'000'000;
  std::optional<int64_t> max_batch_request_parallelism;
  ResourceToTelemetryConfig resource_to_telemetry_conversion;
  std::optional<ResourceToTelemetryConfig> resource_constant_labels;  // its newer name
  SwitchConfig target_info = {true};
  SwitchConfig export_created_metric;
  bool add_metric_suffixes = true;
  bool send_metadata = false;
  std::string translation_strategy;  // empty: add_metric_suffixes says it
  wire::WriteVersion version = wire::WriteVersion::kV1;

  const HttpClientConfig& Client() const { return http ? *http : client; }
  const ResourceToTelemetryConfig& ResourceLabels() const {
    return resource_constant_labels ? *resource_constant_labels : resource_to_telemetry_conversion;
  }
  size_t Parallelism() const;
  otlp::PrometheusSettings Translation() const;
};

const config::Struct& FieldsOf(const RemoteWriteQueueConfig*);
const config::Struct& FieldsOf(const SwitchConfig*);
const config::Struct& FieldsOf(const RemoteWriteExporterConfig*);

}  // namespace sextant::pipeline
