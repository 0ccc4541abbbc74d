#include "pipeline/exporters/prometheus_exporter.h"

#include <map>

#include "otlp/delta_to_cumulative.h"
#include "otlp/prometheus_names.h"
#include "otlp/prometheus_translator.h"
#include "pipeline/delivery/queued_exporter.h"
#include "pipeline/exporters/pulled_metrics.h"
#include "pipeline/extensions/extension_server.h"
#include "pipeline/fields.h"
#include "pipeline/resource_to_telemetry.h"

namespace sextant::pipeline {

namespace {

using core::Status;

struct PrometheusConfig {
  PrometheusConfig() { server.endpoint.clear(); }

  HttpServerConfig server;
  std::string name_space;
  std::map<std::string, std::string> const_labels;
  bool send_timestamps = false;
  core::DurationMs metric_expiration_ms = 300'000;
  ResourceToTelemetryConfig resource_to_telemetry_conversion;
  bool without_scope_info = false;
  bool add_metric_suffixes = true;
  std::string translation_strategy;

  otlp::PrometheusSettings Translation() const {
    otlp::PrometheusSettings settings;
    settings.adds_suffixes =
        translation_strategy.empty() ? add_metric_suffixes : translation_strategy.ends_with("WithSuffixes");
    settings.name_space = name_space;
    settings.promotes_scope = !without_scope_info;
    settings.style = otlp::TranslationStyle::kCollector;
    return settings;
  }
};

Status CheckPrometheus(PrometheusConfig& config, config::Node node) {
  if (config.server.endpoint.empty())
    return node.Fail("expecting a non-blank address to run the Prometheus metrics handler");
  const std::string& strategy = config.translation_strategy;
  if (strategy == "NoUTF8EscapingWithSuffixes" || strategy == "NoTranslation") {
    return node.Fail(
        "translation_strategy {} is not supported yet: names are those of the classic text format", strategy);
  }
  if (!strategy.empty() && !strategy.starts_with("UnderscoreEscapingWith")) {
    return node.Fail("invalid translation_strategy: {}", strategy);
  }
  return {};
}

const config::Struct& FieldsOf(const PrometheusConfig*) {
  using namespace config;
  using C = PrometheusConfig;
  static const Struct kFields = Struct::Of<C>(
      {
          Member<&C::name_space>("namespace"),
          Member<&C::const_labels>("const_labels"),
          Member<&C::send_timestamps>("send_timestamps"),
          Member<&C::metric_expiration_ms>("metric_expiration", GoDuration()),
          Member<&C::resource_to_telemetry_conversion>("resource_to_telemetry_conversion"),
          NotYet("resource_constant_labels", "use resource_to_telemetry_conversion"),
          NotYet("enable_open_metrics", "answers are in the text format 0.0.4").Allowing({"false"}),
          Member<&C::without_scope_info>("without_scope_info"),
          Member<&C::add_metric_suffixes>("add_metric_suffixes").AlwaysWritten(),
          Member<&C::translation_strategy>("translation_strategy"),
          Inline<&C::server>(),
      },
      &CheckPrometheus);
  return kFields;
}

class PrometheusSender final : public Sender {
 public:
  PrometheusSender(const ComponentSettings& settings, const PrometheusConfig& config,
                   PulledMetricsOptions options)
      : settings_(settings),
        config_(config),
        translation_(config.Translation()),
        deltas_(settings.environment.clock),
        metrics_(settings.environment.clock, std::move(options)) {}

  Status Start() override {
    net::Router router;
    router.Add("GET", "/metrics", [this](const net::HttpRequest&) {
      net::HttpResponse response = net::HttpResponse::Text(200, metrics_.RenderText());
      response.headers.Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
      return response;
    });
    SEXTANT_ASSIGN(endpoint_, StartExtensionServer(settings_, config_.server, std::move(router)));
    return {};
  }
  void Shutdown() override { endpoint_->Stop(); }

  void Send(Telemetry batch, Done done) override {
    otlp::MetricsData& data = batch.MutableMetrics();
    deltas_.Convert(data);
    CopyResourceAttributes(config_.resource_to_telemetry_conversion, data);
    std::unique_ptr<model::Appender> appender = metrics_.NewAppender();
    otlp::PrometheusTranslator translator(translation_, *appender);
    translator.Translate(data);
    for (const std::string& error : translator.result().errors) {
      settings_.logger.Warn("a metric cannot be shown", {{"err", error}});
    }
    Status committed = appender->Commit();
    done(committed ? Outcome() : Refuse(committed.error().message()));
  }

 private:
  const ComponentSettings settings_;
  const PrometheusConfig config_;
  const otlp::PrometheusSettings translation_;
  otlp::DeltaToCumulative deltas_;
  PulledMetrics metrics_;
  std::unique_ptr<Endpoint> endpoint_;
};

Made<Exporter> MakePrometheus(const ComponentSettings& settings, const PrometheusConfig& config,
                              Signal signal) {
  PulledMetricsOptions options;
  options.expiration_ms = config.metric_expiration_ms;
  options.sends_timestamps = config.send_timestamps;
  otlp::LabelNamer namer{false, true, true};
  model::LabelsBuilder labels;
  for (const auto& [name, value] : config.const_labels) {
    SEXTANT_ASSIGN(std::string built, namer.Build(name));
    labels.Set(built, value);
  }
  options.const_labels = labels.Build();
  RetryConfig no_retry;
  no_retry.enabled = false;
  return MakeQueuedExporter(settings, signal, std::nullopt, no_retry,
                            std::make_unique<PrometheusSender>(settings, config, std::move(options)));
}

}  // namespace

ComponentType PrometheusExporterType() {
  return ExporterType<PrometheusConfig>("prometheus", {}, {Signal::kMetrics}, &MakePrometheus);
}

}  // namespace sextant::pipeline
