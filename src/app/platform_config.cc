#include "app/platform_config.h"

#include "config/sextant_config.h"

namespace sextant::app {

namespace {

using core::Result;

// What the platform does before it is told anything: look often, since it looks at one machine.
constexpr core::DurationMs kDefaultIntervalMs = 15'000;

config::PrometheusConfig DefaultPrometheusConfig() {
  config::PrometheusConfig defaults;
  defaults.global.scrape_interval_ms = kDefaultIntervalMs;
  defaults.global.evaluation_interval_ms = kDefaultIntervalMs;
  return defaults;
}

core::Status ReadSextant(const std::string& path, PlatformConfig& loaded) {
  SEXTANT_ASSIGN(config::SextantConfig file, config::SextantConfig::Load(path));
  if (config::Node node = file.prometheus()) {
    SEXTANT_ASSIGN(loaded.prometheus, config::ReadPrometheusConfig(node));
  }
  if (config::Node node = file.alertmanager()) {
    SEXTANT_ASSIGN(loaded.alerting, alerting::DecodeConfig(node));
  }
  return {};
}

}  // namespace

Result<PlatformConfig> LoadPlatformConfig(const ConfigSource& source) {
  PlatformConfig loaded;
  loaded.prometheus = DefaultPrometheusConfig();
  loaded.alerting = alerting::BuiltInConfig();
  switch (source.kind) {
    case ConfigKind::kNone:
      break;
    case ConfigKind::kSextant:
      SEXTANT_TRY(ReadSextant(source.path, loaded));
      break;
    case ConfigKind::kPrometheus: {
      SEXTANT_ASSIGN(loaded.prometheus, config::LoadPrometheusConfig(source.path));
      break;
    }
  }
  SEXTANT_ASSIGN(std::vector<std::string> paths, config::ListRuleFiles(loaded.prometheus));
  rules::RuleFileOptions options;
  options.parser = source.parser;
  auto files = rules::LoadRuleFiles(paths, options);
  if (!files) return tl::unexpected(rules::Summarize(files.error()));
  loaded.rule_files = std::move(*files);
  if (loaded.prometheus.rule_files.empty() && source.uses_builtin_rules)
    loaded.rule_files.push_back(rules::BuiltinRules());
  return loaded;
}

}  // namespace sextant::app
