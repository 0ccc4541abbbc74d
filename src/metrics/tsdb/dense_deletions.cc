#include "metrics/tsdb/dense_deletions.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {

using core::Code;
using core::Result;
using core::Status;

namespace {

constexpr std::string_view kMagic = "SXTDEL1\n";
constexpr size_t kChecksumBytes = sizeof(uint64_t);
constexpr uint64_t kMaxFileBytes = uint64_t{64} << 20;

// A bitmap as the distances and lengths of its runs.
void PutRuns(const Bitmap& series, std::string& out) {
  std::string runs;
  uint64_t count = 0;
  uint64_t begin = 0;
  uint64_t end = 0;      // of the run so far
  uint64_t written = 0;  // end of the run before
  auto close = [&] {
    if (end == begin) return;
    PutVarint(runs, begin - written);
    PutVarint(runs, end - begin - 1);
    written = end;
    ++count;
  };
  for (uint32_t number : series) {
    if (number != end || end == begin) {
      close();
      begin = number;
    }
    end = uint64_t{number} + 1;
  }
  close();
  PutVarint(out, count);
  out += runs;
}

bool ReadRuns(ByteReader& reader, uint64_t limit, Bitmap& series) {
  uint64_t count = reader.Count(2);
  uint64_t at = 0;
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t skipped = reader.Varint();
    uint64_t length = reader.Varint();
    if (!reader.ok() || skipped > limit - at || length >= limit - at - skipped) return false;
    series.addRange(at + skipped, at + skipped + length + 1);
    at += skipped + length + 1;
  }
  return reader.ok();
}

}  // namespace

Result<Deletions> Deletions::Load(core::FileSystem& fs, const std::string& path, uint64_t series) {
  auto bytes = core::ReadFile(fs, path, kMaxFileBytes);
  if (!bytes && bytes.error().code() == Code::kNotFound) return Deletions();
  if (!bytes) return tl::unexpected(bytes.error());
  return Parse(*bytes, series).map_error(core::AddContext("{}", path));
}

Result<Deletions> Deletions::Parse(std::string_view bytes, uint64_t series) {
  if (bytes.size() < kMagic.size() + kChecksumBytes || !bytes.starts_with(kMagic))
    return core::Fail(Code::kCorruption, "not a file of deletions");
  std::string_view body = bytes.substr(0, bytes.size() - kChecksumBytes);
  if (LoadFixed<uint64_t>(bytes.data() + body.size()) != XXH3_64bits(body.data(), body.size()))
    return core::Fail(Code::kCorruption, "wrong checksum");
  ByteReader reader(body.substr(kMagic.size()));
  Deletions deletions;
  uint64_t count = reader.Count(3);
  for (uint64_t i = 0; i < count; ++i) {
    Entry& entry = deletions.entries_.emplace_back();
    entry.range.start_ms = reader.SignedVarint();
    entry.range.end_ms = reader.SignedVarint();
    if (!ReadRuns(reader, series, entry.series) || entry.range.start_ms > entry.range.end_ms) {
      return core::Fail(Code::kCorruption, "malformed deletion before offset {}",
                        body.size() - reader.remaining());
    }
  }
  if (!reader.ok() || !reader.at_end()) return core::Fail(Code::kCorruption, "malformed deletions");
  return deletions;
}

void Deletions::Add(TimestampMs start_ms, TimestampMs end_ms, const Bitmap& series) {
  Entry added{{start_ms, end_ms}, series};
  for (size_t i = 0; i < entries_.size();) {
    Entry& entry = entries_[i];
    bool is_same_range = entry.range == added.range;
    bool touches = entry.range.start_ms <= added.range.end_ms && added.range.start_ms <= entry.range.end_ms;
    if (is_same_range) {
      added.series |= entry.series;
    } else if (touches && entry.series == added.series) {
      added.range.start_ms = std::min(added.range.start_ms, entry.range.start_ms);
      added.range.end_ms = std::max(added.range.end_ms, entry.range.end_ms);
    } else {
      ++i;
      continue;
    }
    entries_.erase(entries_.begin() + static_cast<ptrdiff_t>(i));
    i = 0;  // what it grew to may meet others
  }
  entries_.push_back(std::move(added));
}

std::string Deletions::Serialize() const {
  std::string out(kMagic);
  PutVarint(out, entries_.size());
  for (const Entry& entry : entries_) {
    PutSignedVarint(out, entry.range.start_ms);
    PutSignedVarint(out, entry.range.end_ms);
    PutRuns(entry.series, out);
  }
  PutFixed(out, uint64_t{XXH3_64bits(out.data(), out.size())});
  return out;
}

uint64_t Deletions::count() const {
  uint64_t count = 0;
  for (const Entry& entry : entries_) count += entry.series.cardinality();
  return count;
}

void Deletions::SubtractWhole(TimestampMs start_ms, TimestampMs end_ms, Bitmap& series) const {
  for (const Entry& entry : entries_) {
    if (entry.range.start_ms <= start_ms && entry.range.end_ms >= end_ms) series -= entry.series;
  }
}

void Deletions::Subtract(uint32_t series, size_t begin, model::SampleColumns& samples) const {
  std::vector<model::TimeInterval> found;
  for (const Entry& entry : entries_) {
    if (entry.series.contains(series)) found.push_back(entry.range);
  }
  if (found.empty()) return;
  model::TimeIntervals intervals;
  AddIntervals(std::move(found), intervals);
  EraseIntervals(intervals, begin, samples);
}

}  // namespace sextant::tsdb
