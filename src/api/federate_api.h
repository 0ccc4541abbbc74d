// GET /federate: the newest sample of the series that selectors name, for another server to scrape, in the
// text format or, where a scraper prefers it, as protobuf, which alone can carry native histograms. Stops
// soon after its client has gone.
#pragma once

#include <functional>
#include <memory>

#include "core/clock.h"
#include "core/metrics.h"
#include "metrics/promql/query_context.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct FederateApiDeps {
  const model::Queryable& storage;
  const core::Clock& clock;
  core::Registry& registry;
  core::DurationMs lookback_ms = 300'000;
  // Labels that series get which do not have them.
  std::function<model::Labels()> external_labels;
  // What one request may take: time, and bytes of samples and answer.
  promql::QueryLimits limits{.timeout_ms = 120'000};
};

// All of it must outlive the routes.
void AddFederateRoutes(net::Router& router, FederateApiDeps deps);

}  // namespace sextant::api
