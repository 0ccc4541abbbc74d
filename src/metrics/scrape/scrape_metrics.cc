#include "metrics/scrape/scrape_metrics.h"

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
                                 "Scrapes that were not done because the one before was still under way.")) {}

}  // namespace sextant::scrape
