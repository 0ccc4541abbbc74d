// One batch on its way into the store. See model::Appender; private to this module.
#pragma once

#include <memory>

#include "metrics/tsdb/store.h"

namespace sextant::tsdb {

class DbAppender final : public model::Appender {
 public:
  explicit DbAppender(std::shared_ptr<Store> store);
  ~DbAppender() override;

  model::AppendResult Append(SeriesRef ref, const model::Labels& labels, TimestampMs time_ms,
                             double value) override;
  model::AppendResult AppendSample(SeriesRef ref, const model::Labels& labels,
                                   const model::Sample& sample) override;
  model::AppendResult AppendExemplar(SeriesRef ref, const model::Labels& labels,
                                     const model::Exemplar& exemplar) override;
  model::AppendResult UpdateMetadata(SeriesRef ref, const model::Labels& labels,
                                     const model::MetricMetadata& metadata) override;
  void RefuseOutOfOrder(bool is_refused) override { refuses_out_of_order_ = is_refused; }
  core::Status Commit() override;
  void Rollback() override;

 private:
  // Append and AppendSample; `bits` are those of the float or HistogramBits.
  model::AppendResult Take(SeriesRef ref, const model::Labels& labels, const model::Sample& sample,
                           uint64_t bits);
  void AddZeroAtStart(SeriesRef ref, const SeriesRecord& record, const model::Sample& sample);
  model::AppendOutcome CheckTime(TimestampMs time_ms, bool is_histogram);
  bool IsTooOld(TimestampMs time_ms) const;
  void NoteDelta(TimestampMs time_ms);
  model::AppendOutcome TakeOutOfOrder(SeriesRef ref, const SeriesRecord& record, const model::Sample& sample,
                                      uint64_t bits);
  void NoteUse(SeriesRef ref, const SeriesRecord& record);
  // Adds a float of a series with start times or histograms, or a histogram.
  void AddUnusual(SeriesRef ref, SeriesRecord& record, const model::Sample& sample, uint64_t bits);
  void NoteStartTime(SeriesRef ref, const model::Sample& sample);
  void DropSamplesBefore(TimestampMs floor_ms);
  core::Status Write(CommitTracker::Ticket ticket);
  core::Status TakeBehind(CommitTracker::Ticket ticket, const std::vector<size_t>& floats,
                          const std::vector<size_t>& mixed);

  const std::shared_ptr<Store> store_;
  const DropEpochs::Epoch epoch_;
  const TimestampMs max_time_ms_;
  const DurationMs window_ms_;          // for out-of-order samples; 0: none
  const TimestampMs window_newest_ms_;  // the head's newest time, from which it reaches back
  const TimestampMs min_time_ms_;       // samples before it are taken within the out-of-order window only
  bool refuses_out_of_order_ = false;
  std::unique_ptr<BatchBuffers> batch_;
  TimestampMs min_batch_time_ms_;
  SeriesRef found_ref_ = 0;  // the series that was found by its labels last
};

}  // namespace sextant::tsdb
