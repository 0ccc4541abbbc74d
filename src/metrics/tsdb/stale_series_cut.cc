// Maintenance, the part for stale series: when many of the head's series have ended, as after a rollout, they
// need not wait for the next block. They are written to blocks of their own, which overlap those to come
// until the compactor merges them, and leave the head.
//
//   1. write blocks of them     a crash: they are in the head as before, and the same samples in blocks
//   2. drop them from memory    those that came back to life meanwhile stay
//   3. journal that they left   a crash before that: as in 1; after it: a restart drops them as well
//
// Readers merge head and blocks, so that a sample that both have is served once. The blocks say nothing of
// where the head begins.
#include <algorithm>
#include <utility>

#include "metrics/tsdb/maintenance.h"

namespace sextant::tsdb {

using core::Status;

namespace {

constexpr int64_t kCheckEveryNs = 60'000'000'000;
// When a cut fails or makes no room, the next ones wait twice as long each time, up to this: a full disk is
// not to be filled further, nor series that cannot be read to be read every minute.
constexpr int64_t kLongestPauseNs = 60 * kCheckEveryNs;
// Nothing is cut early when a block is due anyway within this part of a block's range (10 minutes of 2 h).
constexpr int kSoonPart = 12;
constexpr size_t kDropsAtOnce = 1 << 20;  // per journal batch

}  // namespace

Status Maintenance::CutStaleSeries() {
  if (stale_written_.empty()) {
    if (!IsStaleCutDue()) return {};
    store_.metrics.stale_compactions.Increment();
    int64_t started_ns = store_.clock.MonotonicNs();
    Status written = WriteStaleSeries();
    store_.metrics.stale_compaction_seconds.Observe(
        static_cast<double>(store_.clock.MonotonicNs() - started_ns) / 1e9);
    NoteStaleOutcome(written && !stale_written_.empty());
    if (!written) {
      stale_written_.clear();
      store_.metrics.stale_compactions_failed.Increment();
      return written.map_error(core::AddContext("writing stale series to blocks"));
    }
  }
  DropStaleSeries();
  return {};
}

bool Maintenance::IsStaleCutDue() {
  const double threshold = store_.stale_series_threshold.load();
  if (!(threshold > 0) || store_.clock.MonotonicNs() < next_stale_check_ns_) return false;
  next_stale_check_ns_ = store_.clock.MonotonicNs() + std::max(stale_pause_ns_, kCheckEveryNs);
  const uint64_t series = store_.head.series_count();
  const TimestampMs max_ms = store_.head.max_time_ms();
  if (series == 0 || store_.head.min_time_ms() > max_ms) return false;
  const DurationMs range_ms = store_.options.block_range_ms;
  if (max_ms > std::numeric_limits<TimestampMs>::max() - 2 * range_ms) return false;  // no time after it
  bool is_cut_near = WrappingSub(max_ms, StartOfRange(store_.head.min_time_ms())) >=
                     range_ms + range_ms / 2 - range_ms / kSoonPart;
  return !is_cut_near &&
         static_cast<double>(store_.head.CountStale()) >= threshold * static_cast<double>(series);
}

void Maintenance::NoteStaleOutcome(bool is_worthwhile) {
  if (is_worthwhile) {
    stale_pause_ns_ = 0;
  } else {
    stale_pause_ns_ = stale_pause_ns_ == 0 ? kCheckEveryNs : std::min(kLongestPauseNs, 2 * stale_pause_ns_);
  }
  next_stale_check_ns_ = std::max(next_stale_check_ns_, store_.clock.MonotonicNs() + stale_pause_ns_);
}

// All blocks are written before the first becomes part of the store: when one cannot be, none stays.
Status Maintenance::WriteStaleSeries() {
  std::vector<StaleSeries> stale = store_.head.SelectStale();
  // Series with out-of-order samples stay: were they most, this would be done again and again.
  double least = store_.stale_series_threshold.load() * static_cast<double>(store_.head.series_count());
  if (stale.empty() || static_cast<double>(stale.size()) < least) return {};
  std::vector<NewBlock> blocks;
  if (Status written = WriteStaleBlocks(stale, blocks); !written) {
    for (NewBlock& block : blocks) store_.blocks.Discard(std::move(block));
    return written;
  }
  // A series that came back to life may have been read in the middle of a commit, which nobody must see half.
  store_.commits.WaitForBegun();
  Status finished;
  for (NewBlock& block : blocks) {
    if (!finished) {
      store_.blocks.Discard(std::move(block));
      continue;
    }
    std::string dir = block.dir;
    if (auto has_samples = store_.blocks.Finish(std::move(block), {}); has_samples) {
      store_.logger.Info("wrote a block of stale series", {{"block", dir}, {"has_samples", *has_samples}});
    } else {
      finished = tl::unexpected(has_samples.error());
    }
  }
  NoteNewBlock();
  if (finished) stale_written_ = std::move(stale);
  return finished;
}

// One block per range of time. Takes those out of `stale` that cannot be read whole: they stay in the head.
Status Maintenance::WriteStaleBlocks(std::vector<StaleSeries>& stale, std::vector<NewBlock>& blocks) {
  const DurationMs range_ms = store_.options.block_range_ms;
  const TimestampMs newest_ms = std::ranges::max_element(stale, {}, &StaleSeries::newest_ms)->newest_ms;
  const TimestampMs head_start_ms = store_.blocks.end_ms();
  for (TimestampMs start_ms = StartOfRange(std::max(head_start_ms, store_.head.min_time_ms()));
       start_ms <= newest_ms; start_ms += range_ms) {
    TimestampMs end_ms = newest_ms - start_ms < range_ms ? newest_ms + 1 : start_ms + range_ms;
    if (end_ms <= head_start_ms) continue;
    TimestampMs begin_ms = std::max(start_ms, head_start_ms);
    SEXTANT_ASSIGN(NewBlock block, store_.blocks.Start(store_.options.block_form, begin_ms, end_ms,
                                                       {.is_stale_series = true, .parents = {}}, {}));
    blocks.push_back(std::move(block));
    SEXTANT_TRY(FillStaleBlock(begin_ms, end_ms, stale, *blocks.back().writer));
  }
  return {};
}

Status Maintenance::FillStaleBlock(TimestampMs start_ms, TimestampMs end_ms, std::vector<StaleSeries>& stale,
                                   BlockWriter& writer) {
  HeadSeries series;
  model::SampleColumns samples;
  Status added;
  std::erase_if(stale, [&](const StaleSeries& one) {
    if (!added || one.newest_ms < start_ms || !store_.head.Describe(one.ref, series)) return false;
    series.in_order_from_ms = store_.blocks.end_ms();
    samples.clear();
    double failures = store_.metrics.chunk_read_failures.value();
    store_.head.Read(series, start_ms, end_ms - 1, samples);
    if (store_.metrics.chunk_read_failures.value() != failures) return true;
    if (samples.size() == 0) return false;
    added = writer.Add(series.labels, samples);
    return false;
  });
  return added;
}

void Maintenance::DropStaleSeries() {
  if (stale_written_.empty() || store_.epochs.Oldest() < newest_block_epoch_) return;
  std::vector<SeriesRef> dropped = store_.head.DropStale(stale_written_, store_.epochs.Advance());
  // What somebody uses just now is left for the next time, unless it gets a sample.
  HeadSeries series;
  std::erase_if(stale_written_, [&](const StaleSeries& one) {
    return !store_.head.Describe(one.ref, series) || series.visible_until_ms != one.newest_ms ||
           store_.head.out_of_order().Holds(one.ref);
  });
  if (dropped.empty()) return;
  store_.logger.Info("dropped stale series", {{"series", dropped.size()}});
  const bool had_undurable = std::exchange(has_undurable_drops_, true);
  if (Status written = JournalDrops(dropped); written) {
    has_undurable_drops_ = had_undurable;
  } else {
    needs_checkpoint_.store(true);
    store_.logger.Warn("a checkpoint will say that series were dropped, since the journal cannot",
                       {{"error", written.error()}});
  }
}

// Only after they are gone: what is appended to series of the same labels from now on has new refs, so that a
// replay cannot take it for theirs.
Status Maintenance::JournalDrops(std::span<const SeriesRef> dropped) {
  while (!dropped.empty()) {
    std::span<const SeriesRef> some = dropped.first(std::min(dropped.size(), kDropsAtOnce));
    Section section = Head::MakeDropSection(some);
    if (Status written = store_.journal->Append({}, {}, {&section, 1}); !written) {
      store_.metrics.journal_failures.Increment();
      return written;
    }
    dropped = dropped.subspan(some.size());
  }
  return Sync();
}

}  // namespace sextant::tsdb
