// A view of the store at one moment, and what asks through it. Private to this module.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

// What one query may see: the commits finished when it began and the blocks there were. While it lives,
// nothing that it can see goes away. Immutable.
class View {
 public:
  View(std::shared_ptr<Store> store, TimestampMs start_ms, TimestampMs end_ms);
  ~View();
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  Store& store() const { return *store_; }
  CommitTracker::Ticket watermark() const { return watermark_; }
  DropEpochs::Epoch epoch() const { return epoch_; }
  TimestampMs start_ms() const { return start_ms_; }
  TimestampMs end_ms() const { return end_ms_; }
  // The head counts from here on; what is before was cut into blocks.
  TimestampMs head_start_ms() const { return std::max(start_ms_, blocks_.end_ms); }
  bool SeesInOrder() const { return end_ms_ >= blocks_.end_ms; }
  // Out-of-order samples of the head may be for any time.
  bool SeesHead() const { return SeesInOrder() || !store_->head.out_of_order().empty(); }
  // Those that overlap the range, by start. They may also overlap each other and the head.
  const std::vector<std::shared_ptr<const Block>>& blocks() const { return blocks_.blocks; }

 private:
  const std::shared_ptr<Store> store_;
  const TimestampMs start_ms_;
  const TimestampMs end_ms_;
  // In this order: what blocks have was committed before the watermark, and what they do not have stays in
  // the head while the epoch is held.
  const DropEpochs::Epoch epoch_;
  const BlockSnapshot blocks_;
  const CommitTracker::Ticket watermark_;
};

class DbQuerier final : public model::Querier {
 public:
  explicit DbQuerier(std::shared_ptr<const View> view) : view_(std::move(view)) {}

  core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                         const model::SelectHints& hints) const override;
  core::Result<std::vector<std::string>> LabelValues(std::string_view name,
                                                     const std::vector<model::Matcher>& matchers,
                                                     const model::SelectHints& hints) const override;
  core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>& matchers,
                                                    const model::SelectHints& hints) const override;

 private:
  // Calls `select` for a moment of the head that a reader may see.
  template <typename SelectAt>
  core::Result<std::vector<HeadSeries>> SelectHead(SelectAt select) const;

  const std::shared_ptr<const View> view_;
};

}  // namespace sextant::tsdb
