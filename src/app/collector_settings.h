// Which pipelines of telemetry the platform runs, by its configuration: those of the section `otelcol` of
// sextant.yaml, or built-in ones.
#pragma once

#include <string>
#include <vector>

#include "config/sextant_config.h"
#include "config/value.h"
#include "core/log.h"
#include "core/result.h"

namespace sextant::app {

struct CollectorSettings {
  enum class Kind {
    kBuiltin,     // nothing was said: OTLP on the usual ports of this machine, metrics into the store
    kConfigured,  // as `resolved` says
    kNone,        // an empty mapping was given
  };
  Kind kind = Kind::kBuiltin;
  config::Value resolved;          // merged and expanded
  std::vector<std::string> files;  // that it was read from, beside the section's own

  // Whether pipelines that run as `other` says need not change.
  bool IsSameAs(const CollectorSettings& other) const;
};

// Reads everything the section names and checks it as a whole. Errors say file, line, column and field.
core::Result<CollectorSettings> LoadCollectorSettings(const config::CollectorSection& section,
                                                      const core::Logger& logger);

}  // namespace sextant::app
