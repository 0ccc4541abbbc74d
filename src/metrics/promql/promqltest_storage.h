// A small store in memory for promqltest scripts: whatever is added can be queried, in any order of adding.
//
// It answers as Prometheus' store does where answers depend on it: histograms come back with the counter
// reset hints that its chunks give (a histogram that continues the one before is "not reset", one that does
// not is "unknown").
//
// Adding is for one thread; queriers are snapshots that any thread may read while the store is changed.
#pragma once

#include <map>
#include <memory>
#include <string_view>
#include <vector>

#include "model/storage.h"

namespace sextant::promql {

class PromqltestStorage final : public model::Queryable {
 public:
  struct Sample {
    core::TimestampMs time_ms = 0;
    double value = 0;
    std::shared_ptr<const model::FloatHistogram> histogram = nullptr;  // instead of the value, when not null
    core::TimestampMs start_ms = 0;
  };

  // Adds samples of one series. A sample whose time is taken already is dropped.
  void Add(const model::Labels& labels, const std::vector<Sample>& samples);
  void Clear();

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs start_ms,
                                                           core::TimestampMs end_ms) const override;

 private:
  using Series = std::map<model::Labels, std::shared_ptr<const std::vector<Sample>>>;
  Series series_;
};

}  // namespace sextant::promql
