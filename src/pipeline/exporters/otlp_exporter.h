// OTLP to another server: over gRPC (`otlp`) and over HTTP (`otlphttp`).
#pragma once

#include "pipeline/component.h"
#include "pipeline/delivery/delivery_config.h"
#include "pipeline/settings/client_config.h"

namespace sextant::pipeline {

struct OtlpExporterConfig {
  GrpcClientConfig client;
  core::DurationMs timeout_ms = 5'000;  // of one try; 0: none
  std::optional<QueueConfig> queue = QueueConfig();
  RetryConfig retry;
};

struct OtlpHttpExporterConfig {
  HttpClientConfig client;
  std::string traces_endpoint;  // whole URLs, in place of the endpoint's
  std::string metrics_endpoint;
  std::string logs_endpoint;
  std::string encoding = "proto";
  std::optional<QueueConfig> queue = QueueConfig();
  RetryConfig retry;
};

const config::Struct& FieldsOf(const OtlpExporterConfig*);
const config::Struct& FieldsOf(const OtlpHttpExporterConfig*);

ComponentType OtlpExporterType();
ComponentType OtlpHttpExporterType();

}  // namespace sextant::pipeline
