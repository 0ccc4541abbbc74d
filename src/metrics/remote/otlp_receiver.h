// Metrics by OTLP over HTTP, as Prometheus takes them: POST /api/v1/otlp/v1/metrics, protobuf or JSON.
//
// A request is stored as one batch or not at all: what cannot be translated, or the store refuses, makes the
// answer an error and nothing of the request is kept. Samples that come too late or twice are answered with
// 400, other errors with 500, which OTLP's senders do not send again either.
//
// Any thread may call.
#pragma once

#include <memory>
#include <mutex>

#include "config/otlp_config.h"
#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "model/storage.h"
#include "net/http_message.h"
#include "otlp/delta_to_cumulative.h"
#include "otlp/prometheus_translator.h"

namespace sextant::remote {

struct OtlpReceiverOptions {
  bool converts_deltas = false;  // to cumulative ones, in memory
  bool keeps_deltas = false;     // as they are; not together with the other
  bool adds_type_and_unit_labels = false;
  core::DurationMs lookback_ms = 300'000;
};

class OtlpReceiver {
 public:
  // All of it must outlive the receiver.
  OtlpReceiver(model::Appendable& storage, const core::Clock& clock, core::Registry& registry,
               core::Logger logger, OtlpReceiverOptions options);

  void SetConfig(const config::OtlpConfig& config);
  net::HttpResponse Handle(const net::HttpRequest& request);

 private:
  net::HttpResponse Store(otlp::MetricsData data);

  model::Appendable& storage_;
  const core::Logger logger_;
  const OtlpReceiverOptions options_;
  core::Counter& out_of_order_exemplars_;
  core::Counter& requests_refused_;
  std::unique_ptr<otlp::DeltaToCumulative> deltas_;  // null: not converted
  std::mutex mutex_;
  std::shared_ptr<const otlp::PrometheusSettings> settings_;  // guarded by mutex_
};

}  // namespace sextant::remote
