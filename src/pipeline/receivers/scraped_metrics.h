// Scraped samples as metrics of OTLP: takes the place of the store behind the scrape module, and hands on one
// batch for each scrape, as the collector's Prometheus receiver makes it.
//
//   series name, TYPE ─► metric and its kind       le, quantile ─► buckets, quantiles of one point
//   job, instance, target_info ─► resource         otel_scope_… ─► scope        a stale marker ─► no value
//
// Sums, histograms and summaries begin where the target says (_created), else when they were first seen, or
// when they were seen to be smaller than before.
//
// Thread-safe; batches of one target come one after the other.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/storage.h"
#include "otlp/metrics.h"

namespace sextant::pipeline {

struct ScrapedMetricsOptions {
  bool trims_suffixes = false;  // of units and types
  std::string scope_name;       // of metrics that name none
  std::string scope_version;
  std::function<std::string(const std::string& job)> scheme_of_job;
  // What targets say of a family; nothing when they say nothing.
  std::function<std::optional<model::MetricMetadata>(const std::string& family)> metadata_of;
};

// What a series is for its metric.
enum class SeriesRole : uint8_t { kValue, kCount, kSum, kBucket, kQuantile, kCreated, kTargetInfo, kDropped };

// What is known of a series once and for all, and where its count began.
struct ScrapedSeries {
  model::Labels labels;
  // Set when the scrape that brought the series ends, as targets may say a family's type up to then; what
  // follows does not change after that.
  bool is_described = false;
  std::string job;
  std::string instance;
  model::Labels scope;       // what otel_scope_… said, without that
  model::Labels attributes;  // of the point
  std::string family;
  model::MetricMetadata metadata;
  otlp::MetricKind kind = otlp::MetricKind::kGauge;
  bool is_monotonic = false;
  SeriesRole role = SeriesRole::kValue;
  double bound = 0;  // of buckets and quantiles

  uint64_t start_ns = 0;
  double last_value = 0;
};

class ScrapedMetrics final : public model::Appendable {
 public:
  using Sink = std::function<void(otlp::MetricsData data)>;

  // `sink` is called at the end of each scrape that had samples.
  ScrapedMetrics(ScrapedMetricsOptions options, Sink sink)
      : options_(std::move(options)), sink_(std::move(sink)) {}

  std::unique_ptr<model::Appender> NewAppender() override;

  size_t series() const;

 private:
  friend class ScrapedBatch;

  struct Known {
    model::SeriesRef ref = 0;
    std::shared_ptr<ScrapedSeries> series;
  };
  // The series of a ref or of labels, which is made when it is new; ref 0: the ref is of none.
  Known Find(model::SeriesRef ref, const model::Labels& labels);
  void Forget(model::SeriesRef ref);
  void DescribeOnce(ScrapedSeries& series);
  void Describe(ScrapedSeries& series) const;
  // Moves on where the count of a series began; call with what was scraped now.
  uint64_t StartOf(ScrapedSeries& series, double value, uint64_t time_ns);

  const ScrapedMetricsOptions options_;
  const Sink sink_;
  mutable std::mutex mutex_;
  absl::flat_hash_map<model::Labels, model::SeriesRef> refs_;  // guarded by mutex_, as what follows
  absl::flat_hash_map<model::SeriesRef, std::shared_ptr<ScrapedSeries>> series_;
  model::SeriesRef next_ref_ = 1;
};

// "http_requests" of a counter "http_requests_total", "size" of "size_bytes" with the unit bytes.
std::string TrimSuffixes(std::string_view name, otlp::MetricKind kind, std::string_view unit);
// "By/s" of "bytes_per_second"; what has no code stays.
std::string UnitCode(std::string_view unit);

}  // namespace sextant::pipeline
