#include "metrics/promfiles/head_import.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <optional>

#include "metrics/promfiles/head_mapped_chunks.h"
#include "metrics/promfiles/head_replay.h"
#include "metrics/promfiles/snapshot.h"
#include "metrics/promfiles/wal_segments.h"

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;
using model::SampleColumns;

constexpr size_t kMostWarnings = 100;
constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();
constexpr TimestampMs kMinTime = std::numeric_limits<TimestampMs>::min();

void CopySample(const SampleColumns& from, size_t i, SampleColumns& to) {
  TimestampMs start_ms = from.start_times_ms.empty() ? 0 : from.start_times_ms[i];
  if (!from.histograms.empty() && from.histograms[i] != nullptr) {
    to.AddHistogram(from.times_ms[i], from.histograms[i], start_ms);
  } else {
    to.Add(from.times_ms[i], from.values[i], start_ms);
  }
}

// The places of samples in the order of their times; of those at one time the first.
std::vector<size_t> InOrder(const SampleColumns& samples) {
  std::vector<size_t> order(samples.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](size_t i) { return samples.times_ms[i]; });
  auto same = [&](size_t a, size_t b) { return samples.times_ms[a] == samples.times_ms[b]; };
  order.erase(std::unique(order.begin(), order.end(), same), order.end());
  return order;
}

// Both in order of time; at one time the sample that came in order counts. Returns how many of the others
// did.
size_t Merge(const SampleColumns& in_order, const SampleColumns& others, SampleColumns& out) {
  size_t taken = 0;
  size_t next = 0;
  for (size_t i : InOrder(others)) {
    TimestampMs time_ms = others.times_ms[i];
    while (next < in_order.size() && in_order.times_ms[next] < time_ms) CopySample(in_order, next++, out);
    if (next < in_order.size() && in_order.times_ms[next] == time_ms) continue;
    CopySample(others, i, out);
    ++taken;
  }
  while (next < in_order.size()) CopySample(in_order, next++, out);
  return taken;
}

bool IsDeleted(const std::vector<WalTombstone>& tombstones, TimestampMs time_ms) {
  return std::ranges::any_of(tombstones, [&](const WalTombstone& tombstone) {
    return tombstone.min_ms <= time_ms && time_ms <= tombstone.max_ms;
  });
}

class Importer {
 public:
  Importer(core::FileSystem& fs, const std::string& data_dir, const HeadImportOptions& options,
           HeadVisitor& visitor)
      : fs_(fs), data_dir_(data_dir), options_(options), visitor_(visitor) {}

  core::Result<HeadImportReport> Run() {
    SEXTANT_TRY(FindLogs());
    std::vector<std::string> warnings;
    SEXTANT_TRY(chunks_.Load(fs_, core::JoinPath(data_dir_, "chunks_head"), options_.min_valid_ms, warnings));
    for (std::string& warning : warnings) Warn(std::move(warning));
    SEXTANT_TRY(ReadSnapshot());
    SEXTANT_TRY(ReadLogs());
    report_.unknown_refs = replay_->unknown_refs();
    report_.unreadable_histograms = replay_->unreadable_histograms();
    WarnOfDropped();
    SEXTANT_TRY(TellAll());
    return std::move(report_);
  }

 private:
  void Warn(std::string text) {
    if (report_.warnings.size() < kMostWarnings) report_.warnings.push_back(std::move(text));
  }

  void WarnOfDropped() {
    if (report_.unknown_refs > 0) {
      Warn(fmt::format("{} entries of logs are of series that are not there any more", report_.unknown_refs));
    }
    if (report_.unreadable_histograms > 0) {
      Warn(fmt::format("{} histograms of unknown schema or with contradictory parts",
                       report_.unreadable_histograms));
    }
    if (chunks_.left() > 0)
      Warn(fmt::format("{} head chunks of series that are not there any more", chunks_.left()));
  }

  core::Status FindLogs() {
    std::string wal_dir = core::JoinPath(data_dir_, "wal");
    SEXTANT_ASSIGN(wal_, ListSegments(fs_, wal_dir));
    SEXTANT_ASSIGN(wbl_, ListSegments(fs_, core::JoinPath(data_dir_, "wbl")));
    SEXTANT_ASSIGN(std::optional<WalCheckpoint> checkpoint, LastCheckpoint(fs_, wal_dir));
    if (checkpoint) SEXTANT_TRY(FindCheckpoint(wal_dir, *checkpoint));
    WarnOfGaps(checkpoint_);
    WarnOfGaps(wal_);
    WarnOfGaps(wbl_);
    return {};
  }

  core::Status FindCheckpoint(const std::string& wal_dir, const WalCheckpoint& checkpoint) {
    SEXTANT_ASSIGN(checkpoint_, ListSegments(fs_, checkpoint.path));
    std::erase_if(wal_, [&](const WalSegment& segment) { return segment.index <= checkpoint.index; });
    if (!wal_.empty() && wal_.front().index > checkpoint.index + 1) {
      ++report_.damages;
      Warn(fmt::format("{}: the segments after checkpoint {} up to {} are missing", wal_dir, checkpoint.index,
                       wal_.front().index - 1));
    }
    return {};
  }

  // What follows is of use without what is missing: most of it is about series that were known before.
  void WarnOfGaps(const std::vector<WalSegment>& segments) {
    for (size_t place : FindGaps(segments)) {
      ++report_.damages;
      Warn(fmt::format("{}: {} segments before it are missing", segments[place].path,
                       segments[place].index - segments[place - 1].index - 1));
    }
  }

  // Takes the newest snapshot, if the WAL goes on from it and it and the chunks it counts on are whole; else
  // the WAL says the same.
  core::Status ReadSnapshot() {
    replay_.emplace(chunks_, options_.min_valid_ms, options_.max_exemplars);
    SEXTANT_ASSIGN(std::optional<ChunkSnapshot> snapshot, LastChunkSnapshot(fs_, data_dir_));
    if (!snapshot) return {};
    bool continues = std::ranges::any_of(wal_, [&](const WalSegment& segment) {
      return segment.index == snapshot->segment && snapshot->offset <= segment.size_bytes;
    });
    if (!continues) {
      Warn(fmt::format("{}: left out, as the WAL does not go on from it", snapshot->path));
      return {};
    }
    if (!chunks_.is_whole()) {
      Warn(fmt::format("{}: left out for the WAL, as head chunks are missing", snapshot->path));
      return {};
    }
    SEXTANT_ASSIGN(std::vector<WalSegment> segments, ListSegments(fs_, snapshot->path));
    if (!FindGaps(segments).empty()) {
      Warn(fmt::format("{}: left out for the WAL, as segments of it are missing", snapshot->path));
      return {};
    }
    for (const WalSegment& segment : segments) {
      SEXTANT_ASSIGN(auto mapped, fs_.MapReadOnly(segment.path));
      if (core::Status status = ReadSnapshotSegment(mapped->bytes()); !status) {
        Warn(fmt::format("{}: left out for the WAL: {}", segment.path, status.error().message()));
        replay_.emplace(chunks_, options_.min_valid_ms, options_.max_exemplars);
        return {};
      }
    }
    replay_->FinishSnapshot();
    checkpoint_.clear();
    std::erase_if(wal_, [&](const WalSegment& segment) { return segment.index < snapshot->segment; });
    first_offset_ = snapshot->offset;
    return {};
  }

  core::Status ReadSnapshotSegment(std::string_view bytes) {
    SegmentReader reader(bytes);
    std::string_view record;
    while (reader.Next(record)) SEXTANT_TRY(replay_->ApplySnapshot(record));
    if (reader.damages().empty()) return {};
    const WalDamage& damage = reader.damages().front();
    return Fail(Code::kCorruption, "offset {}: {}", damage.offset, damage.what);
  }

  core::Status ReadLogs() {
    progress_.segments = checkpoint_.size() + wal_.size() + wbl_.size();
    if (!wal_.empty()) {
      progress_.first_segment = progress_.current_segment = wal_.front().index;
      progress_.last_segment = wal_.back().index;
    }
    for (const WalSegment& segment : checkpoint_)
      SEXTANT_TRY(ReadSegment(segment, &HeadReplay::ApplyWal, 0, false));
    for (const WalSegment& segment : wal_) {
      progress_.current_segment = segment.index;
      bool is_newest = &segment == &wal_.back();
      SEXTANT_TRY(ReadSegment(segment, &HeadReplay::ApplyWal, &segment == &wal_.front() ? first_offset_ : 0,
                              is_newest));
    }
    for (const WalSegment& segment : wbl_) {
      SEXTANT_TRY(ReadSegment(segment, &HeadReplay::ApplyWbl, 0, &segment == &wbl_.back()));
    }
    return {};
  }

  core::Status ReadSegment(const WalSegment& segment, core::Status (HeadReplay::*apply)(std::string_view),
                           uint64_t offset, bool is_newest) {
    SEXTANT_ASSIGN(auto mapped, fs_.MapReadOnly(segment.path));
    SegmentReader reader(mapped->bytes(), offset);
    std::string_view record;
    while (reader.Next(record)) {
      core::Status status = ((*replay_).*apply)(record);
      if (status) continue;
      ++report_.damages;
      Warn(fmt::format("{}, offset {}: {}", segment.path, reader.record_offset(), status.error().message()));
    }
    for (const WalDamage& damage : reader.damages()) {
      // How a crash leaves the newest segment.
      bool torn = is_newest && damage.at_end;
      if (!torn) ++report_.damages;
      Warn(fmt::format("{}, offset {}: {}{}", segment.path, damage.offset, damage.what,
                       torn ? " (the log's torn end)" : ""));
    }
    ++progress_.segments_done;
    if (options_.progress && !options_.progress(progress_))
      return Fail(Code::kCancelled, "the import was cancelled");
    return {};
  }

  core::Status TellAll() {
    absl::flat_hash_map<uint32_t, std::vector<const model::Exemplar*>> exemplars;
    for (const auto& [series, exemplar] : replay_->exemplars()) exemplars[series].push_back(&exemplar);
    std::vector<HeadReplay::Series>& all = replay_->series();
    for (uint32_t i = 0; i < all.size(); ++i) {
      if (all[i].deleted) continue;
      auto found = exemplars.find(i);
      SEXTANT_TRY(Tell(i, all[i], found == exemplars.end() ? nullptr : &found->second));
      all[i] = {};
    }
    return {};
  }

  core::Status Tell(uint32_t index, const HeadReplay::Series& series,
                    const std::vector<const model::Exemplar*>* exemplars) {
    SampleColumns samples;
    SEXTANT_TRY(Collect(index, series, samples));
    if (samples.size() == 0) return {};
    ++report_.series;
    report_.samples += samples.size();
    SEXTANT_TRY(visitor_.Series(series.ref, series.labels));
    if (const model::MetricMetadata* metadata = replay_->MetadataOf(index)) {
      ++report_.metadata;
      SEXTANT_TRY(visitor_.Metadata(*metadata));
    }
    if (const auto* tombstones = replay_->TombstonesOf(index)) {
      report_.tombstones += tombstones->size();
      for (const WalTombstone& tombstone : *tombstones) {
        SEXTANT_TRY(visitor_.Tombstone(tombstone.min_ms, tombstone.max_ms));
      }
    }
    SEXTANT_TRY(visitor_.Samples(samples));
    if (exemplars == nullptr) return {};
    report_.exemplars += exemplars->size();
    for (const model::Exemplar* exemplar : *exemplars) SEXTANT_TRY(visitor_.Exemplar(*exemplar));
    return {};
  }

  // All of a series' samples that are not deleted.
  core::Status Collect(uint32_t index, const HeadReplay::Series& series, SampleColumns& out) {
    SampleColumns in_order;
    for (HeadChunkRef ref : series.chunks) DecodeMapped(ref, options_.min_valid_ms, in_order);
    SEXTANT_TRY(series.samples.Read(in_order));
    SampleColumns others;
    // Only when a chunk's bytes are not of the times that stand beside them.
    if (!std::ranges::is_sorted(in_order.times_ms, std::less_equal<>())) std::swap(in_order, others);
    if (series.out_of_order_chunks != nullptr) {
      for (HeadChunkRef ref : *series.out_of_order_chunks) DecodeMapped(ref, kMinTime, others);
    }
    if (series.out_of_order != nullptr) {
      for (size_t i = 0; i < series.out_of_order->size(); ++i) CopySample(*series.out_of_order, i, others);
    }
    if (others.size() > 0) {
      SampleColumns merged;
      report_.out_of_order_samples += Merge(in_order, others, merged);
      in_order = std::move(merged);
    }
    const auto* tombstones = replay_->TombstonesOf(index);
    if (tombstones == nullptr) {
      out = std::move(in_order);
      return {};
    }
    for (size_t i = 0; i < in_order.size(); ++i) {
      if (!IsDeleted(*tombstones, in_order.times_ms[i])) CopySample(in_order, i, out);
    }
    return {};
  }

  void DecodeMapped(HeadChunkRef ref, TimestampMs start_ms, SampleColumns& out) {
    HeadChunk chunk = chunks_.At(ref);
    core::Status status = DecodeChunk(chunk.encoding, chunk.bytes, start_ms, kMaxTime, out);
    if (status) return;
    ++report_.damages;
    Warn(fmt::format("chunks_head/{:06}, offset {}: {}", ref >> 32, ref & UINT32_MAX,
                     status.error().message()));
  }

  core::FileSystem& fs_;
  const std::string& data_dir_;
  const HeadImportOptions& options_;
  HeadVisitor& visitor_;

  std::vector<WalSegment> checkpoint_;
  std::vector<WalSegment> wal_;  // after the checkpoint
  std::vector<WalSegment> wbl_;
  uint64_t first_offset_ = 0;  // in the first segment of wal_

  MappedChunks chunks_;
  std::optional<HeadReplay> replay_;
  HeadImportProgress progress_;
  HeadImportReport report_;
};

}  // namespace

bool HasHead(const core::FileSystem& fs, const std::string& data_dir) {
  return std::ranges::any_of(std::initializer_list<const char*>{"wal", "wbl", "chunks_head"},
                             [&](const char* name) {
                               auto files = fs.List(core::JoinPath(data_dir, name));
                               return files.has_value() && !files->empty();
                             });
}

core::Result<HeadImportReport> ImportHead(core::FileSystem& fs, const std::string& data_dir,
                                          const HeadImportOptions& options, HeadVisitor& visitor) {
  return Importer(fs, data_dir, options, visitor).Run();
}

}  // namespace sextant::promfiles
