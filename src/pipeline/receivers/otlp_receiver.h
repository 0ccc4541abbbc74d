// OTLP over gRPC and HTTP (the collector's `otlp`): traces, metrics and logs, in protobuf and JSON. A request
// is answered when the pipelines have taken it, or with why they did not.
//
// https://opentelemetry.io/docs/specs/otlp/
#pragma once

#include "net/router.h"
#include "pipeline/component.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

struct OtlpHttpConfig {
  HttpServerConfig server;
  std::string traces_url_path = "/v1/traces";
  std::string metrics_url_path = "/v1/metrics";
  std::string logs_url_path = "/v1/logs";
};
struct OtlpProtocols {
  std::optional<GrpcServerConfig> grpc;
  std::optional<OtlpHttpConfig> http;
};
struct OtlpReceiverConfig {
  OtlpProtocols protocols;
};

const config::Struct& FieldsOf(const OtlpHttpConfig*);
const config::Struct& FieldsOf(const OtlpProtocols*);
const config::Struct& FieldsOf(const OtlpReceiverConfig*);

ComponentType OtlpReceiverType();

}  // namespace sextant::pipeline
