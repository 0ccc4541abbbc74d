#include "pipeline/extensions/health_check_extension.h"

#include <atomic>
#include <ctime>
#include <optional>

#include "pipeline/extensions/extension_server.h"
#include "pipeline/fields.h"

namespace sextant::pipeline {

namespace {

using core::Status;

struct ResponseBodyConfig {
  std::string healthy;
  std::string unhealthy;
};

struct CheckPipelineConfig {
  bool enabled = false;
  core::DurationMs interval_ms = 300'000;
  int64_t exporter_failure_threshold = 5;
};

struct HealthCheckConfig {
  HealthCheckConfig() { server.endpoint = "localhost:13133"; }

  HttpServerConfig server;
  std::string path = "/";
  std::optional<ResponseBodyConfig> response_body;
  CheckPipelineConfig check_collector_pipeline;
};

Status CheckPipeline(CheckPipelineConfig& config, config::Node node) {
  if (!config.enabled) return {};
  return node.FailAtKey(core::Code::kUnimplemented,
                        "is not supported yet: alert on otelcol_exporter_send_failed_* instead");
}

Status CheckHealthCheck(HealthCheckConfig& config, config::Node node) {
  if (!config.path.starts_with('/')) return node.Fail("path must start with /");
  return {};
}

const config::Struct& FieldsOf(const ResponseBodyConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<ResponseBodyConfig>(
      {Member<&ResponseBodyConfig::healthy>("healthy"), Member<&ResponseBodyConfig::unhealthy>("unhealthy")});
  return kFields;
}

const config::Struct& FieldsOf(const CheckPipelineConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<CheckPipelineConfig>(
      {
          Member<&CheckPipelineConfig::enabled>("enabled"),
          Member<&CheckPipelineConfig::interval_ms>("interval", GoDuration()),
          Member<&CheckPipelineConfig::exporter_failure_threshold>("exporter_failure_threshold"),
      },
      &CheckPipeline);
  return kFields;
}

const config::Struct& FieldsOf(const HealthCheckConfig*) {
  using namespace config;
  static const Struct kFields = Struct::Of<HealthCheckConfig>(
      {
          Member<&HealthCheckConfig::path>("path"),
          Member<&HealthCheckConfig::response_body>("response_body", Section<ResponseBodyConfig>()),
          Member<&HealthCheckConfig::check_collector_pipeline>("check_collector_pipeline"),
          NotYet("use_v2"),
          NotYet("component_health"),
          NotYet("http"),
          NotYet("grpc"),
          Inline<&HealthCheckConfig::server>(),
      },
      &CheckHealthCheck);
  return kFields;
}

std::string Rfc3339(core::TimestampMs time_ms) {
  std::time_t seconds = time_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, time_ms % 1000);
}

class HealthCheck final : public Extension {
 public:
  HealthCheck(const ComponentSettings& settings, HealthCheckConfig config)
      : settings_(settings), config_(std::move(config)), clock_(settings.environment.clock) {}

  Status Start() override {
    net::Router router;
    router.Add("GET", config_.path, [this](const net::HttpRequest&) { return Answer(); },
               {.run_inline = true, .metric_name = "health_check"});
    SEXTANT_ASSIGN(endpoint_, StartExtensionServer(settings_, config_.server, std::move(router)));
    return {};
  }

  void Shutdown() override { endpoint_->Stop(); }

  void PipelinesReady() override { ready_since_ms_ = clock_.NowMs(); }
  void PipelinesStopping() override { ready_since_ms_ = 0; }

 private:
  net::HttpResponse Answer() const {
    core::TimestampMs since_ms = ready_since_ms_;
    int status = since_ms != 0 ? 200 : 503;
    if (config_.response_body) {
      const ResponseBodyConfig& body = *config_.response_body;
      return net::HttpResponse::Text(status, since_ms != 0 ? body.healthy : body.unhealthy);
    }
    if (since_ms == 0) {
      return net::HttpResponse::Json(
          status, R"({"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""})");
    }
    return net::HttpResponse::Json(
        status, fmt::format(R"({{"status":"Server available","upSince":"{}","uptime":"{}"}})",
                            Rfc3339(since_ms), FormatGoDurationMs(clock_.NowMs() - since_ms)));
  }

  const ComponentSettings settings_;
  const HealthCheckConfig config_;
  const core::Clock& clock_;
  std::atomic<core::TimestampMs> ready_since_ms_{0};  // 0: not ready
  std::unique_ptr<Endpoint> endpoint_;
};

Made<Extension> MakeHealthCheck(const ComponentSettings& settings, const HealthCheckConfig& config) {
  return std::make_unique<HealthCheck>(settings, config);
}

}  // namespace

ComponentType HealthCheckExtensionType() {
  return ExtensionType<HealthCheckConfig>("health_check", {"healthcheck"}, &MakeHealthCheck);
}

}  // namespace sextant::pipeline
