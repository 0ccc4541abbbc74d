// Sums up what senders count anew in each data point, so that it can be stored as Prometheus stores counters:
// the collector's deltatocumulative processor, which Prometheus runs behind a feature flag.
//
//   stream (resource, scope, metric, attributes) ─► its sum so far ─► the point becomes that sum
//
// A point that begins before its stream, or is not later than the stream's last, is dropped. Histograms whose
// bounds change begin anew; exponential ones are brought to the coarser scale. What had no point for a while
// is forgotten. The state is in memory only: after a restart streams begin anew, which readers see as counter
// resets.
//
// Any thread may call.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <mutex>
#include <string>
#include <variant>

#include "core/clock.h"
#include "otlp/metrics.h"

namespace sextant::otlp {

class DeltaToCumulative {
 public:
  struct Limits {
    core::DurationMs max_stale_ms = 300'000;
    size_t max_streams = 1'000'000;
  };
  // What became of the points of all calls.
  struct Counts {
    uint64_t points = 0;
    uint64_t dropped = 0;
    // Of those dropped.
    uint64_t over_limit = 0;
    uint64_t older_start = 0;   // began before their stream
    uint64_t out_of_order = 0;  // not later than their stream's last
    size_t streams = 0;
  };

  explicit DeltaToCumulative(const core::Clock& clock, Limits limits) : clock_(clock), limits_(limits) {}
  explicit DeltaToCumulative(const core::Clock& clock) : DeltaToCumulative(clock, Limits()) {}

  // Makes all deltas in `data` cumulative; metrics that lose all their points are taken out.
  void Convert(MetricsData& data);
  Counts counts() const;

 private:
  using Sum = std::variant<NumberPoint, HistogramPoint, ExponentialPoint>;
  struct Stream {
    Sum sum;
    int64_t last_ns = 0;  // when its last point came
  };

  template <typename P>
  bool Aggregate(const std::string& identity, int64_t now_ns, P& point);
  void ForgetStale(int64_t now_ns);

  const core::Clock& clock_;
  const Limits limits_;
  mutable std::mutex mutex_;  // guards what follows
  absl::flat_hash_map<std::string, Stream> streams_;
  int64_t next_sweep_ns_ = 0;
  Counts counts_;
};

// Whether there is something to convert.
bool HasDeltas(const MetricsData& data);

}  // namespace sextant::otlp
