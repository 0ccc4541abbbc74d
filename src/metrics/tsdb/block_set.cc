#include "metrics/tsdb/block_set.h"

#include <algorithm>

#include "metrics/tsdb/dense_block.h"

namespace sextant::tsdb {

using core::Code;
using core::FileInfo;
using core::JoinPath;
using core::Status;

namespace {

constexpr std::string_view kBlockPrefix = "block-";

}  // namespace

std::string BlockSet::DirOf(TimestampMs start_ms, TimestampMs end_ms) const {
  return JoinPath(dir_, fmt::format("{}{}-{}", kBlockPrefix, start_ms, end_ms));
}

Status BlockSet::Load() {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs_.List(dir_));
  std::vector<std::shared_ptr<const Block>> loaded;
  for (const FileInfo& entry : entries) {
    std::string path = JoinPath(dir_, entry.name);
    if (!entry.is_directory || !entry.name.starts_with(kBlockPrefix) || entry.name.ends_with(".damaged"))
      continue;
    if (entry.name.ends_with(".tmp") || entry.name.ends_with(".deleted")) {
      SEXTANT_TRY(core::RemoveAll(fs_, path));
      continue;
    }
    auto block = DenseBlock::Open(fs_, path);
    if (block) {
      loaded.push_back(*block);
    } else {
      SetAside(path, block.error());
    }
  }
  std::sort(loaded.begin(), loaded.end(),
            [](const auto& a, const auto& b) { return a->start_ms() < b->start_ms(); });
  std::lock_guard lock(mutex_);
  for (auto& block : loaded) {
    if (!blocks_.empty() && block->start_ms() < blocks_.back()->end_ms()) {
      logger_.Error("a block overlaps the one before it and is not served",
                    {{"block", block->dir()}, {"other", blocks_.back()->dir()}});
      metrics_.blocks_set_aside.Increment();
      continue;
    }
    end_ms_ = std::max(end_ms_, block->end_ms());
    blocks_.push_back(std::move(block));
  }
  return {};
}

BlockSnapshot BlockSet::Snapshot(TimestampMs start_ms, TimestampMs end_ms) const {
  std::lock_guard lock(mutex_);
  BlockSnapshot snapshot;
  snapshot.end_ms = end_ms_;
  for (const auto& block : blocks_) {
    if (block->start_ms() <= end_ms && block->end_ms() > start_ms) snapshot.blocks.push_back(block);
  }
  return snapshot;
}

TimestampMs BlockSet::end_ms() const {
  std::lock_guard lock(mutex_);
  return end_ms_;
}

uint64_t BlockSet::count() const {
  std::lock_guard lock(mutex_);
  return blocks_.size();
}

uint64_t BlockSet::size_bytes() const {
  std::lock_guard lock(mutex_);
  uint64_t size = 0;
  for (const auto& block : blocks_) size += block->size_bytes();
  return size;
}

Status BlockSet::Add(const std::string& block_dir) {
  SEXTANT_ASSIGN(std::shared_ptr<const Block> block, DenseBlock::Open(fs_, block_dir));
  std::lock_guard lock(mutex_);
  SEXTANT_CHECK(blocks_.empty() || blocks_.back()->end_ms() <= block->start_ms());
  end_ms_ = std::max(end_ms_, block->end_ms());
  blocks_.push_back(std::move(block));
  return {};
}

void BlockSet::RaiseEnd(TimestampMs end_ms) {
  std::lock_guard lock(mutex_);
  end_ms_ = std::max(end_ms_, end_ms);
}

Status BlockSet::Delete(const Block& block) {
  // First out of the way in one step, so that half a block is never found. Queries that have it open go on
  // reading.
  std::string deleted = block.dir() + ".deleted";
  SEXTANT_TRY(fs_.Rename(block.dir(), deleted));
  return core::RemoveAll(fs_, deleted);
}

Status BlockSet::ApplyRetention(TimestampMs oldest_ms, uint64_t max_bytes) {
  while (true) {
    std::shared_ptr<const Block> oldest;
    bool is_too_old;
    {
      std::lock_guard lock(mutex_);
      if (blocks_.empty()) return {};
      uint64_t size = 0;
      for (const auto& block : blocks_) size += block->size_bytes();
      oldest = blocks_.front();
      is_too_old = oldest->end_ms() <= oldest_ms;
      if (!is_too_old && (max_bytes == 0 || size <= max_bytes)) return {};
      blocks_.erase(blocks_.begin());
    }
    (is_too_old ? metrics_.time_retentions : metrics_.size_retentions).Increment();
    logger_.Info("deleting a block",
                 {{"block", oldest->dir()},
                  {"reason", is_too_old ? "older than the retention" : "more bytes than allowed"}});
    SEXTANT_TRY(Delete(*oldest));
  }
}

void BlockSet::SetAside(const std::string& block_dir, const core::Error& reason) {
  metrics_.blocks_set_aside.Increment();
  std::string aside = block_dir + ".damaged";
  Status renamed = fs_.Rename(block_dir, aside);
  logger_.Error("a block cannot be read and is set aside; everything else is served",
                {{"block", renamed ? aside : block_dir}, {"error", reason}});
}

Status BlockSet::Guard(const Block& block, Status status) {
  if (status || status.error().code() != Code::kCorruption) return status;
  bool is_first;
  {
    std::lock_guard lock(mutex_);
    is_first = std::erase_if(blocks_, [&](const auto& held) { return held.get() == &block; }) > 0;
  }
  if (is_first) SetAside(block.dir(), status.error());
  return {};
}

void BlockSet::ReportChunk(const core::Error& error) const {
  metrics_.chunk_read_failures.Increment();
  logger_.Error("a chunk of a block cannot be read; its samples are left out", {{"error", error}});
}

}  // namespace sextant::tsdb
