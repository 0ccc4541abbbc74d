// Pipelines of telemetry within the platform: what they get goes where the configuration says, metrics into
// the store by the exporter `sextant`.
//
//   :4317, :4318, other receivers ─┐
//   OTLP at the main address ──────┴─► pipelines ─► exporters; the metric store
//
// Apply and Stop are called from one thread; routes from any.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "app/collector_settings.h"
#include "app/services.h"
#include "core/result.h"
#include "metrics/remote/otlp_store.h"
#include "net/http_client.h"
#include "net/router.h"
#include "pipeline/collector.h"
#include "pipeline/exporters/sextant_exporter.h"
#include "pipeline/receivers/hosted_otlp.h"

namespace sextant::app {

class CollectorService {
 public:
  // All of it must outlive this.
  CollectorService(Services& services, net::HttpClient& http, remote::OtlpStore& store);
  ~CollectorService();  // stops
  CollectorService(const CollectorService&) = delete;
  CollectorService& operator=(const CollectorService&) = delete;

  // OTLP at the main address, and /api/v1/pipelines. This must outlive the server.
  void AddRoutes(net::Router& router);

  // Runs the pipelines of these settings in place of those before; while one set ends and the other begins,
  // clients are told to try again. Settings that mean the same change nothing. When the new pipelines cannot
  // start, those before run again, and that is the error. Built-in ones never fail: where their ports are
  // taken, they do without.
  core::Status Apply(const CollectorSettings& settings);
  // Receivers stop, what they took is handed on; bounded by the components' own limits.
  void Stop();

 private:
  core::Status Start(const CollectorSettings& settings);
  void StartBuiltin();
  core::Status Run(const config::Value& resolved);
  void End();
  std::string GraphJson() const;

  Services& services_;
  const core::Logger logger_;
  pipeline::MetricStoreConsumer store_;
  pipeline::HostedOtlp hosted_otlp_;
  const pipeline::CollectorParts parts_;
  CollectorSettings applied_;
  bool has_applied_ = false;
  bool has_process_metrics_ = false;
  mutable std::mutex mutex_;
  std::unique_ptr<pipeline::Collector> collector_;  // guarded by mutex_; null: no pipelines run
};

}  // namespace sextant::app
