// Data in which every field of the protocol is set, for this module's tests.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"

namespace sextant::otlp {

inline TraceId TraceIdOf(uint8_t first) {
  TraceId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(first + i);
  return id;
}
inline SpanId SpanIdOf(uint8_t first) {
  SpanId id;
  for (size_t i = 0; i < id.bytes.size(); ++i) id.bytes[i] = static_cast<uint8_t>(first + i);
  return id;
}

inline Attributes MakeAttributes(Memory& memory, std::vector<KeyValue> items) {
  return memory.CopyList<KeyValue>(items);
}

// One of each kind of value, nested ones too.
inline Attributes AllValues(Memory& memory) {
  Attributes inner = MakeAttributes(memory, {{"k", AnyValue::Text("v")}, {"", AnyValue::Int(-1)}});
  Attributes list = MakeAttributes(
      memory,
      {{"", AnyValue::Text("")}, {"", AnyValue::Double(0)}, {"", AnyValue()}, {"", AnyValue::Map(inner)}});
  return MakeAttributes(memory, {{"text", AnyValue::Text("a \"quoted\"\n<text>, \u00e4\u20ac")},
                                 {"long", AnyValue::Text(memory.Copy(std::string(300, 'x')))},
                                 {"no", AnyValue::Bool(false)},
                                 {"yes", AnyValue::Bool(true)},
                                 {"small", AnyValue::Int(7)},
                                 {"two bytes", AnyValue::Int(300)},
                                 {"least", AnyValue::Int(std::numeric_limits<int64_t>::min())},
                                 {"most", AnyValue::Int(std::numeric_limits<int64_t>::max())},
                                 {"double", AnyValue::Double(1.5e300)},
                                 {"nan", AnyValue::Double(std::numeric_limits<double>::quiet_NaN())},
                                 {"infinite", AnyValue::Double(-std::numeric_limits<double>::infinity())},
                                 {"bytes", AnyValue::Bytes(std::string_view("\0\xff\x80", 3))},
                                 {"list", AnyValue::Array(list)},
                                 {"map", AnyValue::Map(inner)},
                                 {"empty list", AnyValue::Array({})},
                                 {"empty map", AnyValue::Map({})},
                                 {"nothing", AnyValue()}});
}

inline Resource FullResource(Memory& memory) {
  Resource resource;
  resource.attributes = AllValues(memory);
  resource.dropped_attributes_count = 2;
  std::vector<std::string_view> ids = {"service.name", "service.namespace"};
  std::vector<std::string_view> descriptions = {"service.version"};
  std::vector<EntityRef> entities = {
      {.schema_url = "https://entity", .type = "service", .id_keys = {}, .description_keys = {}}};
  entities[0].id_keys = memory.CopyList<std::string_view>(ids);
  entities[0].description_keys = memory.CopyList<std::string_view>(descriptions);
  resource.entity_refs = memory.CopyList<EntityRef>(entities);
  return resource;
}

inline Scope FullScope(Memory& memory) {
  return {.name = "library",
          .version = "1.2",
          .attributes = MakeAttributes(memory, {{"scope.key", AnyValue::Text("scope value")}}),
          .dropped_attributes_count = 3};
}

inline TracesData FullTraces() {
  TracesData data;
  Memory& memory = data.memory;
  ResourceSpans& resource = data.resources.emplace_back();
  resource.resource = FullResource(memory);
  resource.schema_url = "https://resource";
  ScopeSpans& scope = resource.scopes.emplace_back();
  scope.scope = FullScope(memory);
  scope.schema_url = "https://scope";
  Span& span = scope.spans.emplace_back();
  span.trace_id = TraceIdOf(1);
  span.span_id = SpanIdOf(20);
  span.parent_span_id = SpanIdOf(40);
  span.kind = SpanKind::kConsumer;
  span.flags = 0x301;
  span.start_ns = 1'544'712'660'000'000'000;
  span.end_ns = std::numeric_limits<uint64_t>::max();
  span.trace_state = "vendor=1";
  span.name = "work";
  span.attributes = AllValues(memory);
  std::vector<SpanEvent> events(2);
  events[0] = {.time_ns = 5,
               .name = "exception",
               .attributes = MakeAttributes(memory, {{"exception.type", AnyValue::Text("bad")}}),
               .dropped_attributes_count = 4};
  span.events = memory.CopyList<SpanEvent>(events);
  std::vector<SpanLink> links(2);
  links[0] = {.trace_id = TraceIdOf(60),
              .span_id = SpanIdOf(80),
              .trace_state = "other=2",
              .attributes = MakeAttributes(memory, {{"link", AnyValue::Int(1)}}),
              .dropped_attributes_count = 5,
              .flags = 0x100};
  span.links = memory.CopyList<SpanLink>(links);
  span.status = StatusCode::kError;
  span.status_message = "it failed";
  span.dropped_attributes_count = 6;
  span.dropped_events_count = 7;
  span.dropped_links_count = 8;
  scope.spans.emplace_back().name = "nothing else";
  data.resources.emplace_back();
  return data;
}

inline LogsData FullLogs() {
  LogsData data;
  Memory& memory = data.memory;
  ResourceLogs& resource = data.resources.emplace_back();
  resource.resource = FullResource(memory);
  resource.schema_url = "https://resource";
  ScopeLogs& scope = resource.scopes.emplace_back();
  scope.scope = FullScope(memory);
  scope.schema_url = "https://scope";
  LogRecord& record = scope.records.emplace_back();
  record.time_ns = 1;
  record.observed_time_ns = 2;
  record.severity_number = 17;
  record.severity_text = "ERROR";
  record.body = AnyValue::Map(AllValues(memory));
  record.attributes = AllValues(memory);
  record.dropped_attributes_count = 3;
  record.flags = 1;
  record.trace_id = TraceIdOf(1);
  record.span_id = SpanIdOf(20);
  record.event_name = "event";
  scope.records.emplace_back().body = AnyValue::Text("just text");
  return data;
}

inline Number IntNumber(int64_t value) {
  Number number;
  number.kind = NumberKind::kInt;
  number.integer = value;
  return number;
}
inline Number DoubleNumber(double value) {
  Number number;
  number.kind = NumberKind::kDouble;
  number.real = value;
  return number;
}

inline void FillPoint(Point& point, Memory& memory) {
  point.attributes = MakeAttributes(memory, {{"point", AnyValue::Text("1")}});
  point.start_ns = 10;
  point.time_ns = 20;
  point.has_no_value = true;
  Exemplar& exemplar = point.exemplars.emplace_back();
  exemplar.filtered_attributes = MakeAttributes(memory, {{"filtered", AnyValue::Bool(true)}});
  exemplar.time_ns = 15;
  exemplar.value = DoubleNumber(2.5);
  exemplar.trace_id = memory.Copy(TraceIdOf(1).view());
  exemplar.span_id = memory.Copy(SpanIdOf(20).view());
  point.exemplars.emplace_back().value = IntNumber(-3);
}

inline MetricsData FullMetrics() {
  MetricsData data;
  Memory& memory = data.memory;
  ResourceMetrics& resource = data.resources.emplace_back();
  resource.resource = FullResource(memory);
  resource.schema_url = "https://resource";
  ScopeMetrics& scope = resource.scopes.emplace_back();
  scope.scope = FullScope(memory);
  scope.schema_url = "https://scope";
  auto add = [&](std::string_view name, MetricKind kind) -> Metric& {
    Metric& metric = scope.metrics.emplace_back();
    metric.name = name;
    metric.description = "what it is";
    metric.unit = "By";
    metric.metadata = MakeAttributes(memory, {{"metadata", AnyValue::Text("here")}});
    metric.kind = kind;
    return metric;
  };
  NumberPoint& gauge = add("gauge", MetricKind::kGauge).numbers.emplace_back();
  FillPoint(gauge, memory);
  gauge.value = DoubleNumber(-1.25);
  scope.metrics.back().numbers.emplace_back();
  Metric& sum = add("sum", MetricKind::kSum);
  sum.temporality = Temporality::kCumulative;
  sum.is_monotonic = true;
  FillPoint(sum.numbers.emplace_back(), memory);
  sum.numbers.back().value = IntNumber(std::numeric_limits<int64_t>::max());
  sum.numbers.emplace_back().value = IntNumber(0);
  Metric& histogram = add("histogram", MetricKind::kHistogram);
  histogram.temporality = Temporality::kDelta;
  HistogramPoint& buckets = histogram.histograms.emplace_back();
  FillPoint(buckets, memory);
  buckets.count = 6;
  buckets.sum = 0;
  buckets.min = -1;
  buckets.max = std::numeric_limits<double>::infinity();
  buckets.bucket_counts = {1, 2, 3};
  buckets.explicit_bounds = {0.5, 10};
  histogram.histograms.emplace_back();
  Metric& exponential = add("exponential", MetricKind::kExponentialHistogram);
  exponential.temporality = Temporality::kCumulative;
  ExponentialPoint& point = exponential.exponentials.emplace_back();
  FillPoint(point, memory);
  point.count = 9;
  point.sum = 4.5;
  point.min = 0;
  point.max = 8;
  point.scale = -3;
  point.zero_count = 2;
  point.zero_threshold = 0.001;
  point.positive = {.offset = 2, .counts = {1, 0, 300}};
  point.negative = {.offset = -4, .counts = {5}};
  exponential.exponentials.emplace_back();
  SummaryPoint& summary = add("summary", MetricKind::kSummary).summaries.emplace_back();
  FillPoint(summary, memory);
  summary.exemplars.clear();  // it has none
  summary.count = 3;
  summary.sum = 30;
  summary.quantiles = {{.quantile = 0.5, .value = 10}, {.quantile = 1, .value = 20}};
  scope.metrics.emplace_back().name = "no data";
  return data;
}

}  // namespace sextant::otlp
