// consul_sd: services of a Consul catalog and their instances, by blocking queries
// (developer.hashicorp.com/consul/api-docs/features/blocking): Consul answers when something has changed, or
// after two minutes.
#pragma once

#include <memory>
#include <string>

#include "config/api_discovery_config.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

std::unique_ptr<Discoverer> MakeConsulDiscoverer(const Services& services,
                                                 const config::ConsulDiscoveryConfig& config,
                                                 const std::string& set);

}  // namespace sextant::discovery
