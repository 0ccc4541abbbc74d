// A store for tests of this module: series in memory, in order only.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "model/histogram_fault.h"
#include "model/storage.h"

namespace sextant::remote {

class MemoryStore final : public model::Appendable {
 public:
  struct Series {
    model::Labels labels;
    std::vector<model::Sample> samples;
    std::vector<model::FloatHistogram> histograms;  // of the samples that are such, committed or not
    std::vector<model::Exemplar> exemplars;
    model::MetricMetadata metadata;
  };

  std::unique_ptr<model::Appender> NewAppender() override { return std::make_unique<Batch>(*this); }

  // `{__name__="up"} 1@1000 2@2000`, a line for each series.
  std::string Text() const {
    std::string text;
    for (const auto& [name, ref] : refs_) {
      const Series& series = all_[ref - 1];
      text += name;
      for (const model::Sample& sample : series.samples) {
        text += sample.histogram != nullptr ? fmt::format(" h@{}", sample.time_ms)
                                            : fmt::format(" {}@{}", sample.value, sample.time_ms);
        if (sample.start_ms != 0) text += fmt::format("^{}", sample.start_ms);
      }
      for (const model::Exemplar& exemplar : series.exemplars) {
        text += fmt::format(" #{} {}@{}", exemplar.labels.ToString(), exemplar.value, exemplar.time_ms);
      }
      if (!series.metadata.type.empty()) text += fmt::format(" ({})", series.metadata.type);
      text += '\n';
    }
    return text;
  }

  const std::vector<model::FloatHistogram>& HistogramsOf(const model::Labels& labels) const {
    return all_.at(refs_.at(labels.ToString()) - 1).histograms;
  }

  // Forgets all series: their refs are known no more.
  void Forget() {
    refs_.clear();
    for (Series& series : all_) series.labels = model::Labels();
  }

  bool fails_commits = false;
  size_t max_series = SIZE_MAX;
  uint64_t lookups = 0;  // by labels

 private:
  class Batch final : public model::Appender {
   public:
    explicit Batch(MemoryStore& store) : store_(store) {}

    model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                               double value) override {
      return AppendSample(ref, labels,
                          {.time_ms = time_ms, .value = value, .histogram = nullptr, .start_ms = 0});
    }
    model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Sample& sample) override {
      if (ref == 0 && store_.all_.size() >= store_.max_series && !store_.refs_.contains(labels.ToString()))
        return {0, model::AppendOutcome::kSeriesLimit};
      if (sample.histogram != nullptr && !model::HistogramFault(*sample.histogram).empty())
        return {ref, model::AppendOutcome::kInvalidHistogram};
      ref = store_.Find(ref, labels);
      if (ref == 0) return {0, model::AppendOutcome::kUnknownRef};
      const Series& series = store_.all_[ref - 1];
      core::TimestampMs newest = series.samples.empty() ? INT64_MIN : series.samples.back().time_ms;
      for (const auto& [other, pending] : pending_) {
        if (other == ref) newest = std::max(newest, pending.time_ms);
      }
      if (sample.time_ms < newest) return {ref, model::AppendOutcome::kOutOfOrder};
      if (sample.histogram != nullptr) store_.all_[ref - 1].histograms.push_back(*sample.histogram);
      pending_.emplace_back(ref, sample);
      return {ref, model::AppendOutcome::kOk};
    }
    model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels& labels,
                                       const model::Exemplar& exemplar) override {
      ref = store_.Find(ref, labels);
      if (ref == 0) return {0, model::AppendOutcome::kUnknownRef};
      std::vector<model::Exemplar>& known = store_.all_[ref - 1].exemplars;
      if (!known.empty() && exemplar.time_ms < known.back().time_ms) {
        return {ref, model::AppendOutcome::kOutOfOrderExemplar};
      }
      known.push_back(exemplar);
      return {ref, model::AppendOutcome::kOk};
    }
    model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels& labels,
                                       const model::MetricMetadata& metadata) override {
      ref = store_.Find(ref, labels);
      if (ref == 0) return {0, model::AppendOutcome::kUnknownRef};
      store_.all_[ref - 1].metadata = metadata;
      return {ref, model::AppendOutcome::kOk};
    }
    core::Status Commit() override {
      if (store_.fails_commits) return core::Fail(core::Code::kIo, "the disk is full");
      for (auto& [ref, sample] : pending_) store_.all_[ref - 1].samples.push_back(sample);
      return {};
    }
    void Rollback() override { pending_.clear(); }

   private:
    MemoryStore& store_;
    std::vector<std::pair<model::SeriesRef, model::Sample>> pending_;
  };

  model::SeriesRef Find(model::SeriesRef ref, const model::Labels& labels) {
    if (ref != 0) return all_[ref - 1].labels.empty() ? 0 : ref;
    ++lookups;
    auto [place, is_new] = refs_.try_emplace(labels.ToString(), all_.size() + 1);
    if (is_new) all_.push_back({labels, {}, {}, {}, {}});
    return place->second;
  }

  std::map<std::string, model::SeriesRef> refs_;
  std::vector<Series> all_;
};

}  // namespace sextant::remote
