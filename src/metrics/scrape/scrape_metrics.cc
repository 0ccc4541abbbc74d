#include "metrics/scrape/scrape_metrics.h"

#include "core/duration.h"

namespace sextant::scrape {

ScrapeMetrics::ScrapeMetrics(core::Registry& registry)
    : scrapes_failed(
          registry.AddCounter("sextant_target_scrapes_failed_total", "Scrapes that failed for any reason.")),
      body_limit(registry.AddCounter("prometheus_target_scrapes_exceeded_body_size_limit_total",
                                     "Total number of scrapes that hit the body size limit.")),
      sample_limit(
          registry.AddCounter("prometheus_target_scrapes_exceeded_sample_limit_total",
                              "Total number of scrapes that hit the sample limit and were rejected.")),
      bucket_limit(registry.AddCounter(
          "prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total",
          "Total number of scrapes that hit the native histogram bucket limit and were rejected.")),
      out_of_order(registry.AddCounter(
          "prometheus_target_scrapes_sample_out_of_order_total",
          "Total number of samples rejected due to not being out of the expected order.")),
      duplicate_timestamp(registry.AddCounter(
          "prometheus_target_scrapes_sample_duplicate_timestamp_total",
          "Total number of samples rejected due to duplicate timestamps but different values.")),
      out_of_bounds(registry.AddCounter(
          "prometheus_target_scrapes_sample_out_of_bounds_total",
          "Total number of samples rejected due to timestamp falling outside of the time bounds.")),
      exemplar_out_of_order(registry.AddCounter(
          "prometheus_target_scrapes_exemplar_out_of_order_total",
          "Total number of exemplar rejected due to not being out of the expected order.")),
      series_refused(registry.AddCounter(
          "sextant_scrape_series_refused_total",
          "Samples of new series that the store refused: over a limit, or invalid labels.")),
      commit_failures(registry.AddCounter("sextant_scrape_commit_failures_total",
                                          "Scrapes whose samples could not be written to the journal.")),
      missed(registry.AddCounter("sextant_target_scrapes_missed_total",
                                 "Scrapes that were not done because the one before was still under way.")),
      label_limits(registry.AddCounter("prometheus_target_scrape_pool_exceeded_label_limits_total",
                                       "Scrapes that hit a limit of labels and were rejected.")),
      target_limit(registry.AddCounter("prometheus_target_scrape_pool_exceeded_target_limit_total",
                                       "How often a job had more targets than its limit, and so none.")),
      pools(registry.AddCounter("prometheus_target_scrape_pools_total", "Jobs that were begun.")),
      reloads(registry.AddCounter("prometheus_target_scrape_pool_reloads_total",
                                  "Jobs that a changed configuration was applied to.")),
      reloads_failed(registry.AddCounter("prometheus_target_scrape_pool_reloads_failed_total",
                                         "Configurations of jobs that could not be applied.")),
      registry_(registry) {}

namespace {

constexpr const char* kSyncSeconds = "prometheus_target_sync_length_seconds";
constexpr const char* kSyncFailures = "prometheus_target_sync_failed_total";
constexpr const char* kTargets = "prometheus_target_scrape_pool_targets";
constexpr const char* kTargetLimit = "prometheus_target_scrape_pool_target_limit";

core::MetricLabels OfJob(const std::string& job) { return {{"scrape_job", job}}; }

}  // namespace

core::Summary& ScrapeMetrics::IntervalSeconds(core::DurationMs interval_ms) {
  return registry_.AddSummary("prometheus_target_interval_length_seconds",
                              "Actual intervals between scrapes.", {0.01, 0.05, 0.5, 0.9, 0.99},
                              {{"interval", core::FormatDuration(interval_ms)}});
}

core::Summary& ScrapeMetrics::SyncSeconds(const std::string& job) {
  return registry_.AddSummary(kSyncSeconds, "How long it took to find the targets of the job.",
                              {0.01, 0.05, 0.5, 0.9, 0.99}, OfJob(job));
}

core::Counter& ScrapeMetrics::SyncFailures(const std::string& job) {
  return registry_.AddCounter(kSyncFailures, "Targets of the job that made no sense.", OfJob(job));
}

core::Gauge& ScrapeMetrics::Targets(const std::string& job) {
  return registry_.AddGauge(kTargets, "Current number of targets in this scrape pool.", OfJob(job));
}

core::Gauge& ScrapeMetrics::TargetLimit(const std::string& job) {
  return registry_.AddGauge(kTargetLimit, "Most targets of this scrape pool; 0: no limit.", OfJob(job));
}

void ScrapeMetrics::ForgetJob(const std::string& job) {
  for (const char* name : {kSyncSeconds, kSyncFailures, kTargets, kTargetLimit})
    registry_.Remove(name, OfJob(job));
}

}  // namespace sextant::scrape
