// A store for tests: keeps every committed sample in a map, with the rules of the real one that matter to a
// scraper.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "model/storage.h"

namespace sextant::scrape {

class MemoryStorage final : public model::Appendable {
 public:
  using Samples = std::vector<std::pair<core::TimestampMs, double>>;

  std::unique_ptr<model::Appender> NewAppender() override { return std::make_unique<Batch>(*this); }

  // Committed samples of a series by its text (Labels::ToMetricString).
  Samples Of(const std::string& series) const {
    std::lock_guard lock(mutex_);
    auto it = samples_.find(series);
    return it == samples_.end() ? Samples() : it->second;
  }
  // Exemplars likewise, committed or not. Those of a negative time are refused.
  std::vector<model::Exemplar> ExemplarsOf(const std::string& series) const {
    std::lock_guard lock(mutex_);
    auto it = exemplars_.find(series);
    return it == exemplars_.end() ? std::vector<model::Exemplar>() : it->second;
  }
  std::vector<std::string> SeriesNames() const {
    std::lock_guard lock(mutex_);
    std::vector<std::string> names;
    for (const auto& [name, samples] : samples_) names.push_back(name);
    return names;
  }
  // New series are refused from now on.
  void RefuseNewSeries() { refuses_new_ = true; }
  void FailCommits(bool fail) { fails_commits_ = fail; }

 private:
  class Batch final : public model::Appender {
   public:
    explicit Batch(MemoryStorage& storage) : storage_(storage) {}

    model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                               double value) override {
      std::lock_guard lock(storage_.mutex_);
      if (ref == 0 && labels.empty()) return {0, model::AppendOutcome::kInvalidLabels};
      if (ref == 0) {
        std::string name = labels.ToMetricString();
        auto it = std::find(storage_.names_.begin(), storage_.names_.end(), name);
        if (it == storage_.names_.end() && storage_.refuses_new_)
          return {0, model::AppendOutcome::kSeriesLimit};
        ref = static_cast<model::SeriesRef>(it - storage_.names_.begin()) + 1;
        if (it == storage_.names_.end()) storage_.names_.push_back(name);
      }
      pending_.push_back({ref, {time_ms, value}});
      return {ref, model::AppendOutcome::kOk};
    }
    model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Sample& sample) override {
      return Append(ref, labels, sample.time_ms, sample.value);
    }
    model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                       const model::Exemplar& exemplar) override {
      std::lock_guard lock(storage_.mutex_);
      if (exemplar.time_ms < 0) return {ref, model::AppendOutcome::kOutOfOrderExemplar};
      storage_.exemplars_[storage_.names_[ref - 1]].push_back(exemplar);
      return {ref, model::AppendOutcome::kOk};
    }
    model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                       const model::MetricMetadata&) override {
      return {ref, model::AppendOutcome::kOk};
    }
    core::Status Commit() override {
      std::lock_guard lock(storage_.mutex_);
      if (storage_.fails_commits_)
        return core::Fail(core::Code::kResourceExhausted, "No space left on device");
      for (const auto& [ref, sample] : pending_)
        storage_.samples_[storage_.names_[ref - 1]].push_back(sample);
      pending_.clear();
      return {};
    }
    void Rollback() override { pending_.clear(); }

   private:
    MemoryStorage& storage_;
    std::vector<std::pair<model::SeriesRef, std::pair<core::TimestampMs, double>>> pending_;
  };

  mutable std::mutex mutex_;
  std::vector<std::string> names_;
  std::map<std::string, Samples> samples_;
  std::map<std::string, std::vector<model::Exemplar>> exemplars_;
  bool refuses_new_ = false;
  bool fails_commits_ = false;
};

}  // namespace sextant::scrape
