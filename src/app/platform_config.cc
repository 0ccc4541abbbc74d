#include "app/platform_config.h"

#include <functional>

#include "config/node.h"
#include "config/paths.h"

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

config::PrometheusConfigOptions OptionsOf(const ConfigSource& source) {
  config::PrometheusConfigOptions options{config::ReadEnvironment};
  if (source.extra_scrape_metrics) options.extra_scrape_metrics = true;
  options.prefers_protobuf = source.prefers_protobuf;
  return options;
}

core::Status ReadSextant(const ConfigSource& source, const core::Logger& logger, PlatformConfig& loaded) {
  SEXTANT_ASSIGN(config::SextantConfig file, config::SextantConfig::Load(source.path));
  loaded.files = file.files();
  loaded.grafana = file.grafana();
  if (const std::string& ini = loaded.grafana.ini; !ini.empty()) {
    SEXTANT_ASSIGN(users::Settings users, users::LoadSettings(ini, config::ReadEnvironment));
    loaded.users = std::make_shared<const users::Settings>(std::move(users));
    loaded.files.push_back(ini);
  }
  SEXTANT_ASSIGN(loaded.collector, LoadCollectorSettings(file.otelcol(), logger));
  loaded.files.insert(loaded.files.end(), loaded.collector.files.begin(), loaded.collector.files.end());
  if (config::Node node = file.prometheus()) {
    SEXTANT_ASSIGN(loaded.prometheus, config::ReadPrometheusConfig(node, OptionsOf(source)));
  }
  if (config::Node node = file.alertmanager()) {
    SEXTANT_ASSIGN(loaded.alerting, alerting::DecodeConfig(node));
    if (loaded.alerting->tracing) {
      return node.Find("tracing").Fail(
          "there is one process here, whose work is traced as prometheus.tracing says");
    }
  }
  return {};
}

}  // namespace

Result<PlatformConfig> LoadPlatformConfig(const ConfigSource& source, const core::Logger& logger) {
  PlatformConfig loaded;
  loaded.prometheus = DefaultPrometheusConfig();
  loaded.alerting = alerting::BuiltInConfig();
  switch (source.kind) {
    case ConfigKind::kNone:
      break;
    case ConfigKind::kSextant:
      SEXTANT_TRY(ReadSextant(source, logger, loaded));
      break;
    case ConfigKind::kPrometheus: {
      SEXTANT_ASSIGN(loaded.prometheus, config::LoadPrometheusConfig(source.path, OptionsOf(source)));
      loaded.files.push_back(source.path);
      break;
    }
  }
  if (source.is_agent) SEXTANT_TRY(config::CheckForAgent(loaded.prometheus));
  loaded.patterns = loaded.prometheus.rule_files;
  loaded.patterns.insert(loaded.patterns.end(), loaded.prometheus.scrape_config_files.begin(),
                         loaded.prometheus.scrape_config_files.end());
  SEXTANT_ASSIGN(std::vector<std::string> paths, config::ListRuleFiles(loaded.prometheus));
  rules::RuleFileOptions options;
  options.parser = source.parser;
  options.name_scheme = loaded.prometheus.global.names.scheme();
  auto files = rules::LoadRuleFiles(paths, options);
  if (!files) return tl::unexpected(rules::Summarize(files.error()));
  loaded.rule_files = std::move(*files);
  if (loaded.prometheus.rule_files.empty() && source.uses_builtin_rules)
    loaded.rule_files.push_back(rules::BuiltinRules());
  if (source.uses_builtin_rules && alerting::NamesAlert(*loaded.alerting->route, rules::kHeartbeatAlert))
    loaded.rule_files.push_back(rules::HeartbeatRule());
  return loaded;
}

uint64_t FingerprintFiles(const std::vector<std::string>& files, const std::vector<std::string>& patterns) {
  std::vector<std::string> all = files;
  for (const std::string& pattern : patterns) {
    if (auto matches = config::ExpandGlob(pattern)) all.insert(all.end(), matches->begin(), matches->end());
  }
  constexpr size_t kMaxFileBytes = 64 << 20;
  uint64_t fingerprint = all.size();
  auto mix = [&](const std::string& text) {
    fingerprint = fingerprint * 0x9e3779b97f4a7c15 + std::hash<std::string>()(text);
  };
  for (const std::string& file : all) {
    mix(file);
    if (auto text = config::ReadTextFile(file, kMaxFileBytes)) mix(*text);
  }
  return fingerprint;
}

}  // namespace sextant::app
