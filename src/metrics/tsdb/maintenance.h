// What keeps a store's life bounded: cutting blocks from the head, deleting old ones, dropping idle series,
// replacing the journal by checkpoints. Each step can fail and is then tried again; none blocks appends or
// queries for long. Thread-safe: one step at a time. Private to this module.
#pragma once

#include <memory>
#include <mutex>

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

 private:
  core::Status CutBlocks();
  core::Status CutBlock(TimestampMs start_ms, TimestampMs end_ms);
  core::Status WriteBlock(TimestampMs start_ms, TimestampMs end_ms, bool& has_samples);
  core::Status DropWhatIsInBlocks();
  core::Status ApplyRetention();
  core::Status CheckpointLocked();
  bool IsCheckpointDue() const;

  Store& store_;
  // One at a time, also while it writes: nobody but maintenance waits for it.
  std::mutex mutex_;
  RecoveredSize recovered_;             // and the size of the last checkpoint
  std::atomic<bool> needs_checkpoint_;  // the journal cannot be trusted to be durable
  bool has_droppings_ = false;          // a cut has left series and files to drop
};

}  // namespace sextant::tsdb
