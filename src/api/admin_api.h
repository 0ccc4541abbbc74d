// Prometheus' endpoints that change the store: /api/v1/admin/tsdb/{delete_series,clean_tombstones,snapshot},
// by POST or PUT. Unless they are enabled they answer 503, "admin APIs disabled".
#pragma once

#include <string>

#include "core/clock.h"
#include "metrics/tsdb/db.h"
#include "net/router.h"

namespace sextant::api {

struct AdminApiDeps {
  tsdb::Db& db;
  const core::Clock& clock;
  std::string data_dir;  // snapshots are made in its folder `snapshots`
  bool is_enabled = false;
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddAdminRoutes(net::Router& router, AdminApiDeps deps);

}  // namespace sextant::api
