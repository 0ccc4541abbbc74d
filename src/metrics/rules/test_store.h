// For tests: a store in memory behind the Appender and Querier seams, which keeps everything and can be made
// to fail.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "model/storage.h"

namespace sextant::rules {

class TestStore final : public model::Queryable, public model::Appendable {
 public:
  using Samples = std::vector<std::pair<model::TimestampMs, double>>;
  using Data = std::map<model::Labels, Samples>;
  using HistogramPtr = std::shared_ptr<const model::FloatHistogram>;
  // By series and time; the sample beside it is 0.
  using Histograms = std::map<std::pair<model::Labels, model::TimestampMs>, HistogramPtr>;

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(model::TimestampMs start_ms,
                                                           model::TimestampMs end_ms) const override;
  std::unique_ptr<model::Appender> NewAppender() override;

  // Adds one sample of a series given as `name{label="value"}`.
  void Add(std::string_view series, model::TimestampMs time_ms, double value);
  // Adds a sample that is a native histogram when `histogram` is not null.
  void AddSample(const model::Labels& labels, model::TimestampMs time_ms, double value,
                 HistogramPtr histogram);
  // Samples of a series given likewise; empty when it does not exist.
  Samples Get(std::string_view series) const;
  Data data() const;
  void Reset();

  // What happens from now on.
  void FailCommits(bool fails) { fails_commits_ = fails; }
  void FailQueries(bool fails) { fails_queries_ = fails; }
  size_t commits() const { return commits_; }

 private:
  friend class TestAppender;
  friend class TestQuerier;
  mutable std::mutex mutex_;
  Data data_;
  Histograms histograms_;
  bool fails_commits_ = false;
  bool fails_queries_ = false;
  size_t commits_ = 0;
};

}  // namespace sextant::rules
