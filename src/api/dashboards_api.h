// Grafana's endpoints for dashboards and folders: /api/dashboards/{uid/…, db, home, tags}, /api/search,
// /api/folders, /api/org and /api/health.
#pragma once

#include <functional>
#include <string>

#include "dashboards/library.h"
#include "net/router.h"

namespace sextant::api {

struct DashboardApiDeps {
  dashboards::Library& library;
  std::string version;   // of this program
  std::string home_uid;  // the dashboard that is shown first
  // The uid of the one that whoever asks wants instead; empty: none.
  std::function<std::string(const net::HttpRequest&)> preferred_home = {};
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddDashboardRoutes(net::Router& router, const DashboardApiDeps& deps);

}  // namespace sextant::api
