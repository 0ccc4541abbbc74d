#include "metrics/remote/otlp_store.h"

#include <fmt/format.h>

namespace sextant::remote {

namespace {

using core::Code;
using core::Fail;
using core::Result;
using core::Status;

otlp::PrometheusSettings SettingsOf(const config::OtlpConfig& config, const OtlpStoreOptions& options) {
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

OtlpStore::OtlpStore(model::Appendable& storage, const core::Clock& clock, core::Registry& registry,
                     core::Logger logger, OtlpStoreOptions options)
    : storage_(storage),
      logger_(std::move(logger)),
      options_(options),
      out_of_order_exemplars_(registry.AddCounter("prometheus_api_otlp_out_of_order_exemplars_total",
                                                  "Exemplars from OTLP that the store has refused.")),
      settings_(std::make_shared<const otlp::PrometheusSettings>(SettingsOf({}, options_))) {
  SEXTANT_CHECK(!options_.converts_deltas || !options_.keeps_deltas);
  if (options_.converts_deltas) deltas_ = std::make_unique<otlp::DeltaToCumulative>(clock);
}

void OtlpStore::SetConfig(const config::OtlpConfig& config) {
  auto settings = std::make_shared<const otlp::PrometheusSettings>(SettingsOf(config, options_));
  std::lock_guard lock(mutex_);
  settings_ = std::move(settings);
}

std::shared_ptr<const otlp::PrometheusSettings> OtlpStore::settings() const {
  std::lock_guard lock(mutex_);
  return settings_;
}

void OtlpStore::LogWarnings(const otlp::Translation& result) const {
  if (result.warnings.empty()) return;
  logger_.Warn("OTLP metrics were translated with warnings", {{"warnings", Lines(result.warnings, 0)}});
}

Status OtlpStore::StoreAll(otlp::MetricsData data) {
  if (deltas_ != nullptr && otlp::HasDeltas(data)) deltas_->Convert(data);
  std::shared_ptr<const otlp::PrometheusSettings> settings = this->settings();
  std::unique_ptr<model::Appender> appender = storage_.NewAppender();
  otlp::PrometheusTranslator translator(*settings, *appender);
  translator.Translate(data);
  const otlp::Translation& result = translator.result();
  LogWarnings(result);
  const bool is_only_over_limit = result.error_count == result.samples_over_limit;
  if (!is_only_over_limit) {
    appender->Rollback();
    return Fail(result.has_untimely_samples ? Code::kInvalidArgument : Code::kInternal, "{}",
                Lines(result.errors, result.error_count));
  }
  if (Status committed = appender->Commit(); !committed)
    return Fail(Code::kInternal, "{}", committed.error().message());
  out_of_order_exemplars_.Increment(static_cast<double>(result.refused_exemplars));
  if (result.error_count == 0) return {};
  return Fail(Code::kInvalidArgument, "{}", Lines(result.errors, result.error_count));
}

Result<OtlpRefusals> OtlpStore::StorePoints(const otlp::MetricsData& data) {
  otlp::PrometheusSettings settings = *this->settings();
  settings.keeps_other_points = true;
  std::unique_ptr<model::Appender> appender = storage_.NewAppender();
  otlp::PrometheusTranslator translator(settings, *appender);
  if (deltas_ != nullptr && otlp::HasDeltas(data)) {
    otlp::MetricsData converted = data;
    deltas_->Convert(converted);
    translator.Translate(converted);
  } else {
    translator.Translate(data);
  }
  const otlp::Translation& result = translator.result();
  LogWarnings(result);
  SEXTANT_TRY(appender->Commit());
  out_of_order_exemplars_.Increment(static_cast<double>(result.refused_exemplars));
  return OtlpRefusals{result.refused_points, result.errors};
}

}  // namespace sextant::remote
