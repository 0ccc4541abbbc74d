// What a remote write queue says of itself, under Prometheus' names and labels (remote_name, url).
#pragma once

#include <string>

#include "core/metrics.h"

namespace sextant::remote {

// The metrics of one queue; they go away with it. `registry` must outlive it.
class WriteMetrics {
 public:
  WriteMetrics(core::Registry& registry, const std::string& name, const std::string& url);
  ~WriteMetrics();
  WriteMetrics(const WriteMetrics&) = delete;
  WriteMetrics& operator=(const WriteMetrics&) = delete;

  // Of each kind: samples, exemplars, histograms.
  struct PerKind {
    core::Counter& sent;
    core::Counter& failed;
    core::Counter& retried;
    core::Counter& dropped_by_relabelling;
    core::Counter& dropped_too_old;
    core::Counter& dropped_unknown_series;
    core::Gauge& pending;
  };

 private:
  core::Registry& registry_;
  const core::MetricLabels labels_;

 public:
  PerKind samples;
  PerKind exemplars;
  PerKind histograms;
  core::Counter& histograms_with_custom_buckets;  // which 1.0 cannot tell
  core::Counter& metadata;
  core::Counter& metadata_failed;
  core::Counter& metadata_bytes;
  core::Counter& bytes;
  core::Counter& enqueue_retries;
  core::Histogram& sent_batch_seconds;
  core::Gauge& highest_timestamp;
  core::Gauge& highest_sent_timestamp;
  core::Gauge& shard_capacity;
  core::Gauge& shards;
  core::Gauge& shards_max;
  core::Gauge& shards_min;
  core::Gauge& shards_desired;
  core::Gauge& max_samples_per_send;
  core::Gauge& journal_file;  // the number of that which is read
};

}  // namespace sextant::remote
