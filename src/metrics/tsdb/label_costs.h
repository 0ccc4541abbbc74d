// Which metrics, labels and targets have most series, from the sizes of their postings: no series is looked
// at. Private to the index.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "metrics/tsdb/label_index.h"

namespace sextant::tsdb {

// The ids with the highest counts.
class TopIds {
 public:
  using Count = std::pair<uint64_t, uint32_t>;  // count and id

  explicit TopIds(size_t top) : top_(top) {}
  void Add(uint64_t count, uint32_t id);
  // Whether a count would still be taken.
  bool Takes(uint64_t count) const {
    return heap_.size() < top_ || (top_ > 0 && count > heap_.front().first);
  }
  // Highest first; empties this.
  std::vector<Count> Take();

 private:
  const size_t top_;
  std::vector<Count> heap_;  // the lowest on top
};

class LabelCosts : private SlicedLookup {
 public:
  LabelCosts(const LabelIndex& index, const Pause& pause)
      : SlicedLookup(index.removals_, pause), index_(index) {}

  void FillStats(size_t top, Stats& stats);
  void FillCardinality(size_t top, CardinalityOrder order, Cardinality& out);

 private:
  using Row = Cardinality::Row;

  // Calls back with every pair's id and number of series; false: outdated.
  template <typename Visit>
  bool VisitPairs(uint32_t name, size_t cost, Visit visit);
  std::vector<uint32_t> Names() const;
  std::string_view NameOf(uint32_t pair) const { return TextOf(index_.pairs_[pair].name); }
  std::string_view ValueOf(uint32_t pair) const { return TextOf(index_.pairs_[pair].value); }
  std::string_view TextOf(uint32_t symbol) const { return index_.symbols_[symbol].view(); }

  bool TryStats(size_t top, Stats& stats);
  bool TryCardinality(size_t top, CardinalityOrder order, Cardinality& out);
  bool FillTargets(size_t top, CardinalityOrder order, const Bitmap& recent, std::vector<Row>& out);
  Row RowOf(uint32_t pair, const Bitmap& recent) const;

  const LabelIndex& index_;
};

}  // namespace sextant::tsdb
