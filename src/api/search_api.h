// Prometheus' search endpoints, /api/v1/search/{metric_names,label_names,label_values}: names that match what
// was typed, best or first ones first, as lines of JSON. Switched on by the feature flag search-api.
#pragma once

#include <cstdint>

#include "core/clock.h"
#include "metrics/promql/engine.h"
#include "metrics/scrape/metadata_store.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct SearchApiDeps {
  const model::Queryable& storage;
  const promql::Engine& engine;  // a search may take as much time and memory as a query
  const scrape::MetadataStore& metadata;
  const core::Clock& clock;
  bool is_enabled = false;
  int64_t max_limit = 10'000;  // --web.search.max-limit; 0: none
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddSearchRoutes(net::Router& router, SearchApiDeps deps);

}  // namespace sextant::api
