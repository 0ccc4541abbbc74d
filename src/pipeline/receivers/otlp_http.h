// OTLP's HTTP face: POSTs of protobuf or JSON, answered in kind, with CORS for browsers.
#pragma once

#include <string>
#include <string_view>

#include "net/http_server.h"
#include "net/router.h"
#include "pipeline/consumer.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

class OtlpHttp {
 public:
  // Adds to `options` what answers need. `config` must outlive the server.
  OtlpHttp(const HttpServerConfig& config, net::HttpServerOptions& options);

  // Takes a signal at a path. What is referred to must outlive the server.
  void AddRoute(net::Router& router, std::string_view path, Signal signal, Consumer& next,
                ReceiverMetrics& metrics) const;

 private:
  const HttpServerConfig& config_;
};

}  // namespace sextant::pipeline
