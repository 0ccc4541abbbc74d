// Zipkin's spans over HTTP (the collector's `zipkin`): /api/v2/spans in JSON and protobuf, /api/v1/spans in
// JSON and thrift. Answers 202 when the pipelines have taken them.
#pragma once

#include "pipeline/component.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

struct ZipkinReceiverConfig {
  HttpServerConfig server;
  bool parse_string_tags = false;

  ZipkinReceiverConfig() { server.endpoint = "localhost:9411"; }
};

const config::Struct& FieldsOf(const ZipkinReceiverConfig*);

ComponentType ZipkinReceiverType();

}  // namespace sextant::pipeline
