// Jaeger's spans (the collector's `jaeger`): over gRPC and thrift over HTTP as its collector takes them, and
// over UDP as its agent does.
#pragma once

#include "pipeline/component.h"
#include "pipeline/receivers/jaeger_udp.h"
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
struct JaegerThriftCompactConfig {
  JaegerUdpConfig udp;
  JaegerThriftCompactConfig() { udp.endpoint = "localhost:6831"; }
};
struct JaegerThriftBinaryConfig {
  JaegerUdpConfig udp;
  JaegerThriftBinaryConfig() { udp.endpoint = "localhost:6832"; }
};
struct JaegerProtocols {
  std::optional<JaegerGrpcConfig> grpc;
  std::optional<JaegerThriftHttpConfig> thrift_http;
  std::optional<JaegerThriftCompactConfig> thrift_compact;
  std::optional<JaegerThriftBinaryConfig> thrift_binary;
};
struct JaegerReceiverConfig {
  JaegerProtocols protocols;
};

const config::Struct& FieldsOf(const JaegerGrpcConfig*);
const config::Struct& FieldsOf(const JaegerThriftHttpConfig*);
const config::Struct& FieldsOf(const JaegerThriftCompactConfig*);
const config::Struct& FieldsOf(const JaegerThriftBinaryConfig*);
const config::Struct& FieldsOf(const JaegerProtocols*);
const config::Struct& FieldsOf(const JaegerReceiverConfig*);

ComponentType JaegerReceiverType();

}  // namespace sextant::pipeline
