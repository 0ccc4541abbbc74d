#include "net/snappy_frames.h"

#include <snappy.h>

#include <cstdint>
#include <cstring>

#include "core/crc32c.h"

namespace sextant::net {

namespace {

using core::Code;
using core::Fail;
using core::Status;

constexpr std::string_view kStreamIdentifier("\xff\x06\x00\x00sNaPpY", 10);
constexpr size_t kMaxChunkBytes = 64 << 10;  // of data, uncompressed
constexpr uint8_t kCompressedChunk = 0x00;
constexpr uint8_t kPlainChunk = 0x01;
constexpr uint8_t kFirstSkippableChunk = 0x80;
constexpr uint8_t kIdentifierChunk = 0xff;

// The checksum as the format masks it.
uint32_t MaskedCrc(std::string_view bytes) {
  uint32_t crc = core::Crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

void PutLittleEndian(uint32_t value, size_t bytes, char* out) {
  for (size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i));
}

uint32_t GetLittleEndian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i)
    value |= static_cast<uint32_t>(static_cast<uint8_t>(bytes[i])) << (8 * i);
  return value;
}

Status Malformed(std::string_view what) {
  return Fail(Code::kInvalidArgument, "the message is not well-formed snappy: {}", what);
}

// One chunk's data behind its checksum.
Status AppendChunk(bool is_compressed, std::string_view data, size_t max_bytes, std::string& output) {
  size_t size = data.size();
  if (is_compressed && !snappy::GetUncompressedLength(data.data(), data.size(), &size))
    return Malformed("a chunk without length");
  if (size > kMaxChunkBytes) return Malformed("a chunk is too large");
  if (size > max_bytes - output.size())
    return Fail(Code::kResourceExhausted, "the decompressed message is larger than {} bytes", max_bytes);
  size_t before = output.size();
  if (!is_compressed) {
    output.append(data);
    return {};
  }
  output.resize(before + size);
  if (!snappy::RawUncompress(data.data(), data.size(), output.data() + before))
    return Malformed("a chunk is corrupt");
  return {};
}

}  // namespace

Status CompressSnappyFrames(std::string_view input, std::string& output) {
  output.assign(kStreamIdentifier);
  while (!input.empty()) {
    std::string_view piece = input.substr(0, kMaxChunkBytes);
    input.remove_prefix(piece.size());
    size_t begin = output.size();
    output.resize(begin + 8 + snappy::MaxCompressedLength(piece.size()));
    size_t size = 0;
    snappy::RawCompress(piece.data(), piece.size(), output.data() + begin + 8, &size);
    bool is_compressed = size < piece.size();
    if (!is_compressed) {
      size = piece.size();
      memcpy(output.data() + begin + 8, piece.data(), size);
    }
    output[begin] = static_cast<char>(is_compressed ? kCompressedChunk : kPlainChunk);
    PutLittleEndian(static_cast<uint32_t>(size + 4), 3, output.data() + begin + 1);
    PutLittleEndian(MaskedCrc(piece), 4, output.data() + begin + 4);
    output.resize(begin + 8 + size);
  }
  return {};
}

Status DecompressSnappyFrames(std::string_view input, size_t max_bytes, std::string& output) {
  output.clear();
  if (!input.empty() && !input.starts_with(kStreamIdentifier))
    return Malformed("it does not begin with the stream's identifier");
  while (!input.empty()) {
    if (input.size() < 4) return Malformed("it ends in a chunk's header");
    auto type = static_cast<uint8_t>(input[0]);
    size_t size = GetLittleEndian(input.substr(1, 3));
    input.remove_prefix(4);
    if (size > input.size()) return Malformed("it ends in a chunk");
    std::string_view chunk = input.substr(0, size);
    input.remove_prefix(size);
    if (type == kIdentifierChunk) {
      if (chunk != kStreamIdentifier.substr(4)) return Malformed("another stream's identifier");
      continue;
    }
    if (type >= kFirstSkippableChunk) continue;
    if (type > kPlainChunk) return Malformed("a chunk of a reserved kind");
    if (size < 4) return Malformed("a chunk without checksum");
    size_t before = output.size();
    SEXTANT_TRY(AppendChunk(type == kCompressedChunk, chunk.substr(4), max_bytes, output));
    if (MaskedCrc(std::string_view(output).substr(before)) != GetLittleEndian(chunk.substr(0, 4)))
      return Malformed("a chunk's checksum is wrong");
  }
  return {};
}

}  // namespace sextant::net
