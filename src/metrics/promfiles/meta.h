// meta.json, what a Prometheus block says of itself. Written as Prometheus writes it; sections of other
// programs (Thanos') are kept as they are. Values; what is not such a file is kCorruption.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/ulid.h"

namespace sextant::promfiles {

using core::TimestampMs;

// In compaction.hints: made of samples that came out of order.
inline constexpr std::string_view kHintFromOutOfOrder = "from-out-of-order";

struct BlockStats {
  uint64_t samples = 0;
  uint64_t float_samples = 0;      // known since Prometheus 2.5x
  uint64_t histogram_samples = 0;  // likewise
  uint64_t series = 0;
  uint64_t chunks = 0;
  uint64_t tombstones = 0;

  friend bool operator==(const BlockStats&, const BlockStats&) = default;
};

// A block that another one was made of.
struct BlockParent {
  Ulid ulid;
  TimestampMs min_time_ms = 0;
  TimestampMs max_time_ms = 0;

  friend bool operator==(const BlockParent&, const BlockParent&) = default;
};

struct BlockCompaction {
  int64_t level = 1;          // 1: cut from the head
  std::vector<Ulid> sources;  // the blocks of level 1 that are in it
  std::vector<BlockParent> parents;
  std::vector<std::string> hints;
  bool deletable = false;  // has no samples
  bool failed = false;     // could not be compacted

  friend bool operator==(const BlockCompaction&, const BlockCompaction&) = default;
};

struct BlockMeta {
  Ulid ulid;
  TimestampMs min_time_ms = 0;  // min <= time < max
  TimestampMs max_time_ms = 0;
  BlockStats stats;
  BlockCompaction compaction;
  int64_t version = 1;
  // Other sections by name, as JSON.
  std::vector<std::pair<std::string, std::string>> other;

  friend bool operator==(const BlockMeta&, const BlockMeta&) = default;
};

std::string FormatBlockMeta(const BlockMeta& meta);
// Of any version.
core::Result<BlockMeta> ParseBlockMeta(std::string_view json);

// The file of a block, whose version must be 1. `size_bytes`, when given, is set to the file's size.
core::Result<BlockMeta> ReadBlockMeta(core::FileSystem& fs, const std::string& block_dir,
                                      uint64_t* size_bytes = nullptr);
// Replaces it atomically.
core::Status WriteBlockMeta(core::FileSystem& fs, const std::string& block_dir, const BlockMeta& meta);

// Prometheus 2.1 wrote version 2 into meta.json that belonged into the index, whose version stayed 1. Puts
// both right; false when there was nothing to repair.
core::Result<bool> RepairIndexVersion(core::FileSystem& fs, const std::string& block_dir);

}  // namespace sextant::promfiles
