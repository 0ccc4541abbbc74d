// Alertmanager's API v2: /api/v2/{status,receivers,alerts,alerts/groups,silences} and /api/v2/silence/{id};
// and ours about what was sent and why not, and what happened: /api/v2/deliveries, /api/v2/alerts/explain,
// /api/v2/history and /api/v2/history/statistics.
#pragma once

#include <string>

#include "alerting/alertmanager.h"
#include "core/metrics.h"
#include "net/router.h"

namespace sextant::api {

struct AlertmanagerApiDeps {
  alerting::Alertmanager& alertmanager;
  core::Registry& registry;
  std::string version;
  size_t max_concurrent_gets =
      0;  // others are refused with 503; 0: as many as there are processors, at least 8
};

// Adds the routes. What `deps` refers to must outlive the server.
void AddAlertmanagerRoutes(net::Router& router, const AlertmanagerApiDeps& deps);

// Whether labels satisfy a filter of the API: as matchers do, but `a=""` also holds when there is no such
// label, and `a!=""` when there is one.
bool SatisfiesFilter(const alerting::Matchers& filter, const model::Labels& labels);

}  // namespace sextant::api
