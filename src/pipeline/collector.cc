#include "pipeline/collector.h"

#include <algorithm>

#include "pipeline/own_telemetry.h"

namespace sextant::pipeline {

using core::Result;
using core::Status;

Collector::Collector(LoadedConfig loaded, const CollectorParts& parts)
    : loaded_(std::move(loaded)),
      environment_{parts.io,           parts.executor,   parts.clock, parts.telemetry, parts.server_metrics,
                   parts.logger,       parts.http,       *this,       parts.version,   parts.instance_id,
                   parts.metric_store, parts.hosted_otlp},
      serves_default_metrics_(parts.serves_default_metrics) {}

Result<std::unique_ptr<Collector>> Collector::Start(LoadedConfig loaded, const CollectorParts& parts) {
  std::unique_ptr<Collector> collector(new Collector(std::move(loaded), parts));
  SEXTANT_TRY(collector->StartAll());
  return collector;
}

Collector::~Collector() { Shutdown(); }

Status Collector::StartAll() {
  for (const std::string& warning : loaded_.config.warnings) environment_.logger.Warn(warning);
  SEXTANT_TRY(StartExtensions());
  SEXTANT_ASSIGN(graph_, Graph::Build(loaded_.config, environment_));
  flow_ = std::make_unique<FlowRecorder>(*graph_, environment_);
  SEXTANT_TRY(graph_->Start());
  if (serves_default_metrics_ || !loaded_.config.telemetry.has_default_address)
    SEXTANT_TRY(StartOwnMetrics());
  for (NamedExtension& one : extensions_) one.extension->PipelinesReady();
  environment_.logger.Info("Everything is ready. Begin running and processing data.");
  return {};
}

Status Collector::StartExtensions() {
  // All are made before one starts, since some refer to others.
  for (const ComponentId& id : loaded_.config.extensions) {
    const ComponentConfig& config = *loaded_.config.Find(ComponentKind::kExtension, id);
    ComponentSettings settings{id, environment_, environment_.logger.With("extension", id.Text())};
    auto made = config.type->make_extension(settings, config.config);
    if (!made)
      return config.place.Fail("failed to create \"{}\" extension: {}", id.Text(), made.error().message());
    extensions_.push_back({id.Text(), std::move(*made), false});
  }
  for (NamedExtension& one : extensions_) {
    SEXTANT_TRY(
        one.extension->Start().map_error(core::AddContext("failed to start extension \"{}\"", one.id)));
    one.is_started = true;
  }
  return {};
}

Status Collector::StartOwnMetrics() {
  const TelemetryConfig& telemetry = loaded_.config.telemetry;
  auto resource = ResourceOf(telemetry, environment_.version, environment_.instance_id);
  for (const std::string& address : telemetry.metrics_addresses) {
    net::Router router;
    router.Add("GET", "/metrics", [this, resource, &telemetry](const net::HttpRequest&) {
      net::HttpResponse response;
      response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
      // Within a server all metrics are in one place, and the others have an address of their own.
      bool is_shared = &environment_.telemetry == &environment_.server_metrics;
      response.body = RenderTelemetry(environment_.telemetry, resource, telemetry, is_shared);
      if (!is_shared) response.body += environment_.server_metrics.RenderText();
      return response;
    });
    router.Add("GET", "/api/v1/pipelines", [this](const net::HttpRequest&) {
      net::HttpResponse response;
      response.headers.Set("Content-Type", "application/json");
      response.body = flow_->Json();
      return response;
    });
    net::HttpServerOptions options;
    options.listen = {address.starts_with("localhost:") ? "127.0.0.1" + address.substr(9) : address};
    ComponentSettings settings{
        {"telemetry", ""}, environment_, environment_.logger.With("service", "telemetry")};
    SEXTANT_ASSIGN(auto endpoint, Endpoint::Start(settings, std::move(router), std::move(options)));
    own_metrics_.push_back(std::move(endpoint));
  }
  return {};
}

Extension* Collector::FindExtension(std::string_view id) const {
  auto found = std::ranges::find(extensions_, id, &NamedExtension::id);
  return found == extensions_.end() ? nullptr : found->extension.get();
}

std::vector<std::string> Collector::ExtensionIds() const {
  std::vector<std::string> ids;
  for (const NamedExtension& one : extensions_) ids.push_back(one.id);
  return ids;
}

std::vector<PipelineInfo> Collector::Pipelines() const {
  auto texts = [](const std::vector<ComponentId>& ids) {
    std::vector<std::string> list;
    for (const ComponentId& id : ids) list.push_back(id.Text());
    return list;
  };
  std::vector<PipelineInfo> pipelines;
  for (const PipelineConfig& pipeline : loaded_.config.pipelines) {
    pipelines.push_back({pipeline.id.Text(), texts(pipeline.receivers), texts(pipeline.processors),
                         texts(pipeline.exporters)});
  }
  return pipelines;
}

void Collector::Shutdown() {
  if (std::exchange(has_ended_, true)) return;
  environment_.logger.Info("Starting shutdown...");
  for (NamedExtension& one : extensions_) {
    if (one.is_started) one.extension->PipelinesStopping();
  }
  if (graph_ != nullptr) graph_->Shutdown();
  for (auto one = extensions_.rbegin(); one != extensions_.rend(); ++one) {
    if (one->is_started) one->extension->Shutdown();
  }
  for (std::unique_ptr<Endpoint>& endpoint : own_metrics_) endpoint->Stop();
  own_metrics_.clear();
  flow_.reset();
  graph_.reset();
  environment_.logger.Info("Shutdown complete.");
}

}  // namespace sextant::pipeline
