// Grafana's endpoints for dashboards: GET /api/dashboards/uid/{uid} and GET /api/search.
#pragma once

#include "dashboards/library.h"
#include "net/router.h"

namespace sextant::api {

// Adds the routes. `library` must outlive the server.
void AddDashboardRoutes(net::Router& router, const dashboards::Library& library);

}  // namespace sextant::api
