// Which metrics which targets have, and what is said of them, at /api/v1/targets/metadata: what each target's
// last good body said of its families, whatever relabelling made of the series.
#pragma once

#include "metrics/scrape/manager.h"
#include "net/router.h"

namespace sextant::api {

// `manager` must outlive the route.
void AddTargetMetadataRoute(net::Router& router, const scrape::ScrapeManager& manager);

}  // namespace sextant::api
