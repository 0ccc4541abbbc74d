#include "metrics/tsdb/frames.h"

#include <xxhash.h>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

constexpr size_t kMagicBytes = 8;

std::string_view MagicOf(FrameFileKind kind) {
  switch (kind) {
    case FrameFileKind::kJournal:
      return "SXTJRN1\n";
    case FrameFileKind::kCheckpoint1:
      return "SXTCKP1\n";
    case FrameFileKind::kImage2:
      return "SXTCKP2\n";
    case FrameFileKind::kImage:
      break;
  }
  return "SXTCKP3\n";
}

uint64_t Checksum(uint64_t file_number, uint64_t offset, std::string_view payload) {
  uint64_t place[3] = {file_number, offset, payload.size()};
  return XXH3_64bits_withSeed(payload.data(), payload.size(), XXH3_64bits(place, sizeof place));
}

}  // namespace

std::string MakeFrameFileHeader(FrameFileKind kind, uint64_t number) {
  std::string header(MagicOf(kind));
  PutFixed(header, number);
  PutFixed(header, uint64_t{XXH3_64bits(header.data(), header.size())});
  return header;
}

bool IsOfLaterVersion(std::string_view bytes) {
  if (bytes.size() < kFrameFileHeaderBytes) return false;
  constexpr size_t kVersionAt = 6;
  const char version = bytes[kVersionAt];
  for (FrameFileKind newest : {FrameFileKind::kJournal, FrameFileKind::kImage}) {
    std::string magic(MagicOf(newest));
    if (version <= magic[kVersionAt] || version > '9') continue;
    magic[kVersionAt] = version;
    constexpr size_t kCheckedBytes = kFrameFileHeaderBytes - sizeof(uint64_t);
    if (bytes.starts_with(magic) &&
        LoadFixed<uint64_t>(bytes.data() + kCheckedBytes) == XXH3_64bits(bytes.data(), kCheckedBytes)) {
      return true;
    }
  }
  return false;
}

void SealFrame(uint64_t file_number, uint64_t offset, std::string& frame) {
  std::string_view payload = std::string_view(frame).substr(kFrameHeaderBytes);
  uint64_t checksum = Checksum(file_number, offset, payload);
  StoreFixed(frame.data(), static_cast<uint32_t>(payload.size()));
  StoreFixed(frame.data() + sizeof(uint32_t), checksum);
}

bool IsFrameAt(uint64_t file_number, uint64_t offset, std::string_view frame) {
  if (frame.size() < kFrameHeaderBytes) return false;
  std::string_view payload = frame.substr(kFrameHeaderBytes);
  return LoadFixed<uint32_t>(frame.data()) == payload.size() &&
         LoadFixed<uint64_t>(frame.data() + sizeof(uint32_t)) == Checksum(file_number, offset, payload);
}

FrameReader::FrameReader(FrameFileKind kind, uint64_t file_number, std::string_view bytes)
    : file_number_(file_number), bytes_(bytes) {
  static_assert(kFrameFileHeaderBytes == kMagicBytes + 2 * sizeof(uint64_t));
  if (bytes.size() < kFrameFileHeaderBytes) return;
  if (bytes.substr(0, kFrameFileHeaderBytes) != MakeFrameFileHeader(kind, file_number)) return;
  offset_ = kFrameFileHeaderBytes;
  has_header_ = true;
}

namespace {

// The payload of the frame at `offset` by its stated size; false when it does not fit.
bool PayloadAt(std::string_view bytes, uint64_t offset, std::string_view& payload) {
  if (bytes.size() - offset < kFrameHeaderBytes) return false;
  uint32_t size = LoadFixed<uint32_t>(bytes.data() + offset);
  if (size > kMaxFrameBytes || size > bytes.size() - offset - kFrameHeaderBytes) return false;
  payload = bytes.substr(offset + kFrameHeaderBytes, size);
  return true;
}

}  // namespace

bool FrameReader::Next(std::string_view& payload) {
  UnverifiedFrame frame{.offset = offset_, .payload = {}};
  if (!has_header_ || !PayloadAt(bytes_, offset_, frame.payload)) return false;
  if (!IsFrameIntact(file_number_, bytes_, frame)) return false;
  payload = frame.payload;
  offset_ += kFrameHeaderBytes + payload.size();
  return true;
}

std::vector<UnverifiedFrame> ListFrames(FrameFileKind kind, uint64_t file_number, std::string_view bytes,
                                        bool& reaches_end) {
  std::vector<UnverifiedFrame> frames;
  reaches_end = false;
  if (bytes.substr(0, kFrameFileHeaderBytes) != MakeFrameFileHeader(kind, file_number)) return frames;
  UnverifiedFrame frame{.offset = kFrameFileHeaderBytes, .payload = {}};
  while (PayloadAt(bytes, frame.offset, frame.payload)) {
    frames.push_back(frame);
    frame.offset += kFrameHeaderBytes + frame.payload.size();
  }
  reaches_end = frame.offset == bytes.size();
  return frames;
}

bool IsFrameIntact(uint64_t file_number, std::string_view bytes, const UnverifiedFrame& frame) {
  uint64_t checksum = LoadFixed<uint64_t>(bytes.data() + frame.offset + sizeof(uint32_t));
  return Checksum(file_number, frame.offset, frame.payload) == checksum;
}

}  // namespace sextant::tsdb
