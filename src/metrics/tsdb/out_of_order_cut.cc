// Maintenance, the part for out-of-order samples: those for times before the head go to blocks of their own,
// which overlap the ones that are there until the compactor merges them.
#include <absl/container/flat_hash_set.h>

#include <algorithm>

#include "metrics/tsdb/maintenance.h"

namespace sextant::tsdb {

using core::Status;

// After a block was cut, as in Prometheus, or when memory gets scarce. What was written before must be
// dropped first, or it would be written once more.
bool Maintenance::IsOutOfOrderCutDue() const {
  const OutOfOrderStore& late = store_.head.out_of_order();
  return !late.empty() && written_.empty() && (wants_out_of_order_cut_ || late.IsHalfFull());
}

Status Maintenance::CutOutOfOrder() {
  if (!IsOutOfOrderCutDue()) return {};
  const DurationMs range_ms = store_.options.block_range_ms;
  const TimestampMs floor_ms = store_.blocks.end_ms();
  TimestampMs next_ms = store_.head.out_of_order().OldestFrom(kNoTime);
  while (next_ms < floor_ms) {
    TimestampMs start_ms = StartOfRange(next_ms);
    TimestampMs end_ms = std::min(start_ms + range_ms, floor_ms);
    if (Status written = WriteOutOfOrder(start_ms, end_ms); !written) {
      store_.metrics.compactions_failed.Increment();
      return written.map_error(
          core::AddContext("writing a block of out-of-order samples of {} to {}", start_ms, end_ms));
    }
    next_ms = store_.head.out_of_order().OldestFrom(end_ms);
  }
  wants_out_of_order_cut_ = false;
  return {};
}

Status Maintenance::WriteOutOfOrder(TimestampMs start_ms, TimestampMs end_ms) {
  store_.commits.WaitForBegun();
  CommitTracker::Ticket ticket = store_.commits.watermark();
  if (store_.options.journal_only) {
    NoteOutOfOrderCut({start_ms, end_ms, ticket});
    return {};
  }
  const OutOfOrderStore& late = store_.head.out_of_order();
  std::vector<SeriesRef> refs = late.SeriesIn(start_ms, end_ms - 1);
  absl::flat_hash_set<SeriesRef> wanted(refs.begin(), refs.end());
  SEXTANT_ASSIGN(NewBlock block, store_.blocks.Start(store_.options.block_form, start_ms, end_ms,
                                                     {.is_out_of_order = true, .parents = {}}, {}));
  HeadSeries series;
  std::vector<OutOfOrderSample> samples;
  model::SampleColumns columns;
  Status added;
  for (SeriesRef ref : store_.head.SortedRefs()) {
    if (!wanted.contains(ref) || !store_.head.Describe(ref, series)) continue;
    samples.clear();
    columns.clear();
    late.Read(ref, start_ms, end_ms - 1, ticket, samples);
    MergeOutOfOrder(samples, 0, columns);
    if (columns.size() > 0) added = block.writer->Add(series.labels, columns);
    if (!added) break;
  }
  if (!added) {
    store_.blocks.Discard(std::move(block));
    return added;
  }
  std::string dir = block.dir;
  SEXTANT_TRY(store_.blocks.Finish(std::move(block), {}));
  store_.metrics.compactions.Increment();
  NoteOutOfOrderCut({start_ms, end_ms, ticket});
  store_.logger.Info("wrote a block of out-of-order samples", {{"block", dir}, {"series", wanted.size()}});
  return {};
}

// What is elsewhere now, or is not kept, may go.
void Maintenance::NoteOutOfOrderCut(WrittenRange range) {
  written_.push_back(range);
  NoteNewBlock();
  has_droppings_ = true;
  needs_checkpoint_.store(true);
}

}  // namespace sextant::tsdb
