// The collector's golden texts of `verbosity: detailed`, from the inputs of its own tests.
#include "pipeline/exporters/debug_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>

namespace sextant::pipeline {

namespace {

using otlp::AnyValue;
using otlp::KeyValue;
using otlp::Memory;

constexpr uint64_t kStart = 1'581'452'772'000'000'321;
constexpr uint64_t kExemplar = 1'581'452'773'000'000'123;
constexpr uint64_t kEnd = 1'581'452'773'000'000'789;

std::optional<std::string> Golden(const std::string& name) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = (set != nullptr ? set : SEXTANT_CONFORMANCE_DEFAULT) +
                     std::string("/otel/core-collector/exporter/debugexporter/internal/otlptext/testdata/") +
                     name;
  std::ifstream file(path);
  if (!file) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(file), {});
}

template <typename Data>
void ExpectGolden(const Data& data, const std::string& name) {
  std::optional<std::string> golden = Golden(name);
  if (!golden) GTEST_SKIP() << "no conformance data";
  EXPECT_EQ(DetailedText(data), *golden) << name;
}

otlp::Attributes Make(Memory& memory, std::vector<KeyValue> items) {
  return memory.CopyList(std::span<const KeyValue>(items));
}
KeyValue Text(std::string_view key, std::string_view value) { return {key, AnyValue::Text(value)}; }

template <size_t N>
otlp::Id<N> Counting(uint8_t first) {
  otlp::Id<N> id;
  for (size_t i = 0; i < N; ++i) id.bytes[i] = static_cast<uint8_t>(first + i);
  return id;
}

void SetResource(otlp::Resource& resource, Memory& memory) {
  resource.attributes = Make(memory, {Text("resource-attr", "resource-attr-val-1")});
}

void SetEntities(otlp::Resource& resource, Memory& memory) {
  resource.attributes = Make(memory, {Text("service.name", "my-service"), Text("service.version", "1.0.0"),
                                      Text("host.name", "server-01")});
  auto keys = [&](std::vector<std::string_view> names) {
    return memory.CopyList(std::span<const std::string_view>(names));
  };
  std::vector<otlp::EntityRef> entities(2);
  entities[0] = {"https://opentelemetry.io/schemas/1.21.0", "service", keys({"service.name"}),
                 keys({"service.version"})};
  entities[1] = {"", "host", keys({"host.name"}), {}};
  resource.entity_refs = memory.CopyList(std::span<const otlp::EntityRef>(entities));
}

// ---- Traces.

TEST(DebugTextTest, ShowsNoTraces) { ExpectGolden(otlp::TracesData(), "traces/empty.out"); }

TEST(DebugTextTest, ShowsTwoSpans) {
  otlp::TracesData data;
  Memory& memory = data.memory;
  SetResource(data.resources.emplace_back().resource, memory);
  auto& spans = data.resources[0].scopes.emplace_back().spans;
  otlp::Span& a = spans.emplace_back();
  a.name = "operationA";
  a.trace_id = Counting<16>(1);
  a.span_id = Counting<8>(0x11);
  a.trace_state = "ot=th:0";
  a.start_ns = kStart;
  a.end_ns = kEnd;
  a.dropped_attributes_count = 1;
  a.dropped_events_count = 1;
  a.status = otlp::StatusCode::kError;
  a.status_message = "status-cancelled";
  std::vector<otlp::SpanEvent> events(2);
  events[0] = {kExemplar, "event-with-attr", Make(memory, {Text("span-event-attr", "span-event-attr-val")}),
               2};
  events[1] = {kExemplar, "event", {}, 2};
  a.events = memory.CopyList(std::span<const otlp::SpanEvent>(events));
  otlp::Span& b = spans.emplace_back();
  b.name = "operationB";
  b.start_ns = kStart;
  b.end_ns = kEnd;
  b.dropped_links_count = 3;
  std::vector<otlp::SpanLink> links(2);
  links[0].attributes = Make(memory, {Text("span-link-attr", "span-link-attr-val")});
  links[0].dropped_attributes_count = links[1].dropped_attributes_count = 4;
  b.links = memory.CopyList(std::span<const otlp::SpanLink>(links));
  ExpectGolden(data, "traces/two_spans.out");
}

TEST(DebugTextTest, ShowsEntitiesOfSpans) {
  otlp::TracesData data;
  SetEntities(data.resources.emplace_back().resource, data.memory);
  auto& scope = data.resources[0].scopes.emplace_back();
  scope.scope.name = "test-scope";
  otlp::Span& span = scope.spans.emplace_back();
  span.name = "test-span";
  span.trace_id = Counting<16>(1);
  span.span_id = Counting<8>(1);
  ExpectGolden(data, "traces/traces_with_entity_refs.out");
}

// ---- Metrics.

otlp::Metric& AddMetric(otlp::MetricsData& data, std::string_view name, otlp::MetricKind kind) {
  if (data.resources.empty()) {
    SetResource(data.resources.emplace_back().resource, data.memory);
    data.resources[0].scopes.emplace_back();
  }
  otlp::Metric& metric = data.resources[0].scopes[0].metrics.emplace_back();
  metric.name = name;
  metric.unit = "1";
  metric.kind = kind;
  return metric;
}

otlp::Attributes Labels(Memory& memory, std::initializer_list<int> numbers) {
  std::vector<KeyValue> items;
  for (int number : numbers) {
    items.push_back({memory.Copy(fmt::format("label-{}", number)),
                     AnyValue::Text(memory.Copy(fmt::format("label-value-{}", number)))});
  }
  return Make(memory, items);
}

template <typename Point>
Point& AddPoint(std::vector<Point>& points, Memory& memory, std::initializer_list<int> labels) {
  Point& point = points.emplace_back();
  point.attributes = Labels(memory, labels);
  point.start_ns = kStart;
  point.time_ns = kEnd;
  return point;
}

void AddInts(otlp::Metric& metric, Memory& memory) {
  AddPoint(metric.numbers, memory, {1}).value = {otlp::NumberKind::kInt, {.integer = 123}};
  AddPoint(metric.numbers, memory, {2}).value = {otlp::NumberKind::kInt, {.integer = 456}};
}
void AddDoubles(otlp::Metric& metric, Memory& memory) {
  AddPoint(metric.numbers, memory, {1, 2}).value = {otlp::NumberKind::kDouble, {.real = 1.23}};
  AddPoint(metric.numbers, memory, {1, 3}).value = {otlp::NumberKind::kDouble, {.real = 4.56}};
}
void AddExemplar(otlp::Point& point, Memory& memory, otlp::Number value) {
  otlp::Exemplar& exemplar = point.exemplars.emplace_back();
  exemplar.trace_id = memory.Copy(Counting<16>(1).view());
  exemplar.span_id = memory.Copy(Counting<8>(0x11).view());
  exemplar.time_ns = kExemplar;
  exemplar.value = value;
  exemplar.filtered_attributes = Make(memory, {Text("exemplar-attachment", "exemplar-attachment-value")});
}

void AddGauges(otlp::MetricsData& data) {
  AddInts(AddMetric(data, "gauge-int", otlp::MetricKind::kGauge), data.memory);
  AddDoubles(AddMetric(data, "gauge-double", otlp::MetricKind::kGauge), data.memory);
}

void AddSums(otlp::MetricsData& data) {
  for (bool is_int : {true, false}) {
    otlp::Metric& sum = AddMetric(data, is_int ? "sum-int" : "sum-double", otlp::MetricKind::kSum);
    sum.is_monotonic = true;
    sum.temporality = otlp::Temporality::kCumulative;
    is_int ? AddInts(sum, data.memory) : AddDoubles(sum, data.memory);
  }
}

void AddHistograms(otlp::MetricsData& data) {
  otlp::Metric& metric = AddMetric(data, "histogram", otlp::MetricKind::kHistogram);
  metric.temporality = otlp::Temporality::kCumulative;
  auto& first = AddPoint(metric.histograms, data.memory, {1, 3});
  first.count = 1;
  first.sum = 15;
  auto& second = AddPoint(metric.histograms, data.memory, {2});
  second.count = 1;
  second.sum = second.min = second.max = 15;
  second.bucket_counts = {0, 1};
  second.explicit_bounds = {1};
  AddExemplar(second, data.memory, {otlp::NumberKind::kDouble, {.real = 15}});
}

void AddExponentials(otlp::MetricsData& data) {
  otlp::Metric& metric = AddMetric(data, "exponential-histogram", otlp::MetricKind::kExponentialHistogram);
  metric.temporality = otlp::Temporality::kDelta;
  auto& first = AddPoint(metric.exponentials, data.memory, {1, 3});
  first.count = 5;
  first.sum = 0.15;
  first.zero_count = 1;
  first.scale = 1;
  first.positive = {1, {1, 1}};
  first.negative = {-1, {1, 1}};
  auto& second = AddPoint(metric.exponentials, data.memory, {2});
  second.count = 3;
  second.sum = 1.25;
  second.min = 0;
  second.max = 1;
  second.zero_count = 1;
  second.scale = -1;
  second.positive = {-1, {1, 1}};
  AddExemplar(second, data.memory, {otlp::NumberKind::kInt, {.integer = 15}});
}

void AddSummaries(otlp::MetricsData& data) {
  otlp::Metric& metric = AddMetric(data, "summary", otlp::MetricKind::kSummary);
  auto& first = AddPoint(metric.summaries, data.memory, {1, 3});
  first.count = 1;
  first.sum = 15;
  auto& second = AddPoint(metric.summaries, data.memory, {2});
  second.count = 1;
  second.sum = 15;
  second.quantiles = {{0.01, 15}};
}

TEST(DebugTextTest, ShowsNoMetrics) { ExpectGolden(otlp::MetricsData(), "metrics/empty.out"); }

TEST(DebugTextTest, ShowsTwoMetrics) {
  otlp::MetricsData data;
  AddGauges(data);
  ExpectGolden(data, "metrics/two_metrics.out");
}

TEST(DebugTextTest, ShowsAllTypesOfMetrics) {
  otlp::MetricsData data;
  AddGauges(data);
  AddSums(data);
  AddHistograms(data);
  AddExponentials(data);
  AddSummaries(data);
  ExpectGolden(data, "metrics/metrics_with_all_types.out");
}

TEST(DebugTextTest, ShowsAMetricWithoutAType) {
  otlp::MetricsData data;
  AddMetric(data, "sum-int", otlp::MetricKind::kNone);
  ExpectGolden(data, "metrics/invalid_metric_type.out");
}

TEST(DebugTextTest, ShowsMetadataOfMetrics) {
  otlp::MetricsData data;
  otlp::Metric& metric = AddMetric(data, "test-metric-metadata", otlp::MetricKind::kGauge);
  data.resources[0].resource.attributes = Make(data.memory, {Text("service.name", "test-service")});
  data.resources[0].scopes[0].scope.name = "test-scope";
  metric.description = "A test metric with metadata";
  metric.metadata = Make(data.memory, {Text("meta.key", "meta-value"), {"meta.id", AnyValue::Int(101)}});
  metric.numbers.emplace_back().value = {otlp::NumberKind::kInt, {.integer = 1}};
  ExpectGolden(data, "metrics/metrics_with_metadata.out");
}

TEST(DebugTextTest, ShowsEntitiesOfMetrics) {
  otlp::MetricsData data;
  otlp::Metric& metric = AddMetric(data, "test-metric", otlp::MetricKind::kGauge);
  SetEntities(data.resources[0].resource, data.memory);
  data.resources[0].scopes[0].scope.name = "test-scope";
  metric.description = "A test metric";
  metric.numbers.emplace_back().value = {otlp::NumberKind::kDouble, {.real = 123.45}};
  metric.numbers[0].attributes = Make(data.memory, {Text("test.attribute", "test-value")});
  ExpectGolden(data, "metrics/metrics_with_entity_refs.out");
}

// ---- Logs.

otlp::LogRecord& AddRecord(otlp::LogsData& data, std::string_view body) {
  if (data.resources.empty()) data.resources.emplace_back().scopes.emplace_back();
  otlp::LogRecord& record = data.resources[0].scopes[0].records.emplace_back();
  record.time_ns = kEnd;
  record.severity_number = 9;
  record.severity_text = "Info";
  record.body = AnyValue::Text(body);
  return record;
}

otlp::LogRecord& AddFirstRecord(otlp::LogsData& data) {
  otlp::LogRecord& record = AddRecord(data, "This is a log message");
  constexpr uint8_t kTrace[] = {8, 4, 2, 1};
  constexpr uint8_t kSpan[] = {1, 2, 4, 8};
  std::ranges::copy(kTrace, record.trace_id.bytes.begin());
  std::ranges::copy(kSpan, record.span_id.bytes.begin());
  record.attributes = Make(data.memory, {Text("app", "server"), {"instance_num", AnyValue::Int(1)}});
  return record;
}

TEST(DebugTextTest, ShowsNoLogs) { ExpectGolden(otlp::LogsData(), "logs/empty.out"); }

TEST(DebugTextTest, ShowsLogRecords) {
  otlp::LogsData data;
  AddFirstRecord(data);
  SetResource(data.resources[0].resource, data.memory);
  ExpectGolden(data, "logs/one_record.out");
  otlp::LogRecord& second = AddRecord(data, "something happened");
  second.attributes = Make(data.memory, {Text("customer", "acme"), Text("env", "dev")});
  ExpectGolden(data, "logs/two_records.out");
}

TEST(DebugTextTest, ShowsTheNameOfAnEvent) {
  otlp::LogsData data;
  AddFirstRecord(data).event_name = "event_name";
  ExpectGolden(data, "logs/log_with_event_name.out");
}

TEST(DebugTextTest, ShowsMapsInMaps) {
  otlp::LogsData data;
  otlp::LogRecord& record = AddRecord(data, "");
  Memory& memory = data.memory;
  record.severity_text = "INFO";
  record.body = AnyValue::Map(Make(
      memory, {Text("key1", "val1"),
               {"key2", AnyValue::Map(Make(memory, {Text("key21", "val21"), Text("key22", "val22")}))}}));
  record.attributes = Make(
      memory, {{"key1", AnyValue::Map(Make(
                            memory, {Text("key11", "val11"),
                                     Text("key12", "val12"),
                                     {"key13", AnyValue::Map(Make(memory, {Text("key131", "val131")}))}}))},
               Text("key2", "val2")});
  ExpectGolden(data, "logs/embedded_maps.out");
}

TEST(DebugTextTest, ShowsEntitiesOfLogs) {
  otlp::LogsData data;
  otlp::LogRecord& record = AddRecord(data, "This is a test log message");
  SetEntities(data.resources[0].resource, data.memory);
  data.resources[0].scopes[0].scope.name = "test-scope";
  record.attributes = Make(data.memory, {Text("test.attribute", "test-value")});
  ExpectGolden(data, "logs/logs_with_entity_refs.out");
}

// ---- The text of one line for each item (as upstream's internal/normal).

TEST(DebugTextTest, ShowsALineForEachSpan) {
  otlp::TracesData data;
  auto& resource = data.resources.emplace_back();
  resource.schema_url = "https://opentelemetry.io/resource-schema-url";
  resource.resource.attributes = Make(data.memory, {Text("resourceKey1", "resourceValue1")});
  auto& scope = resource.scopes.emplace_back();
  scope.schema_url = "http://opentelemetry.io/scope-schema-url";
  scope.scope.name = "scope-name";
  scope.scope.version = "1.2.3";
  scope.scope.attributes = Make(data.memory, {Text("scopeKey1", "scopeValue1")});
  otlp::Span& span = scope.spans.emplace_back();
  span.name = "span-name";
  span.trace_id = Counting<16>(1);
  span.span_id = Counting<8>(0x11);
  span.attributes = Make(data.memory, {Text("key1", "value1"), {"key2", AnyValue::Int(2)}});
  EXPECT_EQ(NormalText(data),
            "ResourceTraces #0 [https://opentelemetry.io/resource-schema-url] resourceKey1=resourceValue1\n"
            "ScopeTraces #0 scope-name@1.2.3 [http://opentelemetry.io/scope-schema-url] "
            "scopeKey1=scopeValue1\n"
            "span-name 0102030405060708090a0b0c0d0e0f10 1112131415161718 key1=value1 key2=2\n");
}

TEST(DebugTextTest, ShowsALineForEachPoint) {
  otlp::MetricsData data;
  AddGauges(data);
  AddHistograms(data);
  AddExponentials(data);
  AddSummaries(data);
  EXPECT_EQ(NormalText(data),
            "ResourceMetrics #0 resource-attr=resource-attr-val-1\n"
            "ScopeMetrics #0\n"
            "gauge-int{label-1=label-value-1} 123\n"
            "gauge-int{label-2=label-value-2} 456\n"
            "gauge-double{label-1=label-value-1,label-2=label-value-2} 1.23\n"
            "gauge-double{label-1=label-value-1,label-3=label-value-3} 4.56\n"
            "histogram{label-1=label-value-1,label-3=label-value-3} count=1 sum=15\n"
            "histogram{label-2=label-value-2} count=1 sum=15 min=15 max=15 le1=0 1\n"
            "exponential-histogram{label-1=label-value-1,label-3=label-value-3} count=5 sum=0.15 "
            "le0.7071067811865475=1 le1=1 le1.4142135623730951=1 le2.0000000000000004=1 zero_count0=1\n"
            "exponential-histogram{label-2=label-value-2} count=3 sum=1.25 min=0 max=1 le0.25=1 le1=1 "
            "zero_count0=1\n"
            "summary{label-1=label-value-1,label-3=label-value-3} count=1 sum=15.000000\n"
            "summary{label-2=label-value-2} count=1 sum=15.000000 q0.01=15\n");
}

TEST(DebugTextTest, ShowsALineForEachRecord) {
  otlp::LogsData data;
  AddFirstRecord(data);
  EXPECT_EQ(NormalText(data),
            "ResourceLog #0\nScopeLog #0\nThis is a log message app=server instance_num=1\n");
}

TEST(DebugTextTest, PrintsTimesAsGoDoes) {
  EXPECT_EQ(GoTimeText(0), "1970-01-01 00:00:00 +0000 UTC");
  EXPECT_EQ(GoTimeText(1'581'452'773'500'000'000), "2020-02-11 20:26:13.5 +0000 UTC");
  // The last time that Go has in nanoseconds, and the first behind it.
  EXPECT_EQ(GoTimeText(INT64_MAX), "2262-04-11 23:47:16.854775807 +0000 UTC");
  EXPECT_EQ(GoTimeText(uint64_t{1} << 63), "1677-09-21 00:12:43.145224192 +0000 UTC");
}

TEST(DebugTextTest, NamesSeverities) {
  EXPECT_EQ(SeverityName(0), "Unspecified");
  EXPECT_EQ(SeverityName(1), "Trace");
  EXPECT_EQ(SeverityName(12), "Info4");
  EXPECT_EQ(SeverityName(24), "Fatal4");
  EXPECT_EQ(SeverityName(25), "");
}

}  // namespace

}  // namespace sextant::pipeline
