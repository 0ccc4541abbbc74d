// Refuses data while the process uses too much memory (the collector's `memory_limiter`). What counts is what
// is allocated, looked at every check_interval; the soft limit lies spike_limit below the hard one.
#pragma once

#include "pipeline/component.h"

namespace sextant::pipeline {

struct MemoryLimiterConfig {
  core::DurationMs check_interval_ms = 0;
  uint32_t limit_mib = 0;
  uint32_t spike_limit_mib = 0;
  uint32_t limit_percentage = 0;
  uint32_t spike_limit_percentage = 0;
};

const config::Struct& FieldsOf(const MemoryLimiterConfig*);

struct MemoryLimits {
  uint64_t hard_bytes = 0;
  uint64_t soft_bytes = 0;
};
// Of settings, on a machine (or in a cgroup) with so much memory.
MemoryLimits LimitsOf(const MemoryLimiterConfig& config, uint64_t total_bytes);

ComponentType MemoryLimiterType();
// With what to ask for the memory in use, for tests.
std::unique_ptr<Processor> MakeMemoryLimiter(const ComponentSettings& settings,
                                             const MemoryLimiterConfig& config, Signal signal, Consumer& next,
                                             std::function<uint64_t()> used_bytes);

}  // namespace sextant::pipeline
