#include "metrics/tsdb/maintenance.h"

#include <algorithm>

#include "metrics/tsdb/checkpoint.h"
#include "metrics/tsdb/dense_block.h"

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
  store_.head.TurnRecent(store_.clock.NowMs());
  Status cut = CutBlocks();
  Status retained = ApplyRetention();
  Status dropped = has_droppings_ ? DropWhatIsInBlocks() : Status();
  Status checkpointed = IsCheckpointDue() ? CheckpointLocked() : Status();
  store_.SizeJournalStreams();
  SEXTANT_TRY(cut);
  SEXTANT_TRY(retained);
  SEXTANT_TRY(dropped);
  return checkpointed;
}

// A block is cut when the head spans one and a half of it, so that late samples still find their place.
Status Maintenance::CutBlocks() {
  const DurationMs range_ms = store_.options.block_range_ms;
  while (true) {
    TimestampMs min_ms = store_.head.min_time_ms();
    TimestampMs max_ms = store_.head.max_time_ms();
    if (min_ms > max_ms) return {};
    TimestampMs phase = min_ms % range_ms;
    TimestampMs start_ms = min_ms - (phase < 0 ? phase + range_ms : phase);
    if (WrappingSub(max_ms, start_ms) < range_ms + range_ms / 2) return {};
    SEXTANT_TRY(CutBlock(std::max(start_ms, store_.blocks.end_ms()), start_ms + range_ms));
  }
}

Status Maintenance::CutBlock(TimestampMs start_ms, TimestampMs end_ms) {
  // From here on nothing is taken for the range, and what was taken before is applied.
  store_.append_floor_ms.store(end_ms, std::memory_order_release);
  store_.commits.WaitForBegun();
  bool has_samples = false;
  Status written = WriteBlock(start_ms, end_ms, has_samples);
  if (written && has_samples) written = store_.blocks.Add(store_.blocks.DirOf(start_ms, end_ms));
  if (!written) {
    store_.metrics.compactions_failed.Increment();
    return written.map_error(core::AddContext("cutting the block {}", store_.blocks.DirOf(start_ms, end_ms)));
  }
  store_.blocks.RaiseEnd(end_ms);
  store_.head.RaiseMinTime(end_ms);
  store_.metrics.compactions.Increment();
  store_.chunks.StartNewFile();
  has_droppings_ = true;
  needs_checkpoint_.store(true);
  return {};
}

Status Maintenance::WriteBlock(TimestampMs start_ms, TimestampMs end_ms, bool& has_samples) {
  int64_t started_ns = store_.clock.MonotonicNs();
  std::string dir = store_.blocks.DirOf(start_ms, end_ms);
  SEXTANT_ASSIGN(std::unique_ptr<BlockWriter> writer,
                 DenseBlockWriter::Start(store_.fs, dir, start_ms, end_ms));
  HeadSeries series;
  model::SampleColumns samples;
  uint64_t series_written = 0;
  for (SeriesRef ref : store_.head.SortedRefs()) {
    if (!store_.head.Describe(ref, series) || series.visible_until_ms < start_ms) continue;
    samples.clear();
    store_.head.Read(series, start_ms, end_ms - 1, samples);
    if (samples.size() == 0) continue;
    SEXTANT_TRY(writer->Add(series.labels, samples));
    ++series_written;
  }
  SEXTANT_ASSIGN(has_samples, writer->Finish());
  store_.logger.Info("cut a block from the head",
                     {{"block", dir},
                      {"series", series_written},
                      {"duration_ms", (store_.clock.MonotonicNs() - started_ns) / 1'000'000}});
  return {};
}

Status Maintenance::DropWhatIsInBlocks() {
  // Queries that began before the cut still read the head where the others read the block.
  DropEpochs::Epoch oldest = store_.epochs.Advance();
  TimestampMs end_ms = store_.blocks.end_ms();
  uint64_t dropped = store_.head.DropIdle(end_ms, oldest);
  if (dropped > 0)
    store_.logger.Info("dropped series without samples since the last block", {{"series", dropped}});
  if (oldest < store_.epochs.current()) return {};
  SEXTANT_TRY(CheckpointLocked());
  SEXTANT_TRY(store_.chunks.RemoveBefore(end_ms));
  has_droppings_ = false;
  return {};
}

Status Maintenance::ApplyRetention() {
  if (store_.options.retention_ms <= 0 && store_.options.retention_bytes == 0) return {};
  // By the newest data, so that a clock that jumps ahead deletes nothing, but not by samples from the future.
  TimestampMs newest_ms =
      std::min(store_.clock.NowMs(), std::max(store_.head.max_time_ms(), store_.blocks.end_ms()));
  TimestampMs oldest_ms = store_.options.retention_ms > 0 && newest_ms > kNoTime + store_.options.retention_ms
                              ? newest_ms - store_.options.retention_ms
                              : kNoTime;
  return store_.blocks.ApplyRetention(oldest_ms, store_.options.retention_bytes);
}

bool Maintenance::IsCheckpointDue() const {
  return needs_checkpoint_.load() || store_.journal->size_bytes() + replayed_bytes_ >=
                                         std::max(checkpoint_bytes_, store_.options.journal_checkpoint_bytes);
}

Status Maintenance::Checkpoint() {
  std::lock_guard lock(mutex_);
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
    SEXTANT_ASSIGN(checkpoint_bytes_, WriteCheckpoint(store_.fs, dir, number, store_.head, store_.chunks,
                                                      store_.blocks.end_ms()));
    replayed_bytes_ = 0;
    needs_checkpoint_.store(false);
    SEXTANT_TRY(RemoveCheckpointsBefore(store_.fs, dir, number));
    return store_.journal->RemoveBefore(number);
  };
  Status written = write().map_error(core::AddContext("writing a checkpoint"));
  if (!written) {
    needs_checkpoint_.store(true);
    store_.metrics.checkpoint_failures.Increment();
  }
  return written;
}

}  // namespace sextant::tsdb
