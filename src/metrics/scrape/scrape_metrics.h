// What the scraper says of itself, under Prometheus' names where the meaning is the same.
#pragma once

#include "core/metrics.h"

namespace sextant::scrape {

struct ScrapeMetrics {
  explicit ScrapeMetrics(core::Registry& registry);

  core::Counter& scrapes_failed;
  core::Counter& body_limit;
  core::Counter& sample_limit;
  core::Counter& bucket_limit;
  core::Counter& out_of_order;
  core::Counter& duplicate_timestamp;
  core::Counter& out_of_bounds;
  core::Counter& exemplar_out_of_order;
  core::Counter& series_refused;
  core::Counter& commit_failures;
  core::Counter& missed;
};

}  // namespace sextant::scrape
