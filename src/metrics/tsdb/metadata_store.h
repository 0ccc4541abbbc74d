// What targets say of their metrics, per series: the latest metadata, each distinct one kept once (a family's
// series share it, and so do targets of one kind). 4 bytes per series that has any.
//
// Thread-safe: one lock, since metadata changes seldom.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <vector>

#include "core/result.h"
#include "metrics/tsdb/journal_batch.h"
#include "metrics/tsdb/series.h"
#include "model/storage.h"

namespace sextant::tsdb {

// Metadata on its way into the store.
struct PendingMetadata {
  SeriesRef ref = 0;
  model::MetricMetadata metadata;
};

class MetadataStore {
 public:
  static constexpr size_t kMaxTextBytes = 16 << 10;  // of type, help and unit, each

  // Whether a series' metadata is this already.
  bool Has(SeriesRef ref, const model::MetricMetadata& metadata) const;
  void Set(SeriesRef ref, const model::MetricMetadata& metadata);
  // Null: nothing is known.
  std::shared_ptr<const model::MetricMetadata> Get(SeriesRef ref) const;
  void DropSeries(SeriesRef ref);
  // Calls `visit` for each slot that has metadata; not while it visits, so that `visit` may take locks.
  using Visit = std::function<void(uint32_t slot, const std::shared_ptr<const model::MetricMetadata>&)>;
  void ForEach(const Visit& visit) const;

  // Sections for a checkpoint, and back. Restore takes what `is_known` accepts; kCorruption when the bytes
  // are malformed.
  using RefOf = std::function<SeriesRef(uint32_t slot)>;  // 0: there is no such series
  void Capture(const RefOf& ref_of, std::vector<Section>& out) const;
  static Section MakeSection(const std::vector<PendingMetadata>& metadata);
  core::Status Restore(std::string_view bytes, const std::function<bool(SeriesRef)>& is_known);

  uint64_t SizeBytes() const;
  uint64_t distinct() const;

 private:
  static constexpr size_t kSectionBytes = 8 << 20;

  struct Entry {
    std::shared_ptr<const model::MetricMetadata> metadata;
    uint32_t uses = 0;
  };
  struct Hash {
    using is_transparent = void;
    size_t operator()(const model::MetricMetadata* metadata) const {
      return absl::HashOf(metadata->type, metadata->help, metadata->unit);
    }
  };
  struct Equal {
    bool operator()(const model::MetricMetadata* a, const model::MetricMetadata* b) const { return *a == *b; }
  };

  void SetLocked(SeriesRef ref, const model::MetricMetadata& metadata);
  void Release(uint32_t entry);

  mutable std::shared_mutex mutex_;
  std::vector<uint32_t> by_slot_;  // entry + 1; 0: none
  std::vector<Entry> entries_;
  std::vector<uint32_t> free_entries_;
  absl::flat_hash_map<const model::MetricMetadata*, uint32_t, Hash, Equal> ids_;
  uint64_t text_bytes_ = 0;
};

}  // namespace sextant::tsdb
