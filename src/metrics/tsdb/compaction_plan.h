// Which blocks to merge next: decides, and touches nothing. As Prometheus' leveled compaction: blocks that
// overlap first, then neighbours that fill a range of the next size, then large blocks of which much was
// deleted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/clock.h"

namespace sextant::tsdb {

using core::DurationMs;
using core::TimestampMs;

// What the plan needs to know of a block.
struct PlannedBlock {
  TimestampMs start_ms = 0;  // it covers start <= time < end
  TimestampMs end_ms = 0;
  uint64_t series = 0;
  uint64_t tombstones = 0;  // series of which something was deleted
  bool has_failed = false;  // it could not be merged before, and is left alone
};

// The sizes that blocks grow through: the smallest, three times that, and so on up to `max_ms`; at least the
// smallest alone.
std::vector<DurationMs> CompactionRanges(DurationMs min_ms, DurationMs max_ms);

// The places in `blocks` (in any order) of those to be made one; a single one is to be written anew without
// what was deleted. Empty: nothing is due. The newest range is left alone, and so are the blocks that overlap
// in it until it is worth it.
std::vector<size_t> PlanCompaction(std::span<const PlannedBlock> blocks,
                                   const std::vector<DurationMs>& ranges_ms);

}  // namespace sextant::tsdb
