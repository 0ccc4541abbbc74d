// What keeps a store's life bounded: cutting blocks from the head, deleting old ones, dropping idle series,
// replacing the journal by checkpoints. Each step can fail and is then tried again; none blocks appends or
// queries for long. Thread-safe: one step at a time. Private to this module.
#pragma once

#include <memory>
#include <mutex>

#include "metrics/tsdb/compactor.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

class Maintenance {
 public:
  // `store` must outlive this. The sizes are those of what recovery read.
  Maintenance(Store& store, uint64_t checkpoint_bytes, uint64_t replayed_bytes)
      : store_(store), checkpoint_bytes_(checkpoint_bytes), replayed_bytes_(replayed_bytes) {}

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
  core::Status CutBlock(TimestampMs start_ms, TimestampMs end_ms);
  core::Status CutOutOfOrder();
  core::Status WriteBlock(TimestampMs start_ms, TimestampMs end_ms, const BlockOrigin& origin);
  core::Status DropWhatIsInBlocks();
  core::Status ApplyRetention();
  core::Status CheckpointLocked();
  bool IsCheckpointDue() const;

  // What blocks have of the head, up to a commit.
  struct WrittenRange {
    TimestampMs start_ms;
    TimestampMs end_ms;
    CommitTracker::Ticket ticket;
  };

  Store& store_;
  // One at a time, also while it writes: nobody but maintenance waits for it.
  std::mutex mutex_;
  uint64_t checkpoint_bytes_;
  uint64_t replayed_bytes_;
  std::atomic<bool> needs_checkpoint_ = false;  // the journal cannot be trusted to be durable
  std::vector<WrittenRange> written_;           // to be dropped from the head's out-of-order samples
  bool is_cut_ = false;                         // in order, since out-of-order samples were last cut
  bool has_droppings_ = false;                  // a cut has left series and files to drop
};

}  // namespace sextant::tsdb
