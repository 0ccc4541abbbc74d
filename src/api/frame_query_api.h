// Grafana's POST /api/ds/query: several PromQL queries of data sources that are this server's own, answered
// as data frames (schema and values).
#pragma once

#include <string>
#include <string_view>

#include "api/query_api.h"
#include "core/clock.h"
#include "core/executor.h"
#include "dashboards/data_sources.h"
#include "net/router.h"

namespace sextant::api {

struct FrameQueryDeps {
  QueryApiDeps queries;
  const dashboards::DataSources& sources;
};

// Adds the route. What `deps` refers to must outlive the server.
void AddFrameQueryRoutes(net::Router& router, const FrameQueryDeps& deps);

// "now", "now-6h", or milliseconds since the epoch.
core::Result<core::TimestampMs> ParseGrafanaTime(std::string_view text, core::TimestampMs now_ms);
// A step for `points` points of a range, rounded as Grafana rounds it, at least `min_ms`.
core::DurationMs GrafanaStep(core::DurationMs range_ms, int64_t points, core::DurationMs min_ms);
// The expression with $__interval, $__rate_interval and $__range, in all their spellings, filled in.
std::string FillIn(std::string expression, core::DurationMs step_ms, core::DurationMs range_ms,
                   core::DurationMs scrape_ms);

}  // namespace sextant::api
