// The parts of an open store, wired: what Db, its appenders and its queriers share. Private to this module.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/file.h"
#include "core/log.h"
#include "metrics/tsdb/block_set.h"
#include "metrics/tsdb/chunk_store.h"
#include "metrics/tsdb/commit_tracker.h"
#include "metrics/tsdb/db.h"
#include "metrics/tsdb/head.h"
#include "metrics/tsdb/journal.h"
#include "metrics/tsdb/store_metrics.h"

namespace sextant::tsdb {

// The growing arrays of a batch; used again by later appenders.
struct BatchBuffers {
  std::vector<SeriesRef> refs;
  std::vector<TimestampMs> times_ms;
  std::vector<uint64_t> bits;
  std::vector<SeriesRef> undefined;  // series whose definitions are not in the journal yet
  // Samples of series that take histograms, in the order in which they came; applied after the others.
  std::vector<MixedSample> mixed;
  std::vector<StartChange> start_changes;
  absl::flat_hash_map<SeriesRef, TimestampMs> new_start_times;  // the last of the changes, by series
  BatchExtras extras;

  SampleSpans samples() const { return {refs, times_ms, bits}; }
  bool empty() const { return refs.empty() && mixed.empty() && extras.empty(); }
  void Clear() {
    refs.clear();
    times_ms.clear();
    bits.clear();
    undefined.clear();
    mixed.clear();
    start_changes.clear();
    new_start_times.clear();
    extras.Clear();
  }
};

// Keeps a few emptied buffers. Thread-safe.
class BatchBufferPool {
 public:
  std::unique_ptr<BatchBuffers> Take();
  void GiveBack(std::unique_ptr<BatchBuffers> buffers);

 private:
  static constexpr size_t kMaxBuffers = 8;
  static constexpr size_t kMaxSamples = 64 << 10;  // larger ones are freed

  std::mutex mutex_;
  std::vector<std::unique_ptr<BatchBuffers>> buffers_;
};

struct Store {
  Store(core::FileSystem& file_system, const core::Clock& store_clock, core::Logger store_logger,
        core::Registry& registry, DbOptions store_options);

  // Lets the journal remember the columns of all series there are, and some that come and go.
  void SizeJournalStreams() { journal->set_max_columns(2 * head.series_count() + (256 << 10)); }

  // Removes the journal files before `number` that nobody needs any more.
  core::Status RemoveJournalBefore(uint64_t number);

  std::string JournalDir() const { return core::JoinPath(options.dir, "journal"); }
  std::string ChunkDir() const { return core::JoinPath(options.dir, "head_chunks"); }
  std::string BlockDir() const { return core::JoinPath(options.dir, "blocks"); }

  // The sizes that blocks grow through, as the retention is now.
  std::vector<DurationMs> CompactionRangesMs() const;

  core::FileSystem& fs;
  const core::Clock& clock;
  const core::Logger logger;
  const DbOptions options;
  StoreMetrics metrics;
  // May change while the store is open.
  std::atomic<DurationMs> retention_ms;
  std::atomic<uint64_t> retention_bytes;
  std::atomic<double> retention_percentage;
  std::atomic<double> stale_series_threshold;
  std::unique_ptr<core::FileLock> lock;

  CommitTracker commits;
  DropEpochs epochs;
  BatchBufferPool buffers;
  ChunkStore chunks;
  Head head;
  BlockSet blocks;
  std::unique_ptr<Journal> journal;

  // Samples before this are in blocks, or will be in a moment, and are no longer taken.
  std::atomic<TimestampMs> append_floor_ms = kNoTime;
  std::atomic<DurationMs> out_of_order_window_ms;
  std::atomic<bool> is_closed = false;
};

}  // namespace sextant::tsdb
