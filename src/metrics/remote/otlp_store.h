// Where OTLP metrics are stored: translated as the configuration says, they become one batch of the store.
//
//   OTLP over HTTP (otlp_receiver.h) ─► StoreAll     all of a request or nothing, as Prometheus has it
//   pipelines of the collector       ─► StorePoints  what fits; points that do not are counted
//
// Any thread may call.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "config/otlp_config.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "model/storage.h"
#include "otlp/delta_to_cumulative.h"
#include "otlp/prometheus_translator.h"

namespace sextant::remote {

struct OtlpStoreOptions {
  bool converts_deltas = false;  // to cumulative ones, in memory
  bool keeps_deltas = false;     // as they are; not together with the other
  bool adds_type_and_unit_labels = false;
  core::DurationMs lookback_ms = 300'000;
};

// What became of points that were not stored. Sending them again does not help.
struct OtlpRefusals {
  uint64_t points = 0;
  std::vector<std::string> errors;  // bounded
};

class OtlpStore {
 public:
  // All of it must outlive this.
  OtlpStore(model::Appendable& storage, const core::Clock& clock, core::Registry& registry,
            core::Logger logger, OtlpStoreOptions options);

  void SetConfig(const config::OtlpConfig& config);

  // kInvalidArgument when some sample comes too late or twice, kInternal for all other errors; then nothing
  // of the data is stored. kInvalidArgument also when all that is wrong is that the store takes no more
  // series; then all else is stored.
  core::Status StoreAll(otlp::MetricsData data);

  // Stores all points but those that cannot be translated or that the store refuses for good: out of order,
  // too old, over its limits of series. An error is the store's own (a full disk): then nothing of the data
  // is stored, and another try may help.
  core::Result<OtlpRefusals> StorePoints(const otlp::MetricsData& data);

 private:
  std::shared_ptr<const otlp::PrometheusSettings> settings() const;
  void LogWarnings(const otlp::Translation& result) const;

  model::Appendable& storage_;
  const core::Logger logger_;
  const OtlpStoreOptions options_;
  core::Counter& out_of_order_exemplars_;
  std::unique_ptr<otlp::DeltaToCumulative> deltas_;  // null: not converted
  mutable std::mutex mutex_;
  std::shared_ptr<const otlp::PrometheusSettings> settings_;  // guarded by mutex_
};

}  // namespace sextant::remote
