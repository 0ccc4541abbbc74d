#include "metrics/promfiles/block_chunks.h"

#include <algorithm>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"

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
    SEXTANT_ASSIGN(std::unique_ptr<core::MappedFile> file, fs.MapReadOnly(path));
    std::string_view header = file->bytes();
    if (header.size() < kHeaderBytes)
      return core::Fail(Code::kCorruption, "{} at {}: ends too early", path, header.size());
    if (LoadBigEndian<uint32_t>(header.data()) != kMagic)
      return core::Fail(Code::kCorruption, "{} at 0: not a chunk segment", path);
    if (header[4] != kVersion) {
      return core::Fail(Code::kCorruption, "{} at 4: unknown version {}", path,
                        static_cast<uint8_t>(header[4]));
    }
    segments.size_bytes_ += header.size();
    segments.segments_.push_back({entry.name, std::move(file)});
  }
  return segments;
}

tl::unexpected<core::Error> ChunkCursor::Corrupt(uint64_t ref, std::string_view what) const {
  return core::Fail(Code::kCorruption, "{}/{} at {}: {}", segments_.dir_, segments_.segments_[ref >> 32].name,
                    ref & UINT32_MAX, what);
}

Result<ChunkCursor::Chunk> ChunkCursor::Read(uint64_t ref) {
  uint64_t segment = ref >> 32;
  uint64_t offset = ref & UINT32_MAX;
  if (segment >= segments_.segments_.size()) {
    return core::Fail(Code::kCorruption, "{}: there is no segment {}", segments_.dir_, segment + 1);
  }
  std::string_view bytes = segments_.segments_[segment].file->bytes();
  if (offset < kHeaderBytes || offset >= bytes.size())
    return Corrupt(ref, "a chunk would be outside of the file");
  bytes.remove_prefix(offset);
  BigEndianReader length(bytes.substr(0, kMaxLengthBytes));
  uint64_t size = length.Uvarint();
  uint64_t length_bytes = static_cast<uint64_t>(length.position() - bytes.data());
  uint64_t whole = length_bytes + kEncodingBytes + size + kChecksumBytes;
  if (!length.ok() || whole > bytes.size()) return Corrupt(ref, "a chunk is cut off");
  used_bytes_ += whole;
  if (used_bytes_ > segments_.size_bytes_) return Corrupt(ref, "chunks overlap");
  std::string_view summed = bytes.substr(length_bytes, kEncodingBytes + size);
  if (LoadBigEndian<uint32_t>(summed.data() + summed.size()) != core::Crc32c(summed)) {
    return Corrupt(ref, "a chunk has a wrong checksum");
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
  PutBigEndian<uint32_t>(buffer_, core::Crc32c(std::string_view(buffer_).substr(summed)));
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
