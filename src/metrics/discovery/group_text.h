// Target groups as text, as file_sd and http_sd have them:
//
//   [{"targets": ["10.0.0.1:9100"], "labels": {"env": "prod"}}]
//
// Strict as Prometheus is: a field that it does not know, a value of another type and a group that is null
// are errors, and then nothing of the text counts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/discovery/discoverer.h"

namespace sextant::discovery {

// Most bytes of such a text.
inline constexpr size_t kMaxGroupTextBytes = 64 << 20;

// Groups of a text. The i-th has the source "<name>:<i>". Errors are kInvalidArgument and begin with the
// name, and with the line and column where there is one.
core::Result<std::vector<TargetGroup>> ParseGroupsJson(std::string_view text, const std::string& name);
core::Result<std::vector<TargetGroup>> ParseGroupsYaml(std::string_view text, const std::string& name);

}  // namespace sextant::discovery
