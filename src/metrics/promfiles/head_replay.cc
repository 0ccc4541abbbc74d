#include "metrics/promfiles/head_replay.h"

#include <algorithm>

namespace sextant::promfiles {
namespace {

using core::Code;
using core::Fail;

constexpr TimestampMs kMinTime = std::numeric_limits<TimestampMs>::min();
constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

template <typename Entry, typename Decode, typename Apply>
core::Status Each(std::string_view record, Decode decode, Apply apply) {
  std::vector<Entry> entries;
  SEXTANT_TRY(decode(record, entries));
  for (Entry& entry : entries) apply(entry);
  return {};
}

}  // namespace

core::Status HeadReplay::ApplyWal(std::string_view record) {
  if (record.empty()) return Fail(Code::kCorruption, "an empty record");
  switch (static_cast<RecordType>(record[0])) {
    case RecordType::kSeries:
      series_records_.clear();
      SEXTANT_TRY(DecodeSeriesRecord(record, series_records_));
      for (WalSeries& entry : series_records_) Begin(entry.ref, std::move(entry.labels));
      return {};
    case RecordType::kSamples:
    case RecordType::kSamplesV2:
      sample_records_.clear();
      SEXTANT_TRY(DecodeSamplesRecord(record, sample_records_));
      for (const WalSample& entry : sample_records_) SEXTANT_TRY(AddSample(entry));
      return {};
    case RecordType::kHistograms:
    case RecordType::kFloatHistograms:
    case RecordType::kCustomHistograms:
    case RecordType::kCustomFloatHistograms:
    case RecordType::kHistogramsV2:
    case RecordType::kFloatHistogramsV2:
      histogram_records_.clear();
      SEXTANT_TRY(DecodeHistogramsRecord(record, histogram_records_));
      for (const WalHistogram& entry : histogram_records_) SEXTANT_TRY(AddHistogram(entry));
      return {};
    case RecordType::kTombstones:
      return Each<WalTombstone>(record, DecodeTombstonesRecord,
                                [&](const auto& entry) { AddTombstone(entry); });
    case RecordType::kExemplars:
      return Each<WalExemplar>(record, DecodeExemplarsRecord, [&](const auto& entry) { AddExemplar(entry); });
    case RecordType::kMetadata:
      return Each<WalMetadata>(record, DecodeMetadataRecord, [&](const auto& entry) { AddMetadata(entry); });
    case RecordType::kMmapMarkers:
      return {};  // says nothing outside of the WBL
  }
  return {};  // from a newer version, which lets older ones pass over it
}

core::Status HeadReplay::ApplyWbl(std::string_view record) {
  if (record.empty()) return Fail(Code::kCorruption, "an empty record");
  switch (static_cast<RecordType>(record[0])) {
    case RecordType::kSamples:
    case RecordType::kSamplesV2:
      return Each<WalSample>(record, DecodeSamplesRecord, [&](const WalSample& entry) {
        AddOutOfOrder(entry.ref, entry.time_ms, entry.value, nullptr, entry.start_ms);
      });
    case RecordType::kHistograms:
    case RecordType::kFloatHistograms:
    case RecordType::kCustomHistograms:
    case RecordType::kCustomFloatHistograms:
    case RecordType::kHistogramsV2:
    case RecordType::kFloatHistogramsV2:
      return Each<WalHistogram>(record, DecodeHistogramsRecord, [&](const WalHistogram& entry) {
        if (entry.histogram == nullptr) {
          ++unreadable_histograms_;
          return;
        }
        AddOutOfOrder(entry.ref, entry.time_ms, 0, entry.histogram, entry.start_ms);
      });
    case RecordType::kMmapMarkers:
      return Each<WalMmapMarker>(record, DecodeMmapMarkersRecord,
                                 [&](const auto& entry) { AddMarker(entry); });
    default:
      return {};
  }
}

core::Status HeadReplay::ApplySnapshot(std::string_view record) {
  if (record.empty()) return Fail(Code::kCorruption, "an empty record");
  switch (static_cast<SnapshotRecordType>(record[0])) {
    case SnapshotRecordType::kSeries: {
      SnapshotSeries entry;
      SEXTANT_TRY(DecodeSnapshotSeries(record, entry));
      Series& series = GetOrMake(entry.ref, std::move(entry.labels));
      return entry.encoding == 0 ? core::Status() : series.samples.AddChunk(entry.encoding, entry.chunk);
    }
    case SnapshotRecordType::kTombstones:
      return Each<WalTombstone>(record, DecodeSnapshotTombstones,
                                [&](const auto& entry) { AddTombstone(entry); });
    case SnapshotRecordType::kExemplars:
      return Each<WalExemplar>(record, DecodeSnapshotExemplars,
                               [&](const auto& entry) { AddExemplar(entry); });
  }
  return Fail(Code::kCorruption, "a snapshot record of unknown type {}", static_cast<unsigned>(record[0]));
}

void HeadReplay::FinishSnapshot() {
  for (Series& series : series_) {
    AttachChunks(series, series.ref);
    // The chunk that was open then has been completed and mapped since.
    if (series.samples.newest_ms() != HeadSeriesBuffer::kNone &&
        series.mapped_until_ms >= series.samples.oldest_ms()) {
      series.samples.Clear();
    }
  }
}

const model::MetricMetadata* HeadReplay::MetadataOf(uint32_t series) const {
  auto found = metadata_of_.find(series);
  return found == metadata_of_.end() ? nullptr : found->second;
}

const std::vector<WalTombstone>* HeadReplay::TombstonesOf(uint32_t series) const {
  auto found = tombstones_.find(series);
  return found == tombstones_.end() ? nullptr : &found->second;
}

uint32_t HeadReplay::Find(WalRef ref) {
  auto found = by_ref_.find(ref);
  if (found != by_ref_.end() && !series_[found->second].deleted) return found->second;
  ++unknown_refs_;
  return kNoSeries;
}

HeadReplay::Series& HeadReplay::GetOrMake(WalRef ref, model::Labels labels) {
  auto known = by_labels_.find(labels);
  uint32_t index = known != by_labels_.end() ? *known : static_cast<uint32_t>(series_.size());
  if (known == by_labels_.end()) {
    Series& series = series_.emplace_back();
    series.ref = ref;
    series.labels = std::move(labels);
    by_labels_.insert(index);
  }
  by_ref_[ref] = index;
  return series_[index];
}

// A series' record. That it comes again, under another number, means that the former was collected after its
// samples went into blocks; only chunks that are mapped still count.
void HeadReplay::Begin(WalRef ref, model::Labels labels) {
  if (labels.empty()) return;
  Series& series = GetOrMake(ref, std::move(labels));
  AttachChunks(series, ref);
  series.samples.Clear();
  series.out_of_order.reset();
}

void HeadReplay::AttachChunks(Series& series, WalRef ref) {
  MergeChunks(series.chunks, chunks_.TakeInOrder(ref));
  series.mapped_until_ms =
      series.chunks.empty() ? HeadSeriesBuffer::kNone : chunks_.At(series.chunks.back()).max_ms;
  std::vector<HeadChunkRef> out_of_order = chunks_.TakeOutOfOrder(ref);
  if (out_of_order.empty()) return;
  if (series.out_of_order_chunks == nullptr)
    series.out_of_order_chunks = std::make_unique<std::vector<HeadChunkRef>>();
  auto& all = *series.out_of_order_chunks;
  all.insert(all.end(), out_of_order.begin(), out_of_order.end());
}

// Of chunks that overlap, those of the later record stay.
void HeadReplay::MergeChunks(std::vector<HeadChunkRef>& chunks, std::vector<HeadChunkRef> more) const {
  if (more.empty()) return;
  if (!chunks.empty()) {
    auto range = [&](HeadChunkRef ref) {
      HeadChunk chunk = chunks_.At(ref);
      return std::pair(chunk.min_ms, chunk.max_ms);
    };
    std::erase_if(chunks, [&](HeadChunkRef ref) {
      auto [min_ms, max_ms] = range(ref);
      return std::ranges::any_of(more, [&](HeadChunkRef other) {
        auto [other_min_ms, other_max_ms] = range(other);
        return min_ms <= other_max_ms && other_min_ms <= max_ms;
      });
    });
    more.insert(more.end(), chunks.begin(), chunks.end());
    std::ranges::sort(more, {}, [&](HeadChunkRef ref) { return chunks_.At(ref).min_ms; });
  }
  chunks = std::move(more);
  chunks.shrink_to_fit();
}

core::Status HeadReplay::AddSample(const WalSample& sample) {
  if (sample.time_ms < min_valid_ms_) return {};
  uint32_t index = Find(sample.ref);
  if (index == kNoSeries || sample.time_ms <= series_[index].mapped_until_ms) return {};
  return series_[index].samples.Add(sample.time_ms, sample.value, sample.start_ms);
}

core::Status HeadReplay::AddHistogram(const WalHistogram& sample) {
  if (sample.time_ms < min_valid_ms_) return {};
  uint32_t index = Find(sample.ref);
  if (index == kNoSeries || sample.time_ms <= series_[index].mapped_until_ms) return {};
  if (sample.histogram == nullptr) {
    ++unreadable_histograms_;
    return {};
  }
  return series_[index].samples.AddHistogram(sample.time_ms, sample.histogram, sample.start_ms);
}

void HeadReplay::AddOutOfOrder(WalRef ref, TimestampMs time_ms, double value,
                               const std::shared_ptr<const model::FloatHistogram>& histogram,
                               TimestampMs start_ms) {
  uint32_t index = Find(ref);
  if (index == kNoSeries) return;
  Series& series = series_[index];
  if (series.out_of_order == nullptr) series.out_of_order = std::make_unique<model::SampleColumns>();
  if (histogram != nullptr) {
    series.out_of_order->AddHistogram(time_ms, histogram, start_ms);
  } else {
    series.out_of_order->Add(time_ms, value, start_ms);
  }
}

void HeadReplay::AddTombstone(const WalTombstone& tombstone) {
  if (tombstone.max_ms < min_valid_ms_) return;
  uint32_t index = Find(tombstone.ref);
  if (index == kNoSeries) return;
  // All of time: the series itself was dropped there.
  if (tombstone.min_ms == kMinTime && tombstone.max_ms == kMaxTime) return Delete(index);
  tombstones_[index].push_back(tombstone);
}

void HeadReplay::Delete(uint32_t index) {
  Series& series = series_[index];
  by_labels_.erase(index);
  series.deleted = true;
  series.samples.Clear();
  series.chunks.clear();
  series.out_of_order.reset();
  series.out_of_order_chunks.reset();
}

void HeadReplay::AddExemplar(const WalExemplar& exemplar) {
  if (exemplar.exemplar.time_ms < min_valid_ms_ || max_exemplars_ == 0) return;
  uint32_t index = Find(exemplar.ref);
  if (index == kNoSeries) return;
  auto [newest, is_first] = newest_exemplars_.try_emplace(index, exemplar.exemplar);
  if (!is_first) {
    if (exemplar.exemplar.time_ms < newest->second.time_ms || exemplar.exemplar == newest->second) return;
    newest->second = exemplar.exemplar;
  }
  exemplars_.emplace_back(index, exemplar.exemplar);
  if (exemplars_.size() > max_exemplars_) exemplars_.pop_front();
}

void HeadReplay::AddMetadata(const WalMetadata& metadata) {
  uint32_t index = Find(metadata.ref);
  if (index == kNoSeries) return;
  std::string text = metadata.metadata.type;
  text.append(1, '\0').append(metadata.metadata.unit).append(1, '\0').append(metadata.metadata.help);
  const model::MetricMetadata*& shared = metadata_by_text_[text];
  if (shared == nullptr) shared = &metadata_.emplace_back(metadata.metadata);
  metadata_of_[index] = shared;
}

// The out-of-order samples so far are in a chunk, if that chunk is there.
void HeadReplay::AddMarker(const WalMmapMarker& marker) {
  if (marker.chunk_ref > chunks_.last_ref()) return;
  uint32_t index = Find(marker.ref);
  if (index != kNoSeries) series_[index].out_of_order.reset();
}

}  // namespace sextant::promfiles
