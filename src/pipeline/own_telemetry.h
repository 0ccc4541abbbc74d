// The collector's own metrics as it serves them for scraping: its names, with the collector's attributes as
// labels.
#pragma once

#include <map>
#include <string>

#include "core/clock.h"
#include "core/metrics.h"
#include "pipeline/service_config.h"

namespace sextant::pipeline {

// Registers what the collector tells of its process: uptime, CPU, memory. `clock` must outlive the registry's
// last rendering.
void RegisterProcessTelemetry(core::Registry& telemetry, const core::Clock& clock);

// The attributes of this collector as the settings change them: service.name, service.version,
// service.instance.id and what else they name.
std::map<std::string, std::string> ResourceOf(const TelemetryConfig& config, const std::string& version,
                                              const std::string& instance_id);

// The text format 0.0.4. `is_shared`: others than a collector have metrics in the registry, too, and those
// are left out.
std::string RenderTelemetry(const core::Registry& telemetry,
                            const std::map<std::string, std::string>& resource, const TelemetryConfig& config,
                            bool is_shared = false);

}  // namespace sextant::pipeline
