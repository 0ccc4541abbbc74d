// The newest exemplars of all series, in a ring of fixed capacity: a new one takes the place of the oldest.
// Rules are Prometheus' (tsdb/exemplar.go): names and values of an exemplar's labels have at most 128
// characters together; per series they come in ascending order of time, value and labels; one that equals the
// newest is dropped without a word. A series' exemplars outlive the series.
//
// Thread-safe: one lock, since exemplars are few. Memory grows with what is there, not with the capacity.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <shared_mutex>
#include <vector>

#include "core/metrics.h"
#include "core/result.h"
#include "metrics/tsdb/db.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/series.h"
#include "model/storage.h"

namespace sextant::tsdb {

// An exemplar on its way into the store.
struct PendingExemplar {
  SeriesRef ref = 0;
  model::Exemplar exemplar;
};

class ExemplarStore {
 public:
  // `registry` must outlive this. Capacity 0 keeps none.
  ExemplarStore(core::Registry& registry, uint64_t capacity);

  // Whether there is any use in handing over exemplars.
  bool is_enabled() const { return capacity_.load(std::memory_order_relaxed) > 0; }

  // What Add would say: kOk also for what would be dropped, which `is_dropped` tells.
  model::AppendOutcome Check(const model::Labels& series, const model::Exemplar& exemplar,
                             bool& is_dropped) const;
  // Adds an exemplar; one that breaks the rules is left out and counted. True when it was taken.
  bool Add(const model::Labels& series, const model::Exemplar& exemplar);

  // The exemplars with start_ms <= time <= end_ms of the series that all matchers of at least one set accept;
  // series in the order of their labels.
  std::vector<SeriesExemplars> Select(TimestampMs start_ms, TimestampMs end_ms,
                                      const std::vector<std::vector<model::Matcher>>& matcher_sets) const;

  // Keeps the newest ones that find room.
  void Resize(uint64_t capacity);

  // Sections for a checkpoint, which name series by their labels, and of a journal batch, which names them by
  // ref. Restore finds labels by `labels_of`; kCorruption when the bytes are malformed.
  void Capture(std::vector<Section>& out) const;
  static Section MakeSection(const std::vector<PendingExemplar>& exemplars);
  using LabelsOf = std::function<std::optional<model::Labels>(SeriesRef)>;
  core::Status Restore(std::string_view bytes, const LabelsOf& labels_of);

  // Hands over what MakeSection put into a section. kCorruption when the bytes are malformed.
  using VisitExemplar = std::function<void(SeriesRef ref, model::Exemplar exemplar)>;
  static core::Status ReadBatchSection(std::string_view bytes, const VisitExemplar& visit);

  uint64_t size() const;
  uint64_t SizeBytes() const;

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint64_t kMaxCapacity = 1ULL << 30;

  struct Entry {
    model::Exemplar exemplar;
    uint32_t series = kNone;
    uint32_t next = kNone;  // of the same series, newer
  };
  struct Series {
    model::Labels labels;
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
  };

  model::AppendOutcome CheckLocked(const Series* series, const model::Exemplar& exemplar,
                                   bool& is_dropped) const;
  const Series* FindSeries(const model::Labels& labels) const;
  uint32_t UseSeries(const model::Labels& labels);
  uint32_t TakePlace();
  void Put(const model::Labels& series, const model::Exemplar& exemplar);
  void UpdateGauges();

  core::Counter& appended_;
  core::Counter& out_of_order_;
  core::Gauge& in_storage_;
  core::Gauge& series_in_storage_;
  core::Gauge& oldest_time_;
  core::Gauge& max_exemplars_;

  mutable std::shared_mutex mutex_;
  std::atomic<uint64_t> capacity_;
  std::vector<Entry> ring_;  // grows to the capacity, then goes round
  uint32_t next_place_ = 0;
  std::vector<Series> series_;
  std::vector<uint32_t> free_series_;
  absl::flat_hash_map<model::Labels, uint32_t> places_;  // in series_
  uint64_t label_bytes_ = 0;
};

}  // namespace sextant::tsdb
