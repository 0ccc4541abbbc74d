// The head that records build up: Prometheus' replay, with samples kept encoded. Owned by one thread.
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "metrics/promfiles/head_mapped_chunks.h"
#include "metrics/promfiles/head_series_buffer.h"
#include "metrics/promfiles/snapshot.h"
#include "metrics/promfiles/wal_record.h"
#include "model/storage.h"

namespace sextant::promfiles {

class HeadReplay {
 public:
  static constexpr uint32_t kNoSeries = std::numeric_limits<uint32_t>::max();

  struct Series {
    WalRef ref = 0;
    model::Labels labels;
    bool deleted = false;
    TimestampMs mapped_until_ms = HeadSeriesBuffer::kNone;  // the end of its mapped chunks
    std::vector<HeadChunkRef> chunks;
    HeadSeriesBuffer samples;  // after the chunks
    std::unique_ptr<std::vector<HeadChunkRef>> out_of_order_chunks;
    std::unique_ptr<model::SampleColumns> out_of_order;  // as they came
  };

  // `chunks` must outlive this.
  HeadReplay(MappedChunks& chunks, TimestampMs min_valid_ms, size_t max_exemplars)
      : chunks_(chunks), min_valid_ms_(min_valid_ms), max_exemplars_(max_exemplars) {}
  HeadReplay(const HeadReplay&) = delete;
  HeadReplay& operator=(const HeadReplay&) = delete;

  // A record of the WAL or a checkpoint, of the WBL, of a chunk snapshot. kCorruption when it cannot be read.
  core::Status ApplyWal(std::string_view record);
  core::Status ApplyWbl(std::string_view record);
  core::Status ApplySnapshot(std::string_view record);
  // After the snapshot's records: joins its series with their mapped chunks.
  void FinishSnapshot();

  // Series in the order they came; some are deleted. Those that were passed may be emptied by the caller.
  std::vector<Series>& series() { return series_; }
  const std::deque<std::pair<uint32_t, model::Exemplar>>& exemplars() const { return exemplars_; }
  // Null when there is none.
  const model::MetricMetadata* MetadataOf(uint32_t series) const;
  const std::vector<WalTombstone>* TombstonesOf(uint32_t series) const;

  uint64_t unknown_refs() const { return unknown_refs_; }
  uint64_t unreadable_histograms() const { return unreadable_histograms_; }

 private:
  // The series table holds labels once; this finds series by them.
  struct ByLabels {
    using is_transparent = void;
    const std::vector<Series>* series;
    const model::Labels& Of(uint32_t index) const { return (*series)[index].labels; }
    const model::Labels& Of(const model::Labels& labels) const { return labels; }
    template <typename T>
    size_t operator()(const T& key) const {
      return Of(key).Hash();
    }
    template <typename T, typename U>
    bool operator()(const T& a, const U& b) const {
      return Of(a) == Of(b);
    }
  };

  uint32_t Find(WalRef ref);
  Series& GetOrMake(WalRef ref, model::Labels labels);
  void Begin(WalRef ref, model::Labels labels);
  void AttachChunks(Series& series, WalRef ref);
  void MergeChunks(std::vector<HeadChunkRef>& chunks, std::vector<HeadChunkRef> more) const;
  core::Status AddSample(const WalSample& sample);
  core::Status AddHistogram(const WalHistogram& sample);
  void AddOutOfOrder(WalRef ref, TimestampMs time_ms, double value,
                     const std::shared_ptr<const model::FloatHistogram>& histogram, TimestampMs start_ms);
  void AddTombstone(const WalTombstone& tombstone);
  void Delete(uint32_t index);
  void AddExemplar(const WalExemplar& exemplar);
  void AddMetadata(const WalMetadata& metadata);
  void AddMarker(const WalMmapMarker& marker);

  MappedChunks& chunks_;
  const TimestampMs min_valid_ms_;
  const size_t max_exemplars_;

  std::vector<Series> series_;
  absl::flat_hash_map<WalRef, uint32_t> by_ref_;  // several when a series came again
  absl::flat_hash_set<uint32_t, ByLabels, ByLabels> by_labels_{0, ByLabels{&series_}, ByLabels{&series_}};
  absl::flat_hash_map<uint32_t, std::vector<WalTombstone>> tombstones_;
  std::deque<std::pair<uint32_t, model::Exemplar>> exemplars_;
  absl::flat_hash_map<uint32_t, model::Exemplar> newest_exemplars_;
  // Most series share their metadata with others.
  std::deque<model::MetricMetadata> metadata_;
  absl::flat_hash_map<std::string, const model::MetricMetadata*> metadata_by_text_;
  absl::flat_hash_map<uint32_t, const model::MetricMetadata*> metadata_of_;

  uint64_t unknown_refs_ = 0;
  uint64_t unreadable_histograms_ = 0;

  // Of one record; kept for their memory.
  std::vector<WalSeries> series_records_;
  std::vector<WalSample> sample_records_;
  std::vector<WalHistogram> histogram_records_;
};

}  // namespace sextant::promfiles
