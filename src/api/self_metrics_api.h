// The process's own metrics as JSON, at /api/v1/status/self_metrics: families as protobuf's JSON mapping has
// io.prometheus.client.MetricFamily (https://protobuf.dev/programming-guides/json).
#pragma once

#include "core/metrics.h"
#include "net/router.h"

namespace sextant::api {

// `registry` must outlive the router.
void AddSelfMetricsRoute(net::Router& router, const core::Registry& registry);

}  // namespace sextant::api
