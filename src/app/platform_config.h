// The configuration of a running platform, read and checked as a whole before anything of it takes effect.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "alerting/config.h"
#include "app/collector_settings.h"
#include "config/prometheus_config.h"
#include "config/sextant_config.h"
#include "core/result.h"
#include "metrics/promql/parser.h"
#include "metrics/rules/rule_file.h"
#include "users/settings.h"

namespace sextant::app {

enum class ConfigKind {
  kNone,        // no file: built-in defaults
  kSextant,     // sextant.yaml
  kPrometheus,  // prometheus.yml
};

struct ConfigSource {
  ConfigKind kind = ConfigKind::kNone;
  std::string path;
  // There are rules when the configuration names none, and a heartbeat when a route asks for it.
  bool uses_builtin_rules = false;
  promql::ParserOptions parser;
  bool is_agent = false;              // sections that need a store are refused
  bool extra_scrape_metrics = false;  // what global.extra_scrape_metrics is when nothing is said
  bool prefers_protobuf = false;      // where no scrape_protocols are named
};

struct PlatformConfig {
  config::PrometheusConfig prometheus;
  std::vector<rules::RuleFile> rule_files;
  std::shared_ptr<const alerting::Config> alerting;
  config::GrafanaSection grafana;
  std::shared_ptr<const users::Settings> users;  // null: users are off
  CollectorSettings collector;
  // What it was read from: files, and the patterns of rule_files and scrape_config_files.
  std::vector<std::string> files;
  std::vector<std::string> patterns;
};

// Reads everything the source names. Errors say file, line, column and field; what is worth a word but no
// error goes to the log.
core::Result<PlatformConfig> LoadPlatformConfig(const ConfigSource& source, const core::Logger& logger);

// A number that changes when one of these files changes, comes or goes.
uint64_t FingerprintFiles(const std::vector<std::string>& files, const std::vector<std::string>& patterns);

}  // namespace sextant::app
