// What keeps a store's life bounded: cutting blocks from the head, deleting old ones, dropping idle and stale
// series, replacing the journal by checkpoints. Each step can fail and is then tried again; none blocks
// appends or queries for long. Thread-safe: one step at a time. Private to this module.
#pragma once

#include <limits>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "metrics/tsdb/compactor.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

struct RecoveredSize {
  uint64_t checkpoint_bytes = 0;
  uint64_t journal_bytes = 0;
  uint64_t journal_samples = 0;
  bool is_checkpoint_damaged = false;
};

class Maintenance {
 public:
  // `store` must outlive this. The sizes are those of what recovery read; what it could read only in part is
  // to be replaced soon.
  Maintenance(Store& store, const RecoveredSize& recovered)
      : store_(store), recovered_(recovered), needs_checkpoint_(recovered.is_checkpoint_damaged) {}

  // Does what is due.
  core::Status Run();
  // Makes what is committed durable.
  core::Status Sync();
  // Replaces the journal so far by a checkpoint.
  core::Status Checkpoint();
  // See Db. `compactor` is paused meanwhile.
  core::Status DeleteSeries(Compactor& compactor,
                            const std::vector<std::vector<model::Matcher>>& matcher_sets,
                            TimestampMs start_ms, TimestampMs end_ms);

 private:
  core::Status CutBlocks();
  void SkipEmptyRanges(TimestampMs from_ms, TimestampMs until_ms);
  // Both return whether there were samples.
  core::Result<bool> CutBlock(TimestampMs start_ms, TimestampMs end_ms);
  core::Result<bool> WriteBlock(TimestampMs start_ms, TimestampMs end_ms);
  core::Status DropWhatIsInBlocks();
  bool IsOutOfOrderCutDue() const;
  core::Status CutOutOfOrder();
  core::Status WriteOutOfOrder(TimestampMs start_ms, TimestampMs end_ms);
  core::Status CutStaleSeries();
  bool IsStaleCutDue();
  core::Status WriteStaleSeries();
  core::Status WriteStaleBlocks(std::vector<StaleSeries>& stale, std::vector<NewBlock>& blocks);
  core::Status FillStaleBlock(TimestampMs start_ms, TimestampMs end_ms, std::vector<StaleSeries>& stale,
                              BlockWriter& writer);
  void NoteStaleOutcome(bool is_worthwhile);
  void DropStaleSeries();
  core::Status JournalDrops(std::span<const SeriesRef> dropped);
  TimestampMs StartOfRange(TimestampMs time_ms) const;
  void NoteNewBlock();
  core::Status ApplyRetention();
  core::Status CheckpointLocked();
  bool IsCheckpointDue() const;

  // What blocks have of the head, up to a commit.
  struct WrittenRange {
    TimestampMs start_ms;
    TimestampMs end_ms;
    CommitTracker::Ticket ticket;
  };
  void NoteOutOfOrderCut(WrittenRange range);

  Store& store_;
  // One at a time, also while it writes: nobody but maintenance waits for it.
  std::mutex mutex_;
  RecoveredSize recovered_;              // and the size of the last checkpoint
  std::atomic<bool> needs_checkpoint_;   // the journal cannot be trusted to be durable
  std::vector<WrittenRange> written_;    // to be dropped from the head's out-of-order samples
  bool wants_out_of_order_cut_ = false;  // a block was cut since the last one
  bool has_droppings_ = false;           // a cut has left series and files to drop
  // Whoever begins in this epoch or later sees the newest block.
  DropEpochs::Epoch newest_block_epoch_ = 0;
  std::vector<StaleSeries> stale_written_;  // whole in blocks, to be dropped
  int64_t next_stale_check_ns_ = std::numeric_limits<int64_t>::min();
  int64_t stale_pause_ns_ = 0;        // to the next check; grows while nothing comes of it
  bool has_undurable_drops_ = false;  // a restart may bring series back that were dropped as stale
};

}  // namespace sextant::tsdb
