#include "pipeline/connectors/span_metrics.h"

#include "pipeline/component_harness.h"
#include "pipeline/connectors/span_metrics_connector.h"

namespace sextant::pipeline {
namespace {

using otlp::AnyValue;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr uint64_t kMs = 1'000'000;

otlp::Span MakeSpan(std::string_view name, uint64_t duration_ns) {
  otlp::Span span;
  span.name = name;
  span.kind = otlp::SpanKind::kServer;
  span.start_ns = 1'000;
  span.end_ns = 1'000 + duration_ns;
  span.trace_id.bytes[15] = 7;
  span.span_id.bytes[7] = 9;
  return span;
}

otlp::TracesData OneSpan(std::string_view service, std::string_view name, uint64_t duration_ns) {
  otlp::TracesData data;
  AddSpans(data, {{"service.name", TextValue(service)}}).push_back(MakeSpan(name, duration_ns));
  return data;
}

SpanMetricsConfig ShortBuckets() {
  SpanMetricsConfig config;
  config.metrics_namespace = "";
  config.exclude_dimensions = {"collector.instance.id", "span.kind", "status.code"};
  config.histogram.explicit_buckets.emplace().buckets_ns = {2 * static_cast<int64_t>(kMs),
                                                            10 * static_cast<int64_t>(kMs)};
  return config;
}

// The reference deployment's settings, against its expected.yaml.
TEST(SpanMetrics, ReferenceDeployment) {
  SpanMetricsConfig config;
  config.metrics_namespace = "span.metrics";
  config.exclude_dimensions = {"status.code"};
  config.dimensions = {{.name = "http.response.status_code", .default_value = {}}};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data;
  std::vector<otlp::Span>& spans = AddSpans(data, {{"service.name", TextValue("shop")}});
  otlp::Span with_code = MakeSpan("GET /", 3 * kMs);
  with_code.attributes = MakeAttributes(data.memory, {{"http.response.status_code", AnyValue::Int(200)}});
  spans.push_back(with_code);
  spans.push_back(MakeSpan("GET /", 20'000 * kMs));
  AddSpans(data, {{"host.name", TextValue("no service")}}).push_back(MakeSpan("x", 1));
  metrics.Add(data, 5);

  EXPECT_THAT(
      MetricLines(metrics.Flush(10, false)),
      ElementsAre(
          "{service.name='shop'} span.metrics.calls sum_cumulative_monotonic {service.name='shop',"
          "span.name='GET /',span.kind='SPAN_KIND_SERVER',collector.instance.id='me',"
          "http.response.status_code=200} 0 [5..10]",
          "{service.name='shop'} span.metrics.calls sum_cumulative_monotonic {service.name='shop',"
          "span.name='GET /',span.kind='SPAN_KIND_SERVER',collector.instance.id='me'} 0 [5..10]",
          "{service.name='shop'} span.metrics.duration ms histogram_cumulative {service.name='shop',"
          "span.name='GET /',span.kind='SPAN_KIND_SERVER',collector.instance.id='me',"
          "http.response.status_code=200} count=1 sum=3 [0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0] [5..10]",
          "{service.name='shop'} span.metrics.duration ms histogram_cumulative {service.name='shop',"
          "span.name='GET /',span.kind='SPAN_KIND_SERVER',collector.instance.id='me'} count=1 sum=20000 "
          "[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1] [5..10]"));
  // The counts themselves come with the next flush.
  otlp::MetricsData second = metrics.Flush(20, false);
  EXPECT_EQ(second.resources[0].scopes[0].scope.name, "spanmetricsconnector");
  EXPECT_THAT(MetricLines(second)[0], HasSubstr("200} 1 [5..20]"));
  EXPECT_EQ(
      second.resources[0].scopes[0].metrics[1].histograms[0].explicit_bounds,
      (std::vector<double>{2, 4, 6, 8, 10, 50, 100, 200, 400, 800, 1000, 1400, 2000, 5000, 10000, 15000}));
}

TEST(SpanMetrics, TheLastFlushHasTheCountsThemselves) {
  SpanMetrics metrics(ShortBuckets(), "me");
  metrics.Add(OneSpan("a", "x", kMs), 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true))[0], HasSubstr("} 1 [5..10]"));
}

TEST(SpanMetrics, BucketsHaveTheirUpperBounds) {
  SpanMetrics metrics(ShortBuckets(), "me");
  for (uint64_t duration_ns : {2 * kMs, 2 * kMs + 1, 10 * kMs, 11 * kMs}) {
    metrics.Add(OneSpan("a", "x", duration_ns), 5);
  }
  otlp::TracesData backwards = OneSpan("a", "x", 0);
  backwards.resources[0].scopes[0].spans[0].end_ns = 1;
  metrics.Add(backwards, 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, false))[1], HasSubstr("count=5 sum=25.000001 [2,2,1]"));
}

TEST(SpanMetrics, SecondsAndExponentialBuckets) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.explicit_buckets.reset();
  config.histogram.unit = DurationUnit::kSeconds;
  SpanMetrics seconds(config, "me");
  seconds.Add(OneSpan("a", "x", 3 * kMs), 5);
  otlp::MetricsData flushed = seconds.Flush(10, false);
  EXPECT_EQ(flushed.resources[0].scopes[0].metrics[1].unit, "s");
  EXPECT_EQ(flushed.resources[0].scopes[0].metrics[1].histograms[0].explicit_bounds[1], 0.004);

  config.histogram.exponential.emplace().max_size = 10;
  SpanMetrics exponential(config, "me");
  exponential.Add(OneSpan("a", "x", 1'000 * kMs), 5);
  EXPECT_THAT(MetricLines(exponential.Flush(10, false))[1],
              HasSubstr("duration s exponential_cumulative {service.name='a',span.name='x'} count=1 sum=1 "
                        "scale=20 zero=0 offset=-1 [1]"));
}

TEST(SpanMetrics, DimensionsComeFromSpanResourceAndDefault) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.exclude_dimensions.push_back("span.name");
  config.dimensions = {{.name = "a", .default_value = "z"}, {.name = "b", .default_value = {}}};
  config.calls_dimensions = {{.name = "c", .default_value = ""}};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data;
  std::vector<otlp::Span>& spans =
      AddSpans(data, {{"service.name", TextValue("s")}, {"b", TextValue("of resource")}});
  spans.push_back(MakeSpan("x", 1));
  spans.push_back(MakeSpan("x", 1));
  spans[1].attributes =
      MakeAttributes(data.memory, {{"a", AnyValue::Bool(true)}, {"b", AnyValue::Double(1.5)}});
  metrics.Add(data, 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("{service.name='s',a='z',b='of resource',c=''} 1"),
                          HasSubstr("{service.name='s',a=true,b=1.5,c=''} 1")));
}

TEST(SpanMetrics, DurationsMayHaveDimensionsOfTheirOwn) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.dimensions = {{.name = "host", .default_value = {}}};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data;
  std::vector<otlp::Span>& spans = AddSpans(data, {{"service.name", TextValue("s")}});
  for (std::string_view host : {"a", "b"}) {
    spans.push_back(MakeSpan("x", kMs));
    spans.back().attributes = MakeAttributes(data.memory, {{"host", TextValue(host)}});
  }
  metrics.Add(data, 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("{service.name='s',span.name='x'} 2"), HasSubstr("host='a'} count=1"),
                          HasSubstr("host='b'} count=1")));
}

TEST(SpanMetrics, ValuesThatReadAlikeAreOneSeries) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.dimensions = {{.name = "code", .default_value = {}}};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data;
  std::vector<otlp::Span>& spans = AddSpans(data, {{"service.name", TextValue("s")}});
  for (const AnyValue& code : {AnyValue::Int(200), TextValue("200")}) {
    spans.push_back(MakeSpan("x", kMs));
    spans.back().attributes = MakeAttributes(data.memory, {{"code", code}});
  }
  metrics.Add(data, 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)), ElementsAre(HasSubstr("code=200} 2")));
}

TEST(SpanMetrics, DeltasBeginWhereTheLastOnesEnded) {
  SpanMetricsConfig config = ShortBuckets();
  config.temporality = otlp::Temporality::kDelta;
  config.metric_timestamp_cache_size = 1;
  SpanMetrics metrics(config, "me");
  metrics.Add(OneSpan("a", "x", kMs), 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, false)),
              ElementsAre(HasSubstr("calls sum_delta_monotonic {service.name='a',span.name='x'} 1 [5..10]"),
                          HasSubstr("count=1 sum=1 [1,0,0] [5..10]")));
  EXPECT_THAT(MetricLines(metrics.Flush(15, false)), IsEmpty());
  metrics.Add(OneSpan("a", "x", kMs), 17);
  EXPECT_THAT(MetricLines(metrics.Flush(20, false))[0], HasSubstr("[10..20]"));
  // Another series takes the only place of the cache.
  metrics.Add(OneSpan("b", "x", kMs), 23);
  metrics.Flush(25, false);
  metrics.Add(OneSpan("a", "x", kMs), 27);
  EXPECT_THAT(MetricLines(metrics.Flush(30, false))[0], HasSubstr("[27..30]"));
  EXPECT_EQ(metrics.counts().evicted_timestamps, 2u);
}

TEST(SpanMetrics, TooManySeriesOverflow) {
  SpanMetricsConfig config = ShortBuckets();
  config.aggregation_cardinality_limit = 2;
  SpanMetrics metrics(config, "me");
  for (std::string_view name : {"a", "b", "c", "d", "a"}) metrics.Add(OneSpan("s", name, kMs), 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("calls sum_cumulative_monotonic {otel.metric.overflow=true} 2"),
                          HasSubstr("span.name='a'} 2"), HasSubstr("span.name='b'} 1"),
                          HasSubstr("{otel.metric.overflow=true} count=2"), HasSubstr("name='a'} count=2"),
                          HasSubstr("name='b'} count=1")));
  EXPECT_EQ(metrics.counts().overflowed_spans, 2u);
  EXPECT_EQ(metrics.counts().series, 3u);
}

TEST(SpanMetrics, ResourcesAreAnLruCacheWhoseLastIsFlushedOnceMore) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.resource_metrics_cache_size = 1;
  SpanMetrics metrics(config, "me");
  metrics.Add(OneSpan("a", "x", kMs), 5);
  metrics.Add(OneSpan("b", "x", kMs), 5);
  EXPECT_EQ(MetricLines(metrics.Flush(10, false)).size(), 2u);
  EXPECT_THAT(MetricLines(metrics.Flush(20, false)), ElementsAre(HasSubstr("{service.name='b'}")));
  // One that comes again before it is flushed goes on.
  metrics.Add(OneSpan("a", "x", kMs), 25);
  metrics.Add(OneSpan("b", "x", kMs), 25);
  EXPECT_THAT(MetricLines(metrics.Flush(30, false)),
              ElementsAre(HasSubstr("{service.name='a'}"), HasSubstr("span.name='x'} 2 [5..30]")));
  for (std::string_view name : {"c", "d", "e"}) metrics.Add(OneSpan(name, "x", kMs), 35);
  EXPECT_EQ(metrics.counts().dropped_resources, 2u);
  EXPECT_EQ(metrics.counts().resources, 2u);
}

TEST(SpanMetrics, KeyAttributesMakeResourcesOne) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.resource_metrics_key_attributes = {"service.name"};
  SpanMetrics metrics(config, "me");
  for (std::string_view process : {"1", "2"}) {
    otlp::TracesData data;
    AddSpans(data, {{"service.name", TextValue("a")}, {"pid", TextValue(process)}})
        .push_back(MakeSpan("x", kMs));
    metrics.Add(data, 5);
  }
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("{service.name='a',pid='1'} calls sum_cumulative_monotonic "
                                    "{service.name='a',span.name='x'} 2")));
}

TEST(SpanMetrics, WhatWasNotSeenForLongExpires) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.metrics_expiration_ms = 10;
  SpanMetrics resources(config, "me");
  resources.Add(OneSpan("a", "x", kMs), 5 * kMs);
  EXPECT_EQ(MetricLines(resources.Flush(14 * kMs, false)).size(), 1u);
  EXPECT_EQ(MetricLines(resources.Flush(15 * kMs, false)).size(), 1u);  // goes behind this flush
  EXPECT_THAT(MetricLines(resources.Flush(16 * kMs, false)), IsEmpty());

  config.metrics_expiration_ms = 0;
  config.series_expiration_ms = 10;
  SpanMetrics series(config, "me");
  series.Add(OneSpan("a", "x", kMs), 5 * kMs);
  series.Add(OneSpan("a", "y", kMs), 14 * kMs);
  EXPECT_EQ(MetricLines(series.Flush(15 * kMs, false)).size(), 2u);
  EXPECT_THAT(MetricLines(series.Flush(16 * kMs, false)), ElementsAre(HasSubstr("span.name='y'")));
  EXPECT_EQ(series.counts().series, 1u);
}

TEST(SpanMetrics, ManyExpiredSeriesLeaveTheMemory) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.series_expiration_ms = 10;
  SpanMetrics metrics(config, "me");
  for (int i = 0; i < 1'000; ++i) metrics.Add(OneSpan("a", "old" + std::to_string(i), kMs), 0);
  metrics.Add(OneSpan("a", "new", kMs), 9 * kMs);
  metrics.Flush(10 * kMs, false);
  EXPECT_THAT(MetricLines(metrics.Flush(11 * kMs, false)),
              ElementsAre("{service.name='a'} calls sum_cumulative_monotonic "
                          "{service.name='a',span.name='new'} 1 [9000000..11000000]"));
}

TEST(SpanMetrics, ExemplarsAreOfOneFlush) {
  SpanMetricsConfig config = ShortBuckets();
  config.exemplars.is_enabled = true;
  config.exemplars.max_per_data_point = 1;
  SpanMetrics metrics(config, "me");
  metrics.Add(OneSpan("a", "x", 3 * kMs), 5);
  metrics.Add(OneSpan("a", "x", 4 * kMs), 5);
  otlp::MetricsData first = metrics.Flush(10, false);
  const otlp::Metric& durations = first.resources[0].scopes[0].metrics[1];
  ASSERT_EQ(durations.histograms[0].exemplars.size(), 1u);
  const otlp::Exemplar& exemplar = durations.histograms[0].exemplars[0];
  EXPECT_EQ(exemplar.value.AsDouble(), 3);
  EXPECT_EQ(exemplar.time_ns, 10u);
  EXPECT_EQ(exemplar.trace_id, std::string(15, '\0') + "\x07");
  EXPECT_EQ(exemplar.span_id, std::string(7, '\0') + "\x09");
  EXPECT_EQ(first.resources[0].scopes[0].metrics[0].numbers[0].exemplars.size(), 1u);
  EXPECT_THAT(MetricLines(metrics.Flush(20, false)), testing::Not(testing::Contains(HasSubstr("#"))));
}

TEST(SpanMetrics, EventsCountWithTheirAttributes) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.events.is_enabled = true;
  config.events.dimensions = {{.name = "exception.type", .default_value = {}}};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data = OneSpan("a", "x", kMs);
  otlp::SpanEvent event;
  event.attributes = MakeAttributes(data.memory, {{"exception.type", TextValue("E")}});
  std::vector<otlp::SpanEvent> events = {event, event, {}};
  data.resources[0].scopes[0].spans[0].events = data.memory.CopyList<otlp::SpanEvent>(events);
  metrics.Add(data, 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("calls sum_cumulative_monotonic {service.name='a',span.name='x'} 1"),
                          HasSubstr("events sum_cumulative_monotonic {service.name='a',span.name='x',"
                                    "exception.type='E'} 2"),
                          HasSubstr("events sum_cumulative_monotonic {service.name='a',span.name='x'} 1")));
}

TEST(SpanMetrics, SampledSpansCountForThoseThatWereDropped) {
  SpanMetricsConfig config = ShortBuckets();
  config.adds_sampling_method = true;
  SpanMetrics metrics(config, "me");
  otlp::TracesData data = OneSpan("a", "x", kMs);
  data.resources[0].scopes[0].spans[0].trace_state = "ot=th:c";
  metrics.Add(data, 5);
  metrics.Add(OneSpan("a", "x", kMs), 5);
  EXPECT_THAT(
      MetricLines(metrics.Flush(10, true)),
      ElementsAre(HasSubstr("sampling.method='counted'} 1"), HasSubstr("sampling.method='extrapolated'} 4"),
                  HasSubstr("sampling.method='counted'} count=1 sum=1"),
                  HasSubstr("sampling.method='extrapolated'} count=4 sum=4")));
}

TEST(SpanMetrics, ScopesStandOnTheMetricsWhenAskedFor) {
  SpanMetricsConfig config = ShortBuckets();
  config.histogram.is_disabled = true;
  config.include_instrumentation_scope = {"express"};
  SpanMetrics metrics(config, "me");
  otlp::TracesData data = OneSpan("a", "x", kMs);
  data.resources[0].scopes[0].scope.name = "express";
  data.resources[0].scopes[0].scope.version = "1.0";
  metrics.Add(data, 5);
  metrics.Add(OneSpan("a", "x", kMs), 5);
  EXPECT_THAT(MetricLines(metrics.Flush(10, true)),
              ElementsAre(HasSubstr("span.instrumentation.scope.name='express',"
                                    "span.instrumentation.scope.version='1.0'} 1"),
                          HasSubstr("span.name='x'} 1")));
}

class SpanMetricsConnectorTest : public ComponentTest {
 protected:
  ComponentType type_ = SpanMetricsConnectorType();
};

TEST_F(SpanMetricsConnectorTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_EQ(harness_.ErrorOf(type_, "dimensions: [{name: a}, {name: a}]"),
            "c.yml:1:1: failed validating dimensions: duplicate dimension name a");
  EXPECT_THAT(harness_.ErrorOf(type_, "dimensions: [{name: span.kind}]"),
              HasSubstr("failed validating dimensions: duplicate dimension name span.kind"));
  EXPECT_THAT(harness_.ErrorOf(type_, "events: {enabled: true}"),
              HasSubstr("failed validating event dimensions: no dimensions configured for events"));
  EXPECT_THAT(harness_.ErrorOf(type_, "histogram: {unit: h}"), HasSubstr("unknown Unit \"h\""));
  EXPECT_THAT(harness_.ErrorOf(type_, "metrics_flush_interval: 0s"),
              HasSubstr("invalid metrics_flush_interval: 0s, the duration should be positive"));
  EXPECT_THAT(harness_.ErrorOf(type_, "metrics_expiration: -20s"),
              HasSubstr("invalid metrics_expiration: -20s, the duration should be positive"));
  EXPECT_THAT(harness_.ErrorOf(type_, "histogram: {explicit: {buckets: [2ms, 1ms]}}"),
              HasSubstr("ascending"));
  EXPECT_THAT(harness_.ErrorOf(type_, "nonsense: 1"), HasSubstr("nonsense"));
}

// Every entry of the original's test file, those that must be refused among them.
TEST_F(SpanMetricsConnectorTest, ConformanceConfigs) {
  std::string text = ReadTestFile(OtelConformancePath("contrib/spanmetricsconnector/config.yaml"));
  if (text.empty()) GTEST_SKIP() << "no conformance data";
  auto document = config::Document::Parse(text, "config.yaml");
  ASSERT_TRUE(document);
  for (config::Node entry : document->root().children()) {
    bool is_bad = entry.key().find("/invalid_") != std::string_view::npos ||
                  entry.key() == "spanmetrics/exponential_and_explicit_histogram";
    EXPECT_EQ(type_.read(entry).has_value(), !is_bad) << entry.key();
  }
}

TEST_F(SpanMetricsConnectorTest, HandsOnWhatItHasWhenItEnds) {
  auto connector = MakeConnector(type_, "metrics_flush_interval: 1h", Signal::kTraces);
  ASSERT_TRUE(connector->Start());
  bool is_taken = false;
  connector->Consume(Telemetry(OneSpan("a", "x", kMs)),
                     [&](Outcome outcome) { is_taken = outcome.has_value(); });
  EXPECT_TRUE(is_taken);
  connector->Shutdown();
  ASSERT_EQ(next_.batches().size(), 1u);
  EXPECT_THAT(MetricLines(next_.batches()[0].metrics())[0],
              HasSubstr("traces.span.metrics.calls sum_cumulative_monotonic {service.name='a',span.name='x',"
                        "span.kind='SPAN_KIND_SERVER',status.code='STATUS_CODE_UNSET',"
                        "collector.instance.id='me'} 1 [1000000000..1000000000]"));
}

TEST_F(SpanMetricsConnectorTest, CountsWhatIsRefused) {
  auto connector = MakeConnector(type_, "", Signal::kTraces);
  ASSERT_TRUE(connector->Start());
  connector->Consume(Telemetry(OneSpan("a", "x", kMs)), [](const Outcome&) {});
  next_.RefuseNext({.message = "full"});
  connector->Shutdown();
  EXPECT_TRUE(
      harness_.HasMetric("sextant_otelcol_connector_lost_points_total{connector=\"span_metrics\"} 2"));
}

}  // namespace
}  // namespace sextant::pipeline
