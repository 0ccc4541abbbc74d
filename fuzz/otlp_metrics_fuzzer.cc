// OTLP metrics in both encodings, which the first byte chooses, summed up and translated: whatever is decoded
// can be.
#include <cstdint>
#include <string_view>

#include "otlp/delta_to_cumulative.h"
#include "otlp/metrics.h"
#include "otlp/prometheus_translator.h"

namespace {

using namespace sextant;

class Sink final : public model::Appender {
 public:
  model::AppendResult Append(model::SeriesRef, const model::Labels&, core::TimestampMs, double) override {
    return {1, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendSample(model::SeriesRef, const model::Labels& labels,
                                   const model::Sample& sample) override {
    if (sample.histogram != nullptr) {
      size_t buckets = 0;
      for (const model::BucketSpan& span : sample.histogram->positive_spans) buckets += span.length;
      SEXTANT_CHECK(buckets == sample.histogram->positive_buckets.size());
    }
    return {labels.Hash() | 1, model::AppendOutcome::kOk};
  }
  model::AppendResult AppendExemplar(model::SeriesRef ref, const model::Labels&,
                                     const model::Exemplar&) override {
    return {ref, model::AppendOutcome::kOk};
  }
  model::AppendResult UpdateMetadata(model::SeriesRef ref, const model::Labels&,
                                     const model::MetricMetadata&) override {
    return {ref, model::AppendOutcome::kOk};
  }
  core::Status Commit() override { return {}; }
  void Rollback() override {}
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  auto decoded = data[0] == '{' ? otlp::DecodeMetricsJson(bytes) : otlp::DecodeMetrics(bytes);
  if (!decoded) return 0;
  Sink sink;
  otlp::PrometheusSettings settings;
  settings.allows_delta = true;
  settings.promotes_scope = settings.promotes_all_resource_attributes = true;
  settings.converts_histograms_to_custom_buckets = (size & 1) != 0;
  otlp::PrometheusTranslator(settings, sink).Translate(*decoded);
  core::SystemClock clock;
  otlp::DeltaToCumulative sums(clock);
  auto again = *decoded;
  sums.Convert(*decoded);
  sums.Convert(again);
  otlp::PrometheusTranslator(settings, sink).Translate(again);
  return 0;
}
