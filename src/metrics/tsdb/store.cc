#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

std::unique_ptr<BatchBuffers> BatchBufferPool::Take() {
  std::lock_guard lock(mutex_);
  if (buffers_.empty()) return std::make_unique<BatchBuffers>();
  std::unique_ptr<BatchBuffers> buffers = std::move(buffers_.back());
  buffers_.pop_back();
  return buffers;
}

void BatchBufferPool::GiveBack(std::unique_ptr<BatchBuffers> buffers) {
  if (buffers->refs.capacity() > kMaxSamples || buffers->undefined.capacity() > kMaxSamples ||
      buffers->mixed.capacity() > kMaxSamples) {
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
      chunks(fs, ChunkDir(), logger),
      head(chunks, commits, metrics, logger, options.limits, options.block_range_ms),
      blocks(fs, BlockDir(), logger, metrics) {}

}  // namespace sextant::tsdb
