// The newest samples of all series, for a Prometheus that asks for them, as text (0.0.4, or 1.0.0 where names
// are quoted) or OpenMetrics.
//
// A series that had no sample for a while, or a stale marker, is gone. Thread-safe.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "core/clock.h"
#include "core/metric_names.h"
#include "model/storage.h"

namespace sextant::pipeline {

struct PulledMetricsOptions {
  core::DurationMs expiration_ms = 300'000;
  bool sends_timestamps = false;
  model::Labels const_labels;  // of every series, unless it has such a label
};

struct PulledFormat {
  bool is_open_metrics = false;
  core::Escaping escaping = core::Escaping::kUnderscores;  // of names that are not classic
};

class PulledMetrics final : public model::Appendable {
 public:
  // `clock` outlives it.
  PulledMetrics(const core::Clock& clock, PulledMetricsOptions options)
      : clock_(clock), options_(std::move(options)) {}

  // Samples count when their batch is committed.
  std::unique_ptr<model::Appender> NewAppender() override;
  std::string Render(const PulledFormat& format);

  uint64_t skipped_histograms() const;  // native ones, which the text format cannot tell

 private:
  friend class PulledBatch;

  // Sorts the lines of a family: by labels without le and quantile, then buckets by their bounds, sum, count.
  using LineKey = std::tuple<model::Labels, int, double>;
  struct Line {
    model::Labels labels;
    double value = 0;
    core::TimestampMs time_ms = 0;
    int64_t updated_ns = 0;
    std::optional<model::Exemplar> exemplar;
  };
  struct Family {
    model::MetricMetadata metadata;
    std::map<LineKey, Line> lines;
  };
  struct Taken {
    model::Labels labels;
    double value = 0;
    core::TimestampMs time_ms = 0;
    model::MetricMetadata metadata;
    std::optional<model::Exemplar> exemplar;
  };
  class Writer;

  void Take(std::vector<Taken> samples, uint64_t skipped_histograms);

  const core::Clock& clock_;
  const PulledMetricsOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, Family> families_;  // guarded by mutex_
  uint64_t skipped_histograms_ = 0;         // likewise
};

}  // namespace sextant::pipeline
