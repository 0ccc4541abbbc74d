// Prometheus' endpoints about what is scraped: /api/v1/targets and its relabel_steps,
// scrape_pools and their config, metadata; and ours /api/v1/targets/body, what a target answers now.
#pragma once

#include "metrics/scrape/manager.h"
#include "net/router.h"

namespace sextant::api {

// Adds the routes. `manager` must outlive the server.
void AddTargetRoutes(net::Router& router, const scrape::ScrapeManager& manager);

}  // namespace sextant::api
