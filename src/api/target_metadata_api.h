// Which metrics which targets have, and what is said of them, at /api/v1/targets/metadata.
//
// What targets say of a metric is kept per metric, not per target (metrics/scrape/metadata_store.h); that a
// target has a metric is known from the series that carry its labels.
#pragma once

#include "core/clock.h"
#include "metrics/scrape/manager.h"
#include "model/storage.h"
#include "net/router.h"

namespace sextant::api {

struct TargetMetadataApiDeps {
  const scrape::ScrapeManager& manager;
  const model::Queryable& storage;
  const core::Clock& clock;
  core::DurationMs lookback_ms = 300'000;  // series count that had a sample within
};

void AddTargetMetadataRoute(net::Router& router, TargetMetadataApiDeps deps);

}  // namespace sextant::api
