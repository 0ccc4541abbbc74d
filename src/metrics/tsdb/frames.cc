#include "metrics/tsdb/frames.h"

#include <xxhash.h>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

constexpr size_t kMagicBytes = 8;

std::string_view MagicOf(FrameFileKind kind) {
  return kind == FrameFileKind::kJournal ? "SXTJRN1\n" : "SXTCKP1\n";
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

void SealFrame(uint64_t file_number, uint64_t offset, std::string& frame) {
  std::string_view payload = std::string_view(frame).substr(kFrameHeaderBytes);
  uint64_t checksum = Checksum(file_number, offset, payload);
  StoreFixed(frame.data(), static_cast<uint32_t>(payload.size()));
  StoreFixed(frame.data() + sizeof(uint32_t), checksum);
}

FrameReader::FrameReader(FrameFileKind kind, uint64_t file_number, std::string_view bytes)
    : file_number_(file_number), bytes_(bytes) {
  static_assert(kFrameFileHeaderBytes == kMagicBytes + 2 * sizeof(uint64_t));
  if (bytes.size() < kFrameFileHeaderBytes) return;
  if (bytes.substr(0, kFrameFileHeaderBytes) != MakeFrameFileHeader(kind, file_number)) return;
  offset_ = kFrameFileHeaderBytes;
  has_header_ = true;
}

bool FrameReader::Next(std::string_view& payload) {
  if (!has_header_ || bytes_.size() - offset_ < kFrameHeaderBytes) return false;
  const char* frame = bytes_.data() + offset_;
  uint32_t size = LoadFixed<uint32_t>(frame);
  uint64_t checksum = LoadFixed<uint64_t>(frame + sizeof size);
  if (size > kMaxFrameBytes || size > bytes_.size() - offset_ - kFrameHeaderBytes) return false;
  std::string_view candidate(frame + kFrameHeaderBytes, size);
  if (Checksum(file_number_, offset_, candidate) != checksum) return false;
  payload = candidate;
  offset_ += kFrameHeaderBytes + size;
  return true;
}

}  // namespace sextant::tsdb
