// Jaeger's spans (the collector's `jaeger`): over gRPC as its collector takes them, and thrift over HTTP.
// The agent's UDP protocols are refused by name.
#pragma once

#include "pipeline/component.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

struct JaegerGrpcConfig {
  GrpcServerConfig server;
  JaegerGrpcConfig() { server.endpoint = "localhost:14250"; }
};
struct JaegerThriftHttpConfig {
  HttpServerConfig server;
  JaegerThriftHttpConfig() { server.endpoint = "localhost:14268"; }
};
struct JaegerProtocols {
  std::optional<JaegerGrpcConfig> grpc;
  std::optional<JaegerThriftHttpConfig> thrift_http;
};
struct JaegerReceiverConfig {
  JaegerProtocols protocols;
};

const config::Struct& FieldsOf(const JaegerGrpcConfig*);
const config::Struct& FieldsOf(const JaegerThriftHttpConfig*);
const config::Struct& FieldsOf(const JaegerProtocols*);
const config::Struct& FieldsOf(const JaegerReceiverConfig*);

ComponentType JaegerReceiverType();

}  // namespace sextant::pipeline
