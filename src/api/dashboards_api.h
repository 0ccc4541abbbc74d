// Grafana's endpoints for dashboards and folders: /api/dashboards/{uid/…, db, home, tags}, /api/search,
// /api/folders and /api/health.
#pragma once

#include <string>

#include "dashboards/library.h"
#include "net/router.h"

namespace sextant::api {

struct DashboardApiDeps {
  dashboards::Library& library;
  std::string version;   // of this program
  std::string home_uid;  // the dashboard that is shown first
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddDashboardRoutes(net::Router& router, const DashboardApiDeps& deps);

}  // namespace sextant::api
