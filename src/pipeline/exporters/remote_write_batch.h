// Samples of one batch of metrics, collected by their series and made into remote write requests of a bounded
// size. One thread.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <string>
#include <vector>

#include "model/storage.h"
#include "wire/remote_write.h"

namespace sextant::pipeline {

class RemoteWriteBatch final : public model::Appender {
 public:
  // External labels go to each series that has no label of the name.
  RemoteWriteBatch(wire::WriteVersion version, const model::Labels& external_labels)
      : version_(version), external_labels_(external_labels) {}

  model::AppendResult Append(model::SeriesRef ref, const model::Labels& labels, core::TimestampMs time_ms,
                             double value) override;
  model::AppendResult AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                   const model::Sample& sample) override;
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels& labels,
                                     const model::Exemplar& exemplar) override;
  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels& labels,
                                     const model::MetricMetadata& metadata) override;
  core::Status Commit() override { return {}; }
  void Rollback() override {}

  size_t series() const { return series_.size(); }

  // The messages, not compressed, of about `max_bytes` each; a series is not divided. With 1.0, metadata of
  // families is sent when asked for; 2.0 has it with the series in any case.
  std::vector<std::string> MakeRequests(size_t max_bytes, bool sends_family_metadata);

 private:
  struct Sample {
    core::TimestampMs time_ms = 0;
    double value = 0;
    std::shared_ptr<const model::FloatHistogram> histogram;
    core::TimestampMs start_ms = 0;
  };
  struct Series {
    model::Labels labels;
    std::vector<Sample> samples;
    std::vector<model::Exemplar> exemplars;
    model::MetricMetadata metadata;
  };

  Series& SeriesOf(model::SeriesRef ref) { return series_[ref - 1]; }
  static size_t SizeOf(const Series& series);

  const wire::WriteVersion version_;
  const model::Labels& external_labels_;
  std::vector<Series> series_;
  absl::flat_hash_map<model::Labels, model::SeriesRef> refs_;
};

}  // namespace sextant::pipeline
