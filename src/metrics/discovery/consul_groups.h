// What Consul's API answers, as target groups. Pure functions; answers may be hostile.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/api_discovery_config.h"
#include "core/result.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// The datacenter that an agent says it is in (/v1/agent/self).
core::Result<std::string> ReadConsulDatacenter(std::string_view json);

// Services of a catalog (/v1/catalog/services) that the configuration wants, and all others: name → wanted.
core::Result<std::map<std::string, bool>> ReadConsulServices(std::string_view json,
                                                             const config::ConsulDiscoveryConfig& config);

// The instances of a service (/v1/health/service/…), with the service's name as the source.
core::Result<TargetGroup> ReadConsulInstances(std::string_view json, const std::string& service,
                                              const std::string& datacenter,
                                              const std::string& tag_separator);

}  // namespace sextant::discovery
