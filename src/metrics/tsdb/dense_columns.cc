#include "metrics/tsdb/dense_columns.h"

#include <xxhash.h>

#include <algorithm>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/dense_integers.h"
#include "metrics/tsdb/dense_rows.h"

namespace sextant::tsdb {

using core::Code;
using core::File;
using core::FileSystem;
using core::Result;
using core::Status;
using core::TimestampMs;

namespace {

// A group ends when either is reached: many rows would make finding one slow, many bytes reading one.
constexpr size_t kGroupRows = 128;
constexpr size_t kGroupBytes = 16 << 10;
constexpr size_t kChecksumBytes = sizeof(uint32_t);
constexpr size_t kWriteBytes = 256 << 10;
// Columns of times, and rows, that are remembered to be shared.
constexpr size_t kKnownTimes = size_t{1} << 17;
constexpr size_t kKnownRows = size_t{1} << 17;
// Where the form of its values would be, the mark of a row that refers to another.
constexpr char kReference = 29;
// A reference takes up to six bytes, and its reader another group.
constexpr size_t kMinSharedBytes = 16;

uint32_t ChecksumOf(std::string_view bytes) {
  return static_cast<uint32_t>(XXH3_64bits(bytes.data(), bytes.size()));
}

}  // namespace

Result<ColumnsWriter> ColumnsWriter::Create(FileSystem& fs, const std::string& path) {
  SEXTANT_ASSIGN(std::unique_ptr<File> file, fs.Open(path, core::OpenMode::kCreate));
  ColumnsWriter writer(std::move(file));
  writer.buffer_ = kColumnsMagic;
  return writer;
}

Result<uint32_t> ColumnsWriter::AddTimes(std::span<const TimestampMs> times_ms) {
  XXH128_hash_t hash = XXH3_128bits(times_ms.data(), times_ms.size_bytes());
  std::pair<uint64_t, uint64_t> key(hash.low64, hash.high64);
  auto known = known_times_.find(key);
  if (known != known_times_.end()) return known->second;
  if (times_.added == UINT32_MAX) {
    return core::Fail(Code::kResourceExhausted, "{}: too many columns of times", file_->path());
  }
  std::string column;
  PutVarint(column, times_ms.size());
  EncodeIntegers(times_ms, ColumnGoal::kFast, column);
  uint32_t number = static_cast<uint32_t>(times_.added);
  SEXTANT_TRY(Put(times_, column));
  if (known_times_.size() == kKnownTimes) known_times_.clear();
  known_times_.emplace(key, number);
  return number;
}

Result<uint64_t> ColumnsWriter::AddRow(uint32_t times, std::string_view row) {
  uint64_t number = rows_.added;
  if (row.size() >= kMinSharedBytes) {
    // Only with the same times, so that who reads both series finds them with these, too.
    XXH128_hash_t hash = XXH3_128bits_withSeed(row.data(), row.size(), times);
    if (known_rows_.size() == kKnownRows) known_rows_.clear();
    auto [known, is_new] = known_rows_.try_emplace({hash.low64, hash.high64}, static_cast<uint32_t>(number));
    if (!is_new) {
      SEXTANT_TRY(PutRow(times, Reference(known->second)));
      return known->second;
    }
  }
  SEXTANT_TRY(PutRow(times, row));
  return number;
}

Status ColumnsWriter::AddDifferences(uint32_t times, uint64_t base, std::string_view differences) {
  return PutRow(times, Reference(base).append(differences));
}

std::string ColumnsWriter::Reference(uint64_t row) const {
  std::string reference(1, kReference);
  PutVarint(reference, rows_.added - row);
  return reference;
}

Status ColumnsWriter::PutRow(uint32_t times, std::string_view row) {
  if (rows_.added == UINT32_MAX) {
    return core::Fail(Code::kResourceExhausted, "{}: too many rows", file_->path());
  }
  rows_.times.push_back(times);
  return Put(rows_, row);
}

Status ColumnsWriter::Put(Group& group, std::string_view bytes) {
  group.sizes.push_back(static_cast<int64_t>(bytes.size()));
  group.bytes += bytes;
  ++group.added;
  return group.sizes.size() == kGroupRows || group.bytes.size() >= kGroupBytes ? Close(group) : Status();
}

Status ColumnsWriter::Close(Group& group) {
  if (group.sizes.empty()) return {};
  std::string bytes;
  PutVarint(bytes, group.sizes.size());
  std::string column;
  for (const std::vector<int64_t>* numbers : {&group.times, &group.sizes}) {
    if (numbers->empty()) continue;
    column.clear();
    EncodeIntegers(*numbers, ColumnGoal::kSmall, column);
    PutText(bytes, column);
  }
  bytes += group.bytes;
  if (bytes.size() > UINT32_MAX / 2) {
    return core::Fail(Code::kResourceExhausted, "{}: a row of more than 2 GiB", file_->path());
  }
  group.places.push_back({size_bytes(), static_cast<uint32_t>(bytes.size() + kChecksumBytes),
                          static_cast<uint32_t>(group.added - group.sizes.size())});
  PutFixed(buffer_, ChecksumOf(bytes));
  buffer_ += bytes;
  group.times.clear();
  group.sizes.clear();
  group.bytes.clear();
  return buffer_.size() >= kWriteBytes ? Flush() : Status();
}

Status ColumnsWriter::Flush() {
  SEXTANT_TRY(file_->Append(buffer_));
  offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status ColumnsWriter::Finish() {
  SEXTANT_TRY(Close(times_));
  SEXTANT_TRY(Close(rows_));
  SEXTANT_TRY(Flush());
  return file_->Sync();
}

bool ParseGroup(std::string bytes, bool has_times, ColumnsReader::Group& group) {
  group.bytes = std::move(bytes);
  ByteReader reader(group.bytes);
  uint64_t rows = reader.Varint();
  if (!reader.ok() || rows == 0 || rows > kGroupRows) return false;
  std::vector<int64_t> numbers(static_cast<size_t>(rows));
  if (has_times) {
    if (!DecodeIntegers(reader.Text(), numbers)) return false;
    for (int64_t times : numbers) {
      if (!std::in_range<uint32_t>(times)) return false;
      group.times.push_back(static_cast<uint32_t>(times));
    }
  }
  if (!DecodeIntegers(reader.Text(), numbers) || !reader.ok()) return false;
  uint64_t end = static_cast<uint64_t>(reader.position() - group.bytes.data());
  group.begin = static_cast<uint32_t>(end);
  for (int64_t size : numbers) {
    if (size < 0 || static_cast<uint64_t>(size) > group.bytes.size() - end) return false;
    end += static_cast<uint64_t>(size);
    group.ends.push_back(static_cast<uint32_t>(end));
  }
  return end == group.bytes.size();
}

Result<std::shared_ptr<const ColumnsReader::Group>> ColumnsReader::LoadGroup(const GroupPlace& place,
                                                                             bool has_times) const {
  auto fail = [&](std::string_view what) {
    return core::Fail(Code::kCorruption, "{} at {}: {}", file_->path(), place.offset, what);
  };
  if (place.size_bytes <= kChecksumBytes || place.offset > size_bytes_ ||
      place.size_bytes > size_bytes_ - place.offset) {
    return fail("group outside of the file");
  }
  std::string bytes(place.size_bytes, '\0');
  SEXTANT_ASSIGN(size_t got, file_->ReadAt(place.offset, bytes.data(), bytes.size()));
  if (got != bytes.size()) return fail("the file is shorter than it was");
  uint32_t checksum = LoadFixed<uint32_t>(bytes.data());
  bytes.erase(0, kChecksumBytes);
  if (checksum != ChecksumOf(bytes)) return fail("wrong checksum");
  auto group = std::make_shared<Group>();
  group->first_row = place.first_row;
  if (!ParseGroup(std::move(bytes), has_times, *group)) return fail("malformed group");
  return group;
}

Result<std::shared_ptr<const ColumnsReader::Group>> ColumnsReader::FindGroup(std::string_view places,
                                                                             uint64_t row, bool has_times,
                                                                             Kept& kept) const {
  auto holds = [row](const std::shared_ptr<const Group>& group) {
    return group != nullptr && row >= group->first_row && row - group->first_row < group->size();
  };
  {
    std::lock_guard lock(mutex_);
    for (const auto& group : kept.groups) {
      if (holds(group)) return group;
    }
  }
  auto place_at = [&](size_t place) {
    return LoadFixed<GroupPlace>(places.data() + place * sizeof(GroupPlace));
  };
  // The last group that does not begin after the row.
  size_t begin = 0;
  size_t end = places.size() / sizeof(GroupPlace);
  while (begin < end) {
    size_t middle = begin + (end - begin) / 2;
    if (place_at(middle).first_row <= row) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (begin == 0) return core::Fail(Code::kCorruption, "{}: no group with row {}", file_->path(), row);
  SEXTANT_ASSIGN(std::shared_ptr<const Group> group, LoadGroup(place_at(begin - 1), has_times));
  if (!holds(group)) return core::Fail(Code::kCorruption, "{}: no group with row {}", file_->path(), row);
  std::lock_guard lock(mutex_);
  kept.groups[kept.next] = group;
  kept.next = (kept.next + 1) % kKeptGroups;
  return group;
}

bool ParseReference(std::string_view row, RowReference& reference) {
  reference = {};
  if (row.empty() || row[0] != kReference) return true;
  ByteReader reader(row.substr(1));
  reference.distance = reader.Varint();
  reference.differences = reader.Bytes(reader.remaining());
  return reader.ok() && reference.distance > 0;
}

Result<ColumnsReader::Row> ColumnsReader::FindRow(uint64_t row) const {
  SEXTANT_ASSIGN(std::shared_ptr<const Group> group, FindGroup(row_groups_, row, true, kept_rows_));
  size_t place = static_cast<size_t>(row - group->first_row);
  Row found{
      .stored = {group->Row(place), {}}, .times = group->times[place], .group = group, .base_group = {}};
  return found;
}

Result<ColumnsReader::Row> ColumnsReader::ReadRow(uint64_t row) const {
  SEXTANT_ASSIGN(Row found, FindRow(row));
  RowReference to;
  bool is_good = ParseReference(found.stored.bytes, to) && to.distance <= row;
  if (is_good && to.distance == 0) return found;
  if (is_good) {
    SEXTANT_ASSIGN(Row other, FindRow(row - to.distance));
    RowReference further;
    is_good = ParseReference(other.stored.bytes, further) && further.distance == 0;
    if (to.differences.empty()) {
      found.group = std::move(other.group);
      found.stored.bytes = other.stored.bytes;
    } else {
      found.base_group = std::move(other.group);
      found.stored = {to.differences, other.stored.bytes};
    }
  }
  if (is_good) return found;
  return core::Fail(Code::kCorruption, "{}: row {} refers to none", file_->path(), row);
}

Status ColumnsReader::ReadTimes(uint32_t times, std::vector<TimestampMs>& times_ms) const {
  SEXTANT_ASSIGN(std::shared_ptr<const Group> group, FindGroup(time_groups_, times, false, kept_times_));
  ByteReader reader(group->Row(times - group->first_row));
  uint64_t count = reader.Varint();
  bool is_good = reader.ok() && count > 0 && count <= kMaxRowSamples;
  if (is_good) {
    times_ms.resize(static_cast<size_t>(count));
    is_good = DecodeIntegers(reader.Bytes(reader.remaining()), times_ms) &&
              std::adjacent_find(times_ms.begin(), times_ms.end(), std::greater_equal<>()) == times_ms.end();
  }
  if (is_good) return {};
  return core::Fail(Code::kCorruption, "{}: malformed column of times {}", file_->path(), times);
}

}  // namespace sextant::tsdb
