#include "pipeline/exporters/prometheus_exporter.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "core/metric_names.h"
#include "metrics/exposition/negotiation.h"
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
  std::optional<ResourceToTelemetryConfig> resource_constant_labels;  // its newer name
  bool enables_open_metrics = false;
  std::optional<QueueConfig> sending_queue;
  bool without_scope_info = false;
  bool add_metric_suffixes = true;
  std::string translation_strategy;

  otlp::PrometheusSettings Translation() const {
    otlp::PrometheusSettings settings;
    settings.allows_utf8 = translation_strategy.starts_with("No");
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
  for (std::string_view known : {"", "UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes",
                                 "NoUTF8EscapingWithSuffixes", "NoTranslation"}) {
    if (strategy == known) return {};
  }
  return node.Fail("invalid translation_strategy: {}", strategy);
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
          Member<&C::resource_constant_labels>("resource_constant_labels",
                                               Section<ResourceToTelemetryConfig>()),
          Member<&C::enables_open_metrics>("enable_open_metrics"),
          Member<&C::sending_queue>("sending_queue", Section<QueueConfig>()),
          Member<&C::without_scope_info>("without_scope_info"),
          Member<&C::add_metric_suffixes>("add_metric_suffixes").AlwaysWritten(),
          Member<&C::translation_strategy>("translation_strategy"),
          Inline<&C::server>(),
      },
      &CheckPrometheus);
  return kFields;
}

constexpr std::string_view kOpenMetricsType = "application/openmetrics-text";

// How much a client wants a media type (RFC 9110 12.5.1), from 0 to 1; 0 when it is not named.
double QualityOf(std::string_view accept, std::string_view media_type) {
  double best = 0;
  while (!accept.empty()) {
    std::string_view choice = accept.substr(0, accept.find(','));
    accept.remove_prefix(std::min(accept.size(), choice.size() + 1));
    size_t start = choice.find_first_not_of(' ');
    if (start == std::string_view::npos || !choice.substr(start).starts_with(media_type)) continue;
    size_t quality = choice.find("q=");
    double value = quality == std::string_view::npos
                       ? 1
                       : std::strtod(std::string(choice.substr(quality + 2)).c_str(), nullptr);
    best = std::max(best, value);
  }
  return best;
}

bool PrefersOpenMetrics(std::string_view accept) {
  double quality = QualityOf(accept, kOpenMetricsType);
  return quality > 0 && quality >= QualityOf(accept, "text/plain");
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
    router.Add("GET", "/metrics", [this](const net::HttpRequest& request) { return Show(request); });
    SEXTANT_ASSIGN(endpoint_, StartExtensionServer(settings_, config_.server, std::move(router)));
    return {};
  }
  void Shutdown() override { endpoint_->Stop(); }

  void Send(Telemetry batch, Done done) override {
    otlp::MetricsData& data = batch.MutableMetrics();
    deltas_.Convert(data);
    CopyResourceAttributes(
        config_.resource_constant_labels.value_or(config_.resource_to_telemetry_conversion), data);
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
  net::HttpResponse Show(const net::HttpRequest& request) {
    std::string_view accept = request.headers.Get("Accept");
    exposition::NegotiatedFormat negotiated = exposition::Negotiate(accept, false);
    PulledFormat format{.is_open_metrics = config_.enables_open_metrics && PrefersOpenMetrics(accept),
                        .escaping = negotiated.escaping};
    net::HttpResponse response = net::HttpResponse::Text(200, metrics_.Render(format));
    std::string type = format.is_open_metrics
                           ? fmt::format("{}; version=1.0.0; charset=utf-8; escaping={}", kOpenMetricsType,
                                         core::EscapingName(format.escaping))
                           : exposition::ContentTypeOf(negotiated);
    response.headers.Set("Content-Type", type);
    return response;
  }

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
  otlp::LabelNamer namer{config.Translation().allows_utf8, true, true};
  model::LabelsBuilder labels;
  for (const auto& [name, value] : config.const_labels) {
    SEXTANT_ASSIGN(std::string built, namer.Build(name));
    labels.Set(built, value);
  }
  options.const_labels = labels.Build();
  RetryConfig no_retry;
  no_retry.enabled = false;
  return MakeQueuedExporter(settings, signal, config.sending_queue, no_retry,
                            std::make_unique<PrometheusSender>(settings, config, std::move(options)));
}

}  // namespace

ComponentType PrometheusExporterType() {
  return ExporterType<PrometheusConfig>("prometheus", {}, {Signal::kMetrics}, &MakePrometheus);
}

}  // namespace sextant::pipeline
