// Prometheus' query endpoints: /api/v1/query, query_range, format_query, parse_query, series, labels,
// label/{name}/values. Parameters, defaults, status codes and error texts are upstream's (web/api/v1/api.go
// at 3.14).
#pragma once

#include "api/query_gate.h"
#include "core/clock.h"
#include "metrics/promql/engine.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct QueryApiDeps {
  const model::Queryable& storage;
  const promql::Engine& engine;
  const core::Clock& clock;
  QueryGate& gate;
  // `stats=all` gives samples per step, too (feature flag promql-per-step-stats).
  bool per_step_stats = false;
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddQueryRoutes(net::Router& router, QueryApiDeps deps);

}  // namespace sextant::api
