// What EC2's query API answers, as targets. Pure functions; answers may be hostile.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "model/labels.h"

namespace sextant::discovery {

// IDs of availability zones by their names (DescribeAvailabilityZones).
core::Result<std::map<std::string, std::string>> ReadEc2Zones(std::string_view xml);

// One page of instances (DescribeInstances).
struct Ec2Page {
  std::vector<model::Labels> targets;
  std::string next_token;  // empty: there are no more
};
core::Result<Ec2Page> ReadEc2Instances(std::string_view xml, const std::map<std::string, std::string>& zones,
                                       const std::string& region, int32_t port);

// "AuthFailure: …" of an answer with an error, or "" when it is none of AWS'.
std::string ReadEc2Error(std::string_view xml);

}  // namespace sextant::discovery
