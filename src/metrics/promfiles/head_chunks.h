// Head chunk files (chunks_head/NNNNNN): the full chunks of Prometheus' head, written one after the other and
// mapped into memory; out-of-order ones among them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/wal_record.h"

namespace sextant::promfiles {

struct HeadChunk {
  WalRef series = 0;
  TimestampMs min_ms = 0;
  TimestampMs max_ms = 0;
  uint8_t encoding = 0;
  bool out_of_order = false;
  std::string_view bytes;
};

struct HeadChunkFile {
  uint64_t index = 0;
  std::string path;
};

// The files of a directory in order, also when some are missing between them. A directory that does not exist
// has none.
core::Result<std::vector<HeadChunkFile>> ListHeadChunkFiles(const core::FileSystem& fs,
                                                            const std::string& dir);

// Whether a file was made but never written to, as a crash may leave the newest.
bool IsEmptyHeadChunkFile(std::string_view file);

// Calls `visit` for each chunk with its offset. kCorruption, naming the offset, at the first one that cannot
// be read; those before it were visited.
core::Status VisitHeadChunks(std::string_view file,
                             const std::function<void(uint64_t offset, const HeadChunk& chunk)>& visit);

// The chunk at an offset that VisitHeadChunks gave.
HeadChunk HeadChunkAt(std::string_view file, uint64_t offset);

}  // namespace sextant::promfiles
