// Merges blocks into larger ones in the background, as compaction_plan.h says. Reads what is immutable and
// writes beside it, so appends and queries do not notice; a block that takes the place of others does so in
// one step, also across kill -9. Thread-safe: one compaction at a time. Private to this module.
#pragma once

#include <atomic>
#include <mutex>
#include <vector>

#include "metrics/tsdb/compaction_plan.h"
#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

class Compactor {
 public:
  // `store` must outlive this.
  explicit Compactor(Store& store) : store_(store) {}

  // Compacts until nothing is due, or until Stop or a Pause. After a failure it waits a while before the
  // next try.
  core::Status Run();
  // Writes every block anew of which something was deleted.
  core::Status RewriteDeleted();
  // A compaction that runs ends soon, and no further one begins.
  void Stop() { is_stopped_.store(true); }
  // After Stop, when no other thread compacts any more: writes in Prometheus' form what it would not find
  // otherwise, which may take long. Only where that is the form of the store's blocks.
  core::Status ConvertAll();

  // While one lives no compaction runs: blocks may be changed. One that runs ends soon, and what it was about
  // is done later.
  class Pause {
   public:
    explicit Pause(Compactor& compactor) : compactor_(compactor) {
      compactor_.pauses_.fetch_add(1);
      lock_ = std::unique_lock(compactor_.mutex_);
    }
    ~Pause() { compactor_.pauses_.fetch_sub(1); }
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Compactor& compactor_;
    std::unique_lock<std::mutex> lock_;
  };

 private:
  bool IsInterrupted() const { return is_stopped_.load() || pauses_.load() > 0; }
  std::vector<HeldBlock> Plan() const;
  // Blocks of our own form that are to become Prometheus'.
  std::vector<HeldBlock> ToConvert() const;
  std::vector<HeldBlock> PlanOne(const std::vector<HeldBlock>& held) const;
  void LeaveOutNotUploaded(std::vector<HeldBlock>& held) const;
  BlockForm FormFor(const std::vector<HeldBlock>& sources) const;
  core::Status RewriteDeletedOnce();
  core::Status Compact(const std::vector<HeldBlock>& sources);
  core::Status Merge(const std::vector<HeldBlock>& sources);

  Store& store_;
  std::mutex mutex_;  // held while compacting: nobody but other maintenance waits for it
  std::atomic<bool> is_stopped_ = false;
  std::atomic<int> pauses_ = 0;
  int64_t retry_at_ns_ = 0;  // on the monotonic clock
};

}  // namespace sextant::tsdb
