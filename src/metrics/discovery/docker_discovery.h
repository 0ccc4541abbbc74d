// docker_sd and dockerswarm_sd: what a Docker daemon knows, asked for again and again.
#pragma once

#include <memory>
#include <string>

#include "config/api_discovery_config.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

std::unique_ptr<Discoverer> MakeDockerDiscoverer(const Services& services,
                                                 const config::DockerDiscoveryConfig& config,
                                                 const std::string& set);
std::unique_ptr<Discoverer> MakeDockerSwarmDiscoverer(const Services& services,
                                                      const config::DockerSwarmDiscoveryConfig& config,
                                                      const std::string& set);

}  // namespace sextant::discovery
