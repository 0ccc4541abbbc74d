#include "metrics/tsdb/block_set.h"

#include <algorithm>
#include <set>

namespace sextant::tsdb {

using core::Code;
using core::FileInfo;
using core::JoinPath;
using core::Result;
using core::Status;

namespace {

// Of several blocks for one range the older one comes first: of samples for one time, that of the first block
// is served.
bool IsBefore(const HeldBlock& a, const HeldBlock& b) {
  auto order = [](const HeldBlock& held) {
    std::string_view name = NameOf(*held.block);
    return std::tuple(held.block->start_ms(), held.block->end_ms(), BlockNumberOf(name), name);
  };
  return order(a) < order(b);
}

}  // namespace

void BlockSet::NoteNumber(std::string_view name) {
  uint64_t number = BlockNumberOf(name);
  if (number < UINT64_MAX) next_number_ = std::max(next_number_, number + 1);
}

void BlockSet::LoadOne(const std::string& path, BlockForm form, std::vector<HeldBlock>& loaded) {
  auto opened = OpenBlock(fs_, path, form);
  if (!opened) return SetAside(path, form, opened.error());
  if (opened->origin_error) {
    // Its samples are all there. What it replaced may be served beside it, and of the head more than is
    // needed: the same samples again.
    logger_.Warn("it is not known what a block has replaced",
                 {{"block", path}, {"error", *opened->origin_error}});
  }
  loaded.push_back(std::move(opened->held));
}

Status BlockSet::OpenAll(BlockForm form, std::vector<HeldBlock>& loaded) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs_.List(DirOf(form)));
  for (const FileInfo& entry : entries) {
    if (!entry.is_directory) continue;
    NoteNumber(entry.name);
    std::string path = JoinPath(DirOf(form), entry.name);
    switch (ClassifyName(entry.name, form)) {
      case BlockNameKind::kBlock:
        LoadOne(path, form, loaded);
        break;
      case BlockNameKind::kLeftover:
        SEXTANT_TRY(core::RemoveAll(fs_, path));
        break;
      case BlockNameKind::kDamaged:
      case BlockNameKind::kOther:
        break;
    }
  }
  return {};
}

// A process that ended between making a block and removing what it replaced has left both.
void BlockSet::RetireReplaced(std::vector<HeldBlock>& loaded) {
  std::set<std::string, std::less<>> replaced;
  for (const HeldBlock& held : loaded) {
    for (const std::string& parent : held.origin.parents) {
      NoteNumber(parent);
      if (parent != NameOf(*held.block)) replaced.insert(parent);
    }
  }
  std::erase_if(loaded, [&](const HeldBlock& held) {
    if (!held.is_deletable && !replaced.contains(NameOf(*held.block))) return false;
    Retire(*held.block);
    return true;
  });
}

Status BlockSet::Load() {
  std::vector<HeldBlock> loaded;
  SEXTANT_TRY(OpenAll(BlockForm::kDense, loaded));
  SEXTANT_TRY(OpenAll(BlockForm::kPrometheus, loaded));
  metrics_.block_loads.Increment();
  {
    std::lock_guard lock(mutex_);
    RetireReplaced(loaded);
    for (HeldBlock& held : loaded) Insert(std::move(held));
  }
  return DeleteRetired();
}

BlockSnapshot BlockSet::Snapshot(TimestampMs start_ms, TimestampMs end_ms) const {
  std::lock_guard lock(mutex_);
  BlockSnapshot snapshot;
  snapshot.end_ms = end_ms_;
  for (const HeldBlock& held : blocks_) {
    if (held.block->start_ms() <= end_ms && held.block->end_ms() > start_ms)
      snapshot.blocks.push_back(held.block);
  }
  return snapshot;
}

std::vector<HeldBlock> BlockSet::Held() const {
  std::lock_guard lock(mutex_);
  return blocks_;
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
  for (const HeldBlock& held : blocks_) size += held.block->size_bytes();
  return size;
}

Result<NewBlock> BlockSet::Start(BlockForm form, TimestampMs start_ms, TimestampMs end_ms,
                                 const BlockOrigin& origin, const std::vector<HeldBlock>& sources) {
  std::string name;
  if (form == BlockForm::kDense) {
    std::lock_guard lock(mutex_);
    name = DenseBlockName(start_ms, end_ms, next_number_++);
  } else {
    name = ulids_.Next().ToString();
  }
  NewBlock block{.dir = JoinPath(DirOf(form), name), .form = form, .writer = nullptr};
  auto writer = StartBlock(fs_, block.dir, form, start_ms, end_ms, origin, sources, chunk_encodings());
  if (!writer) {
    Discard(std::move(block));
    return tl::unexpected(writer.error());
  }
  block.writer = std::move(*writer);
  return block;
}

Result<bool> BlockSet::Finish(NewBlock block, const std::vector<HeldBlock>& sources) {
  Result<bool> has_samples = block.writer->Finish();
  block.writer.reset();
  HeldBlock held;
  if (has_samples && *has_samples) {
    auto opened = OpenBlock(fs_, block.dir, block.form);
    if (!opened) {
      has_samples = tl::unexpected(opened.error());
    } else if (opened->origin_error) {
      has_samples = tl::unexpected(*opened->origin_error);
    } else {
      held = std::move(opened->held);
    }
  }
  if (!has_samples) {
    // It may have got its name; the samples are still where they were.
    Discard(std::move(block));
    return has_samples;
  }
  {
    std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const HeldBlock& old) {
      bool is_source = std::ranges::find(sources, old.block, &HeldBlock::block) != sources.end();
      if (is_source) Retire(*old.block);
      return is_source;
    });
    if (held.block != nullptr) Insert(std::move(held));
  }
  metrics_.block_loads.Increment();
  if (!sources.empty()) {
    // What is done is done: the files of the former blocks are removed now or later.
    if (Status deleted = DeleteRetired(); !deleted)
      logger_.Warn("a block that was replaced could not be removed yet", {{"error", deleted.error()}});
  }
  return has_samples;
}

void BlockSet::Discard(NewBlock block) {
  block.writer.reset();
  // What cannot be removed now goes at the next start.
  for (const std::string& dir : {block.dir, UnfinishedDir(block.dir, block.form)}) {
    [[maybe_unused]] Status removed = core::RemoveAll(fs_, dir);
  }
}

void BlockSet::Insert(HeldBlock held) {
  end_ms_ = std::max(end_ms_, held.origin.head_end_ms);
  blocks_.insert(std::upper_bound(blocks_.begin(), blocks_.end(), held, IsBefore), std::move(held));
}

void BlockSet::RaiseEnd(TimestampMs end_ms) {
  std::lock_guard lock(mutex_);
  end_ms_ = std::max(end_ms_, end_ms);
}

void BlockSet::SetChunkEncodings(ChunkEncodings encodings) {
  std::lock_guard lock(mutex_);
  chunk_encodings_ = encodings;
}

ChunkEncodings BlockSet::chunk_encodings() const {
  std::lock_guard lock(mutex_);
  return chunk_encodings_;
}

void BlockSet::Retire(const Block& block) { retired_.push_back(block.dir()); }

Status BlockSet::DeleteRetired() {
  std::vector<std::string> paths;
  {
    std::lock_guard lock(mutex_);
    paths.swap(retired_);
  }
  std::vector<std::string> left;
  Status all;
  for (std::string& path : paths) {
    // First out of the way in one step, and durably, so that half a block is never found. Queries that have
    // it open go on reading.
    Status deleted;
    if (!IsDeletedDir(path)) {
      std::string aside = DeletedDir(path);
      deleted = fs_.Rename(path, aside);
      if (!deleted && deleted.error().code() == Code::kNotFound) deleted = {};
      if (deleted) path = std::move(aside);
      if (deleted) deleted = fs_.SyncDirectory(core::ParentPath(path));
    }
    if (deleted) deleted = core::RemoveAll(fs_, path);
    if (deleted) continue;
    all = deleted;
    left.push_back(std::move(path));
  }
  std::lock_guard lock(mutex_);
  retired_.insert(retired_.end(), left.begin(), left.end());
  return all;
}

Status BlockSet::ApplyRetention(TimestampMs oldest_ms, uint64_t max_bytes) {
  auto ends_first = [](const HeldBlock& a, const HeldBlock& b) {
    return a.block->end_ms() < b.block->end_ms();
  };
  std::vector<std::pair<std::shared_ptr<const Block>, std::string_view>> deleted;
  {
    std::lock_guard lock(mutex_);
    uint64_t size = 0;
    for (const HeldBlock& held : blocks_) size += held.block->size_bytes();
    bool has_too_old = false;
    bool has_too_many = false;
    while (!blocks_.empty()) {
      auto oldest = std::min_element(blocks_.begin(), blocks_.end(), ends_first);
      const Block& block = *oldest->block;
      bool is_too_old = block.end_ms() <= oldest_ms;
      if (!is_too_old && size <= max_bytes) break;
      (is_too_old ? has_too_old : has_too_many) = true;
      deleted.emplace_back(oldest->block,
                           is_too_old ? "older than the retention" : "more bytes than allowed");
      size -= block.size_bytes();
      Retire(block);
      blocks_.erase(oldest);
    }
    if (has_too_old) metrics_.time_retentions.Increment();
    if (has_too_many) metrics_.size_retentions.Increment();
    if (!deleted.empty()) metrics_.block_loads.Increment();
  }
  for (const auto& [block, reason] : deleted) {
    logger_.Info("deleting a block", {{"block", block->dir()}, {"reason", reason}});
  }
  return DeleteRetired();
}

void BlockSet::SetAside(const std::string& block_dir, BlockForm form, const core::Error& reason) {
  metrics_.blocks_set_aside.Increment();
  metrics_.reload_failures.Increment();
  std::string place = block_dir;
  if (std::optional<std::string> aside = DamagedDir(block_dir, form);
      aside && fs_.Rename(block_dir, *aside)) {
    place = std::move(*aside);
  }
  {
    std::lock_guard lock(mutex_);
    damages_.push_back(fmt::format("{}: {}", block_dir, reason.message()));
  }
  logger_.Error("a block cannot be read and is set aside; everything else is served",
                {{"block", place}, {"error", reason}});
}

std::vector<std::string> BlockSet::damages() const {
  std::lock_guard lock(mutex_);
  return damages_;
}

void BlockSet::MarkFailed(const std::vector<HeldBlock>& blocks) {
  std::lock_guard lock(mutex_);
  for (HeldBlock& held : blocks_) {
    if (std::ranges::find(blocks, held.block, &HeldBlock::block) != blocks.end()) held.has_failed = true;
  }
}

Status BlockSet::Guard(const Block& block, Status status) {
  if (status || status.error().code() != Code::kCorruption) return status;
  std::optional<BlockForm> form;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const HeldBlock& held) {
      if (held.block.get() != &block) return false;
      form = held.form;
      return true;
    });
  }
  if (form) SetAside(block.dir(), *form, status.error());
  return {};
}

void BlockSet::ReportChunk(const core::Error& error) const {
  metrics_.chunk_read_failures.Increment();
  logger_.Error("a chunk of a block cannot be read; its samples are left out", {{"error", error}});
}

}  // namespace sextant::tsdb
