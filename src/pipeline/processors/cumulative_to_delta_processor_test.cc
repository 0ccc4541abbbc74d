#include "pipeline/processors/cumulative_to_delta_processor.h"

#include "pipeline/component_harness.h"
#include "pipeline/processors/cumulative_to_delta.h"

namespace sextant::pipeline {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class CumulativeToDeltaTest : public ComponentTest {
 protected:
  static otlp::MetricsData Data(otlp::Metric metric) {
    otlp::MetricsData data;
    metric.temporality = otlp::Temporality::kCumulative;
    metric.is_monotonic = metric.kind == otlp::MetricKind::kSum;
    data.resources.emplace_back().scopes.emplace_back().metrics.push_back(std::move(metric));
    return data;
  }

  static otlp::MetricsData Sum(int64_t value, uint64_t time_ns, uint64_t start_ns = 0,
                               std::string_view name = "m") {
    otlp::Metric metric;
    metric.name = name;
    metric.kind = otlp::MetricKind::kSum;
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    point.value.kind = otlp::NumberKind::kInt;
    point.value.integer = value;
    point.time_ns = time_ns;
    point.start_ns = start_ns;
    return Data(std::move(metric));
  }

  static otlp::MetricsData Histogram(std::vector<uint64_t> counts, double sum, uint64_t time_ns) {
    otlp::Metric metric;
    metric.name = "h";
    metric.kind = otlp::MetricKind::kHistogram;
    otlp::HistogramPoint& point = metric.histograms.emplace_back();
    for (uint64_t count : counts) point.count += count;
    point.bucket_counts = std::move(counts);
    point.explicit_bounds.resize(point.bucket_counts.size() - 1);
    point.sum = sum;
    point.min = 1;
    point.time_ns = time_ns;
    return Data(std::move(metric));
  }

  static otlp::MetricsData Exponential(int32_t scale, int32_t offset, std::vector<uint64_t> counts,
                                       uint64_t time_ns) {
    otlp::Metric metric;
    metric.name = "e";
    metric.kind = otlp::MetricKind::kExponentialHistogram;
    otlp::ExponentialPoint& point = metric.exponentials.emplace_back();
    for (uint64_t count : counts) point.count += count;
    point.scale = scale;
    point.positive = {.offset = offset, .counts = std::move(counts)};
    point.time_ns = time_ns;
    return Data(std::move(metric));
  }

  // What comes out for a batch.
  std::vector<std::string> Give(Processor& processor, otlp::MetricsData data) {
    next_.Take();
    processor.Consume(Telemetry(std::move(data)), [](const Outcome& outcome) { EXPECT_TRUE(outcome); });
    return next_.batches().empty() ? std::vector<std::string>{} : MetricLines(next_.batches()[0].metrics());
  }

  ComponentType type_ = CumulativeToDeltaProcessorType();
};

TEST_F(CumulativeToDeltaTest, SumsBecomeDifferences) {
  auto processor = MakeProcessor(type_, "", Signal::kMetrics);
  EXPECT_THAT(Give(*processor, Sum(5, 10)), IsEmpty());
  EXPECT_THAT(Give(*processor, Sum(8, 20)), ElementsAre("{} m sum_delta_monotonic {} 3 [10..20]"));
  // A reset has no difference, and is what the next is compared with.
  EXPECT_THAT(Give(*processor, Sum(2, 30)), IsEmpty());
  EXPECT_THAT(Give(*processor, Sum(6, 40)), ElementsAre("{} m sum_delta_monotonic {} 4 [30..40]"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_cumulativetodelta_datapoints_dropped{reason=\"initial\"} 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_cumulativetodelta_datapoints_dropped{reason=\"reset\"} 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_cumulativetodelta_streams_tracked 1"));
}

TEST_F(CumulativeToDeltaTest, TheFirstPoint) {
  uint64_t began_ns = 1'000'000'000;  // when the processor did, by the clock
  auto automatic = MakeProcessor(type_, "", Signal::kMetrics);
  EXPECT_THAT(Give(*automatic, Sum(5, began_ns + 2, began_ns + 1)),
              ElementsAre("{} m sum_delta_monotonic {} 5 [1000000001..1000000002]"));
  EXPECT_THAT(Give(*automatic, Sum(5, began_ns + 2, began_ns - 1)), IsEmpty());
  EXPECT_THAT(Give(*automatic, Sum(5, began_ns + 3, began_ns + 3)), IsEmpty());
  auto keep = MakeProcessor(type_, "initial_value: keep", Signal::kMetrics);
  EXPECT_THAT(Give(*keep, Sum(5, 10)), ElementsAre("{} m sum_delta_monotonic {} 5 [0..10]"));
  auto drop = MakeProcessor(type_, "initial_value: drop", Signal::kMetrics);
  EXPECT_THAT(Give(*drop, Sum(5, began_ns + 2, began_ns + 1)), IsEmpty());
}

TEST_F(CumulativeToDeltaTest, Histograms) {
  auto processor = MakeProcessor(type_, "initial_value: drop", Signal::kMetrics);
  Give(*processor, Histogram({1, 2}, 5, 10));
  EXPECT_THAT(Give(*processor, Histogram({1, 4}, 9, 20)),
              ElementsAre("{} h histogram_delta {} count=2 sum=4 [0,2] [10..20]"));
  EXPECT_FALSE(next_.batches()[0].metrics().resources[0].scopes[0].metrics[0].histograms[0].min);
  // A reset counts from it.
  EXPECT_THAT(Give(*processor, Histogram({0, 1}, 2, 30)),
              ElementsAre("{} h histogram_delta {} count=1 sum=2 [0,1] [20..30]"));
  EXPECT_THAT(Give(*processor, Histogram({0, 1, 1}, 2, 40)), IsEmpty());
  EXPECT_TRUE(
      harness_.HasMetric("otelcol_cumulativetodelta_datapoints_dropped{reason=\"bucket_mismatch\"} 1"));
}

TEST_F(CumulativeToDeltaTest, ExponentialHistogramsOfACoarserScale) {
  auto processor = MakeProcessor(type_, "initial_value: drop", Signal::kMetrics);
  Give(*processor, Exponential(1, 0, {1, 2, 3}, 10));
  EXPECT_THAT(Give(*processor, Exponential(0, 0, {5, 4}, 20)),
              ElementsAre("{} e exponential_delta {} count=3 sum=- scale=0 zero=0 offset=0 [2,1] [10..20]"));
  EXPECT_THAT(Give(*processor, Exponential(1, 0, {9, 9}, 30)), IsEmpty());
}

TEST_F(CumulativeToDeltaTest, OnlyWhatIsChosen) {
  auto processor =
      MakeProcessor(type_,
                    "{include: {match_type: regexp, metrics: ['^a']}, exclude: {match_type: strict, "
                    "metrics: [ab]}, initial_value: keep}",
                    Signal::kMetrics);
  EXPECT_THAT(Give(*processor, Sum(1, 10, 0, "aa"))[0], HasSubstr("sum_delta"));
  EXPECT_THAT(Give(*processor, Sum(1, 10, 0, "ab"))[0], HasSubstr("sum_cumulative"));
  EXPECT_THAT(Give(*processor, Sum(1, 10, 0, "b"))[0], HasSubstr("sum_cumulative"));
  auto by_type =
      MakeProcessor(type_, "{exclude: {metric_types: [Sum]}, initial_value: keep}", Signal::kMetrics);
  EXPECT_THAT(Give(*by_type, Sum(1, 10))[0], HasSubstr("sum_cumulative"));
  EXPECT_THAT(Give(*by_type, Histogram({1, 1}, 1, 10))[0], HasSubstr("histogram_delta"));
  otlp::MetricsData falling = Sum(1, 10);
  falling.resources[0].scopes[0].metrics[0].is_monotonic = false;
  auto all = MakeProcessor(type_, "", Signal::kMetrics);
  EXPECT_THAT(Give(*all, falling)[0], HasSubstr("sum_cumulative"));
}

TEST_F(CumulativeToDeltaTest, StreamsAreForgottenAndBounded) {
  CumulativeToDelta converter(
      {.initial_value = CumulativeToDelta::InitialValue::kKeep, .max_stale_ms = 1, .max_streams = 1});
  auto convert = [&](otlp::MetricsData data) {
    otlp::ResourceMetrics& resource = data.resources[0];
    return converter.Convert(resource, resource.scopes[0], resource.scopes[0].metrics[0]);
  };
  EXPECT_TRUE(convert(Sum(1, 500'000)));
  EXPECT_FALSE(convert(Sum(1, 500'000, 0, "other")));
  EXPECT_EQ(converter.counts().over_limit, 1u);
  converter.ForgetStale(1'500'000);
  EXPECT_EQ(converter.counts().streams, 1u);
  converter.ForgetStale(3'000'000);
  EXPECT_EQ(converter.counts().streams, 0u);
}

TEST_F(CumulativeToDeltaTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_THAT(harness_.ErrorOf(type_, "include: {metrics: [a]}"),
              HasSubstr("match_type must be set if metrics are supplied"));
  EXPECT_THAT(harness_.ErrorOf(type_, "exclude: {match_type: strict}"),
              HasSubstr("metrics must be supplied if match_type is set"));
  EXPECT_THAT(harness_.ErrorOf(type_, "include: {metric_types: [gauge]}"),
              HasSubstr("found invalid metric type in include.metric_types: gauge"));
  EXPECT_THAT(harness_.ErrorOf(type_, "initial_value: maybe"), HasSubstr("unknown initial_value: \"maybe\""));
  EXPECT_THAT(
      harness_.ErrorOf(type_, "max_staleness: 300"),
      HasSubstr("max_staleness (300ns) appears to be missing a unit suffix; did you mean '300s' or '5m0s'?"));
}

}  // namespace
}  // namespace sextant::pipeline
