// The chunk segment files of a Prometheus block (chunks/000001 and so on): a header, then chunks, each with
// its length, encoding and checksum. A chunk is named by its segment's number from 0 and its offset there.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/file.h"
#include "core/result.h"
#include "metrics/promfiles/chunk_codec.h"
#include "metrics/promfiles/index_reader.h"

namespace sextant::promfiles {

// What Prometheus lets a segment grow to.
inline constexpr uint64_t kMaxSegmentBytes = 512 << 20;

// The segments of a block, mapped: a query reads a few hundred bytes for each of very many series, for which
// a call of the system each would cost more than decoding them. Const methods may be called from any thread.
class ChunkSegments {
 public:
  // Maps all segments in `dir`. kCorruption when one does not begin as it should.
  static core::Result<ChunkSegments> Open(core::FileSystem& fs, const std::string& dir);

  uint64_t size_bytes() const { return size_bytes_; }

 private:
  friend class ChunkCursor;
  struct Segment {
    std::string name;
    std::unique_ptr<core::MappedFile> file;
  };

  std::string dir_;
  std::vector<Segment> segments_;
  uint64_t size_bytes_ = 0;
};

// Reads chunks of a block one after the other. Owned by one thread.
class ChunkCursor {
 public:
  struct Chunk {
    uint8_t encoding = 0;
    std::string_view bytes;  // of the mapped file
  };

  explicit ChunkCursor(const ChunkSegments& segments) : segments_(segments) {}

  // The checksum is compared. Refuses to read more bytes in all than the segments have: chunks do not
  // overlap, so that a series which names one chunk many times cannot make a read endless.
  core::Result<Chunk> Read(uint64_t ref);

 private:
  tl::unexpected<core::Error> Corrupt(uint64_t ref, std::string_view what) const;

  const ChunkSegments& segments_;
  uint64_t used_bytes_ = 0;
};

// Writes segments. Owned by one thread.
class ChunkSegmentWriter {
 public:
  // `dir` exists and is empty.
  ChunkSegmentWriter(core::FileSystem& fs, std::string dir, uint64_t max_segment_bytes = kMaxSegmentBytes)
      : fs_(fs), dir_(std::move(dir)), max_segment_bytes_(max_segment_bytes) {}

  // Says where the chunk is.
  core::Result<uint64_t> Add(const EncodedChunk& chunk);
  // Makes everything durable; the result is the size of all segments. Call once, and nothing after it.
  core::Result<uint64_t> Finish();

 private:
  core::Status Cut();
  core::Status Flush();
  core::Status CloseSegment();

  core::FileSystem& fs_;
  const std::string dir_;
  const uint64_t max_segment_bytes_;
  std::unique_ptr<core::File> file_;
  uint64_t segments_ = 0;
  uint64_t segment_bytes_ = 0;
  uint64_t finished_bytes_ = 0;
  std::string buffer_;
};

}  // namespace sextant::promfiles
