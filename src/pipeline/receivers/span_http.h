// What receivers of spans over HTTP share: a POST whose body becomes a batch, answered when pipelines have
// taken it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "net/router.h"
#include "otlp/spans.h"
#include "pipeline/consumer.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

struct SpanRoute {
  // The spans of a body, by its media type; kUnimplemented for a type that is none of this route's.
  std::function<core::Result<otlp::TracesData>(std::string_view media_type, std::string_view body)> decode;
  // What stands before the error in the answer to a body that cannot be decoded.
  std::string decode_error;
};

// Adds a route; what is referred to must outlive the server.
void AddSpanRoute(net::Router& router, std::string_view path, SpanRoute route, const HttpServerConfig& config,
                  Consumer& next, ReceiverMetrics& metrics);

}  // namespace sextant::pipeline
