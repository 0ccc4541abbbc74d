#include "metrics/tsdb/block_merge.h"

#include <algorithm>

#include "metrics/tsdb/sample_merge.h"

namespace sextant::tsdb {
namespace {

using core::Code;
using core::Result;
using core::Status;
using model::Labels;
using model::Matcher;

bool MatchesOne(const Labels& labels, const std::vector<std::vector<Matcher>>& sets) {
  return sets.empty() || std::ranges::any_of(sets, [&](const std::vector<Matcher>& matchers) {
           return std::ranges::all_of(
               matchers, [&](const Matcher& matcher) { return matcher.Matches(labels.Get(matcher.name())); });
         });
}

// The series of one block, in the order of their labels.
class BlockCursor {
 public:
  explicit BlockCursor(std::shared_ptr<const Block> block) : block_(std::move(block)) {}

  Status Start() {
    SEXTANT_ASSIGN(series_, block_->AllSeries());
    return Load();
  }
  Status Next() {
    ++place_;
    return Load();
  }

  bool at_end() const { return place_ >= series_.size(); }
  const Labels& labels() const { return labels_; }
  uint32_t series() const { return series_[place_]; }
  const Block& block() const { return *block_; }

 private:
  Status Load() {
    if (at_end()) return {};
    SEXTANT_ASSIGN(labels_, block_->LabelsOf(series_[place_]));
    return {};
  }

  std::shared_ptr<const Block> block_;
  std::vector<uint32_t> series_;
  size_t place_ = 0;
  Labels labels_;
};

class BlockCopy {
 public:
  BlockCopy(const CopyFilter& filter, const OnDamage& on_damage, BlockWriter& writer)
      : filter_(filter), on_damage_(on_damage), writer_(writer) {}

  Status Start(const std::vector<std::shared_ptr<const Block>>& blocks) {
    cursors_.reserve(blocks.size());
    for (const auto& block : blocks) SEXTANT_TRY(cursors_.emplace_back(block).Start());
    return {};
  }

  // Copies the next series; false when there is none left.
  Result<bool> Step() {
    const Labels* least = nullptr;
    for (const BlockCursor& cursor : cursors_) {
      if (!cursor.at_end() && (least == nullptr || cursor.labels() < *least)) least = &cursor.labels();
    }
    if (least == nullptr) return false;
    Labels labels = *least;
    bool is_wanted = MatchesOne(labels, filter_.matcher_sets);
    samples_.clear();
    SampleMerger merger(samples_);
    for (BlockCursor& cursor : cursors_) {
      if (cursor.at_end() || cursor.labels() != labels) continue;
      if (is_wanted) {
        merger.BeginSource();
        SEXTANT_TRY(Read(cursor));
      }
      SEXTANT_TRY(cursor.Next());
    }
    merger.Finish();
    if (samples_.size() == 0) return true;
    SEXTANT_TRY(writer_.Add(labels, samples_));
    ++counts_.series;
    counts_.samples += samples_.size();
    return true;
  }

  const CopyCounts& counts() const { return counts_; }

 private:
  Status Read(const BlockCursor& cursor) {
    Status read = cursor.block().Read(cursor.series(), filter_.start_ms, filter_.end_ms, samples_);
    if (read || read.error().code() != Code::kCorruption) return read;
    return on_damage_(cursor.block(), read.error());
  }

  const CopyFilter& filter_;
  const OnDamage& on_damage_;
  BlockWriter& writer_;
  std::vector<BlockCursor> cursors_;
  model::SampleColumns samples_;
  CopyCounts counts_;
};

tl::unexpected<core::Error> Cancelled() { return core::Fail(Code::kCancelled, "stopped"); }

}  // namespace

Result<CopyCounts> CopyBlocks(const std::vector<std::shared_ptr<const Block>>& blocks,
                              const CopyFilter& filter, const std::function<bool()>& is_cancelled,
                              const OnDamage& on_damage, BlockWriter& writer) {
  BlockCopy copy(filter, on_damage, writer);
  SEXTANT_TRY(copy.Start(blocks));
  while (true) {
    if (is_cancelled()) return Cancelled();
    SEXTANT_ASSIGN(bool is_more, copy.Step());
    if (!is_more) return copy.counts();
  }
}

Result<CopyCounts> CopyHead(const Head& head, const CopyFilter& filter, TimestampMs in_order_from_ms,
                            const std::function<bool()>& is_cancelled, BlockWriter& writer) {
  CopyCounts counts;
  HeadSeries series;
  model::SampleColumns samples;
  bool is_late_only = filter.end_ms < in_order_from_ms;
  for (SeriesRef ref : head.SortedRefs()) {
    if (is_cancelled()) return Cancelled();
    if (is_late_only && !head.out_of_order().Holds(ref)) continue;
    if (!head.Describe(ref, series) || !MatchesOne(series.labels, filter.matcher_sets)) continue;
    series.in_order_from_ms = in_order_from_ms;
    if (!head.MayHaveSamples(series, filter.start_ms, filter.end_ms)) continue;
    samples.clear();
    head.Read(series, filter.start_ms, filter.end_ms, samples);
    if (samples.size() == 0) continue;
    SEXTANT_TRY(writer.Add(series.labels, samples));
    ++counts.series;
    counts.samples += samples.size();
  }
  return counts;
}

}  // namespace sextant::tsdb
