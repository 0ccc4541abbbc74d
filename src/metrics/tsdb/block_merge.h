// Fills a new block from others or from the head, one series after the other, so that memory holds the
// samples of one series at a time. Samples that several blocks have are written once.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/head.h"

namespace sextant::tsdb {

// Which samples: those of the series that match one of the sets (of all series, when there is none), with
// start_ms <= time <= end_ms.
struct CopyFilter {
  std::vector<std::vector<model::Matcher>> matcher_sets;
  TimestampMs start_ms = kNoTime;
  TimestampMs end_ms = std::numeric_limits<TimestampMs>::max();
};

struct CopyCounts {
  uint64_t series = 0;
  uint64_t samples = 0;
};

// What reading a block met: the block, and why. Returning an error ends the copy with it; otherwise it goes
// on without the chunk.
using OnDamage = std::function<core::Status(const Block& block, const core::Error& error)>;

// Copies blocks (earlier ones win where several have a time) into `writer`. `is_cancelled` is asked before
// each series; then the result is kCancelled. An index that cannot be read is an error.
core::Result<CopyCounts> CopyBlocks(const std::vector<std::shared_ptr<const Block>>& blocks,
                                    const CopyFilter& filter, const std::function<bool()>& is_cancelled,
                                    const OnDamage& on_damage, BlockWriter& writer);

// Copies what the head has now: of samples that came in order, those from `in_order_from_ms` on; what was
// before is in blocks.
core::Result<CopyCounts> CopyHead(const Head& head, const CopyFilter& filter, TimestampMs in_order_from_ms,
                                  const std::function<bool()>& is_cancelled, BlockWriter& writer);

}  // namespace sextant::tsdb
