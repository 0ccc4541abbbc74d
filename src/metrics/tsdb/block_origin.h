// Where a block came from: what it replaces, and how far it covers the head. Kept in a small file `origin` in
// the block's directory, so that a restart in the middle of a replacement ends it. docs/formats/block.md
// describes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/result.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

struct BlockOrigin {
  // All samples before this that were appended in order are in blocks, by this block and those before it.
  // kNoTime: the block says nothing of that (out-of-order samples, early cuts of stale series).
  TimestampMs head_end_ms = kNoTime;
  bool is_out_of_order = false;
  bool is_stale_series = false;
  uint32_t level = 1;  // how often its samples were written to a block
  // Names of the directories that it replaces. Once it stands, they count no more.
  std::vector<std::string> parents;

  friend bool operator==(const BlockOrigin&, const BlockOrigin&) = default;
};

inline constexpr std::string_view kOriginFile = "origin";

// Writes the file into a block's directory that is not finished yet (`….tmp`).
core::Status WriteOrigin(core::FileSystem& fs, const std::string& block_dir, const BlockOrigin& origin);
// nullopt when there is none: the block replaces nothing and was cut from the head in order. kCorruption when
// the file is not what was written.
core::Result<std::optional<BlockOrigin>> ReadOrigin(core::FileSystem& fs, const std::string& block_dir);

// The file's content.
std::string EncodeOrigin(const BlockOrigin& origin);
core::Result<BlockOrigin> DecodeOrigin(std::string_view bytes);

// Of a block that is made of others.
BlockOrigin MergeOrigins(const std::vector<BlockOrigin>& origins, std::vector<std::string> names);

}  // namespace sextant::tsdb
