// The store's own metrics, under Prometheus' names where the meaning is the same.
#pragma once

#include "core/metrics.h"

namespace sextant::tsdb {

// A counter for each type of sample: float and histogram.
struct CounterByType {
  core::Counter& floats;
  core::Counter& histograms;

  core::Counter& Of(bool is_histogram) const { return is_histogram ? histograms : floats; }
  void Increment(double by = 1) const { floats.Increment(by); }
};

struct StoreMetrics {
  explicit StoreMetrics(core::Registry& registry);

  CounterByType samples_appended;
  CounterByType out_of_order_samples;
  CounterByType out_of_order_appended;
  core::Counter& out_of_order_over_limit;
  CounterByType too_old_samples;
  core::Histogram& out_of_order_delta;
  CounterByType out_of_bound_samples;
  core::Counter& duplicate_samples;
  core::Counter& too_far_in_future_samples;
  core::Counter& series_created;
  core::Counter& series_removed;
  core::Counter& series_over_limit;
  core::Counter& series_over_memory;
  core::Counter& invalid_labels;
  core::Counter& invalid_histograms;
  core::Counter& journal_failures;
  core::Counter& journal_corruptions;
  core::Counter& sync_failures;
  core::Summary& sync_seconds;
  core::Counter& journal_truncations;
  core::Counter& journal_truncations_failed;
  core::Summary& journal_truncation_seconds;
  core::Gauge& replay_seconds;
  core::Gauge& active_appenders;
  core::Counter& chunk_read_failures;
  core::Counter& checkpoints;
  core::Counter& checkpoint_failures;
  core::Counter& checkpoint_deletions;
  core::Counter& checkpoint_deletions_failed;
  core::Counter& head_truncations;
  core::Counter& head_truncations_failed;
  core::Counter& compactions;
  core::Counter& compactions_failed;
  core::Counter& compactions_triggered;
  core::Counter& vertical_compactions;
  core::Histogram& compaction_seconds;
  core::Counter& stale_compactions;
  core::Counter& stale_compactions_failed;
  core::Histogram& stale_compaction_seconds;
  core::Histogram& tombstone_cleanup_seconds;
  core::Counter& time_retentions;
  core::Counter& size_retentions;
  core::Counter& block_loads;
  core::Counter& blocks_set_aside;
  core::Counter& reload_failures;  // the same, under the name that the original's alert asks for
};

}  // namespace sextant::tsdb
