#include "metrics/tsdb/compactor.h"

#include <algorithm>

#include "metrics/tsdb/block_merge.h"

namespace sextant::tsdb {

using core::Code;
using core::Status;

namespace {

constexpr int64_t kRetryNs = 60'000'000'000;

bool Overlap(const std::vector<HeldBlock>& by_start) {
  TimestampMs end_ms = kNoTime;
  for (const HeldBlock& held : by_start) {
    if (held.block->start_ms() < end_ms) return true;
    end_ms = std::max(end_ms, held.block->end_ms());
  }
  return false;
}

std::string_view NameOf(const Block& block) {
  std::string_view dir = block.dir();
  return dir.substr(dir.rfind('/') + 1);
}

}  // namespace

std::vector<HeldBlock> Compactor::Plan() const {
  std::vector<HeldBlock> held = store_.blocks.Held();
  std::vector<PlannedBlock> planned;
  planned.reserve(held.size());
  for (const HeldBlock& one : held) {
    planned.push_back({.start_ms = one.block->start_ms(),
                       .end_ms = one.block->end_ms(),
                       .series = one.block->facts().series,
                       .tombstones = one.block->deletions(),
                       .has_failed = one.has_failed});
  }
  std::vector<HeldBlock> chosen;
  for (size_t place : PlanCompaction(planned, store_.CompactionRangesMs())) chosen.push_back(held[place]);
  return chosen;
}

Status Compactor::Run() {
  std::lock_guard lock(mutex_);
  if (store_.clock.MonotonicNs() < retry_at_ns_) return {};
  while (!IsInterrupted()) {
    std::vector<HeldBlock> sources = Plan();
    if (sources.empty()) return {};
    Status compacted = Compact(sources);
    if (compacted) continue;
    if (compacted.error().code() == Code::kCancelled) return {};
    retry_at_ns_ = store_.clock.MonotonicNs() + kRetryNs;
    return compacted;
  }
  return {};
}

Status Compactor::Compact(const std::vector<HeldBlock>& sources) {
  Blocks blocks;
  for (const HeldBlock& source : sources) blocks.push_back(source.block);
  store_.metrics.compactions.Increment();
  if (Overlap(sources)) store_.metrics.vertical_compactions.Increment();
  int64_t started_ns = store_.clock.MonotonicNs();
  Status merged = Merge(sources, blocks);
  store_.metrics.compaction_seconds.Observe(static_cast<double>(store_.clock.MonotonicNs() - started_ns) /
                                            1e9);
  if (merged || merged.error().code() == Code::kCancelled) return merged;
  store_.metrics.compactions_failed.Increment();
  if (merged.error().code() != Code::kCorruption) return merged;
  // They are served as far as they can be read, but merging them would lose the rest for good.
  store_.blocks.MarkFailed(blocks);
  store_.logger.Error("blocks are not merged, since one of them is damaged", {{"error", merged.error()}});
  return {};
}

Status Compactor::Merge(const std::vector<HeldBlock>& sources, const Blocks& blocks) {
  TimestampMs start_ms = blocks.front()->start_ms();
  TimestampMs end_ms = blocks.front()->end_ms();
  std::vector<BlockOrigin> origins;
  std::vector<std::string> names;
  for (const HeldBlock& source : sources) {
    start_ms = std::min(start_ms, source.block->start_ms());
    end_ms = std::max(end_ms, source.block->end_ms());
    origins.push_back(source.origin);
    names.emplace_back(NameOf(*source.block));
  }
  int64_t started_ns = store_.clock.MonotonicNs();
  SEXTANT_ASSIGN(NewBlock made,
                 store_.blocks.Start(start_ms, end_ms, MergeOrigins(origins, std::move(names))));
  auto copied = CopyBlocks(
      blocks, {}, [this] { return IsInterrupted(); },
      [](const Block&, const core::Error& error) -> Status { return tl::unexpected(error); }, *made.writer);
  if (!copied) {
    store_.blocks.Discard(std::move(made));
    return tl::unexpected(copied.error());
  }
  std::string dir = made.dir;
  SEXTANT_ASSIGN(bool has_samples, store_.blocks.Finish(std::move(made), blocks));
  store_.logger.Info("merged blocks",
                     {{"block", has_samples ? dir : "none: everything was deleted"},
                      {"blocks", blocks.size()},
                      {"series", copied->series},
                      {"samples", copied->samples},
                      {"duration_ms", (store_.clock.MonotonicNs() - started_ns) / 1'000'000}});
  return {};
}

Status Compactor::RewriteDeleted() {
  std::lock_guard lock(mutex_);
  for (const HeldBlock& held : store_.blocks.Held()) {
    if (is_stopped_.load()) return core::Fail(Code::kCancelled, "the store is closing");
    if (held.has_failed || held.block->deletions() == 0) continue;
    SEXTANT_TRY(Compact({held}));
  }
  return {};
}

}  // namespace sextant::tsdb
