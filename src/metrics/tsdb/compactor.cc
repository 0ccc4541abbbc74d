#include "metrics/tsdb/compactor.h"

#include <algorithm>
#include <thread>

#include "metrics/promfiles/upload_list.h"
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

// What may be merged with each other: blocks of one form, and of Prometheus', not those of stale series with
// others, since the mark would be lost, and with it where the head begins.
bool IsOneClass(const HeldBlock& a, const HeldBlock& b) {
  return a.form == b.form &&
         (a.form == BlockForm::kDense || a.origin.is_stale_series == b.origin.is_stale_series);
}

}  // namespace

std::vector<HeldBlock> Compactor::ToConvert() const {
  if (store_.options.block_form != BlockForm::kPrometheus) return {};
  std::vector<HeldBlock> held = store_.blocks.Held();
  std::erase_if(held, [](const HeldBlock& one) { return one.form != BlockForm::kDense || one.has_failed; });
  return held;
}

std::vector<HeldBlock> Compactor::Plan() const {
  // First, whatever was uploaded: nobody uploads blocks of our own form.
  if (std::vector<HeldBlock> own = ToConvert(); !own.empty()) return {own.front()};
  std::vector<HeldBlock> held = store_.blocks.Held();
  if (!store_.options.upload_list_path.empty()) LeaveOutNotUploaded(held);
  while (!held.empty()) {
    auto others = std::stable_partition(held.begin(), held.end(),
                                        [&](const HeldBlock& one) { return IsOneClass(one, held.front()); });
    std::vector<HeldBlock> chosen = PlanOne({held.begin(), others});
    if (!chosen.empty()) return chosen;
    held.erase(held.begin(), others);
  }
  return {};
}

// Blocks behind one that is left out wait, too: merged around it, they would overlap it. A list that cannot
// be read holds nothing up, as in Prometheus.
void Compactor::LeaveOutNotUploaded(std::vector<HeldBlock>& held) const {
  auto uploaded = promfiles::ReadUploadList(store_.fs, store_.options.upload_list_path);
  if (!uploaded) {
    store_.logger.Warn("the list of uploaded blocks cannot be read", {{"error", uploaded.error()}});
    return;
  }
  auto waits = std::ranges::find_if(held, [&](const HeldBlock& one) {
    return one.origin.level <= 1 && !uploaded->contains(std::string(NameOf(*one.block)));
  });
  held.erase(waits, held.end());
}

std::vector<HeldBlock> Compactor::PlanOne(const std::vector<HeldBlock>& held) const {
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

Status Compactor::ConvertAll() {
  std::lock_guard lock(mutex_);
  is_stopped_.store(false);
  std::vector<HeldBlock> own = ToConvert();
  if (own.empty()) return {};
  store_.logger.Info("writing blocks in Prometheus' form before the end", {{"blocks", own.size()}});
  for (const HeldBlock& one : own) SEXTANT_TRY(Compact({one}));
  return {};
}

Status Compactor::Compact(const std::vector<HeldBlock>& sources) {
  store_.metrics.compactions.Increment();
  if (Overlap(sources)) store_.metrics.vertical_compactions.Increment();
  int64_t started_ns = store_.clock.MonotonicNs();
  Status merged = Merge(sources);
  store_.metrics.compaction_seconds.Observe(static_cast<double>(store_.clock.MonotonicNs() - started_ns) /
                                            1e9);
  if (merged || merged.error().code() == Code::kCancelled) return merged;
  store_.metrics.compactions_failed.Increment();
  if (merged.error().code() != Code::kCorruption) return merged;
  // They are served as far as they can be read, but merging them would lose the rest for good.
  store_.blocks.MarkFailed(sources);
  store_.logger.Error("blocks are not merged, since one of them is damaged", {{"error", merged.error()}});
  return {};
}

// Prometheus' blocks stay what they are: whoever put them there may want them back.
BlockForm Compactor::FormFor(const std::vector<HeldBlock>& sources) const {
  return sources.front().form == BlockForm::kPrometheus ? BlockForm::kPrometheus : store_.options.block_form;
}

Status Compactor::Merge(const std::vector<HeldBlock>& sources) {
  TimestampMs start_ms = sources.front().block->start_ms();
  TimestampMs end_ms = sources.front().block->end_ms();
  std::vector<std::shared_ptr<const Block>> blocks;
  std::vector<BlockOrigin> origins;
  std::vector<std::string> names;
  for (const HeldBlock& source : sources) {
    start_ms = std::min(start_ms, source.block->start_ms());
    end_ms = std::max(end_ms, source.block->end_ms());
    blocks.push_back(source.block);
    origins.push_back(source.origin);
    names.emplace_back(NameOf(*source.block));
  }
  int64_t started_ns = store_.clock.MonotonicNs();
  SEXTANT_ASSIGN(NewBlock made, store_.blocks.Start(FormFor(sources), start_ms, end_ms,
                                                    MergeOrigins(origins, std::move(names)), sources));
  auto copied = CopyBlocks(
      blocks, {}, [this] { return IsInterrupted(); },
      [](const Block&, const core::Error& error) -> Status { return tl::unexpected(error); }, *made.writer);
  if (!copied) {
    store_.blocks.Discard(std::move(made));
    return tl::unexpected(copied.error());
  }
  std::string dir = made.dir;
  SEXTANT_ASSIGN(bool has_samples, store_.blocks.Finish(std::move(made), sources));
  store_.logger.Info("merged blocks",
                     {{"block", has_samples ? dir : "none: everything was deleted"},
                      {"blocks", blocks.size()},
                      {"series", copied->series},
                      {"samples", copied->samples},
                      {"duration_ms", (store_.clock.MonotonicNs() - started_ns) / 1'000'000}});
  return {};
}

Status Compactor::RewriteDeleted() {
  while (true) {
    Status rewritten = RewriteDeletedOnce();
    bool is_paused = !rewritten && rewritten.error().code() == Code::kCancelled && !is_stopped_.load();
    if (!is_paused) return rewritten;
    // Whoever wants the pause gets the lock now.
    std::this_thread::yield();
  }
}

Status Compactor::RewriteDeletedOnce() {
  std::lock_guard lock(mutex_);
  for (const HeldBlock& held : store_.blocks.Held()) {
    if (IsInterrupted()) return core::Fail(Code::kCancelled, "stopped");
    if (held.has_failed || held.block->deletions() == 0) continue;
    SEXTANT_TRY(Compact({held}));
  }
  return {};
}

}  // namespace sextant::tsdb
