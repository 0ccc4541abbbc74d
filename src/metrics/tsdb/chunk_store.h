// Full chunks of the head in numbered files, so that memory holds only what is being written. Each chunk
// names the one of its series before it, so that a series needs to remember only its newest.
// docs/formats/head-chunks.md describes the bytes:
//
//   header (16): "SXTHCK1\n", u64 number of the file
//   chunk (40):  u64 checksum of the rest, u64 ref of the series' chunk before (0: none), i64 time of the
//   last sample,
//                u64 ref of the series, u24 samples, u8 kind, u32 bytes; then the bytes
//
// Append only copies into a buffer; Flush writes. The files are a cache of what the journal and the
// checkpoint hold until a checkpoint refers to them, which is why nothing is lost when the buffer is.
//
// Thread-safe.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/log.h"
#include "core/result.h"
#include "metrics/tsdb/series.h"

namespace sextant::tsdb {

enum class ChunkKind : uint8_t {
  kFloats = 0,      // chunk.h
  kHistograms = 1,  // histogram_chunk.h
};

struct WrittenChunk {
  SeriesRef series = 0;
  ChunkRef previous = 0;
  TimestampMs last_time_ms = 0;
  uint32_t samples = 0;
  ChunkKind kind = ChunkKind::kFloats;
  std::string bytes;
};

// Reads a chunk with its header; kCorruption when it is not one. SealWrittenChunk writes the checksum into
// one.
core::Status ParseWrittenChunk(std::string_view record, WrittenChunk& out);
void SealWrittenChunk(std::string& record);

// A file as a checkpoint remembers it.
struct ChunkFileInfo {
  uint64_t number = 0;
  uint64_t chunks = 0;
  TimestampMs last_time_ms = kNoTime;  // over its chunks
};

class ChunkStore {
 public:
  // A store in `dir`, which exists. Adopt comes before everything else.
  ChunkStore(core::FileSystem& fs, std::string dir, core::Logger logger)
      : fs_(fs), dir_(std::move(dir)), logger_(std::move(logger)) {}

  // Goes on with the files that a checkpoint lists, and removes all others. New files get numbers after that
  // of `newest_chunk`, since refs to files that are gone must not find others in their place.
  core::Status Adopt(const std::vector<ChunkFileInfo>& files, ChunkRef newest_chunk);

  // Takes a chunk (at most 1 MiB) and returns where it will be. Does no I/O.
  ChunkRef Append(SeriesRef series, ChunkRef previous, TimestampMs last_time_ms, uint32_t samples,
                  std::string_view bytes, ChunkKind kind = ChunkKind::kFloats);

  // kNotFound when the chunk's file has been removed; kCorruption when there is no such chunk.
  core::Status Read(ChunkRef ref, WrittenChunk& out) const;

  // Writes what is buffered, if it is worth a write (or `even_little`). On failure it stays buffered.
  core::Status Flush(bool even_little);
  // Flushes and waits until all is on the device.
  core::Status Sync();

  // Lets the next chunk go into a new file, so that the present one can be removed some day.
  void StartNewFile();
  // Removes the files whose samples are all before `time_ms`, except the present one.
  core::Status RemoveBefore(TimestampMs time_ms);

  // The files with samples at or after `from_ms`.
  std::vector<ChunkFileInfo> Files(TimestampMs from_ms) const;
  uint64_t chunks() const;
  uint64_t size_bytes() const;

 private:
  struct ChunkFile {
    ChunkFileInfo info;
    std::shared_ptr<core::File> file;  // null until its first flush
    uint64_t written_bytes = 0;        // known to be in the file
    bool may_have_torn_end = false;    // a write failed: cut to written_bytes first
    bool is_synced = true;
    std::string flushing;  // follows what is written
    std::string buffered;  // follows what is flushing
    uint64_t end() const { return written_bytes + flushing.size() + buffered.size(); }
  };

  core::Status FlushFile(uint64_t number, std::unique_lock<std::mutex>& lock);
  core::Status ReadBytes(ChunkRef ref, char* out, size_t size, size_t& got) const;

  core::FileSystem& fs_;
  const std::string dir_;
  const core::Logger logger_;
  mutable std::mutex mutex_;
  std::mutex flush_mutex_;  // one flush at a time; before mutex_, which is not held while writing
  std::map<uint64_t, ChunkFile> files_;
  uint64_t next_number_ = 1;
  uint64_t current_ = 0;  // number of the file that takes chunks; 0: the next chunk starts one
  std::atomic<bool> is_flush_due_ = false;
};

}  // namespace sextant::tsdb
