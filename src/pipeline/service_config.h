// A collector's configuration: which components there are, how they are set, and how they are joined.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/node.h"
#include "config/value.h"
#include "core/log.h"
#include "core/result.h"
#include "pipeline/component.h"

namespace sextant::pipeline {

// A component as configured.
struct ComponentConfig {
  ComponentId id;
  const ComponentType* type = nullptr;
  ConfigPtr config;
  config::Node place;  // for errors about it
};

struct PipelineConfig {
  ComponentId id;  // its type is the signal: "traces/2"
  Signal signal = Signal::kTraces;
  std::vector<ComponentId> receivers;
  std::vector<ComponentId> processors;
  std::vector<ComponentId> exporters;
  config::Node place;
};

enum class MetricsLevel { kNone, kBasic, kNormal, kDetailed };

struct TelemetryConfig {
  core::LogLevel log_level = core::LogLevel::kInfo;
  core::LogFormat log_format = core::LogFormat::kLogfmt;
  std::vector<std::string> log_paths = {"stderr"};
  std::map<std::string, std::string> log_fields;  // in every line
  MetricsLevel metrics_level = MetricsLevel::kNormal;
  // Where /metrics is served; empty: nowhere.
  std::vector<std::string> metrics_addresses = {"localhost:8888"};
  bool has_default_address = true;  // the configuration names none
  bool without_type_suffix = true;  // counters do not end in _total
  bool without_units = true;
  std::map<std::string, std::string> resource;  // attributes; a value "" takes one away
};

struct CollectorConfig {
  // By kind and id, all that stand in the file, used or not.
  std::map<ComponentKind, std::map<ComponentId, ComponentConfig>> components;
  std::vector<ComponentId> extensions;  // in the order of service.extensions
  std::vector<PipelineConfig> pipelines;
  TelemetryConfig telemetry;
  std::vector<std::string> warnings;  // of what is taken and should be changed

  const ComponentConfig* Find(ComponentKind kind, const ComponentId& id) const;
};

// What was read, with the tree that places refer to.
struct LoadedConfig {
  config::Document document;
  CollectorConfig config;
};

// Reads a resolved configuration: all settings of all components are read, also of those that no pipeline
// uses, and all references are checked. Errors say "file:line:column: path: what", the collector's words
// where they name the problem.
// `has_stores`: whether the process that runs it has stores of its own, for the exporter `sextant`.
core::Result<LoadedConfig> ReadCollectorConfig(const config::Value& resolved, bool has_stores = false);

// The whole configuration with all defaults, as YAML; secrets are hidden.
std::string PrintConfig(const CollectorConfig& config);

}  // namespace sextant::pipeline
