// A store for tests of the engine: series in a map, nothing clever. Test-only.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "model/storage.h"

namespace sextant::promql {

class TestStorage final : public model::Queryable {
 public:
  // Adds a sample; times of a series must ascend.
  void Add(const model::Labels& labels, core::TimestampMs time_ms, double value) {
    model::SampleColumns& samples = series_[labels];
    samples.times_ms.push_back(time_ms);
    samples.values.push_back(value);
  }
  void AddHistogram(const model::Labels& labels, core::TimestampMs time_ms,
                    std::shared_ptr<const model::FloatHistogram> histogram) {
    series_[labels].AddHistogram(time_ms, std::move(histogram));
  }
  const std::map<model::Labels, model::SampleColumns>& series() const { return series_; }

  core::Result<std::unique_ptr<model::Querier>> NewQuerier(core::TimestampMs,
                                                           core::TimestampMs) const override {
    return std::make_unique<Querier>(series_);
  }

 private:
  using Series = std::map<model::Labels, model::SampleColumns>;

  class Set final : public model::SeriesSet {
   public:
    size_t size() const override { return series_.size(); }
    const model::Labels& labels(size_t index) const override { return series_[index]->first; }
    core::Status Read(size_t index, core::TimestampMs start_ms, core::TimestampMs end_ms,
                      model::SampleColumns& out) const override {
      const model::SampleColumns& samples = series_[index]->second;
      auto begin = std::lower_bound(samples.times_ms.begin(), samples.times_ms.end(), start_ms);
      auto end = std::upper_bound(begin, samples.times_ms.end(), end_ms);
      auto offset = begin - samples.times_ms.begin();
      out.clear();
      out.times_ms.assign(begin, end);
      out.values.assign(samples.values.begin() + offset, samples.values.begin() + offset + (end - begin));
      if (!samples.histograms.empty()) {
        auto first = samples.histograms.begin() + offset;
        out.histograms.assign(first, first + (end - begin));
      }
      return {};
    }

    std::vector<const Series::value_type*> series_;
  };

  class Querier final : public model::Querier {
   public:
    explicit Querier(const Series& series) : series_(series) {}

    core::Result<std::unique_ptr<model::SeriesSet>> Select(const std::vector<model::Matcher>& matchers,
                                                           const model::SelectHints& hints) const override {
      auto set = std::make_unique<Set>();
      size_t looked_at = 0;
      for (const auto& entry : series_) {
        if (++looked_at % 1'024 == 0) SEXTANT_TRY(hints.Check());
        if (model::MatchesAll(matchers, entry.first)) set->series_.push_back(&entry);
      }
      return set;
    }
    core::Result<std::vector<std::string>> LabelValues(std::string_view, const std::vector<model::Matcher>&,
                                                       const model::SelectHints&) const override {
      return std::vector<std::string>();
    }
    core::Result<std::vector<std::string>> LabelNames(const std::vector<model::Matcher>&,
                                                      const model::SelectHints&) const override {
      return std::vector<std::string>();
    }

   private:
    const Series& series_;
  };

  Series series_;
};

}  // namespace sextant::promql
