// What the processor `resource_detection` finds without asking anyone: the environment's attributes, and the
// system it runs on. Looking up a name may take as long as the system's resolver does, so not on an I/O
// thread. Any other thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace sextant::pipeline {

// A value of an attribute: a text, several, or a number.
struct DetectedValue {
  std::vector<std::string> texts;
  bool is_list = false;
  std::optional<int64_t> number = {};

  static DetectedValue Text(std::string text) { return {{std::move(text)}, false, {}}; }
  static DetectedValue List(std::vector<std::string> texts) { return {std::move(texts), true, {}}; }
  static DetectedValue Int(int64_t number) { return {{}, false, number}; }
  friend bool operator==(const DetectedValue&, const DetectedValue&) = default;
};
// In the order they were found.
using DetectedAttributes = std::vector<std::pair<std::string, DetectedValue>>;

// The attributes of a detector that can be switched on and off, by name, with what they are unless told.
using AttributeDefaults = std::map<std::string, bool, std::less<>>;

// A variable of the environment, or "".
std::string EnvironmentVariable(const std::string& name);

// "key=value,key=value", values percent-encoded: OTEL_RESOURCE_ATTRIBUTES. kInvalidArgument with the
// collector's texts.
core::Result<DetectedAttributes> ParseResourceAttributes(std::string_view text);

// How the host's name is found.
enum class HostNameSource { kOs, kDns, kCname, kLookup };

// All attributes of the system that can be found, the host's name first. kUnavailable when no source knows
// that name.
core::Result<DetectedAttributes> DetectSystem(const std::vector<HostNameSource>& sources);
const AttributeDefaults& SystemAttributes();

// The first processor of a text as /proc/cpuinfo has it: host.cpu.*.
DetectedAttributes ParseCpuInfo(std::string_view text);

}  // namespace sextant::pipeline
