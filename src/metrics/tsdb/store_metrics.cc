#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {

StoreMetrics::StoreMetrics(core::Registry& registry)
    : samples_appended(registry.AddCounter("prometheus_tsdb_head_samples_appended_total",
                                           "Samples appended to the head.", {{"type", "float"}})),
      out_of_order_samples(registry.AddCounter(
          "prometheus_tsdb_out_of_order_samples_total",
          "Samples refused because a newer one of their series was there.", {{"type", "float"}})),
      out_of_bound_samples(registry.AddCounter("prometheus_tsdb_out_of_bound_samples_total",
                                               "Samples refused because their time is in a block already.",
                                               {{"type", "float"}})),
      duplicate_samples(registry.AddCounter("sextant_tsdb_duplicate_samples_total",
                                            "Samples refused because another value has their time.")),
      too_far_in_future_samples(
          registry.AddCounter("sextant_tsdb_too_far_in_future_samples_total",
                              "Samples refused because they are too far ahead of the clock.")),
      series_created(
          registry.AddCounter("prometheus_tsdb_head_series_created_total", "Series created in the head.")),
      series_removed(
          registry.AddCounter("prometheus_tsdb_head_series_removed_total", "Series removed from the head.")),
      series_over_limit(registry.AddCounter("sextant_tsdb_series_refused_total",
                                            "Samples refused because their series would be one too many.",
                                            {{"reason", "series"}})),
      series_over_memory(registry.AddCounter("sextant_tsdb_series_refused_total",
                                             "Samples refused because their series would be one too many.",
                                             {{"reason", "memory"}})),
      invalid_labels(registry.AddCounter("sextant_tsdb_invalid_labels_total",
                                         "Samples refused because of their labels.")),
      journal_failures(registry.AddCounter("prometheus_tsdb_wal_writes_failed_total",
                                           "Journal batches that could not be written.")),
      journal_corruptions(registry.AddCounter("prometheus_tsdb_wal_corruptions_total",
                                              "Damaged journal files and checkpoints found at the start.")),
      sync_failures(registry.AddCounter("sextant_tsdb_sync_failures_total",
                                        "Times the journal could not be made durable.")),
      chunk_read_failures(
          registry.AddCounter("sextant_tsdb_chunk_read_failures_total",
                              "Chunks that could not be read and were left out of an answer.")),
      checkpoints(registry.AddCounter("prometheus_tsdb_checkpoint_creations_total", "Checkpoints begun.")),
      checkpoint_failures(registry.AddCounter("prometheus_tsdb_checkpoint_creations_failed_total",
                                              "Checkpoints that failed.")),
      compactions(registry.AddCounter("prometheus_tsdb_compactions_total", "Blocks cut from the head.")),
      compactions_failed(
          registry.AddCounter("prometheus_tsdb_compactions_failed_total", "Blocks that could not be cut.")),
      time_retentions(registry.AddCounter("prometheus_tsdb_time_retentions_total",
                                          "Blocks deleted because they were too old.")),
      size_retentions(registry.AddCounter("prometheus_tsdb_size_retentions_total",
                                          "Blocks deleted because there were too many bytes.")),
      blocks_set_aside(registry.AddCounter("sextant_tsdb_blocks_set_aside_total",
                                           "Blocks that could not be read and are not served.")) {}

}  // namespace sextant::tsdb
