// What the processor `resource_detection` finds without asking anyone: the environment's attributes, and the
// system it runs on. Looking up a name may take as long as the system's resolver does, so not on an I/O
// thread. Any other thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sextant::pipeline {

// A value of an attribute: a text, or several.
struct DetectedValue {
  std::vector<std::string> texts;
  bool is_list = false;

  static DetectedValue Text(std::string text) { return {{std::move(text)}, false}; }
  static DetectedValue List(std::vector<std::string> texts) { return {std::move(texts), true}; }
  friend bool operator==(const DetectedValue&, const DetectedValue&) = default;
};
// In the order they were found.
using DetectedAttributes = std::vector<std::pair<std::string, DetectedValue>>;

// "key=value,key=value", values percent-encoded: OTEL_RESOURCE_ATTRIBUTES. kInvalidArgument with the
// collector's texts.
core::Result<DetectedAttributes> ParseResourceAttributes(std::string_view text);

// How the host's name is found.
enum class HostNameSource { kOs, kDns, kCname, kLookup };

// The attributes that are asked for, by their names: host.name, host.id, host.arch, host.ip, host.mac,
// os.type, os.name, os.version. kUnavailable when no source knows the host's name.
core::Result<DetectedAttributes> DetectSystem(const std::vector<HostNameSource>& sources,
                                              const std::vector<std::string>& wanted);

}  // namespace sextant::pipeline
