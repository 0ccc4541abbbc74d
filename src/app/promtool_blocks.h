// Blocks in Prometheus' form that stand in a data directory, and how promtool lists them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/result.h"
#include "metrics/promfiles/meta.h"

namespace sextant::app {

struct DirectoryBlock {
  promfiles::BlockMeta meta;
  std::string dir;
  uint64_t size_bytes = 0;  // of its chunks, index, tombstones and meta.json
};

// promtool's error for a directory that is not there.
core::Status CheckDirectory(const std::string& path);

// The blocks of a directory, by their times. Errors are those of reading, with promtool's words for a missing
// directory.
core::Result<std::vector<DirectoryBlock>> ReadBlocks(const std::string& path);

// Lines of a table; times and sizes as numbers, or for people.
std::string BlockTable(const std::vector<DirectoryBlock>& blocks, bool has_header, bool is_human_readable);

}  // namespace sextant::app
