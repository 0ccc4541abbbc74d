// ec2_sd: instances of AWS EC2, from its query API (DescribeInstances, version 2016-11-15) with signed
// requests.
#pragma once

#include <memory>
#include <string>

#include "config/api_discovery_config.h"
#include "core/result.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// kInvalidArgument without a region, neither in the configuration nor where AWS' tools look.
core::Result<std::unique_ptr<Discoverer>> MakeEc2Discoverer(const Services& services,
                                                            const config::Ec2DiscoveryConfig& config,
                                                            const std::string& set);

}  // namespace sextant::discovery
