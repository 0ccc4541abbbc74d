#include "metrics/promfiles/tombstones.h"

#include <algorithm>
#include <limits>

#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/crc32c.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Result;
using core::Status;

constexpr uint32_t kMagic = 0x0130ba30;
constexpr uint8_t kVersion = 1;
constexpr size_t kHeaderBytes = 5;
constexpr size_t kChecksumBytes = 4;
constexpr uint64_t kMaxFileBytes = 256 << 20;
constexpr TimestampMs kLast = std::numeric_limits<TimestampMs>::max();

std::string PathIn(const std::string& block_dir) { return core::JoinPath(block_dir, "tombstones"); }

}  // namespace

void DropDeleted(const Intervals& intervals, size_t begin, model::SampleColumns& samples) {
  auto interval = intervals.begin();
  size_t kept = begin;
  for (size_t i = begin; i < samples.size(); ++i) {
    while (interval != intervals.end() && interval->max_time_ms < samples.times_ms[i]) ++interval;
    if (interval != intervals.end() && interval->min_time_ms <= samples.times_ms[i]) continue;
    if (kept != i) {
      samples.times_ms[kept] = samples.times_ms[i];
      samples.values[kept] = samples.values[i];
      if (!samples.histograms.empty()) samples.histograms[kept] = std::move(samples.histograms[i]);
      if (!samples.start_times_ms.empty()) samples.start_times_ms[kept] = samples.start_times_ms[i];
    }
    ++kept;
  }
  samples.Resize(kept);
}

void Tombstones::Add(uint64_t series, Intervals added) {
  if (added.empty()) return;
  Intervals& intervals = series_[series];
  added.insert(added.end(), intervals.begin(), intervals.end());
  std::sort(added.begin(), added.end(),
            [](const Interval& a, const Interval& b) { return a.min_time_ms < b.min_time_ms; });
  intervals.clear();
  for (const Interval& next : added) {
    bool touches = !intervals.empty() && (intervals.back().max_time_ms == kLast ||
                                          next.min_time_ms <= intervals.back().max_time_ms + 1);
    if (!touches) {
      intervals.push_back(next);
    } else {
      intervals.back().max_time_ms = std::max(intervals.back().max_time_ms, next.max_time_ms);
    }
  }
}

uint64_t Tombstones::count() const {
  uint64_t count = 0;
  for (const auto& [series, intervals] : series_) count += intervals.size();
  return count;
}

std::string FormatTombstones(const Tombstones& tombstones) {
  std::string entries;
  for (const auto& [series, intervals] : tombstones.series()) {
    for (const Interval& interval : intervals) {
      PutUvarint(entries, series);
      PutVarint(entries, interval.min_time_ms);
      PutVarint(entries, interval.max_time_ms);
    }
  }
  std::string bytes;
  PutBigEndian<uint32_t>(bytes, kMagic);
  bytes.push_back(static_cast<char>(kVersion));
  bytes += entries;
  // The checksum leaves out the version.
  PutBigEndian<uint32_t>(bytes, Crc32c(entries));
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
  if (LoadBigEndian<uint32_t>(entries.data() + entries.size()) != Crc32c(entries)) {
    return core::Fail(Code::kCorruption, "at {}: wrong checksum", kHeaderBytes);
  }
  std::map<uint64_t, Intervals> of_series;
  BigEndianReader reader(entries);
  while (!reader.at_end()) {
    auto offset = static_cast<uint64_t>(reader.position() - bytes.data());
    uint64_t series = reader.Uvarint();
    Interval interval{.min_time_ms = reader.Varint()};
    interval.max_time_ms = reader.Varint();
    if (!reader.ok()) return core::Fail(Code::kCorruption, "at {}: broken entry", offset);
    // The other way round it deletes nothing.
    if (interval.min_time_ms <= interval.max_time_ms) of_series[series].push_back(interval);
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
