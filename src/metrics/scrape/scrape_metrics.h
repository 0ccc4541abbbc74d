// What the scraper says of itself, under Prometheus' names where the meaning is the same.
#pragma once

#include <string>

#include "core/clock.h"
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
  core::Counter& label_limits;
  core::Counter& target_limit;
  core::Counter& pools;
  core::Counter& reloads;
  core::Counter& reloads_failed;

  // Of all targets with this interval: the time between their scrapes.
  core::Summary& IntervalSeconds(core::DurationMs interval_ms);
  // How long it takes to find a job's targets, how often some made no sense, how many there are and may be.
  core::Summary& SyncSeconds(const std::string& job);
  core::Counter& SyncFailures(const std::string& job);
  core::Gauge& Targets(const std::string& job);
  core::Gauge& TargetLimit(const std::string& job);
  // The job is gone.
  void ForgetJob(const std::string& job);

 private:
  core::Registry& registry_;
};

}  // namespace sextant::scrape
