#include "metrics/tsdb/store.h"

#include "metrics/tsdb/compaction_plan.h"

namespace sextant::tsdb {

namespace {

constexpr DurationMs kLargestBlockMs = 31LL * 24 * 3600 * 1000;

}  // namespace

std::unique_ptr<BatchBuffers> BatchBufferPool::Take() {
  std::lock_guard lock(mutex_);
  if (buffers_.empty()) return std::make_unique<BatchBuffers>();
  std::unique_ptr<BatchBuffers> buffers = std::move(buffers_.back());
  buffers_.pop_back();
  return buffers;
}

void BatchBufferPool::GiveBack(std::unique_ptr<BatchBuffers> buffers) {
  if (buffers->refs.capacity() > kMaxSamples || buffers->undefined.capacity() > kMaxSamples ||
      buffers->mixed.capacity() > kMaxSamples || buffers->extras.late.capacity() > kMaxSamples) {
    return;
  }
  buffers->Clear();
  std::lock_guard lock(mutex_);
  if (buffers_.size() < kMaxBuffers) buffers_.push_back(std::move(buffers));
}

Store::Store(core::FileSystem& file_system, const core::Clock& store_clock, core::Logger store_logger,
             core::Registry& registry, DbOptions store_options)
    : fs(file_system),
      clock(store_clock),
      logger(std::move(store_logger)),
      options(std::move(store_options)),
      metrics(registry),
      retention_ms(options.retention_ms),
      retention_bytes(options.retention_bytes),
      retention_percentage(options.retention_percentage),
      stale_series_threshold(options.stale_series_threshold),
      chunks(fs, ChunkDir(), logger),
      head(chunks, commits, metrics, registry, logger, options.limits, options.block_range_ms,
           options.max_exemplars),
      blocks(fs, clock, BlockDir(), options.dir, logger, metrics),
      out_of_order_window_ms(options.out_of_order_window_ms) {
  blocks.SetChunkEncodings(options.chunk_encodings);
}

core::Status Store::RemoveJournalBefore(uint64_t number) {
  constexpr uint64_t kMaxHeldBytes = 4ULL << 30;
  const uint64_t hold = options.journal_hold == nullptr ? model::CommitLogHold::kNothing
                                                        : options.journal_hold->first_file.load();
  const int64_t started_ns = clock.MonotonicNs();
  metrics.journal_truncations.Increment();
  core::Status removed = journal->RemoveBefore(number, hold, kMaxHeldBytes);
  if (!removed) metrics.journal_truncations_failed.Increment();
  metrics.journal_truncation_seconds.Observe(static_cast<double>(clock.MonotonicNs() - started_ns) / 1e9);
  return removed;
}

std::vector<DurationMs> Store::CompactionRangesMs() const {
  DurationMs largest_ms = options.max_block_range_ms;
  if (largest_ms == 0) {
    // A block goes as a whole, so it must not be long beside the retention.
    DurationMs kept_ms = retention_ms.load();
    largest_ms = kept_ms > 0 ? std::min(kLargestBlockMs, kept_ms / 10) : kLargestBlockMs;
  }
  return CompactionRanges(options.block_range_ms, largest_ms);
}

}  // namespace sextant::tsdb
