// Chunk snapshots (chunk_snapshot.SSSSSS.OOOOOOOOOO): what the head held in memory when Prometheus stopped,
// so that it need not read its WAL before segment S, offset O. Their files are segments like those of the
// WAL, with records of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/wal_record.h"

namespace sextant::promfiles {

struct ChunkSnapshot {
  uint64_t segment = 0;
  uint64_t offset = 0;
  std::string path;
};

// The newest snapshot of a data directory.
core::Result<std::optional<ChunkSnapshot>> LastChunkSnapshot(const core::FileSystem& fs,
                                                             const std::string& data_dir);

enum class SnapshotRecordType : uint8_t { kSeries = 1, kTombstones = 2, kExemplars = 3 };

struct SnapshotSeries {
  WalRef ref = 0;
  model::Labels labels;
  uint8_t encoding = 0;    // 0: it has no open chunk
  std::string_view chunk;  // views the record
};

core::Status DecodeSnapshotSeries(std::string_view record, SnapshotSeries& out);
core::Status DecodeSnapshotTombstones(std::string_view record, std::vector<WalTombstone>& out);
core::Status DecodeSnapshotExemplars(std::string_view record, std::vector<WalExemplar>& out);

}  // namespace sextant::promfiles
