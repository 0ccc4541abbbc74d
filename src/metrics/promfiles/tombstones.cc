#include "metrics/promfiles/tombstones.h"

#include <utility>

#include "core/crc32c.h"
#include "metrics/promfiles/big_endian.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Result;
using core::Status;
using model::TimeInterval;

constexpr uint32_t kMagic = 0x0130ba30;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kChecksumBytes = 4;
constexpr uint64_t kMaxFileBytes = 256 << 20;

std::string PathIn(const std::string& block_dir) { return core::JoinPath(block_dir, "tombstones"); }

}  // namespace

void Tombstones::Add(uint64_t series, std::vector<TimeInterval> added) {
  if (!added.empty()) model::AddIntervals(std::move(added), series_[series]);
}

uint64_t Tombstones::count() const {
  uint64_t count = 0;
  for (const auto& [series, intervals] : series_) count += intervals.size();
  return count;
}

std::string FormatTombstones(const Tombstones& tombstones) {
  std::string entries;
  for (const auto& [series, intervals] : tombstones.series()) {
    for (const TimeInterval& interval : intervals) {
      PutUvarint(entries, series);
      PutVarint(entries, interval.start_ms);
      PutVarint(entries, interval.end_ms);
    }
  }
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, kMagic);
  bytes.push_back(static_cast<char>(kVersion));
  bytes += entries;
  // The checksum leaves out the version.
  PutBigEndian<uint32_t>(bytes, core::Crc32c(entries));
  return bytes;
}

Result<Tombstones> ParseTombstones(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes + kChecksumBytes || LoadBigEndian<uint32_t>(bytes.data()) != kMagic) {
    return core::Fail(Code::kCorruption, "not a tombstones file");
  }
  if (auto version = static_cast<uint8_t>(bytes[kHeaderBytes - 1]); version != kVersion) {
    return core::Fail(Code::kCorruption, "unknown tombstones version {}", version);
  }
  std::string_view entries = bytes.substr(kHeaderBytes, bytes.size() - kHeaderBytes - kChecksumBytes);
  if (LoadBigEndian<uint32_t>(entries.data() + entries.size()) != core::Crc32c(entries)) {
    return core::Fail(Code::kCorruption, "at {}: wrong checksum", kHeaderBytes);
  }
  std::map<uint64_t, std::vector<TimeInterval>> of_series;
  BigEndianReader reader(entries);
  while (!reader.at_end()) {
    auto offset = static_cast<uint64_t>(reader.position() - bytes.data());
    uint64_t series = reader.Uvarint();
    TimeInterval interval{.start_ms = reader.Varint()};
    interval.end_ms = reader.Varint();
    if (!reader.ok()) return core::Fail(Code::kCorruption, "at {}: broken entry", offset);
    // The other way round it deletes nothing.
    if (interval.start_ms <= interval.end_ms) of_series[series].push_back(interval);
  }
  Tombstones tombstones;
  for (auto& [series, intervals] : of_series) tombstones.Add(series, std::move(intervals));
  return tombstones;
}

Result<Tombstones> ReadTombstones(core::FileSystem& fs, const std::string& block_dir) {
  auto bytes = core::ReadFile(fs, PathIn(block_dir), kMaxFileBytes);
  if (!bytes && bytes.error().code() == Code::kNotFound) return Tombstones();
  if (!bytes) return tl::unexpected(bytes.error());
  return ParseTombstones(*bytes).map_error(core::AddContext("{}", PathIn(block_dir)));
}

Status WriteTombstones(core::FileSystem& fs, const std::string& block_dir, const Tombstones& tombstones) {
  return core::WriteFileAtomically(fs, PathIn(block_dir), FormatTombstones(tombstones));
}

}  // namespace sextant::promfiles
