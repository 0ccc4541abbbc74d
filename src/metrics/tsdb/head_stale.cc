// The head's stale series: those whose newest sample is a stale marker, so that probably none will follow.
// They can leave before their time when blocks have all of them (Maintenance decides).
#include <algorithm>

#include "metrics/tsdb/bytes.h"
#include "metrics/tsdb/head.h"
#include "model/value.h"

namespace sextant::tsdb {
namespace {

using core::Status;

constexpr size_t kComparisonsAtOnce = 8'192;  // under the index lock

// Markers of histograms have the same bits, see HistogramBits.
bool IsStale(const SeriesRecord& record) {
  return record.last_bits.load(std::memory_order_relaxed) == model::kStaleNanBits &&
         record.is_live.load(std::memory_order_relaxed);
}

}  // namespace

uint64_t Head::CountStale() const {
  WaitUntilRestored();
  uint64_t count = 0;
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) count += IsStale(table_.at(slot)) ? 1 : 0;
  return count;
}

std::vector<StaleSeries> Head::SelectStale() const {
  std::vector<StaleSeries> stale;
  for (uint32_t slot = 0; slot < table_.slots(); ++slot) {
    const SeriesRecord& record = table_.at(slot);
    if (!IsStale(record)) continue;
    SeriesRef ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed));
    if (out_of_order_.Holds(ref)) continue;
    stale.push_back({ref, record.last_time_ms.load(std::memory_order_relaxed)});
  }
  // New series need not wait for all of it: labels of a slot change only when its series is dropped, which is
  // up to who asks.
  std::shared_lock lock(index_mutex_);
  size_t compared = 0;
  std::sort(stale.begin(), stale.end(), [&](const StaleSeries& a, const StaleSeries& b) {
    if (++compared % kComparisonsAtOnce == 0) {
      lock.unlock();
      lock.lock();
    }
    return index_.IsBefore(SlotOf(a.ref), SlotOf(b.ref));
  });
  return stale;
}

std::vector<SeriesRef> Head::DropStale(const std::vector<StaleSeries>& written,
                                       DropEpochs::Epoch oldest_epoch) {
  std::vector<uint32_t> slots;
  slots.reserve(written.size());
  for (const StaleSeries& series : written) slots.push_back(SlotOf(series.ref));
  return DropUnused(slots, oldest_epoch, [&](size_t place, SeriesRef ref) {
    const SeriesRecord& record = table_.at(slots[place]);
    return ref == written[place].ref && IsStale(record) &&
           record.last_time_ms.load(std::memory_order_relaxed) == written[place].newest_ms &&
           !out_of_order_.Holds(ref);
  });
}

// Section: until its end, 8 bytes of ref each.

Section Head::MakeDropSection(std::span<const SeriesRef> dropped) {
  Section section{SectionTag::kDroppedSeries, {}};
  section.bytes.reserve(dropped.size() * sizeof(SeriesRef));
  for (SeriesRef ref : dropped) PutFixed(section.bytes, ref);
  return section;
}

// A ref is never given again: what has been made in its place since, and may be there already, is left alone.
Status Head::RestoreDrops(std::string_view bytes) {
  if (bytes.size() % sizeof(SeriesRef) != 0) {
    return core::Fail(core::Code::kCorruption, "malformed list of dropped series");
  }
  std::vector<uint32_t> slots;
  for (ByteReader reader(bytes); !reader.at_end();) {
    SeriesRef ref = reader.Fixed<SeriesRef>();
    if (Exists(ref)) slots.push_back(SlotOf(ref));
  }
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
  if (slots.empty()) return {};
  index_.Remove(slots);
  for (uint32_t slot : slots) DropSlot(slot);
  series_count_.store(index_.series_count(), std::memory_order_relaxed);
  return {};
}

}  // namespace sextant::tsdb
