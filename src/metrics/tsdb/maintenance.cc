#include "metrics/tsdb/maintenance.h"

#include <algorithm>

#include "metrics/tsdb/block_merge.h"
#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/head_delete.h"

namespace sextant::tsdb {

using core::Status;

Status Maintenance::Sync() {
  Status synced = store_.journal->Sync();
  if (synced) return {};
  // What the kernel could not write it may have forgotten: only writing everything anew helps.
  needs_checkpoint_.store(true);
  store_.metrics.sync_failures.Increment();
  return synced;
}

Status Maintenance::Run() {
  std::lock_guard lock(mutex_);
  store_.head.WaitUntilRestored();
  store_.head.TurnRecent(store_.clock.NowMs());
  store_.metrics.compactions_triggered.Increment();
  Status cut = CutBlocks();
  Status retained = ApplyRetention();
  Status dropped = has_droppings_ ? DropWhatIsInBlocks() : Status();
  if (!dropped) store_.metrics.head_truncations_failed.Increment();
  Status late_cut = CutOutOfOrder();
  Status stale_cut = CutStaleSeries();
  Status checkpointed = IsCheckpointDue() ? CheckpointLocked() : Status();
  store_.SizeJournalStreams();
  SEXTANT_TRY(cut);
  SEXTANT_TRY(retained);
  SEXTANT_TRY(dropped);
  SEXTANT_TRY(late_cut);
  SEXTANT_TRY(stale_cut);
  return checkpointed;
}

TimestampMs Maintenance::StartOfRange(TimestampMs time_ms) const {
  const DurationMs range_ms = store_.options.block_range_ms;
  TimestampMs phase = time_ms % range_ms;
  return time_ms - (phase < 0 ? phase + range_ms : phase);
}

// What a new block has is dropped from the head when nobody reads any more who began without the block.
void Maintenance::NoteNewBlock() {
  store_.epochs.Advance();
  newest_block_epoch_ = store_.epochs.current();
}

// A block is cut when the head spans one and a half of it, so that late samples still find their place.
Status Maintenance::CutBlocks() {
  const DurationMs range_ms = store_.options.block_range_ms;
  while (true) {
    TimestampMs min_ms = store_.head.min_time_ms();
    TimestampMs max_ms = store_.head.max_time_ms();
    if (min_ms > max_ms) return {};
    TimestampMs start_ms = StartOfRange(min_ms);
    if (WrappingSub(max_ms, start_ms) < range_ms + range_ms / 2) return {};
    SEXTANT_ASSIGN(bool had_samples,
                   CutBlock(std::max(start_ms, store_.blocks.end_ms()), start_ms + range_ms));
    if (!had_samples) SkipEmptyRanges(start_ms + range_ms, StartOfRange(max_ms - range_ms));
  }
}

// One sample from long ago, or a long time off, must not make us look at every range since. Nothing is in the
// head before `from_ms`; at `until_ms` something may be.
void Maintenance::SkipEmptyRanges(TimestampMs from_ms, TimestampMs until_ms) {
  auto end_of_gap = [&] {
    std::optional<TimestampMs> oldest_ms = store_.head.OldestTimeFrom(from_ms);
    return std::max(from_ms, oldest_ms ? std::min(StartOfRange(*oldest_ms), until_ms) : until_ms);
  };
  TimestampMs gap_end_ms = end_of_gap();
  if (gap_end_ms == from_ms) return;
  // What came into the gap meanwhile stays; from here on nothing does.
  store_.append_floor_ms.store(gap_end_ms, std::memory_order_release);
  store_.commits.WaitForBegun();
  store_.head.RaiseMinTime(end_of_gap());
}

core::Result<bool> Maintenance::CutBlock(TimestampMs start_ms, TimestampMs end_ms) {
  // From here on nothing is taken for the range, and what was taken before is applied.
  store_.append_floor_ms.store(end_ms, std::memory_order_release);
  store_.commits.WaitForBegun();
  CommitTracker::Ticket ticket = store_.commits.watermark();
  int64_t started_ns = store_.clock.MonotonicNs();
  store_.metrics.compactions.Increment();
  core::Result<bool> written = store_.options.journal_only ? true : WriteBlock(start_ms, end_ms);
  store_.metrics.compaction_seconds.Observe(static_cast<double>(store_.clock.MonotonicNs() - started_ns) /
                                            1e9);
  if (!written) {
    store_.metrics.compactions_failed.Increment();
    return written.map_error(core::AddContext("cutting a block of {} to {} from the head", start_ms, end_ms));
  }
  store_.blocks.RaiseEnd(end_ms);
  store_.head.RaiseMinTime(end_ms);
  store_.chunks.StartNewFile();
  written_.push_back({start_ms, end_ms, ticket});
  NoteNewBlock();
  has_droppings_ = true;
  wants_out_of_order_cut_ = true;
  needs_checkpoint_.store(true);
  return *written;
}

core::Result<bool> Maintenance::WriteBlock(TimestampMs start_ms, TimestampMs end_ms) {
  int64_t started_ns = store_.clock.MonotonicNs();
  SEXTANT_ASSIGN(NewBlock block,
                 store_.blocks.Start(store_.options.block_form, start_ms, end_ms, CutInOrder(end_ms), {}));
  auto never = [] { return false; };
  auto copied = CopyHead(store_.head, {.matcher_sets = {}, .start_ms = start_ms, .end_ms = end_ms - 1},
                         /*in_order_from_ms=*/start_ms, never, *block.writer);
  if (!copied) {
    store_.blocks.Discard(std::move(block));
    return tl::unexpected(copied.error());
  }
  std::string dir = block.dir;
  SEXTANT_ASSIGN(bool has_samples, store_.blocks.Finish(std::move(block), {}));
  if (!has_samples) return false;
  store_.logger.Info("cut a block from the head",
                     {{"block", dir},
                      {"series", copied->series},
                      {"duration_ms", (store_.clock.MonotonicNs() - started_ns) / 1'000'000}});
  return true;
}

Status Maintenance::DropWhatIsInBlocks() {
  // Queries that began before the cut still read the head where the others read the block.
  if (store_.epochs.Oldest() < newest_block_epoch_) return {};
  store_.metrics.head_truncations.Increment();
  DropEpochs::Epoch oldest = store_.epochs.Advance();
  TimestampMs end_ms = store_.blocks.end_ms();
  uint64_t dropped = store_.head.DropIdle(end_ms, oldest);
  if (dropped > 0)
    store_.logger.Info("dropped series without samples since the last block", {{"series", dropped}});
  for (const WrittenRange& range : written_) {
    store_.head.out_of_order().DropWritten(range.start_ms, range.end_ms, range.ticket);
  }
  written_.clear();
  store_.head.deletions().DropBefore(end_ms);
  SEXTANT_TRY(CheckpointLocked());
  SEXTANT_TRY(store_.chunks.RemoveBefore(end_ms));
  has_droppings_ = false;
  return {};
}

Status Maintenance::ApplyRetention() {
  DurationMs kept_ms = store_.retention_ms.load();
  uint64_t max_bytes = store_.retention_bytes.load();
  if (max_bytes == 0) max_bytes = UINT64_MAX;
  if (double percentage = store_.retention_percentage.load(); percentage > 0) {
    SEXTANT_ASSIGN(core::DiskSpace disk, store_.fs.Space(store_.options.dir));
    max_bytes =
        std::min(max_bytes, static_cast<uint64_t>(static_cast<double>(disk.total_bytes) * percentage / 100));
  }
  TimestampMs oldest_ms = kNoTime;
  if (kept_ms > 0) {
    // By the newest data, so that a clock that jumps ahead deletes nothing, but not by samples from the
    // future.
    TimestampMs newest_ms =
        std::min(store_.clock.NowMs(), std::max(store_.head.max_time_ms(), store_.blocks.end_ms()));
    if (newest_ms > kNoTime + kept_ms) oldest_ms = newest_ms - kept_ms;
  }
  if (max_bytes == UINT64_MAX) return store_.blocks.ApplyRetention(oldest_ms, max_bytes);
  // Only blocks can go, but what the head has on disk counts too.
  uint64_t head_bytes = store_.journal->size_bytes() + store_.chunks.size_bytes();
  return store_.blocks.ApplyRetention(oldest_ms, max_bytes - std::min(max_bytes, head_bytes));
}

Status Maintenance::DeleteSeries(Compactor& compactor,
                                 const std::vector<std::vector<model::Matcher>>& matcher_sets,
                                 TimestampMs start_ms, TimestampMs end_ms) {
  // Nothing may be on its way from the head to a block, or from block to block.
  if (start_ms > end_ms) return {};
  std::lock_guard lock(mutex_);
  store_.head.WaitUntilRestored();
  // Or a power failure would bring back what is deleted from blocks only.
  if (has_undurable_drops_) SEXTANT_TRY(CheckpointLocked());
  Compactor::Pause pause(compactor);
  for (const std::vector<model::Matcher>& matchers : matcher_sets) {
    SEXTANT_TRY(DeleteFromHead(store_, matchers, start_ms, end_ms));
    for (const auto& block : store_.blocks.Snapshot(start_ms, end_ms).blocks) {
      SEXTANT_TRY(store_.blocks.Guard(*block, block->Delete(store_.fs, matchers, start_ms, end_ms)));
    }
  }
  return Sync();
}

// A restart replays what the journal holds: the fewer samples the sooner it is ready, but the more often all
// series are written. Samples up to the first number are replayed in a moment; beyond it, checkpoints write
// at most so many bytes for each sample.
bool Maintenance::IsCheckpointDue() const {
  constexpr uint64_t kSamplesReplayedAtOnce = 2'000'000;
  constexpr uint64_t kCheckpointBytesPerSample = 8;
  uint64_t bytes = store_.journal->size_bytes() + recovered_.journal_bytes;
  uint64_t samples = store_.journal->samples() + recovered_.journal_samples;
  return needs_checkpoint_.load() ||
         bytes >= std::max(recovered_.checkpoint_bytes, store_.options.journal_checkpoint_bytes) ||
         samples >= std::max(kSamplesReplayedAtOnce, recovered_.checkpoint_bytes / kCheckpointBytesPerSample);
}

Status Maintenance::Checkpoint() {
  std::lock_guard lock(mutex_);
  store_.head.WaitUntilRestored();
  return CheckpointLocked();
}

Status Maintenance::CheckpointLocked() {
  store_.metrics.checkpoints.Increment();
  auto write = [this]() -> Status {
    SEXTANT_ASSIGN(uint64_t number, store_.journal->Rotate());
    store_.journal->ResetSize();
    // What went to the files before is in the head when these have finished.
    store_.commits.WaitForBegun();
    std::string dir = store_.JournalDir();
    SEXTANT_ASSIGN(uint64_t size_bytes, WriteCheckpoint(store_.fs, dir, number, store_.head, store_.chunks,
                                                        store_.blocks.end_ms()));
    recovered_ = {.checkpoint_bytes = size_bytes};
    needs_checkpoint_.store(false);
    has_undurable_drops_ = false;
    store_.metrics.checkpoint_deletions.Increment();
    Status removed = RemoveCheckpointsBefore(store_.fs, dir, number);
    if (!removed) store_.metrics.checkpoint_deletions_failed.Increment();
    SEXTANT_TRY(removed);
    return store_.RemoveJournalBefore(number);
  };
  Status written = write().map_error(core::AddContext("writing a checkpoint"));
  if (!written) {
    needs_checkpoint_.store(true);
    store_.metrics.checkpoint_failures.Increment();
  }
  return written;
}

}  // namespace sextant::tsdb
