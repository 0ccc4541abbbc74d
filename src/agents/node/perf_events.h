// What can be counted by the kernel's performance events, perf_event_open(2), by the original's names.
// Stateless; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sextant::node {

enum class PerfGroup { kHardware, kSoftware, kCache };

struct PerfEvent {
  PerfGroup group;
  std::string_view name;    // in flags: "CpuCycles"
  std::string_view metric;  // behind "node_perf_": "cpucycles_total"
  uint32_t type;            // of struct perf_event_attr
  uint64_t config;
};

// All that node_exporter counts.
std::span<const PerfEvent> PerfEvents();
// Whether a group has an event of this name.
bool HasPerfEvent(PerfGroup group, std::string_view name);

// "0,4-10:2" → 0, 4, 6, 8, 10, in order and each once; at most 4,096. kInvalidArgument quotes what is no
// list.
core::Result<std::vector<int>> ParseCpuList(std::string_view text);

}  // namespace sextant::node
