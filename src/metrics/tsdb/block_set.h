// The blocks of a store: which there are, which a query sees, and what happens to those that cannot be read.
// Their ranges do not overlap, and the head begins where the last one ends. Thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/log.h"
#include "metrics/tsdb/block.h"
#include "metrics/tsdb/series.h"
#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {

// Blocks as of one moment.
struct BlockSnapshot {
  std::vector<std::shared_ptr<const Block>> blocks;  // oldest first
  TimestampMs end_ms = kNoTime;                      // samples before this are in blocks, not in the head
};

class BlockSet {
 public:
  BlockSet(core::FileSystem& fs, std::string dir, core::Logger logger, StoreMetrics& metrics)
      : fs_(fs), dir_(std::move(dir)), logger_(std::move(logger)), metrics_(metrics) {}

  // Opens what is in the directory, which exists; removes unfinished blocks, sets unreadable ones aside.
  core::Status Load();

  // Those that overlap start_ms <= time <= end_ms.
  BlockSnapshot Snapshot(TimestampMs start_ms, TimestampMs end_ms) const;
  TimestampMs end_ms() const;
  uint64_t count() const;
  uint64_t size_bytes() const;

  // The directory of a block of this range.
  std::string DirOf(TimestampMs start_ms, TimestampMs end_ms) const;
  // Adds a finished block, the newest. From then on the head counts only from its end.
  core::Status Add(const std::string& block_dir);
  // Says that there is nothing before `end_ms` that is not in a block (an empty range was cut).
  void RaiseEnd(TimestampMs end_ms);

  // Deletes the blocks that end at or before `oldest_ms`, and then the oldest until all together have at most
  // `max_bytes` (0: no limit).
  core::Status ApplyRetention(TimestampMs oldest_ms, uint64_t max_bytes);

  // Passes on the outcome of a lookup in a block, except that kCorruption sets the block aside: queries go on
  // without.
  core::Status Guard(const Block& block, core::Status status);
  // Logs and counts a chunk that could not be read.
  void ReportChunk(const core::Error& error) const;

 private:
  void SetAside(const std::string& block_dir, const core::Error& reason);
  core::Status Delete(const Block& block);

  core::FileSystem& fs_;
  const std::string dir_;
  const core::Logger logger_;
  StoreMetrics& metrics_;
  mutable std::mutex mutex_;
  std::vector<std::shared_ptr<const Block>> blocks_;  // oldest first
  TimestampMs end_ms_ = kNoTime;
};

}  // namespace sextant::tsdb
