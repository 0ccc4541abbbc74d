#include "metrics/tsdb/querier.h"

#include <absl/container/flat_hash_set.h>
#include <absl/container/inlined_vector.h>

#include <algorithm>
#include <mutex>
#include <span>

#include "core/stoppable_sort.h"
#include "metrics/tsdb/sample_merge.h"

namespace sextant::tsdb {
namespace {

using core::Result;
using core::Status;
using model::Labels;
using model::Matcher;

// A series in one of the view's blocks.
struct BlockSeries {
  uint32_t block = 0;   // its place in the view
  uint32_t series = 0;  // its number there
};

// A series and where its samples are: blocks first, by start, then the head. Where several have samples for
// one time, the first one's is taken.
struct FoundSeries {
  Labels labels;
  absl::InlinedVector<BlockSeries, 2> in_blocks;
  HeadSeries in_head;  // ref 0: not there
};

// Joins what several sources have of the same series. Sources mostly have the same series in the same order,
// so that the next one is where it is expected; only otherwise it is looked up by its labels.
class FoundSet {
 public:
  FoundSet() : places_(0, Hash{&found_}, Equal{&found_}) {}
  FoundSet(const FoundSet&) = delete;
  FoundSet& operator=(const FoundSet&) = delete;

  void BeginSource(size_t series) {
    next_ = 0;
    if (found_.empty()) found_.reserve(series);
  }
  // The entry of a series, made when there is none.
  FoundSeries& At(Labels labels) {
    if (next_ < found_.size() && found_[next_].labels == labels) return found_[next_++];
    if (is_first_) return Make(std::move(labels));
    for (; indexed_ < found_.size(); ++indexed_) places_.insert(static_cast<uint32_t>(indexed_));
    auto place = places_.find(labels);
    if (place == places_.end()) return Make(std::move(labels));
    next_ = size_t{*place} + 1;
    return found_[*place];
  }
  void EndSource() { is_first_ = found_.empty(); }

  std::vector<FoundSeries> Take() && { return std::move(found_); }

 private:
  struct Hash {
    using is_transparent = void;
    const std::vector<FoundSeries>* found;
    size_t operator()(uint32_t place) const { return (*found)[place].labels.Hash(); }
    size_t operator()(const Labels& labels) const { return labels.Hash(); }
  };
  struct Equal {
    using is_transparent = void;
    const std::vector<FoundSeries>* found;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t a, const Labels& b) const { return (*found)[a].labels == b; }
    bool operator()(const Labels& a, uint32_t b) const { return a == (*found)[b].labels; }
  };

  FoundSeries& Make(Labels labels) {
    found_.push_back({std::move(labels), {}, {}});
    next_ = found_.size();
    return found_.back();
  }

  std::vector<FoundSeries> found_;
  size_t next_ = 0;       // where the next series of this source is expected
  bool is_first_ = true;  // of the first source each series is new
  size_t indexed_ = 0;    // how many are in `places_`
  absl::flat_hash_set<uint32_t, Hash, Equal> places_;
};

class DbSeriesSet final : public model::SeriesSet {
 public:
  DbSeriesSet(std::shared_ptr<const View> view, std::vector<FoundSeries> series)
      : view_(std::move(view)), series_(std::move(series)) {}

  size_t size() const override { return series_.size(); }
  const Labels& labels(size_t index) const override { return series_[index].labels; }

  Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms,
              model::SampleColumns& out) const override {
    out.clear();
    start_ms = std::max(start_ms, view_->start_ms());
    end_ms = std::min(end_ms, view_->end_ms());
    const FoundSeries& series = series_[index];
    SampleMerger merger(out);
    for (const BlockSeries& part : series.in_blocks) {
      const Block& block = *view_->blocks()[part.block];
      if (block.end_ms() <= start_ms || block.start_ms() > end_ms) continue;
      merger.BeginSource();
      Status read = block.Read(part.series, start_ms, end_ms, out);
      if (!read && read.error().code() != core::Code::kCorruption) return read;
      if (!read) view_->store().blocks.ReportChunk(read.error());
    }
    if (series.in_head.ref != 0) {
      merger.BeginSource();
      view_->store().head.Read(series.in_head, start_ms, end_ms, out);
    }
    merger.Finish();
    return {};
  }

  Status ReadNewest(size_t index, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) const override {
    const FoundSeries& series = series_[index];
    if (series.in_head.ref == 0) return Read(index, start_ms, end_ms, out);
    out.clear();
    view_->store().head.ReadNewest(series.in_head, std::max(start_ms, view_->start_ms()),
                                   std::min(end_ms, view_->end_ms()), out);
    // A block may have a newer one, or another for the same time.
    auto is_older = [&](const BlockSeries& part) {
      return out.size() > 0 && view_->blocks()[part.block]->end_ms() <= out.times_ms.back();
    };
    if (std::ranges::all_of(series.in_blocks, is_older)) return {};
    return Read(index, start_ms, end_ms, out);
  }

 private:
  const std::shared_ptr<const View> view_;
  const std::vector<FoundSeries> series_;
};

// Series that are in the head only. Their labels are made when they are asked for: counting a million series
// needs none. Until then the view keeps the series, and so their labels, in the head.
class HeadSeriesSet final : public model::SeriesSet {
 public:
  HeadSeriesSet(std::shared_ptr<const View> view, std::vector<HeadSeries> series)
      : view_(std::move(view)), series_(std::move(series)) {}

  size_t size() const override { return series_.size(); }
  const Labels& labels(size_t index) const override {
    constexpr size_t kAtOnce = 256;
    std::lock_guard lock(mutex_);
    if (series_[index].labels.empty()) {
      size_t count = std::min(kAtOnce, series_.size() - index);
      view_->store().head.FillLabels(std::span(series_).subspan(index, count));
    }
    return series_[index].labels;
  }

  Status Read(size_t index, TimestampMs start_ms, TimestampMs end_ms,
              model::SampleColumns& out) const override {
    out.clear();
    view_->store().head.Read(series_[index], std::max(start_ms, view_->start_ms()),
                             std::min(end_ms, view_->end_ms()), out);
    return {};
  }
  Status ReadNewest(size_t index, TimestampMs start_ms, TimestampMs end_ms,
                    model::SampleColumns& out) const override {
    out.clear();
    view_->store().head.ReadNewest(series_[index], std::max(start_ms, view_->start_ms()),
                                   std::min(end_ms, view_->end_ms()), out);
    return {};
  }

 private:
  const std::shared_ptr<const View> view_;
  mutable std::mutex mutex_;                // of labels that are still empty
  mutable std::vector<HeadSeries> series_;  // what has labels is not changed any more
};

// Puts items in order; fails when the check does.
template <typename T, typename Less>
Status Sort(std::vector<T>& items, const model::SelectHints& hints, Less less) {
  model::PacedCheck check(hints.check);
  Status status;
  core::StoppableSort(items.begin(), items.end(), less, [&] {
    status = check.Worked();
    return !status;
  });
  return status;
}

Status SortUnique(std::vector<std::string>& texts, const model::SelectHints& hints) {
  model::PacedCheck check(hints.check);
  Status status;
  // After a failure nothing is compared any more.
  auto goes_on = [&] {
    if (status) status = check.Worked();
    return status.has_value();
  };
  // What comes out of one block is sorted already.
  bool is_sorted = std::is_sorted(texts.begin(), texts.end(),
                                  [&](const auto& a, const auto& b) { return goes_on() && a < b; });
  if (!is_sorted) SEXTANT_TRY(Sort(texts, hints, std::less<>()));
  auto is_same = [&](const auto& a, const auto& b) { return goes_on() && a == b; };
  texts.erase(std::unique(texts.begin(), texts.end(), is_same), texts.end());
  SEXTANT_TRY(status);
  if (hints.limit > 0 && texts.size() > hints.limit) texts.resize(hints.limit);
  return {};
}

}  // namespace

View::View(std::shared_ptr<Store> store, TimestampMs start_ms, TimestampMs end_ms)
    : store_(std::move(store)),
      start_ms_(start_ms),
      end_ms_(end_ms),
      epoch_(store_->epochs.Acquire()),
      blocks_(store_->blocks.Snapshot(start_ms, end_ms)),
      watermark_(store_->commits.AcquireReader()) {}

View::~View() {
  store_->commits.ReleaseReader(watermark_);
  store_->epochs.Release(epoch_);
}

template <typename SelectAt>
Result<std::vector<HeadSeries>> DbQuerier::SelectHead(SelectAt select) const {
  if (!view_->SeesHead()) return std::vector<HeadSeries>();
  Store& store = view_->store();
  TimestampMs in_order_from_ms =
      view_->SeesInOrder() ? view_->head_start_ms() : std::numeric_limits<TimestampMs>::max();
  Result<std::vector<HeadSeries>> series = select(view_->watermark(), in_order_from_ms);
  // When very much was committed since the view was made, what was before is no longer known: a newer moment
  // then, again a single one.
  constexpr int kTries = 3;
  CommitTracker::Ticket used = view_->watermark();
  for (int i = 0; i < kTries && series && store.head.HasForgotten(used); ++i) {
    used = store.commits.AcquireReader();
    series = select(used, in_order_from_ms);
    store.commits.ReleaseReader(used);
  }
  return series;
}

Result<std::unique_ptr<model::SeriesSet>> DbQuerier::Select(const std::vector<Matcher>& matchers,
                                                            const model::SelectHints& hints) const {
  std::vector<FoundSeries> found;
  const auto& blocks = view_->blocks();
  // A series that a block has needs its part in the head as well, unless only its labels are wanted.
  const size_t first = hints.series_only || blocks.empty() ? hints.limit : 0;
  Head& head = view_->store().head;
  if (blocks.empty() && !hints.sorted && first == 0) {
    auto select = [&](CommitTracker::Ticket watermark, TimestampMs in_order_from_ms) {
      return head.SelectInUse(matchers, watermark, in_order_from_ms, view_->start_ms(), view_->epoch(),
                              hints.check);
    };
    SEXTANT_ASSIGN(std::vector<HeadSeries> series, SelectHead(select));
    SEXTANT_TRY(hints.Check());  // a lookup that was stopped has found nothing
    return std::make_unique<HeadSeriesSet>(view_, std::move(series));
  }
  auto select_head = [&] {
    return SelectHead([&](CommitTracker::Ticket watermark, TimestampMs in_order_from_ms) {
      return head.Select(matchers, watermark, in_order_from_ms, view_->start_ms(), first, hints);
    });
  };
  if (blocks.empty()) {
    SEXTANT_ASSIGN(std::vector<HeadSeries> in_head, select_head());
    for (HeadSeries& series : in_head) {
      Labels labels = std::move(series.labels);
      found.push_back({std::move(labels), {}, std::move(series)});
    }
  } else {
    FoundSet joined;
    std::vector<FoundInBlock> in_block;
    for (uint32_t i = 0; i < blocks.size(); ++i) {
      in_block.clear();
      SEXTANT_TRY(view_->store().blocks.Guard(*blocks[i], blocks[i]->Select(matchers, in_block, hints)));
      joined.BeginSource(in_block.size());
      for (size_t k = 0; k < in_block.size(); ++k) {
        if (k % kSeriesBetweenChecks == 0) SEXTANT_TRY(hints.Check());
        FoundInBlock& series = in_block[k];
        joined.At(std::move(series.labels)).in_blocks.push_back({i, series.series});
      }
      joined.EndSource();
    }
    SEXTANT_ASSIGN(std::vector<HeadSeries> in_head, select_head());
    joined.BeginSource(in_head.size());
    for (size_t k = 0; k < in_head.size(); ++k) {
      if (k % kSeriesBetweenChecks == 0) SEXTANT_TRY(hints.Check());
      HeadSeries& series = in_head[k];
      Labels labels = std::move(series.labels);
      joined.At(std::move(labels)).in_head = std::move(series);
    }
    found = std::move(joined).Take();
  }
  SEXTANT_TRY(hints.Check());
  if (hints.sorted) {
    SEXTANT_TRY(
        Sort(found, hints, [](const FoundSeries& a, const FoundSeries& b) { return a.labels < b.labels; }));
  }
  if (hints.limit > 0 && found.size() > hints.limit) found.resize(hints.limit);
  return std::make_unique<DbSeriesSet>(view_, std::move(found));
}

Result<std::vector<std::string>> DbQuerier::LabelValues(std::string_view name,
                                                        const std::vector<Matcher>& matchers,
                                                        const model::SelectHints& hints) const {
  std::vector<std::string> values;
  Store& store = view_->store();
  for (const auto& block : view_->blocks()) {
    SEXTANT_TRY(store.blocks.Guard(*block, block->LabelValues(name, matchers, values, hints.check)));
    SEXTANT_TRY(hints.Check());
  }
  if (view_->SeesHead()) store.head.LabelValues(name, matchers, hints.check, values);
  SEXTANT_TRY(hints.Check());
  SEXTANT_TRY(SortUnique(values, hints));
  return values;
}

Result<std::vector<std::string>> DbQuerier::LabelNames(const std::vector<Matcher>& matchers,
                                                       const model::SelectHints& hints) const {
  std::vector<std::string> names;
  Store& store = view_->store();
  for (const auto& block : view_->blocks()) {
    SEXTANT_TRY(store.blocks.Guard(*block, block->LabelNames(matchers, names, hints.check)));
    SEXTANT_TRY(hints.Check());
  }
  if (view_->SeesHead()) store.head.LabelNames(matchers, hints.check, names);
  SEXTANT_TRY(hints.Check());
  SEXTANT_TRY(SortUnique(names, hints));
  return names;
}

}  // namespace sextant::tsdb
