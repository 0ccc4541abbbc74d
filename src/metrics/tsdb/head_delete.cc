#include "metrics/tsdb/head_delete.h"

#include <algorithm>
#include <span>

namespace sextant::tsdb {

core::Result<uint64_t> DeleteFromHead(Store& store, const std::vector<model::Matcher>& matchers,
                                      TimestampMs start_ms, TimestampMs end_ms) {
  if (start_ms > end_ms)
    return core::Fail(core::Code::kInvalidArgument, "a range that ends before it starts");
  // A ref that a deletion names must not be dropped before the journal knows of it.
  DropEpochs::Epoch epoch = store.epochs.Acquire();
  std::vector<SeriesDeletion> deletions = store.head.PlanDeletion(matchers, start_ms, end_ms);
  constexpr size_t kAtOnce = 1 << 20;  // per journal batch
  core::Status written;
  for (size_t i = 0; i < deletions.size() && written; i += kAtOnce) {
    std::vector<SeriesDeletion> some(
        deletions.begin() + static_cast<ptrdiff_t>(i),
        deletions.begin() + static_cast<ptrdiff_t>(std::min(i + kAtOnce, deletions.size())));
    // As a commit, so that whoever replaces the journal by a checkpoint waits until it is in the head.
    CommitTracker::Ticket ticket = store.commits.Begin();
    Section section = HeadDeletions::MakeSection(some);
    written = store.is_closed.load(std::memory_order_acquire)
                  ? core::Fail(core::Code::kUnavailable, "the metrics store is closed")
                  : store.journal->Append({}, {}, {&section, 1});
    if (written) {
      for (const SeriesDeletion& deletion : some) store.head.Apply(deletion);
    } else {
      store.metrics.journal_failures.Increment();
    }
    store.commits.Finish(ticket);
  }
  store.epochs.Release(epoch);
  if (!written) return tl::unexpected(written.error());
  return deletions.size();
}

}  // namespace sextant::tsdb
