// Makes sums and histograms that count since a start into such that count since their last point.
//
//   stream (resource, scope, metric, attributes, start) ─► its last point ─► the point becomes the difference
//
// The first point of a stream has nothing to be compared with; `initial_value` says what becomes of it. A
// point below its stream's last is a reset: sums and exponential histograms lose it, histograms count from
// it.
//
// Not thread-safe.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <variant>

#include "core/clock.h"
#include "otlp/metrics.h"

namespace sextant::pipeline {

class CumulativeToDelta {
 public:
  // What becomes of the first point: kept when it began after we did, kept, or dropped.
  enum class InitialValue { kAuto, kKeep, kDrop };

  struct Options {
    InitialValue initial_value = InitialValue::kAuto;
    core::DurationMs max_stale_ms = 0;  // of a stream's last point; 0: for ever
    size_t max_streams = 1'000'000;
    uint64_t start_ns = 0;  // wall time at which we began
  };
  // Points that were dropped, by the reason.
  struct Counts {
    uint64_t initial = 0;
    uint64_t reset = 0;
    uint64_t bucket_mismatch = 0;
    uint64_t over_limit = 0;
    size_t streams = 0;
  };

  explicit CumulativeToDelta(const Options& options) : options_(options) {}

  // Converts a metric's points in place and says whether any are left. Only for cumulative monotonic sums
  // and cumulative histograms.
  bool Convert(const otlp::ResourceMetrics& resource, const otlp::ScopeMetrics& scope, otlp::Metric& metric);
  // Forgets streams whose last point is too old at this wall time.
  void ForgetStale(uint64_t now_ns);
  Counts counts() const;

 private:
  using Last = std::variant<otlp::NumberPoint, otlp::HistogramPoint, otlp::ExponentialPoint>;

  template <typename P>
  bool ConvertPoint(const std::string& identity, P& point);
  bool KeepsFirst(const otlp::Point& point);

  bool Subtract(otlp::NumberPoint& last, otlp::NumberPoint& point);
  bool Subtract(otlp::HistogramPoint& last, otlp::HistogramPoint& point);
  bool Subtract(otlp::ExponentialPoint& last, otlp::ExponentialPoint& point);

  const Options options_;
  absl::flat_hash_map<std::string, Last> streams_;
  uint64_t next_sweep_ns_ = 0;
  Counts counts_;
};

}  // namespace sextant::pipeline
