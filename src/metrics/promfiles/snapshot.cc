#include "metrics/promfiles/snapshot.h"

#include <charconv>
#include <tuple>

#include "metrics/promfiles/big_endian.h"
#include "metrics/promfiles/chunk_codec.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;

constexpr std::string_view kPrefix = "chunk_snapshot.";
constexpr uint8_t kTombstonesVersion = 1;

// What follows a float chunk: three pairs and a time that are zero since long ago, then the last value.
constexpr size_t kFloatTrailerBytes = 64;

bool ParseName(std::string_view name, ChunkSnapshot& snapshot) {
  if (!name.starts_with(kPrefix)) return false;
  name.remove_prefix(kPrefix.size());
  const char* end = name.data() + name.size();
  auto [dot, first_error] = std::from_chars(name.data(), end, snapshot.segment);
  if (first_error != std::errc() || dot == end || *dot != '.') return false;
  auto [last, second_error] = std::from_chars(dot + 1, end, snapshot.offset);
  return second_error == std::errc() && last == end;
}

core::Status CheckType(std::string_view record, SnapshotRecordType type) {
  if (!record.empty() && static_cast<SnapshotRecordType>(record[0]) == type) return {};
  return Fail(Code::kCorruption, "a snapshot record of another type");
}

// The last sample's value, which the chunk holds as well.
void SkipLastValue(BigEndianReader& reader, uint8_t encoding) {
  switch (static_cast<Encoding>(encoding)) {
    case Encoding::kXor:
    case Encoding::kXor2:
      reader.Bytes(kFloatTrailerBytes);
      break;
    case Encoding::kHistogram:
    case Encoding::kHistogramWithStart:
      ReadHistogram(reader, true);
      break;
    case Encoding::kFloatHistogram:
    case Encoding::kFloatHistogramWithStart:
      ReadHistogram(reader, false);
      break;
  }
}

}  // namespace

core::Result<std::optional<ChunkSnapshot>> LastChunkSnapshot(const core::FileSystem& fs,
                                                             const std::string& data_dir) {
  std::optional<ChunkSnapshot> last;
  SEXTANT_ASSIGN(std::vector<core::FileInfo> files, fs.List(data_dir));
  for (const core::FileInfo& file : files) {
    ChunkSnapshot snapshot;
    if (!file.is_directory || !ParseName(file.name, snapshot)) continue;
    if (last && std::tie(last->segment, last->offset) > std::tie(snapshot.segment, snapshot.offset)) continue;
    snapshot.path = core::JoinPath(data_dir, file.name);
    last = std::move(snapshot);
  }
  return last;
}

core::Status DecodeSnapshotSeries(std::string_view record, SnapshotSeries& out) {
  SEXTANT_TRY(CheckType(record, SnapshotRecordType::kSeries));
  BigEndianReader reader(record.substr(1));
  out.ref = reader.Fixed<uint64_t>();
  out.labels = ReadLabels(reader);
  reader.Fixed<int64_t>();  // once the chunks' length in time
  bool has_chunk = reader.Uvarint() != 0;
  out.encoding = 0;
  if (has_chunk) {
    reader.Fixed<int64_t>();  // its first and last time, which the chunk says as well
    reader.Fixed<int64_t>();
    out.encoding = reader.Byte();
    out.chunk = reader.Prefixed();
    SkipLastValue(reader, out.encoding);
  }
  if (reader.ok() && reader.at_end() && !(has_chunk && out.encoding == 0)) return {};
  return Fail(Code::kCorruption, "snapshot record of series {} cannot be read", out.ref);
}

core::Status DecodeSnapshotTombstones(std::string_view record, std::vector<WalTombstone>& out) {
  SEXTANT_TRY(CheckType(record, SnapshotRecordType::kTombstones));
  BigEndianReader record_reader(record.substr(1));
  BigEndianReader reader(record_reader.Prefixed());
  bool good = record_reader.ok() && record_reader.at_end() && reader.Byte() == kTombstonesVersion;
  size_t before = out.size();
  while (good && reader.ok() && !reader.at_end()) {
    WalTombstone& tombstone = out.emplace_back();
    tombstone.ref = reader.Uvarint();
    tombstone.min_ms = reader.Varint();
    tombstone.max_ms = reader.Varint();
  }
  if (good && reader.ok()) return {};
  out.resize(before);
  return Fail(Code::kCorruption, "snapshot record of tombstones cannot be read");
}

core::Status DecodeSnapshotExemplars(std::string_view record, std::vector<WalExemplar>& out) {
  SEXTANT_TRY(CheckType(record, SnapshotRecordType::kExemplars));
  BigEndianReader reader(record.substr(1));
  size_t before = out.size();
  ReadExemplars(reader, out);
  if (reader.ok()) return {};
  out.resize(before);
  return Fail(Code::kCorruption, "snapshot record of exemplars cannot be read");
}

}  // namespace sextant::promfiles
