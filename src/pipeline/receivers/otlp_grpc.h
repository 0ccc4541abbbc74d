// OTLP's gRPC face: the Export calls of its services.
#pragma once

#include "net/router.h"
#include "pipeline/consumer.h"
#include "pipeline/receivers/receiver_metrics.h"
#include "pipeline/settings/server_config.h"

namespace sextant::pipeline {

// Takes a signal's Export calls. `next` and `metrics` must outlive the server.
void AddOtlpGrpcRoute(net::Router& router, const GrpcServerConfig& config, Signal signal, Consumer& next,
                      ReceiverMetrics& metrics);

}  // namespace sextant::pipeline
