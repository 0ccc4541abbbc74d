// The store's own metrics, under Prometheus' names where the meaning is the same.
#pragma once

#include "core/metrics.h"

namespace sextant::tsdb {

struct StoreMetrics {
  explicit StoreMetrics(core::Registry& registry);

  core::Counter& samples_appended;
  core::Counter& out_of_order_samples;
  core::Counter& out_of_bound_samples;
  core::Counter& duplicate_samples;
  core::Counter& too_far_in_future_samples;
  core::Counter& series_created;
  core::Counter& series_removed;
  core::Counter& series_over_limit;
  core::Counter& series_over_memory;
  core::Counter& invalid_labels;
  core::Counter& journal_failures;
  core::Counter& journal_corruptions;
  core::Counter& sync_failures;
  core::Counter& chunk_read_failures;
  core::Counter& checkpoints;
  core::Counter& checkpoint_failures;
  core::Counter& compactions;
  core::Counter& compactions_failed;
  core::Counter& time_retentions;
  core::Counter& size_retentions;
  core::Counter& blocks_set_aside;
};

}  // namespace sextant::tsdb
