#include "metrics/tsdb/head_deletions.h"

#include <algorithm>
#include <mutex>

#include "metrics/tsdb/bytes.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Status;

constexpr size_t kDeletionBytes = sizeof(SeriesRef) + 3 * sizeof(TimestampMs);

void PutDeletion(std::string& out, const SeriesDeletion& deletion) {
  PutFixed(out, deletion.ref);
  PutFixed(out, deletion.range.start_ms);
  PutFixed(out, deletion.range.end_ms);
  PutFixed(out, deletion.newest_ms);
}

}  // namespace

void HeadDeletions::Add(SeriesRef ref, TimeInterval interval) {
  if (interval.start_ms > interval.end_ms) return;
  interval.start_ms = std::max(interval.start_ms, kNoTime + 1);  // which no sample is before
  std::unique_lock lock(mutex_);
  AddInterval(interval, intervals_[ref]);
  series_.store(intervals_.size(), std::memory_order_release);
}

void HeadDeletions::Subtract(SeriesRef ref, size_t begin, model::SampleColumns& columns) const {
  if (empty() || begin >= columns.size()) return;
  std::shared_lock lock(mutex_);
  auto found = intervals_.find(ref);
  if (found != intervals_.end()) EraseIntervals(found->second, begin, columns);
}

model::TimeIntervals HeadDeletions::Of(SeriesRef ref) const {
  std::shared_lock lock(mutex_);
  auto found = intervals_.find(ref);
  return found == intervals_.end() ? model::TimeIntervals() : found->second;
}

void HeadDeletions::DropSeries(SeriesRef ref) {
  if (empty()) return;
  std::unique_lock lock(mutex_);
  intervals_.erase(ref);
  series_.store(intervals_.size(), std::memory_order_release);
}

void HeadDeletions::DropBefore(TimestampMs time_ms) {
  if (empty()) return;
  std::unique_lock lock(mutex_);
  absl::erase_if(intervals_, [&](auto& series) {
    std::erase_if(series.second, [&](const TimeInterval& interval) { return interval.end_ms < time_ms; });
    return series.second.empty();
  });
  series_.store(intervals_.size(), std::memory_order_release);
}

// Section: until its end, 8 bytes each of ref, start, end and newest time.

void HeadDeletions::Capture(std::vector<Section>& out) const {
  std::shared_lock lock(mutex_);
  Section section{SectionTag::kDeletions, {}};
  for (const auto& [ref, intervals] : intervals_) {
    for (const TimeInterval& interval : intervals) {
      PutDeletion(section.bytes, {ref, interval, interval.end_ms});
      if (section.bytes.size() < kSectionBytes) continue;
      out.push_back(std::move(section));
      section = {SectionTag::kDeletions, {}};
    }
  }
  if (!section.bytes.empty()) out.push_back(std::move(section));
}

Section HeadDeletions::MakeSection(const std::vector<SeriesDeletion>& deletions) {
  Section section{SectionTag::kDeletions, {}};
  section.bytes.reserve(deletions.size() * kDeletionBytes);
  for (const SeriesDeletion& deletion : deletions) PutDeletion(section.bytes, deletion);
  return section;
}

Status HeadDeletions::ReadSection(std::string_view bytes,
                                  const std::function<void(const SeriesDeletion&)>& apply) {
  if (bytes.size() % kDeletionBytes != 0) return core::Fail(Code::kCorruption, "malformed deletions");
  ByteReader reader(bytes);
  while (!reader.at_end()) {
    SeriesDeletion deletion;
    deletion.ref = reader.Fixed<SeriesRef>();
    deletion.range.start_ms = reader.Fixed<TimestampMs>();
    deletion.range.end_ms = reader.Fixed<TimestampMs>();
    deletion.newest_ms = reader.Fixed<TimestampMs>();
    if (deletion.range.start_ms > deletion.range.end_ms) {
      return core::Fail(Code::kCorruption, "malformed deletions");
    }
    apply(deletion);
  }
  return {};
}

uint64_t HeadDeletions::SizeBytes() const {
  std::shared_lock lock(mutex_);
  uint64_t size = intervals_.capacity() * (sizeof(SeriesRef) + sizeof(model::TimeIntervals) + 1);
  for (const auto& [ref, intervals] : intervals_) size += intervals.capacity() * sizeof(TimeInterval);
  return size;
}

}  // namespace sextant::tsdb
