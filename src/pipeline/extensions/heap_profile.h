// What the process has in memory and what it allocated, by stack, from the samples of core/heap_sampling.h.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/heap_sampling.h"

namespace sextant::pipeline {

struct HeapProfileInfo {
  std::string shown_column;  // "inuse_space" or "alloc_space"
  core::TimestampMs started_ms = 0;
  core::DurationMs duration_ms = 0;  // 0 unless it is the difference of two moments
};

// The profile (profile_format.h) of all that was allocated after `before` was taken; an empty one stands for
// the beginning of sampling.
std::string EncodeHeapProfile(std::span<const core::HeapSite> before, std::span<const core::HeapSite> now,
                              const HeapProfileInfo& info);

}  // namespace sextant::pipeline
