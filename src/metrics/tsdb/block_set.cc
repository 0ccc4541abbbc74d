#include "metrics/tsdb/block_set.h"

#include <algorithm>
#include <charconv>
#include <set>

#include "metrics/tsdb/dense_block.h"

namespace sextant::tsdb {

using core::Code;
using core::FileInfo;
using core::JoinPath;
using core::Result;
using core::Status;

namespace {

constexpr std::string_view kBlockPrefix = "block-";
constexpr std::string_view kUnfinished = ".tmp";
constexpr std::string_view kDeleted = ".deleted";
constexpr std::string_view kDamaged = ".damaged";

std::string_view NameOf(const Block& block) {
  std::string_view dir = block.dir();
  return dir.substr(dir.rfind('/') + 1);
}

// The number at the end of block-<start>-<end>-<number>; 0: another name, or one without.
uint64_t NumberOf(std::string_view name) {
  if (!name.starts_with(kBlockPrefix)) return 0;
  const char* at = name.data() + kBlockPrefix.size();
  const char* end = name.data() + name.size();
  for (int field = 0; field < 2; ++field) {
    int64_t time_ms = 0;
    auto parsed = std::from_chars(at, end, time_ms);
    if (parsed.ec != std::errc() || parsed.ptr == end || *parsed.ptr != '-') return 0;
    at = parsed.ptr + 1;
  }
  uint64_t number = 0;
  return std::from_chars(at, end, number).ec == std::errc() ? number : 0;
}

bool IsBefore(const HeldBlock& a, const HeldBlock& b) {
  return std::tuple(a.block->start_ms(), a.block->end_ms(), NameOf(*a.block)) <
         std::tuple(b.block->start_ms(), b.block->end_ms(), NameOf(*b.block));
}

BlockOrigin CutInOrder(TimestampMs end_ms) { return {.head_end_ms = end_ms, .parents = {}}; }

}  // namespace

void BlockSet::NoteNumber(std::string_view name) {
  uint64_t number = NumberOf(name);
  if (number < UINT64_MAX) next_number_ = std::max(next_number_, number + 1);
}

void BlockSet::LoadOne(const std::string& name, std::vector<HeldBlock>& loaded) {
  std::string path = JoinPath(dir_, name);
  auto block = DenseBlock::Open(fs_, path);
  if (!block) return SetAside(path, block.error());
  HeldBlock held{.block = *block, .origin = CutInOrder((*block)->end_ms())};
  auto origin = ReadOrigin(fs_, path);
  if (!origin) {
    // Its samples are all there. What it replaced may be served beside it, and of the head more than is
    // needed: the same samples again.
    logger_.Warn("it is not known what a block has replaced",
                 {{"block", held.block->dir()}, {"error", origin.error()}});
    held.origin = {};
  } else if (*origin) {
    held.origin = std::move(**origin);
  }
  loaded.push_back(std::move(held));
}

Status BlockSet::OpenAll(std::vector<HeldBlock>& loaded) {
  SEXTANT_ASSIGN(std::vector<FileInfo> entries, fs_.List(dir_));
  for (const FileInfo& entry : entries) {
    if (!entry.is_directory || !entry.name.starts_with(kBlockPrefix)) continue;
    NoteNumber(entry.name);
    if (entry.name.ends_with(kDamaged)) continue;
    if (entry.name.ends_with(kUnfinished) || entry.name.ends_with(kDeleted)) {
      SEXTANT_TRY(core::RemoveAll(fs_, JoinPath(dir_, entry.name)));
      continue;
    }
    LoadOne(entry.name, loaded);
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
    if (!replaced.contains(NameOf(*held.block))) return false;
    Retire(*held.block);
    return true;
  });
}

Status BlockSet::Load() {
  std::vector<HeldBlock> loaded;
  SEXTANT_TRY(OpenAll(loaded));
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

Result<NewBlock> BlockSet::Start(TimestampMs start_ms, TimestampMs end_ms, const BlockOrigin& origin) {
  uint64_t number;
  {
    std::lock_guard lock(mutex_);
    number = next_number_++;
  }
  NewBlock block;
  block.dir = JoinPath(dir_, fmt::format("{}{}-{}-{}", kBlockPrefix, start_ms, end_ms, number));
  SEXTANT_ASSIGN(block.writer, DenseBlockWriter::Start(fs_, block.dir, start_ms, end_ms));
  if (origin != CutInOrder(end_ms)) {
    SEXTANT_TRY(WriteOrigin(fs_, fmt::format("{}{}", block.dir, kUnfinished), origin));
  }
  return block;
}

Result<bool> BlockSet::Finish(NewBlock block, const std::vector<std::shared_ptr<const Block>>& replaced) {
  Result<bool> has_samples = block.writer->Finish();
  block.writer.reset();
  HeldBlock held;
  if (has_samples && *has_samples) {
    std::vector<HeldBlock> opened;
    auto made = DenseBlock::Open(fs_, block.dir);
    if (made) {
      held.block = std::move(*made);
      auto origin = ReadOrigin(fs_, block.dir);
      if (!origin) made = tl::unexpected(origin.error());
      if (origin) held.origin = *origin ? std::move(**origin) : CutInOrder(held.block->end_ms());
    }
    if (!made) has_samples = tl::unexpected(made.error());
  }
  if (!has_samples) {
    // It may have got its name; the samples are still where they were.
    held.block.reset();
    Discard(std::move(block));
    return has_samples;
  }
  {
    std::lock_guard lock(mutex_);
    std::erase_if(blocks_, [&](const HeldBlock& old) {
      if (std::ranges::find(replaced, old.block) == replaced.end()) return false;
      Retire(*old.block);
      return true;
    });
    if (held.block != nullptr) Insert(std::move(held));
  }
  if (!replaced.empty()) {
    // What is done is done: the files of the former blocks are removed now or later.
    if (Status deleted = DeleteRetired(); !deleted)
      logger_.Warn("a block that was replaced could not be removed yet", {{"error", deleted.error()}});
  }
  return has_samples;
}

void BlockSet::Discard(NewBlock block) {
  block.writer.reset();
  // What cannot be removed now goes at the next start.
  for (std::string_view suffix : {std::string_view(), kUnfinished}) {
    [[maybe_unused]] Status removed = core::RemoveAll(fs_, fmt::format("{}{}", block.dir, suffix));
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
    if (!path.ends_with(kDeleted)) {
      std::string aside = fmt::format("{}{}", path, kDeleted);
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
    while (!blocks_.empty()) {
      auto oldest = std::min_element(blocks_.begin(), blocks_.end(), ends_first);
      const Block& block = *oldest->block;
      bool is_too_old = block.end_ms() <= oldest_ms;
      if (!is_too_old && size <= max_bytes) break;
      (is_too_old ? metrics_.time_retentions : metrics_.size_retentions).Increment();
      deleted.emplace_back(oldest->block,
                           is_too_old ? "older than the retention" : "more bytes than allowed");
      size -= block.size_bytes();
      Retire(block);
      blocks_.erase(oldest);
    }
  }
  for (const auto& [block, reason] : deleted) {
    logger_.Info("deleting a block", {{"block", block->dir()}, {"reason", reason}});
  }
  return DeleteRetired();
}

void BlockSet::SetAside(const std::string& block_dir, const core::Error& reason) {
  metrics_.blocks_set_aside.Increment();
  std::string aside = fmt::format("{}{}", block_dir, kDamaged);
  Status renamed = fs_.Rename(block_dir, aside);
  logger_.Error("a block cannot be read and is set aside; everything else is served",
                {{"block", renamed ? aside : block_dir}, {"error", reason}});
}

void BlockSet::MarkFailed(const std::vector<std::shared_ptr<const Block>>& blocks) {
  std::lock_guard lock(mutex_);
  for (HeldBlock& held : blocks_) {
    if (std::ranges::find(blocks, held.block) != blocks.end()) held.has_failed = true;
  }
}

Status BlockSet::Guard(const Block& block, Status status) {
  if (status || status.error().code() != Code::kCorruption) return status;
  bool is_first;
  {
    std::lock_guard lock(mutex_);
    is_first = std::erase_if(blocks_, [&](const HeldBlock& held) { return held.block.get() == &block; }) > 0;
  }
  if (is_first) SetAside(block.dir(), status.error());
  return {};
}

void BlockSet::ReportChunk(const core::Error& error) const {
  metrics_.chunk_read_failures.Increment();
  logger_.Error("a chunk of a block cannot be read; its samples are left out", {{"error", error}});
}

}  // namespace sextant::tsdb
