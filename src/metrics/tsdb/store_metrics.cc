#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {
namespace {

CounterByType AddByType(core::Registry& registry, const char* name, const char* help) {
  return {registry.AddCounter(name, help, {{"type", "float"}}),
          registry.AddCounter(name, help, {{"type", "histogram"}})};
}

}  // namespace

StoreMetrics::StoreMetrics(core::Registry& registry)
    : samples_appended(AddByType(registry, "prometheus_tsdb_head_samples_appended_total",
                                 "Samples appended to the head.")),
      out_of_order_samples(AddByType(registry, "prometheus_tsdb_out_of_order_samples_total",
                                     "Samples refused because a newer one of their series was there.")),
      out_of_order_appended(AddByType(registry, "prometheus_tsdb_head_out_of_order_samples_appended_total",
                                      "Samples taken in the out-of-order window.")),
      out_of_order_over_limit(
          registry.AddCounter("sextant_tsdb_out_of_order_over_limit_total",
                              "Out-of-order samples refused because their memory is used up.")),
      too_old_samples(AddByType(registry, "prometheus_tsdb_too_old_samples_total",
                                "Samples refused because they are older than the out-of-order window.")),
      out_of_order_delta(registry.AddHistogram(
          "prometheus_tsdb_sample_ooo_delta",
          "How far behind the head's newest sample an out-of-order sample is, in seconds.",
          {600, 1'800, 3'600, 7'200, 10'800, 21'600, 43'200})),
      out_of_bound_samples(AddByType(registry, "prometheus_tsdb_out_of_bound_samples_total",
                                     "Samples refused because their time is in a block already.")),
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
      invalid_histograms(
          registry.AddCounter("sextant_tsdb_invalid_histograms_total",
                              "Native histograms refused because they contradict themselves.")),
      journal_failures(registry.AddCounter("prometheus_tsdb_wal_writes_failed_total",
                                           "Journal batches that could not be written.")),
      journal_corruptions(registry.AddCounter("prometheus_tsdb_wal_corruptions_total",
                                              "Damaged journal files and checkpoints found at the start.")),
      sync_failures(registry.AddCounter("sextant_tsdb_sync_failures_total",
                                        "Times the journal could not be made durable.")),
      sync_seconds(registry.AddSummary("prometheus_tsdb_wal_fsync_duration_seconds",
                                       "How long a file of the journal took to be made durable.",
                                       {0.5, 0.9, 0.99})),
      journal_truncations(registry.AddCounter("prometheus_tsdb_wal_truncations_total",
                                              "Times files before a checkpoint's were to be removed.")),
      journal_truncations_failed(
          registry.AddCounter("prometheus_tsdb_wal_truncations_failed_total", "Times they could not be.")),
      journal_truncation_seconds(registry.AddSummary("prometheus_tsdb_wal_truncate_duration_seconds",
                                                     "How long it took to remove them.", {})),
      replay_seconds(registry.AddGauge("prometheus_tsdb_data_replay_duration_seconds",
                                       "How long it took at the start until the store was open.")),
      active_appenders(
          registry.AddGauge("prometheus_tsdb_head_active_appenders", "Batches that are being gathered.")),
      chunk_read_failures(
          registry.AddCounter("sextant_tsdb_chunk_read_failures_total",
                              "Chunks that could not be read and were left out of an answer.")),
      checkpoints(registry.AddCounter("prometheus_tsdb_checkpoint_creations_total", "Checkpoints begun.")),
      checkpoint_failures(registry.AddCounter("prometheus_tsdb_checkpoint_creations_failed_total",
                                              "Checkpoints that failed.")),
      checkpoint_deletions(registry.AddCounter("prometheus_tsdb_checkpoint_deletions_total",
                                               "Times checkpoints before a new one were to be removed.")),
      checkpoint_deletions_failed(registry.AddCounter("prometheus_tsdb_checkpoint_deletions_failed_total",
                                                      "Times they could not be.")),
      head_truncations(registry.AddCounter("prometheus_tsdb_head_truncations_total",
                                           "Times what is in blocks was to leave the head.")),
      head_truncations_failed(
          registry.AddCounter("prometheus_tsdb_head_truncations_failed_total", "Times that failed.")),
      compactions(registry.AddCounter("prometheus_tsdb_compactions_total",
                                      "Blocks cut from the head or made of others.")),
      compactions_failed(registry.AddCounter("prometheus_tsdb_compactions_failed_total",
                                             "Blocks that could not be cut or merged.")),
      compactions_triggered(registry.AddCounter("prometheus_tsdb_compactions_triggered_total",
                                                "Times it was looked for blocks to cut or merge.")),
      vertical_compactions(registry.AddCounter("prometheus_tsdb_vertical_compactions_total",
                                               "Blocks made of others that overlap.")),
      compaction_seconds(registry.AddHistogram(
          "prometheus_tsdb_compaction_duration_seconds", "How long a block took to be cut or made of others.",
          {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384})),
      stale_compactions(registry.AddCounter("prometheus_tsdb_stale_series_compactions_triggered_total",
                                            "Times the share of stale series was above the threshold.")),
      stale_compactions_failed(registry.AddCounter("prometheus_tsdb_stale_series_compactions_failed_total",
                                                   "Times stale series could not be written to blocks.")),
      stale_compaction_seconds(
          registry.AddHistogram("prometheus_tsdb_stale_series_compaction_duration_seconds",
                                "How long it took to write stale series to blocks.",
                                {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384})),
      tombstone_cleanup_seconds(registry.AddHistogram(
          "prometheus_tsdb_tombstone_cleanup_seconds", "How long blocks with deletions took to be rewritten.",
          {0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10})),
      time_retentions(registry.AddCounter("prometheus_tsdb_time_retentions_total",
                                          "Times blocks were deleted because they were too old.")),
      size_retentions(registry.AddCounter("prometheus_tsdb_size_retentions_total",
                                          "Times blocks were deleted because there were too many bytes.")),
      block_loads(registry.AddCounter("prometheus_tsdb_reloads_total",
                                      "Times the set of blocks was read or has changed.")),
      blocks_set_aside(registry.AddCounter("sextant_tsdb_blocks_set_aside_total",
                                           "Blocks that could not be read and are not served.")),
      reload_failures(registry.AddCounter("prometheus_tsdb_reloads_failures_total",
                                          "How often a block could not be loaded.")) {}

}  // namespace sextant::tsdb
