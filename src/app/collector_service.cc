#include "app/collector_service.h"

#include "app/instance_id.h"
#include "app/version.h"
#include "pipeline/config_resolver.h"
#include "pipeline/own_telemetry.h"
#include "pipeline/service_config.h"

namespace sextant::app {

namespace {

using core::Status;

// OTLP on this machine's usual ports. Where one of them is taken, the other is served.
struct BuiltinPipelines {
  std::string_view protocols;
  std::string_view addresses;
};
constexpr BuiltinPipelines kBuiltin[] = {
    {"{grpc: {}, http: {}}", "localhost:4317 and localhost:4318"},
    {"{grpc: {}}", "localhost:4317 only"},
    {"{http: {}}", "localhost:4318 only"},
};

std::string TextOf(const BuiltinPipelines& builtin) {
  return fmt::format(
      "yaml:{{receivers: {{otlp: {{protocols: {}}}}}, exporters: {{sextant: {{}}}}, "
      "service: {{pipelines: {{metrics: {{receivers: [otlp], exporters: [sextant]}}}}}}}}",
      builtin.protocols);
}

// What a configuration says of the log is the process's own business here.
bool SaysHowToLog(const pipeline::TelemetryConfig& telemetry) {
  const pipeline::TelemetryConfig defaults;
  return telemetry.log_level != defaults.log_level || telemetry.log_format != defaults.log_format ||
         telemetry.log_paths != defaults.log_paths;
}

}  // namespace

CollectorService::CollectorService(Services& services, net::HttpClient& http, remote::OtlpStore& store)
    : services_(services),
      logger_(services.logger.With("component", "otelcol")),
      store_(store, services.registry, {"sextant", ""}, logger_),
      hosted_otlp_(services.registry, &store_),
      parts_{.io = services.io,
             .executor = services.executor,
             .clock = services.clock,
             .telemetry = services.registry,
             .server_metrics = services.registry,
             .http = http,
             .logger = logger_,
             .version = std::string(Version()),
             .instance_id = NewInstanceId(),
             .serves_default_metrics = false,
             .metric_store = &store,
             .hosted_otlp = &hosted_otlp_} {}

CollectorService::~CollectorService() { Stop(); }

void CollectorService::AddRoutes(net::Router& router) {
  hosted_otlp_.AddRoutes(router);
  router.Add("GET", "/api/v1/pipelines", [this](const net::HttpRequest&) {
    net::HttpResponse response;
    response.headers.Set("Content-Type", "application/json");
    response.body = GraphJson();
    return response;
  });
}

std::string CollectorService::GraphJson() const {
  std::lock_guard lock(mutex_);
  return collector_ == nullptr ? "{\"edges\":[]}" : collector_->GraphJson();
}

Status CollectorService::Run(const config::Value& resolved) {
  SEXTANT_ASSIGN(pipeline::LoadedConfig loaded, pipeline::ReadCollectorConfig(resolved, true));
  pipeline::CollectorParts parts = parts_;
  const pipeline::TelemetryConfig& telemetry = loaded.config.telemetry;
  for (const auto& [name, value] : telemetry.log_fields) parts.logger = parts.logger.With(name, value);
  if (SaysHowToLog(telemetry)) {
    parts.logger.Warn(
        "service::telemetry::logs has no effect here: --log.level and --log.format say how sextant logs");
  }
  SEXTANT_ASSIGN(auto collector, pipeline::Collector::Start(std::move(loaded), parts));
  std::lock_guard lock(mutex_);
  collector_ = std::move(collector);
  return {};
}

void CollectorService::StartBuiltin() {
  for (const BuiltinPipelines& builtin : kBuiltin) {
    auto resolved = pipeline::ResolveConfig({TextOf(builtin)}, pipeline::ConfigProviders::System(), logger_);
    SEXTANT_CHECK(resolved);
    Status started = Run(*resolved);
    if (started) return logger_.Info("OTLP is taken", {{"at", builtin.addresses}});
    logger_.Warn("OTLP cannot be taken at its usual ports", {{"error", started.error()}});
  }
  logger_.Warn("OTLP is taken at the main address only");
}

Status CollectorService::Start(const CollectorSettings& settings) {
  switch (settings.kind) {
    case CollectorSettings::Kind::kBuiltin:
      StartBuiltin();
      return {};
    case CollectorSettings::Kind::kConfigured:
      if (!std::exchange(has_process_metrics_, true))
        pipeline::RegisterProcessTelemetry(services_.registry, services_.clock);
      return Run(settings.resolved);
    case CollectorSettings::Kind::kNone:
      return {};
  }
  return {};
}

void CollectorService::End() {
  std::unique_ptr<pipeline::Collector> collector;
  {
    std::lock_guard lock(mutex_);
    collector = std::move(collector_);
  }
  if (collector != nullptr) collector->Shutdown();
}

Status CollectorService::Apply(const CollectorSettings& settings) {
  if (has_applied_ && settings.IsSameAs(applied_)) return {};
  hosted_otlp_.SetPaused(true);
  End();
  Status started = Start(settings);
  if (!started && has_applied_) {
    logger_.Error("the new pipelines cannot start, those before run again", {{"error", started.error()}});
    if (Status again = Start(applied_); !again)
      logger_.Error("the pipelines before cannot start either", {{"error", again.error()}});
  }
  hosted_otlp_.SetPaused(false);
  if (!started) return started;
  applied_ = settings;
  has_applied_ = true;
  return {};
}

void CollectorService::Stop() {
  hosted_otlp_.SetPaused(true);
  End();
}

}  // namespace sextant::app
