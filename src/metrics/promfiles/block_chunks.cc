#include "metrics/promfiles/block_chunks.h"

#include <algorithm>

#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/crc32c.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::JoinPath;
using core::OpenMode;
using core::Result;
using core::Status;

constexpr uint32_t kMagic = 0x85bd40dd;
constexpr char kVersion = 1;
constexpr size_t kHeaderBytes = 8;  // magic, version, padding
constexpr size_t kMaxLengthBytes = 5;
constexpr size_t kEncodingBytes = 1;
constexpr size_t kChecksumBytes = 4;
constexpr size_t kWriteBytes = 1 << 20;
// What is read at a time: most chunks are a few hundred bytes.
constexpr uint64_t kLastChunkBytes = 1 << 10;
constexpr uint64_t kMaxAheadBytes = 256 << 10;

bool IsSegmentName(std::string_view name) {
  return !name.empty() && name.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

Result<ChunkSegments> ChunkSegments::Open(core::FileSystem& fs, const std::string& dir) {
  ChunkSegments segments;
  segments.dir_ = dir;
  SEXTANT_ASSIGN(std::vector<core::FileInfo> entries, fs.List(dir));
  for (const core::FileInfo& entry : entries) {
    if (entry.is_directory || !IsSegmentName(entry.name)) continue;
    std::string path = JoinPath(dir, entry.name);
    SEXTANT_ASSIGN(std::unique_ptr<core::File> file, fs.Open(path, OpenMode::kRead));
    char header[kHeaderBytes];
    SEXTANT_ASSIGN(size_t got, file->ReadAt(0, header, sizeof header));
    if (got < sizeof header) return core::Fail(Code::kCorruption, "{} at {}: ends too early", path, got);
    if (LoadBigEndian<uint32_t>(header) != kMagic)
      return core::Fail(Code::kCorruption, "{} at 0: not a chunk segment", path);
    if (header[4] != kVersion) {
      return core::Fail(Code::kCorruption, "{} at 4: unknown version {}", path,
                        static_cast<uint8_t>(header[4]));
    }
    SEXTANT_ASSIGN(uint64_t size, file->Size());
    segments.size_bytes_ += size;
    segments.segments_.push_back({std::move(file), size});
  }
  return segments;
}

Result<std::string_view> ChunkCursor::Hold(uint64_t segment, uint64_t offset, uint64_t size, uint64_t ahead) {
  bool holds_begin = segment == segment_ && offset >= begin_ && offset - begin_ <= buffer_.size();
  if (!holds_begin || buffer_.size() - (offset - begin_) < size) {
    const ChunkSegments::Segment& from = segments_.segments_[segment];
    buffer_.resize(std::min(std::max(size, ahead), from.size_bytes - offset));
    segment_ = segment;
    begin_ = offset;
    auto got = from.file->ReadAt(offset, buffer_.data(), buffer_.size());
    buffer_.resize(got.value_or(0));
    if (!got) return tl::unexpected(got.error());
  }
  return std::string_view(buffer_).substr(offset - begin_);
}

Result<ChunkCursor::Chunk> ChunkCursor::Read(uint64_t ref, uint64_t last_ref) {
  uint64_t segment = ref >> 32;
  uint64_t offset = ref & UINT32_MAX;
  if (segment >= segments_.segments_.size()) {
    return core::Fail(Code::kCorruption, "{}: there is no segment {}", segments_.dir_, segment + 1);
  }
  const ChunkSegments::Segment& from = segments_.segments_[segment];
  auto corrupt = [&](std::string_view what) {
    return core::Fail(Code::kCorruption, "{} at {}: {}", from.file->path(), offset, what);
  };
  if (offset < kHeaderBytes || offset >= from.size_bytes)
    return corrupt("a chunk would be outside of the file");
  uint64_t ahead = kLastChunkBytes;
  if (last_ref > ref && last_ref >> 32 == segment) {
    ahead = std::min(last_ref - ref + kLastChunkBytes, kMaxAheadBytes);
  }
  SEXTANT_ASSIGN(std::string_view held, Hold(segment, offset, kMaxLengthBytes, ahead));
  BigEndianReader length(held.substr(0, kMaxLengthBytes));
  uint64_t size = length.Uvarint();
  uint64_t length_bytes = static_cast<uint64_t>(length.position() - held.data());
  uint64_t whole = length_bytes + kEncodingBytes + size + kChecksumBytes;
  if (!length.ok() || whole > from.size_bytes - offset) return corrupt("a chunk is cut off");
  used_bytes_ += whole;
  if (used_bytes_ > segments_.size_bytes_) return corrupt("chunks overlap");
  SEXTANT_ASSIGN(held, Hold(segment, offset, whole, ahead));
  if (held.size() < whole) return corrupt("a chunk is cut off");
  std::string_view summed = held.substr(length_bytes, kEncodingBytes + size);
  if (LoadBigEndian<uint32_t>(summed.data() + summed.size()) != Crc32c(summed)) {
    return corrupt("a chunk has a wrong checksum");
  }
  return Chunk{static_cast<uint8_t>(summed[0]), summed.substr(kEncodingBytes)};
}

Result<uint64_t> ChunkSegmentWriter::Add(const EncodedChunk& chunk) {
  uint64_t size = UvarintBytes(chunk.bytes.size()) + kEncodingBytes + chunk.bytes.size() + kChecksumBytes;
  bool is_full = segment_bytes_ > kHeaderBytes && segment_bytes_ + size > max_segment_bytes_;
  if (file_ == nullptr || is_full) SEXTANT_TRY(Cut());
  uint64_t ref = ChunkRef(segments_ - 1, segment_bytes_);
  PutUvarint(buffer_, chunk.bytes.size());
  size_t summed = buffer_.size();
  buffer_.push_back(static_cast<char>(chunk.encoding));
  buffer_ += chunk.bytes;
  PutBigEndian<uint32_t>(buffer_, Crc32c(std::string_view(buffer_).substr(summed)));
  segment_bytes_ += size;
  if (buffer_.size() >= kWriteBytes) SEXTANT_TRY(Flush());
  return ref;
}

Status ChunkSegmentWriter::Cut() {
  SEXTANT_TRY(CloseSegment());
  std::string path = JoinPath(dir_, fmt::format("{:06}", segments_ + 1));
  SEXTANT_ASSIGN(file_, fs_.Open(path, OpenMode::kCreate));
  ++segments_;
  PutBigEndian<uint32_t>(buffer_, kMagic);
  buffer_.push_back(kVersion);
  buffer_.append(kHeaderBytes - buffer_.size(), '\0');
  segment_bytes_ = kHeaderBytes;
  return {};
}

Status ChunkSegmentWriter::Flush() {
  SEXTANT_TRY(file_->Append(buffer_));
  buffer_.clear();
  return {};
}

Status ChunkSegmentWriter::CloseSegment() {
  if (file_ == nullptr) return {};
  SEXTANT_TRY(Flush());
  SEXTANT_TRY(file_->Sync());
  file_.reset();
  finished_bytes_ += segment_bytes_;
  return {};
}

Result<uint64_t> ChunkSegmentWriter::Finish() {
  SEXTANT_TRY(CloseSegment());
  SEXTANT_TRY(fs_.SyncDirectory(dir_));
  return finished_bytes_;
}

}  // namespace sextant::promfiles
