#include "pipeline/exporters/remote_write_batch.h"

#include <algorithm>
#include <map>
#include <memory>

namespace sextant::pipeline {

namespace {

// The family of a series: what is left without what histograms, summaries and counters add.
std::string_view FamilyOf(std::string_view name, std::string_view type) {
  if (type != "histogram" && type != "summary") return name;
  for (std::string_view ending : {"_bucket", "_count", "_sum"}) {
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  }
  return name;
}

}  // namespace

model::AppendResult RemoteWriteBatch::Append(model::SeriesRef ref, const model::Labels& labels,
                                             core::TimestampMs time_ms, double value) {
  return AppendSample(ref, labels, {.time_ms = time_ms, .value = value, .histogram = nullptr, .start_ms = 0});
}

model::AppendResult RemoteWriteBatch::AppendSample(model::SeriesRef ref, const model::Labels& labels,
                                                   const model::Sample& sample) {
  if (ref == 0) {
    auto [place, is_new] = refs_.try_emplace(labels, series_.size() + 1);
    if (is_new) {
      Series& series = series_.emplace_back();
      model::LabelsBuilder builder(labels);
      for (model::LabelView label : external_labels_) {
        if (builder.Get(label.name).empty()) builder.Set(label.name, label.value);
      }
      series.labels = builder.Build();
    }
    ref = place->second;
  }
  Sample& kept = SeriesOf(ref).samples.emplace_back();
  kept.time_ms = sample.time_ms;
  kept.value = sample.value;
  kept.start_ms = sample.start_ms;
  if (sample.histogram != nullptr) {
    kept.histogram = std::make_shared<const model::FloatHistogram>(*sample.histogram);
  }
  return {ref, model::AppendOutcome::kOk};
}

model::AppendResult RemoteWriteBatch::AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                                     const model::Exemplar& exemplar) {
  SeriesOf(ref).exemplars.push_back(exemplar);
  return {ref, model::AppendOutcome::kOk};
}

model::AppendResult RemoteWriteBatch::UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                                     const model::MetricMetadata& metadata) {
  SeriesOf(ref).metadata = metadata;
  return {ref, model::AppendOutcome::kOk};
}

size_t RemoteWriteBatch::SizeOf(const Series& series) {
  constexpr size_t kSampleBytes = 20;
  size_t size = 8;
  for (model::LabelView label : series.labels) size += label.name.size() + label.value.size() + 8;
  for (const Sample& sample : series.samples) {
    size += kSampleBytes;
    if (sample.histogram) {
      size +=
          64 + 10 * (sample.histogram->positive_buckets.size() + sample.histogram->negative_buckets.size());
    }
  }
  for (const model::Exemplar& exemplar : series.exemplars) {
    size += kSampleBytes;
    for (model::LabelView label : exemplar.labels) size += label.name.size() + label.value.size() + 8;
  }
  return size;
}

std::vector<std::string> RemoteWriteBatch::MakeRequests(size_t max_bytes, bool sends_family_metadata) {
  std::vector<std::string> requests;
  wire::WriteRequestBuilder builder(version_);
  size_t bytes = 0;
  auto finish = [&] {
    if (bytes > 0) requests.push_back(builder.Finish());
    bytes = 0;
  };
  for (Series& series : series_) {
    size_t size = SizeOf(series);
    if (bytes > 0 && bytes + size > max_bytes) finish();
    bytes += size;
    // Receivers take the samples of a series in the order of their times only.
    std::ranges::stable_sort(series.samples, {}, &Sample::time_ms);
    builder.BeginSeries(series.labels);
    for (const Sample& sample : series.samples) {
      if (!sample.histogram) builder.AddSample({sample.time_ms, sample.value, sample.start_ms});
    }
    for (const Sample& sample : series.samples) {
      if (sample.histogram) builder.AddHistogram(*sample.histogram, sample.time_ms, sample.start_ms);
    }
    for (const model::Exemplar& exemplar : series.exemplars) builder.AddExemplar(exemplar);
    builder.EndSeries(&series.metadata);
  }
  finish();
  if (version_ != wire::WriteVersion::kV1 || !sends_family_metadata) return requests;
  std::map<std::string, const model::MetricMetadata*> families;
  for (const Series& series : series_) {
    families.emplace(FamilyOf(series.labels.metric_name(), series.metadata.type), &series.metadata);
  }
  for (const auto& [family, metadata] : families) {
    size_t size = family.size() + metadata->help.size() + metadata->unit.size() + 16;
    if (bytes > 0 && bytes + size > max_bytes) finish();
    bytes += size;
    builder.AddFamilyMetadata(family, *metadata);
  }
  finish();
  return requests;
}

}  // namespace sextant::pipeline
