// http_sd: target groups as JSON from a URL, asked for again and again.
#pragma once

#include <memory>
#include <string>

#include "config/discovery_config.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

std::unique_ptr<Discoverer> MakeHttpDiscoverer(const Services& services,
                                               const config::HttpDiscoveryConfig& config,
                                               const std::string& set);

}  // namespace sextant::discovery
