#include "metrics/remote/otlp_receiver.h"

#include <fmt/format.h>

namespace sextant::remote {

namespace {

using core::Result;
using core::Status;

constexpr std::string_view kProtobuf = "application/x-protobuf";
constexpr std::string_view kJson = "application/json";

// As Go's http.Error answers.
net::HttpResponse ErrorText(int status, std::string text) {
  text += '\n';
  net::HttpResponse response = net::HttpResponse::Text(status, std::move(text));
  response.headers.Add("X-Content-Type-Options", "nosniff");
  return response;
}

// The data refers to the request's body.
Result<otlp::MetricsData> Decode(const net::HttpRequest& request) {
  std::string_view type = request.headers.Get("Content-Type");
  if (type != kProtobuf && type != kJson) {
    return core::Fail(core::Code::kInvalidArgument, "unsupported content type: {}, supported: [{}, {}]", type,
                      kJson, kProtobuf);
  }
  // What the server undoes has left no header.
  std::string_view encoding = request.headers.Get("Content-Encoding");
  if (!encoding.empty()) {
    return core::Fail(core::Code::kInvalidArgument,
                      "unsupported compression: {}. Only \"gzip\" or no compression supported", encoding);
  }
  return type == kJson ? otlp::DecodeMetricsJson(request.body) : otlp::DecodeMetrics(request.body);
}

otlp::PrometheusSettings SettingsOf(const config::OtlpConfig& config, const OtlpReceiverOptions& options) {
  using config::TranslationStrategy;
  TranslationStrategy strategy = config.translation_strategy;
  otlp::PrometheusSettings settings;
  settings.adds_suffixes = strategy == TranslationStrategy::kUnderscoreEscapingWithSuffixes ||
                           strategy == TranslationStrategy::kNoUtf8EscapingWithSuffixes;
  settings.allows_utf8 = strategy == TranslationStrategy::kNoTranslation ||
                         strategy == TranslationStrategy::kNoUtf8EscapingWithSuffixes;
  settings.promotes_all_resource_attributes = config.promote_all_resource_attributes;
  const std::vector<std::string>& attributes = config.promote_all_resource_attributes
                                                   ? config.ignore_resource_attributes
                                                   : config.promote_resource_attributes;
  settings.attributes.insert(attributes.begin(), attributes.end());
  settings.keeps_identifying_attributes = config.keep_identifying_resource_attributes;
  settings.converts_histograms_to_custom_buckets = config.convert_histograms_to_nhcb;
  settings.promotes_scope = config.promote_scope_metadata;
  settings.label_prefixes_underscore = config.label_name_underscore_sanitization;
  settings.label_preserves_multiple_underscores = config.label_name_preserve_multiple_underscores;
  settings.allows_delta = options.keeps_deltas;
  settings.adds_type_and_unit_labels = options.adds_type_and_unit_labels;
  settings.lookback_ms = options.lookback_ms;
  return settings;
}

std::string Lines(const std::vector<std::string>& lines, uint64_t count) {
  std::string text;
  for (const std::string& line : lines) text += (text.empty() ? "" : "\n") + line;
  if (count > lines.size()) text += fmt::format("\nand {} more", count - lines.size());
  return text;
}

}  // namespace

OtlpReceiver::OtlpReceiver(model::Appendable& storage, const core::Clock& clock, core::Registry& registry,
                           core::Logger logger, OtlpReceiverOptions options)
    : storage_(storage),
      logger_(std::move(logger)),
      options_(options),
      out_of_order_exemplars_(registry.AddCounter("prometheus_api_otlp_out_of_order_exemplars_total",
                                                  "Exemplars from OTLP that the store has refused.")),
      requests_refused_(registry.AddCounter("sextant_otlp_requests_refused_total",
                                            "OTLP requests of which nothing was stored.")),
      settings_(std::make_shared<const otlp::PrometheusSettings>(SettingsOf({}, options_))) {
  SEXTANT_CHECK(!options_.converts_deltas || !options_.keeps_deltas);
  if (options_.converts_deltas) deltas_ = std::make_unique<otlp::DeltaToCumulative>(clock);
}

void OtlpReceiver::SetConfig(const config::OtlpConfig& config) {
  auto settings = std::make_shared<const otlp::PrometheusSettings>(SettingsOf(config, options_));
  std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

net::HttpResponse OtlpReceiver::Handle(const net::HttpRequest& request) {
  Result<otlp::MetricsData> data = Decode(request);
  net::HttpResponse response = data ? Store(std::move(*data)) : ErrorText(400, data.error().message());
  if (response.status != 200) {
    requests_refused_.Increment();
    logger_.Warn("an OTLP request was refused",
                 {{"status", response.status}, {"error", std::string_view(response.body).substr(0, 1'000)}});
  }
  return response;
}

net::HttpResponse OtlpReceiver::Store(otlp::MetricsData data) {
  if (deltas_ != nullptr && otlp::HasDeltas(data)) deltas_->Convert(data);
  std::shared_ptr<const otlp::PrometheusSettings> settings;
  {
    std::lock_guard lock(mutex_);
    settings = settings_;
  }
  std::unique_ptr<model::Appender> appender = storage_.NewAppender();
  otlp::PrometheusTranslator translator(*settings, *appender);
  translator.Translate(data);
  const otlp::Translation& result = translator.result();
  if (!result.warnings.empty()) {
    logger_.Warn("OTLP metrics were translated with warnings", {{"warnings", Lines(result.warnings, 0)}});
  }
  if (result.error_count > 0) {
    appender->Rollback();
    return ErrorText(result.has_untimely_samples ? 400 : 500, Lines(result.errors, result.error_count));
  }
  if (Status committed = appender->Commit(); !committed) return ErrorText(500, committed.error().message());
  out_of_order_exemplars_.Increment(static_cast<double>(result.refused_exemplars));
  return {};
}

}  // namespace sextant::remote
