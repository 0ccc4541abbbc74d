// Grafana's endpoints for annotations: /api/annotations, by id, its tags, and Graphite's form.
#pragma once

#include "core/clock.h"
#include "dashboards/annotations.h"
#include "net/router.h"

namespace sextant::api {

// Adds the routes. `annotations` and `clock` must outlive the server.
void AddAnnotationRoutes(net::Router& router, dashboards::Annotations& annotations, const core::Clock& clock);

}  // namespace sextant::api
