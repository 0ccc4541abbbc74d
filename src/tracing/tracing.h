// Tracing of a server's own work as its configuration says: the Tracer that everything gets, and the exporter
// behind it.
//
//   tracing::Tracing tracing(services, client, {.service_name = "prometheus", ...});
//   tracing.Apply(config.tracing);             // at the start and at each reload
//   ... core::StartSpan(tracing.tracer(), ...)
//   tracing.Stop();                            // before the client, the executor and the I/O context
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "config/tracing_config.h"
#include "core/trace.h"
#include "net/http_client.h"
#include "tracing/span_exporter.h"

namespace sextant::tracing {

struct TracingIdentity {
  std::string service_name;
  std::string version;
};

class Tracing {
 public:
  // All of it must outlive this; the tracer must outlive the spans.
  Tracing(ExporterServices services, net::HttpClient& client, TracingIdentity identity);
  ~Tracing();  // stops
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  core::Tracer* tracer() { return &tracer_; }

  // Begins to trace as configured; null ends it. With TLS, certificates are read anew. Spans of the former
  // configuration get five seconds to be sent. On an error (a TLS file cannot be read) all
  // stays as it was. Not from the executor's threads.
  core::Status Apply(const std::optional<config::TracingConfig>& config);

  // Sends what waits, within five seconds. Not from the executor's threads; may be called again.
  void Stop();

 private:
  core::Result<std::unique_ptr<SpanTransport>> MakeTransport(const config::TracingConfig& config);

  const ExporterServices services_;
  net::HttpClient& client_;
  const TracingIdentity identity_;
  core::Tracer tracer_;
  std::mutex mutex_;
  std::string applied_;                     // guarded by mutex_
  std::shared_ptr<SpanExporter> exporter_;  // guarded by mutex_
};

}  // namespace sextant::tracing
