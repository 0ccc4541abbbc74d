#include <fmt/format.h>

#include <cmath>
#include <numbers>

#include "pipeline/exporters/debug_text.h"

namespace sextant::pipeline {

namespace {

// "%f" of Go.
std::string Fixed(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  return fmt::format("{:.6f}", value);
}

std::string_view KindText(otlp::ValueKind kind) {
  switch (kind) {
    case otlp::ValueKind::kEmpty:
      return "Empty";
    case otlp::ValueKind::kText:
      return "Str";
    case otlp::ValueKind::kBool:
      return "Bool";
    case otlp::ValueKind::kInt:
      return "Int";
    case otlp::ValueKind::kDouble:
      return "Double";
    case otlp::ValueKind::kBytes:
      return "Bytes";
    case otlp::ValueKind::kArray:
      return "Slice";
    case otlp::ValueKind::kMap:
      return "Map";
  }
  return "";
}

std::string_view TypeText(otlp::MetricKind kind) {
  switch (kind) {
    case otlp::MetricKind::kNone:
      return "Empty";
    case otlp::MetricKind::kGauge:
      return "Gauge";
    case otlp::MetricKind::kSum:
      return "Sum";
    case otlp::MetricKind::kHistogram:
      return "Histogram";
    case otlp::MetricKind::kExponentialHistogram:
      return "ExponentialHistogram";
    case otlp::MetricKind::kSummary:
      return "Summary";
  }
  return "";
}

template <size_t N>
std::string IdText(std::string_view bytes) {
  otlp::Id<N> id;
  return id.Assign(bytes) ? id.Hex() : "";
}

class Writer {
 public:
  std::string Finish() && { return std::move(out_); }

  template <typename... Args>
  void Line(fmt::format_string<Args...> format, Args&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<Args>(args)...);
    out_ += '\n';
  }
  void Field(std::string_view name, std::string_view value) { Line("    {:<15}: {}", name, value); }

  // `indent` stands before the attributes' own.
  void Attributes(std::string_view header, const otlp::Attributes& attributes, std::string_view indent = "") {
    if (attributes.empty()) return;
    Line("{}:", header);
    for (const otlp::KeyValue& item : attributes) {
      Line("{}     -> {}: {}", indent, item.key, Value(item.value));
    }
  }

  static std::string Value(const otlp::AnyValue& value) {
    return fmt::format("{}({})", KindText(value.kind), otlp::ValueText(value));
  }

  void Resource(std::string_view kind, size_t index, const otlp::Resource& resource,
                std::string_view schema_url) {
    Line("{} #{}", kind, index);
    Line("Resource SchemaURL: {}", schema_url);
    Attributes("Resource attributes", resource.attributes);
    if (resource.entity_refs.empty()) return;
    Line("Resource entity refs:");
    for (size_t i = 0; i < resource.entity_refs.size(); ++i) EntityRef(i, resource.entity_refs[i]);
  }

  void Scope(std::string_view kind, size_t index, const otlp::Scope& scope, std::string_view schema_url) {
    Line("{} #{}", kind, index);
    Line("{} SchemaURL: {}", kind, schema_url);
    Line("InstrumentationScope {} {}", scope.name, scope.version);
    Attributes("InstrumentationScope attributes", scope.attributes);
  }

  void Span(size_t index, const otlp::Span& span) {
    Line("Span #{}", index);
    Field("Trace ID", span.trace_id.Hex());
    Field("Parent ID", span.parent_span_id.Hex());
    Field("ID", span.span_id.Hex());
    Field("Name", span.name);
    Field("Kind", SpanKindName(span.kind));
    if (!span.trace_state.empty()) Field("TraceState", span.trace_state);
    Field("Start time", GoTimeText(span.start_ns));
    Field("End time", GoTimeText(span.end_ns));
    Field("Status code", StatusCodeName(span.status));
    Field("Status message", span.status_message);
    Field("DroppedAttributesCount", fmt::to_string(span.dropped_attributes_count));
    Field("DroppedEventsCount", fmt::to_string(span.dropped_events_count));
    Field("DroppedLinksCount", fmt::to_string(span.dropped_links_count));
    Attributes("Attributes", span.attributes);
    if (!span.events.empty()) Line("Events:");
    for (size_t i = 0; i < span.events.size(); ++i) {
      const otlp::SpanEvent& event = span.events[i];
      Line("SpanEvent #{}", i);
      Line("     -> Name: {}", event.name);
      Line("     -> Timestamp: {}", GoTimeText(event.time_ns));
      Line("     -> DroppedAttributesCount: {}", event.dropped_attributes_count);
      Attributes("     -> Attributes:", event.attributes, kInner);
    }
    if (!span.links.empty()) Line("Links:");
    for (size_t i = 0; i < span.links.size(); ++i) {
      const otlp::SpanLink& link = span.links[i];
      Line("SpanLink #{}", i);
      Line("     -> Trace ID: {}", link.trace_id.Hex());
      Line("     -> ID: {}", link.span_id.Hex());
      Line("     -> TraceState: {}", link.trace_state);
      Line("     -> DroppedAttributesCount: {}", link.dropped_attributes_count);
      Attributes("     -> Attributes:", link.attributes, kInner);
    }
  }

  void Record(size_t index, const otlp::LogRecord& record) {
    Line("LogRecord #{}", index);
    Line("ObservedTimestamp: {}", GoTimeText(record.observed_time_ns));
    Line("Timestamp: {}", GoTimeText(record.time_ns));
    Line("SeverityText: {}", record.severity_text);
    Line("SeverityNumber: {}({})", SeverityName(record.severity_number), record.severity_number);
    if (!record.event_name.empty()) Line("EventName: {}", record.event_name);
    Line("Body: {}", Value(record.body));
    Attributes("Attributes", record.attributes);
    Line("Trace ID: {}", record.trace_id.Hex());
    Line("Span ID: {}", record.span_id.Hex());
    Line("Flags: {}", record.flags);
  }

  void Metric(size_t index, const otlp::Metric& metric) {
    Line("Metric #{}", index);
    Line("Descriptor:");
    Line("     -> Name: {}", metric.name);
    Line("     -> Description: {}", metric.description);
    Line("     -> Unit: {}", metric.unit);
    Line("     -> DataType: {}", TypeText(metric.kind));
    Attributes("     -> Metadata", metric.metadata, kInner);
    if (metric.kind == otlp::MetricKind::kSum) Line("     -> IsMonotonic: {}", metric.is_monotonic);
    if (metric.kind == otlp::MetricKind::kSum || metric.kind == otlp::MetricKind::kHistogram ||
        metric.kind == otlp::MetricKind::kExponentialHistogram) {
      Line("     -> AggregationTemporality: {}", TemporalityName(metric.temporality));
    }
    for (size_t i = 0; i < metric.numbers.size(); ++i) NumberPoint(i, metric.numbers[i]);
    for (size_t i = 0; i < metric.histograms.size(); ++i) HistogramPoint(i, metric.histograms[i]);
    for (size_t i = 0; i < metric.exponentials.size(); ++i) ExponentialPoint(i, metric.exponentials[i]);
    for (size_t i = 0; i < metric.summaries.size(); ++i) SummaryPoint(i, metric.summaries[i]);
  }

 private:
  static constexpr std::string_view kInner = "     ";

  void EntityRef(size_t index, const otlp::EntityRef& entity) {
    Line("     -> Entity ref #{}:", index);
    Line("          -> Type: {}", entity.type);
    if (!entity.schema_url.empty()) Line("          -> Schema URL: {}", entity.schema_url);
    Keys("ID keys", entity.id_keys);
    Keys("Description keys", entity.description_keys);
  }
  void Keys(std::string_view name, const otlp::List<std::string_view>& keys) {
    if (keys.empty()) return;
    Line("          -> {}:", name);
    for (std::string_view key : keys) Line("               -> {}", key);
  }

  void PointHead(std::string_view kind, size_t index, const otlp::Point& point) {
    Line("{} #{}", kind, index);
    Attributes("Data point attributes", point.attributes);
    Line("StartTimestamp: {}", GoTimeText(point.start_ns));
    Line("Timestamp: {}", GoTimeText(point.time_ns));
  }

  void Number(std::string_view prefix, const otlp::Number& number) {
    if (number.kind == otlp::NumberKind::kInt) Line("{}Value: {}", prefix, number.integer);
    if (number.kind == otlp::NumberKind::kDouble) Line("{}Value: {}", prefix, Fixed(number.real));
  }

  void NumberPoint(size_t index, const otlp::NumberPoint& point) {
    PointHead("NumberDataPoints", index, point);
    Number("", point.value);
    Exemplars(point.exemplars);
  }

  void CountAndSums(uint64_t count, const std::optional<double>& sum, const std::optional<double>& min,
                    const std::optional<double>& max) {
    Line("Count: {}", count);
    if (sum) Line("Sum: {}", Fixed(*sum));
    if (min) Line("Min: {}", Fixed(*min));
    if (max) Line("Max: {}", Fixed(*max));
  }

  void HistogramPoint(size_t index, const otlp::HistogramPoint& point) {
    PointHead("HistogramDataPoints", index, point);
    CountAndSums(point.count, point.sum, point.min, point.max);
    for (size_t i = 0; i < point.explicit_bounds.size(); ++i) {
      Line("ExplicitBounds #{}: {}", i, Fixed(point.explicit_bounds[i]));
    }
    for (size_t i = 0; i < point.bucket_counts.size(); ++i) {
      Line("Buckets #{}, Count: {}", i, point.bucket_counts[i]);
    }
    Exemplars(point.exemplars);
  }

  void ExponentialPoint(size_t index, const otlp::ExponentialPoint& point) {
    PointHead("ExponentialHistogramDataPoints", index, point);
    CountAndSums(point.count, point.sum, point.min, point.max);
    double factor = std::ldexp(std::numbers::ln2, -point.scale);
    auto bound = [&](int64_t bucket) { return std::exp(static_cast<double>(bucket) * factor); };
    const otlp::ExponentialBuckets& negative = point.negative;
    for (size_t i = negative.counts.size(); i-- > 0;) {
      int64_t bucket = int64_t{negative.offset} + static_cast<int64_t>(i);
      Line("Bucket [{}, {}), Count: {}", Fixed(-bound(bucket + 1)), Fixed(-bound(bucket)),
           negative.counts[i]);
    }
    if (point.zero_count != 0) Line("Bucket [0, 0], Count: {}", point.zero_count);
    for (size_t i = 0; i < point.positive.counts.size(); ++i) {
      int64_t bucket = int64_t{point.positive.offset} + static_cast<int64_t>(i);
      Line("Bucket ({}, {}], Count: {}", Fixed(bound(bucket)), Fixed(bound(bucket + 1)),
           point.positive.counts[i]);
    }
    Exemplars(point.exemplars);
  }

  void SummaryPoint(size_t index, const otlp::SummaryPoint& point) {
    PointHead("SummaryDataPoints", index, point);
    Line("Count: {}", point.count);
    Line("Sum: {}", Fixed(point.sum));
    for (size_t i = 0; i < point.quantiles.size(); ++i) {
      Line("QuantileValue #{}: Quantile {}, Value {}", i, Fixed(point.quantiles[i].quantile),
           Fixed(point.quantiles[i].value));
    }
  }

  void Exemplars(const std::vector<otlp::Exemplar>& exemplars) {
    if (!exemplars.empty()) Line("Exemplars:");
    for (size_t i = 0; i < exemplars.size(); ++i) {
      const otlp::Exemplar& exemplar = exemplars[i];
      Line("Exemplar #{}", i);
      Line("     -> Trace ID: {}", IdText<16>(exemplar.trace_id));
      Line("     -> Span ID: {}", IdText<8>(exemplar.span_id));
      Line("     -> Timestamp: {}", GoTimeText(exemplar.time_ns));
      Number("     -> ", exemplar.value);
      Attributes("     -> FilteredAttributes", exemplar.filtered_attributes, kInner);
    }
  }

  std::string out_;
};

}  // namespace

std::string DetailedText(const otlp::TracesData& data) {
  Writer writer;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceSpans& resource = data.resources[i];
    writer.Resource("ResourceSpans", i, resource.resource, resource.schema_url);
    for (size_t j = 0; j < resource.scopes.size(); ++j) {
      const otlp::ScopeSpans& scope = resource.scopes[j];
      writer.Scope("ScopeSpans", j, scope.scope, scope.schema_url);
      for (size_t k = 0; k < scope.spans.size(); ++k) writer.Span(k, scope.spans[k]);
    }
  }
  return std::move(writer).Finish();
}

std::string DetailedText(const otlp::MetricsData& data) {
  Writer writer;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceMetrics& resource = data.resources[i];
    writer.Resource("ResourceMetrics", i, resource.resource, resource.schema_url);
    for (size_t j = 0; j < resource.scopes.size(); ++j) {
      const otlp::ScopeMetrics& scope = resource.scopes[j];
      writer.Scope("ScopeMetrics", j, scope.scope, scope.schema_url);
      for (size_t k = 0; k < scope.metrics.size(); ++k) writer.Metric(k, scope.metrics[k]);
    }
  }
  return std::move(writer).Finish();
}

std::string DetailedText(const otlp::LogsData& data) {
  Writer writer;
  for (size_t i = 0; i < data.resources.size(); ++i) {
    const otlp::ResourceLogs& resource = data.resources[i];
    writer.Resource("ResourceLog", i, resource.resource, resource.schema_url);
    for (size_t j = 0; j < resource.scopes.size(); ++j) {
      const otlp::ScopeLogs& scope = resource.scopes[j];
      writer.Scope("ScopeLogs", j, scope.scope, scope.schema_url);
      for (size_t k = 0; k < scope.records.size(); ++k) writer.Record(k, scope.records[k]);
    }
  }
  return std::move(writer).Finish();
}

}  // namespace sextant::pipeline
