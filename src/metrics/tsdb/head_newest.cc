// What the head does for queries over very many series: choosing them without making their labels, and
// finding the newest sample of each without decoding what is before it.
#include <algorithm>
#include <cstring>
#include <limits>

#include "metrics/tsdb/head.h"

namespace sextant::tsdb {

using model::LabelView;
using model::Matcher;

namespace {

constexpr TimestampMs kMaxTime = std::numeric_limits<TimestampMs>::max();

}  // namespace

core::Result<std::vector<HeadSeries>> Head::SelectInUse(const std::vector<Matcher>& matchers,
                                                        CommitTracker::Ticket watermark,
                                                        TimestampMs in_order_from_ms, TimestampMs start_ms,
                                                        DropEpochs::Epoch epoch,
                                                        const model::StopCheck* check) {
  std::vector<HeadSeries> out;
  model::PacedCheck paced(check);
  {
    std::shared_lock lock(index_mutex_);
    Bitmap slots = SelectRestored(matchers, lock, check);
    out.reserve(slots.cardinality());
    for (uint32_t slot : slots) {
      SEXTANT_TRY(paced.Worked());
      SeriesRecord& record = table_.at(slot);
      SeriesRef ref = MakeRef(slot, record.generation.load(std::memory_order_relaxed));
      // What has nothing for this reader is not in use by it, and may be dropped.
      if (record.last_time_ms.load(std::memory_order_relaxed) < in_order_from_ms &&
          !out_of_order_.Holds(ref, start_ms, kMaxTime, watermark)) {
        continue;
      }
      NoteUse(record, epoch);
      out.push_back({ref, kNoTime, {}, in_order_from_ms, watermark});
    }
  }
  SEXTANT_TRY(FillVisible(watermark, paced, out));
  SEXTANT_TRY(EraseEmpty(watermark, in_order_from_ms, start_ms, paced, out));
  return out;
}

core::Status Head::EraseEmpty(CommitTracker::Ticket watermark, TimestampMs in_order_from_ms,
                              TimestampMs start_ms, model::PacedCheck& check,
                              std::vector<HeadSeries>& out) const {
  core::Status status;
  std::erase_if(out, [&](const HeadSeries& series) {
    if (status) status = check.Worked();
    if (!status) return false;
    if (series.visible_until_ms != kNoTime && series.visible_until_ms >= in_order_from_ms) return false;
    return !out_of_order_.Holds(series.ref, start_ms, kMaxTime, watermark);
  });
  return status;
}

void Head::FillLabels(std::span<HeadSeries> series) const {
  std::vector<LabelView> scratch;
  std::shared_lock lock(index_mutex_);
  for (HeadSeries& one : series) {
    if (one.labels.empty() && IsSame(one)) one.labels = index_.LabelsOf(SlotOf(one.ref), scratch);
  }
}

void Head::ReadNewest(const HeadSeries& series, TimestampMs start_ms, TimestampMs end_ms,
                      model::SampleColumns& out) const {
  bool is_unusual = out_of_order_.Holds(series.ref, start_ms, end_ms, series.seen_until) ||
                    (!deletions_.empty() && !deletions_.Of(series.ref).empty());
  if (is_unusual) return Read(series, start_ms, end_ms, out);
  const TimestampMs from_ms = std::max(start_ms, series.in_order_from_ms);
  const TimestampMs until_ms = std::min(end_ms, series.visible_until_ms);
  if (from_ms > until_ms || series.visible_until_ms == kNoTime) return;
  char open_chunk[ChunkArena::kMaxBlockBytes];
  uint16_t open_bytes = 0;
  uint16_t open_samples = 0;
  {
    const uint32_t slot = SlotOf(series.ref);
    std::lock_guard lock(stripes_[StripeOf(slot)].mutex);
    const SeriesRecord& record = table_.at(slot);
    if (record.generation.load(std::memory_order_relaxed) != GenerationOf(series.ref)) return;
    if (record.chunk != nullptr && record.extras.load(std::memory_order_relaxed) == 0) {
      const TimestampMs last_ms = record.last_time_ms.load(std::memory_order_relaxed);
      if (last_ms < from_ms) return;
      if (last_ms <= until_ms) {
        out.Add(last_ms, std::bit_cast<double>(record.last_bits.load(std::memory_order_relaxed)));
        return;
      }
      open_bytes = record.chunk_bytes;
      open_samples = record.chunk_samples;
      std::memcpy(open_chunk, record.chunk, open_bytes);
    }
  }
  TimestampMs time_ms;
  uint64_t bits;
  ChunkReader chunk({open_chunk, open_bytes}, open_samples);
  // Without such a sample in the open chunk, or with histograms or start times, it takes more.
  if (!chunk.Newest(until_ms, time_ms, bits)) return Read(series, start_ms, end_ms, out);
  if (time_ms >= from_ms) out.Add(time_ms, std::bit_cast<double>(bits));
}

}  // namespace sextant::tsdb
