#include "metrics/promfiles/head_chunks.h"

#include <algorithm>
#include <charconv>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;

constexpr uint32_t kMagic = 0x0130bc91;
constexpr uint8_t kVersion = 1;
constexpr size_t kFileHeaderBytes = 8;
constexpr uint8_t kOutOfOrderFlag = 0x80;
// The most that stands around a chunk's bytes.
constexpr size_t kMostFrameBytes = 34;

bool IsEmpty(std::string_view bytes) { return bytes.find_first_not_of('\0') == std::string_view::npos; }

// Reads up to the chunk's end, without its checksum.
bool ReadChunk(BigEndianReader& reader, HeadChunk& chunk) {
  chunk.series = reader.Fixed<uint64_t>();
  chunk.min_ms = reader.Fixed<int64_t>();
  chunk.max_ms = reader.Fixed<int64_t>();
  uint8_t encoding = reader.Byte();
  chunk.encoding = static_cast<uint8_t>(encoding & ~kOutOfOrderFlag);
  chunk.out_of_order = (encoding & kOutOfOrderFlag) != 0;
  chunk.bytes = reader.Prefixed();
  return reader.ok();
}

}  // namespace

core::Result<std::vector<HeadChunkFile>> ListHeadChunkFiles(const core::FileSystem& fs,
                                                            const std::string& dir) {
  std::vector<HeadChunkFile> files;
  auto entries = fs.List(dir);
  if (!entries && entries.error().code() == Code::kNotFound) return files;
  if (!entries) return tl::unexpected(std::move(entries).error());
  for (const core::FileInfo& entry : *entries) {
    uint64_t index;
    const char* end = entry.name.data() + entry.name.size();
    auto [parsed, error] = std::from_chars(entry.name.data(), end, index);
    if (entry.is_directory || error != std::errc() || parsed != end || index > UINT32_MAX) continue;
    files.push_back({.index = index, .path = core::JoinPath(dir, entry.name)});
  }
  std::ranges::sort(files, {}, &HeadChunkFile::index);
  return files;
}

bool IsEmptyHeadChunkFile(std::string_view file) { return IsEmpty(file.substr(0, kFileHeaderBytes)); }

core::Status VisitHeadChunks(std::string_view file,
                             const std::function<void(uint64_t offset, const HeadChunk& chunk)>& visit) {
  BigEndianReader header(file);
  auto magic = header.Fixed<uint32_t>();
  uint8_t version = header.Byte();
  if (file.size() < kFileHeaderBytes || magic != kMagic || version != kVersion) {
    return Fail(Code::kCorruption, "offset 0: not a head chunk file of version {}", kVersion);
  }
  uint64_t offset = kFileHeaderBytes;
  while (offset < file.size()) {
    std::string_view rest = file.substr(offset);
    // Room that was reserved, if it goes on to the end.
    if (IsEmpty(rest.substr(0, kMostFrameBytes))) {
      if (IsEmpty(rest)) return {};
      return Fail(Code::kCorruption, "offset {}: zeros where a chunk should be", offset);
    }
    BigEndianReader reader(rest);
    HeadChunk chunk;
    if (!ReadChunk(reader, chunk)) return Fail(Code::kCorruption, "offset {}: a chunk is cut off", offset);
    auto size = static_cast<size_t>(reader.position() - rest.data());
    auto crc = reader.Fixed<uint32_t>();
    if (!reader.ok() || crc != core::Crc32c(rest.substr(0, size))) {
      return Fail(Code::kCorruption, "offset {}: a chunk's checksum does not match", offset);
    }
    visit(offset, chunk);
    offset += size + sizeof crc;
  }
  return {};
}

HeadChunk HeadChunkAt(std::string_view file, uint64_t offset) {
  HeadChunk chunk;
  BigEndianReader reader(file.substr(std::min<uint64_t>(offset, file.size())));
  if (!ReadChunk(reader, chunk)) return {};
  return chunk;
}

}  // namespace sextant::promfiles
