#include "metrics/tsdb/compaction_plan.h"

#include <algorithm>
#include <numeric>

namespace sextant::tsdb {
namespace {

constexpr size_t kMaxRanges = 10;
constexpr DurationMs kGrowth = 3;
// Share of the series with deletions from which a large block is written anew.
constexpr double kTombstoneShare = 0.05;

// From one time to a later one, also when they are as far apart as can be.
uint64_t Span(TimestampMs start_ms, TimestampMs end_ms) {
  return static_cast<uint64_t>(end_ms) - static_cast<uint64_t>(start_ms);
}

// Blocks by time, as places in what was given.
class Planner {
 public:
  Planner(std::span<const PlannedBlock> blocks, const std::vector<DurationMs>& ranges_ms)
      : blocks_(blocks), ranges_ms_(ranges_ms), order_(blocks.size()) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return blocks_[a].start_ms < blocks_[b].start_ms; });
  }

  std::vector<size_t> Plan() {
    std::vector<size_t> found = Overlapping();
    if (!found.empty()) return found;
    order_.resize(newest_begin_);
    found = Neighbours();
    if (found.empty()) found = MostlyDeleted();
    return found;
  }

 private:
  const PlannedBlock& At(size_t place) const { return blocks_[order_[place]]; }

  std::vector<size_t> Places(size_t begin, size_t end) const {
    return {order_.begin() + static_cast<ptrdiff_t>(begin), order_.begin() + static_cast<ptrdiff_t>(end)};
  }

  bool HasFailed(size_t begin, size_t end) const {
    for (size_t i = begin; i < end; ++i) {
      if (At(i).has_failed) return true;
    }
    return false;
  }

  // The first run of blocks of which each overlaps those before it.
  std::vector<size_t> Overlapping() {
    size_t begin = 0;
    while (begin < order_.size()) {
      TimestampMs end_ms = At(begin).end_ms;
      size_t end = begin + 1;
      for (; end < order_.size() && At(end).start_ms < end_ms; ++end) {
        end_ms = std::max(end_ms, At(end).end_ms);
      }
      if (end - begin > 1 && !HasFailed(begin, end) && (end < order_.size() || IsWorthIt(begin, end))) {
        return Places(begin, end);
      }
      newest_begin_ = begin;
      begin = end;
    }
    return {};
  }

  // Where blocks are still being added, each of them would have all that are there written anew; so they wait
  // until they have half as many series as the largest.
  bool IsWorthIt(size_t begin, size_t end) const {
    constexpr size_t kMaxWaiting = 16;
    uint64_t largest = 0;
    uint64_t all = 0;
    for (size_t i = begin; i < end; ++i) {
      largest = std::max(largest, At(i).series);
      all += At(i).series;
    }
    return end - begin > kMaxWaiting || 2 * (all - largest) >= largest;
  }

  // Blocks that fill a range, or that lie in one which is over.
  std::vector<size_t> Neighbours() const {
    if (order_.empty()) return {};
    TimestampMs newest_ms = At(order_.size() - 1).start_ms;
    for (size_t i = 1; i < ranges_ms_.size(); ++i) {
      uint64_t range_ms = static_cast<uint64_t>(ranges_ms_[i]);
      for (size_t begin = 0; begin < order_.size();) {
        size_t end = EndOfRange(begin, range_ms);
        if (end - begin > 1 && !HasFailed(begin, end)) {
          TimestampMs end_ms = At(end - 1).end_ms;
          if (Span(At(begin).start_ms, end_ms) == range_ms || end_ms <= newest_ms) return Places(begin, end);
        }
        begin = std::max(end, begin + 1);
      }
    }
    return {};
  }

  // After the blocks from `begin` on that lie in the same aligned range; `begin` itself when it lies in none.
  size_t EndOfRange(size_t begin, uint64_t range_ms) const {
    TimestampMs start_ms = At(begin).start_ms;
    int64_t phase_ms = start_ms % static_cast<int64_t>(range_ms);
    if (phase_ms < 0) phase_ms += static_cast<int64_t>(range_ms);
    uint64_t left_ms = range_ms - static_cast<uint64_t>(phase_ms);  // from the start of the first one
    size_t end = begin;
    while (end < order_.size() && Span(start_ms, At(end).end_ms) <= left_ms) ++end;
    return end;
  }

  std::vector<size_t> MostlyDeleted() const {
    for (size_t i = order_.size(); i-- > 0;) {
      const PlannedBlock& block = At(i);
      if (Span(block.start_ms, block.end_ms) < static_cast<uint64_t>(ranges_ms_[ranges_ms_.size() / 2])) {
        // Small ones are merged soon, and then lose what was deleted; only empty ones are not worth waiting
        // for.
        if (block.tombstones > 0 && block.tombstones >= block.series && !block.has_failed) {
          return Places(i, i + 1);
        }
        return {};
      }
      double share = static_cast<double>(block.tombstones) / static_cast<double>(block.series + 1);
      if (share > kTombstoneShare && !block.has_failed) return Places(i, i + 1);
    }
    return {};
  }

  const std::span<const PlannedBlock> blocks_;
  const std::vector<DurationMs>& ranges_ms_;
  std::vector<size_t> order_;
  size_t newest_begin_ = 0;  // of the last run of blocks that overlap, or the last block
};

}  // namespace

std::vector<DurationMs> CompactionRanges(DurationMs min_ms, DurationMs max_ms) {
  std::vector<DurationMs> ranges{min_ms};
  while (ranges.size() < kMaxRanges && ranges.back() <= max_ms / kGrowth) {
    ranges.push_back(ranges.back() * kGrowth);
  }
  return ranges;
}

std::vector<size_t> PlanCompaction(std::span<const PlannedBlock> blocks,
                                   const std::vector<DurationMs>& ranges_ms) {
  return Planner(blocks, ranges_ms).Plan();
}

}  // namespace sextant::tsdb
