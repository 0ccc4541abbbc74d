// Metrics by OTLP over HTTP, as Prometheus takes them: POST /api/v1/otlp/v1/metrics, protobuf or JSON.
//
// A request is stored as one batch or not at all: what cannot be translated, or the store refuses, makes the
// answer an error and nothing of the request is kept. Samples that come too late or twice are answered with
// 400, other errors with 500, which OTLP's senders do not send again either.
//
// Any thread may call.
#pragma once

#include "core/log.h"
#include "core/metrics.h"
#include "metrics/remote/otlp_store.h"
#include "net/http_message.h"

namespace sextant::remote {

class OtlpReceiver {
 public:
  // All of it must outlive the receiver.
  OtlpReceiver(OtlpStore& store, core::Registry& registry, core::Logger logger);

  net::HttpResponse Handle(const net::HttpRequest& request);

 private:
  OtlpStore& store_;
  const core::Logger logger_;
  core::Counter& requests_refused_;
};

}  // namespace sextant::remote
