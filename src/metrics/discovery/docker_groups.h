// What the API of a Docker daemon answers, as target groups. Pure functions; answers may be hostile.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/api_discovery_config.h"
#include "core/result.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// Labels by the ID of what they describe.
using LabelsById = std::map<std::string, std::map<std::string, std::string>, std::less<>>;

// Labels of networks (/networks), with names that begin with `prefix` ("__meta_docker_").
core::Result<LabelsById> ReadDockerNetworks(std::string_view json, std::string_view prefix);

// Containers (/containers/json) as the group "Docker".
core::Result<TargetGroup> ReadDockerContainers(std::string_view json, const LabelsById& networks,
                                               const config::DockerDiscoveryConfig& config);

}  // namespace sextant::discovery
