// A commit log in memory, for tests of this module: each batch is at the next offset of one file.
#pragma once

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "model/commit_log.h"

namespace sextant::remote {

class MemoryLog final : public model::CommitLog {
 public:
  // Adds a batch.
  void Commit(std::vector<model::CommittedSample> samples,
              std::vector<model::CommittedExemplar> exemplars = {}) {
    std::lock_guard lock(mutex_);
    uint64_t at = batches_.size();
    for (const auto& sample : samples) newest_ms_ = std::max(newest_ms_, sample.time_ms);
    batches_.push_back({{1, at}, {1, at + 1}, std::move(samples), std::move(exemplars)});
  }
  // A batch of one sample for each of the series 1, 2, ….
  void CommitAll(size_t series, core::TimestampMs time_ms, double value) {
    std::vector<model::CommittedSample> samples;
    for (size_t i = 1; i <= series; ++i) samples.push_back({i, time_ms, value, nullptr, 0});
    Commit(std::move(samples));
  }

  std::unique_ptr<model::CommitLogReader> NewReader(model::CommitPosition from) override {
    return std::make_unique<Reader>(*this, from.offset);
  }
  model::CommitPosition End() const override {
    std::lock_guard lock(mutex_);
    return {1, batches_.size()};
  }
  core::TimestampMs NewestTimeMs() const override {
    std::lock_guard lock(mutex_);
    return newest_ms_;
  }
  uint64_t SamplesTaken() const override { return 0; }

 private:
  class Reader final : public model::CommitLogReader {
   public:
    Reader(MemoryLog& log, uint64_t at) : log_(log), at_(at) {}
    core::Result<bool> Next(model::CommittedBatch& out) override {
      std::lock_guard lock(log_.mutex_);
      if (at_ >= log_.batches_.size()) return false;
      out = log_.batches_[at_++];
      return true;
    }
    // Series 1 is {__name__="m", n="1"}; nobody knows the series above 1000.
    std::optional<model::Labels> LabelsOf(model::SeriesRef ref) const override {
      if (ref > 1000) return std::nullopt;
      return model::Labels::Of({{"__name__", "m"}, {"n", fmt::format("{}", ref)}});
    }
    std::shared_ptr<const model::MetricMetadata> MetadataOf(model::SeriesRef) const override {
      return nullptr;
    }

   private:
    MemoryLog& log_;
    uint64_t at_;
  };

  mutable std::mutex mutex_;
  std::vector<model::CommittedBatch> batches_;
  core::TimestampMs newest_ms_ = 0;
};

}  // namespace sextant::remote
