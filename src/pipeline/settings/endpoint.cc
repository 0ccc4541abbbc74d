#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {

namespace {

constexpr core::DurationMs kStopGraceMs = 5'000;

}  // namespace

Endpoint::Endpoint(const ComponentSettings& settings, net::WebSecurity security)
    : logger_(settings.logger),
      security_(std::move(security)),
      ticker_(settings.environment.io, settings.environment.executor) {}

core::Result<std::unique_ptr<Endpoint>> Endpoint::Start(const ComponentSettings& settings, net::Router router,
                                                        net::HttpServerOptions options,
                                                        core::DurationMs reload_interval_ms) {
  std::unique_ptr<Endpoint> endpoint(new Endpoint(settings, options.security));
  Environment& environment = settings.environment;
  SEXTANT_ASSIGN(endpoint->server_,
                 net::HttpServer::Start(environment.io, environment.executor, environment.clock,
                                        environment.server_metrics, settings.logger, std::move(router),
                                        std::move(options)));
  settings.logger.Info("listening", {{"address", endpoint->address()}});
  if (reload_interval_ms > 0 && endpoint->security_.has_tls()) {
    endpoint->ticker_.Start(reload_interval_ms, [raw = endpoint.get()] { raw->Reload(); });
  }
  return endpoint;
}

Endpoint::~Endpoint() { Stop(); }

void Endpoint::Stop() {
  ticker_.Stop();
  if (server_ != nullptr) server_->Stop(kStopGraceMs);
}

void Endpoint::Reload() {
  if (core::Status set = server_->SetSecurity(security_); !set) {
    logger_.Warn("the certificates cannot be used, the old ones stay", {{"error", set.error()}});
  }
}

}  // namespace sextant::pipeline
