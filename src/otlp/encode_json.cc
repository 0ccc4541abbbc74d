#include "otlp/encode_json.h"

#include <charconv>
#include <cmath>

#include "core/base64.h"
#include "core/json_writer.h"
#include "otlp/json_text.h"

namespace sextant::otlp {

namespace {

using core::JsonWriter;

constexpr uint32_t kNoRecordedValue = 1;  // a flag of data points

template <typename Integer>
void AppendQuoted(std::string& out, Integer value) {
  char digits[24];
  char* end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  out += '"';
  out.append(digits, end);
  out += '"';
}

void AppendHex(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  out += '"';
  for (char c : bytes) {
    auto byte = static_cast<unsigned char>(c);
    out += kDigits[byte >> 4];
    out += kDigits[byte & 15];
  }
  out += '"';
}

// One object's fields. Functions whose names end in Item write also what is the default.
class Fields {
 public:
  explicit Fields(JsonWriter& json) : json_(json) { json_.BeginObject(); }
  ~Fields() { json_.EndObject(); }
  Fields(const Fields&) = delete;
  Fields& operator=(const Fields&) = delete;

  JsonWriter& Key(std::string_view name) { return json_.Key(name); }
  void TextItem(std::string_view name, std::string_view text) {
    Key(name).RawWith([&](std::string& out) { AppendJsonText(out, text); });
  }
  void Text(std::string_view name, std::string_view text) {
    if (!text.empty()) TextItem(name, text);
  }
  // Of 64 bits.
  template <typename Integer>
  void LongItem(std::string_view name, Integer value) {
    Key(name).RawWith([&](std::string& out) { AppendQuoted(out, value); });
  }
  void Long(std::string_view name, uint64_t value) {
    if (value != 0) LongItem(name, value);
  }
  // Of 32 bits.
  void Number(std::string_view name, int64_t value) {
    if (value != 0) Key(name).Int(value);
  }
  void DoubleItem(std::string_view name, double value) { Double(Key(name), value); }
  void Double(std::string_view name, double value) {
    if (value != 0) DoubleItem(name, value);
  }
  void Optional(std::string_view name, const std::optional<double>& value) {
    if (value) DoubleItem(name, *value);
  }
  void Hex(std::string_view name, std::string_view bytes) {
    if (!bytes.empty()) Key(name).RawWith([&](std::string& out) { AppendHex(out, bytes); });
  }
  template <size_t N>
  void IdOf(std::string_view name, const Id<N>& id) {
    if (!id.IsEmpty()) Hex(name, id.view());
  }
  // A list, unless it is empty; put(JsonWriter&, item) writes one.
  template <typename Items, typename Put>
  void Each(std::string_view name, const Items& items, Put&& put) {
    if (items.empty()) return;
    Key(name).BeginArray();
    for (const auto& item : items) put(json_, item);
    json_.EndArray();
  }

  static void Double(JsonWriter& json, double value) {
    if (std::isfinite(value)) {
      json.Double(value);
    } else {
      json.String(std::isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    }
  }

 private:
  JsonWriter& json_;
};

void PutText(JsonWriter& json, std::string_view text) {
  json.RawWith([&](std::string& out) { AppendJsonText(out, text); });
}
void PutLong(JsonWriter& json, uint64_t value) {
  json.RawWith([&](std::string& out) { AppendQuoted(out, value); });
}

void PutKeyValue(JsonWriter& json, const KeyValue& item);

// The depth is bounded by the decoder's.
void PutValue(JsonWriter& json, const AnyValue& value) {
  Fields fields(json);
  switch (value.kind) {
    case ValueKind::kEmpty:
      return;
    case ValueKind::kText:
      return fields.TextItem("stringValue", value.text);
    case ValueKind::kBool:
      fields.Key("boolValue").Bool(value.integer != 0);
      return;
    case ValueKind::kInt:
      return fields.LongItem("intValue", value.integer);
    case ValueKind::kDouble:
      return fields.DoubleItem("doubleValue", value.number);
    case ValueKind::kArray: {
      fields.Key("arrayValue");
      Fields array(json);
      return array.Each("values", value.items,
                        [](JsonWriter& out, const KeyValue& item) { PutValue(out, item.value); });
    }
    case ValueKind::kMap: {
      fields.Key("kvlistValue");
      Fields map(json);
      return map.Each("values", value.items, PutKeyValue);
    }
    case ValueKind::kBytes:
      fields.Key("bytesValue").String(core::EncodeBase64(value.text));
      return;
  }
}

void PutKeyValue(JsonWriter& json, const KeyValue& item) {
  Fields fields(json);
  fields.Text("key", item.key);
  fields.Key("value");
  PutValue(json, item.value);
}

void PutAttributes(Fields& fields, const Attributes& attributes, std::string_view name = "attributes") {
  fields.Each(name, attributes, PutKeyValue);
}

void PutEntityRef(JsonWriter& json, const EntityRef& entity) {
  Fields fields(json);
  fields.Text("schemaUrl", entity.schema_url);
  fields.Text("type", entity.type);
  fields.Each("idKeys", entity.id_keys, PutText);
  fields.Each("descriptionKeys", entity.description_keys, PutText);
}

void PutResource(JsonWriter& json, const Resource& resource) {
  Fields fields(json);
  PutAttributes(fields, resource.attributes);
  fields.Number("droppedAttributesCount", resource.dropped_attributes_count);
  fields.Each("entityRefs", resource.entity_refs, PutEntityRef);
}

void PutScope(JsonWriter& json, const Scope& scope) {
  Fields fields(json);
  fields.Text("name", scope.name);
  fields.Text("version", scope.version);
  PutAttributes(fields, scope.attributes);
  fields.Number("droppedAttributesCount", scope.dropped_attributes_count);
}

void PutEvent(JsonWriter& json, const SpanEvent& event) {
  Fields fields(json);
  fields.Long("timeUnixNano", event.time_ns);
  fields.Text("name", event.name);
  PutAttributes(fields, event.attributes);
  fields.Number("droppedAttributesCount", event.dropped_attributes_count);
}

void PutLink(JsonWriter& json, const SpanLink& link) {
  Fields fields(json);
  fields.IdOf("traceId", link.trace_id);
  fields.IdOf("spanId", link.span_id);
  fields.Text("traceState", link.trace_state);
  PutAttributes(fields, link.attributes);
  fields.Number("droppedAttributesCount", link.dropped_attributes_count);
  fields.Number("flags", link.flags);
}

void PutStatus(JsonWriter& json, const Span& span) {
  Fields fields(json);
  fields.Text("message", span.status_message);
  fields.Number("code", static_cast<int32_t>(span.status));
}

void PutItem(JsonWriter& json, const Span& span) {
  Fields fields(json);
  fields.IdOf("traceId", span.trace_id);
  fields.IdOf("spanId", span.span_id);
  fields.Text("traceState", span.trace_state);
  fields.IdOf("parentSpanId", span.parent_span_id);
  fields.Number("flags", span.flags);
  fields.Text("name", span.name);
  fields.Number("kind", static_cast<int32_t>(span.kind));
  fields.Long("startTimeUnixNano", span.start_ns);
  fields.Long("endTimeUnixNano", span.end_ns);
  PutAttributes(fields, span.attributes);
  fields.Number("droppedAttributesCount", span.dropped_attributes_count);
  fields.Each("events", span.events, PutEvent);
  fields.Number("droppedEventsCount", span.dropped_events_count);
  fields.Each("links", span.links, PutLink);
  fields.Number("droppedLinksCount", span.dropped_links_count);
  fields.Key("status");
  PutStatus(json, span);
}

void PutItem(JsonWriter& json, const LogRecord& record) {
  Fields fields(json);
  fields.Long("timeUnixNano", record.time_ns);
  fields.Long("observedTimeUnixNano", record.observed_time_ns);
  fields.Number("severityNumber", record.severity_number);
  fields.Text("severityText", record.severity_text);
  fields.Key("body");
  PutValue(json, record.body);
  PutAttributes(fields, record.attributes);
  fields.Number("droppedAttributesCount", record.dropped_attributes_count);
  fields.Number("flags", record.flags);
  fields.IdOf("traceId", record.trace_id);
  fields.IdOf("spanId", record.span_id);
  fields.Text("eventName", record.event_name);
}

void PutNumber(Fields& fields, const Number& number) {
  if (number.kind == NumberKind::kDouble) fields.DoubleItem("asDouble", number.real);
  if (number.kind == NumberKind::kInt) fields.LongItem("asInt", number.integer);
}

void PutExemplar(JsonWriter& json, const Exemplar& exemplar) {
  Fields fields(json);
  PutAttributes(fields, exemplar.filtered_attributes, "filteredAttributes");
  fields.Long("timeUnixNano", exemplar.time_ns);
  PutNumber(fields, exemplar.value);
  fields.Hex("traceId", exemplar.trace_id);
  fields.Hex("spanId", exemplar.span_id);
}

void PutFlags(Fields& fields, const Point& point) {
  fields.Number("flags", point.has_no_value ? kNoRecordedValue : 0);
}

// What all points begin with.
void PutCommon(Fields& fields, const Point& point) {
  PutAttributes(fields, point.attributes);
  fields.Long("startTimeUnixNano", point.start_ns);
  fields.Long("timeUnixNano", point.time_ns);
}

void PutPoint(JsonWriter& json, const NumberPoint& point) {
  Fields fields(json);
  PutCommon(fields, point);
  PutNumber(fields, point.value);
  fields.Each("exemplars", point.exemplars, PutExemplar);
  PutFlags(fields, point);
}

void PutPoint(JsonWriter& json, const HistogramPoint& point) {
  Fields fields(json);
  PutCommon(fields, point);
  fields.Long("count", point.count);
  fields.Optional("sum", point.sum);
  fields.Each("bucketCounts", point.bucket_counts, PutLong);
  fields.Each("explicitBounds", point.explicit_bounds,
              [](JsonWriter& out, double bound) { Fields::Double(out, bound); });
  fields.Each("exemplars", point.exemplars, PutExemplar);
  PutFlags(fields, point);
  fields.Optional("min", point.min);
  fields.Optional("max", point.max);
}

void PutBuckets(JsonWriter& json, const ExponentialBuckets& buckets) {
  Fields fields(json);
  fields.Number("offset", buckets.offset);
  fields.Each("bucketCounts", buckets.counts, PutLong);
}

void PutPoint(JsonWriter& json, const ExponentialPoint& point) {
  Fields fields(json);
  PutCommon(fields, point);
  fields.Long("count", point.count);
  fields.Optional("sum", point.sum);
  fields.Number("scale", point.scale);
  fields.Long("zeroCount", point.zero_count);
  fields.Key("positive");
  PutBuckets(json, point.positive);
  fields.Key("negative");
  PutBuckets(json, point.negative);
  PutFlags(fields, point);
  fields.Each("exemplars", point.exemplars, PutExemplar);
  fields.Optional("min", point.min);
  fields.Optional("max", point.max);
  fields.Double("zeroThreshold", point.zero_threshold);
}

void PutQuantile(JsonWriter& json, const SummaryPoint::Quantile& quantile) {
  Fields fields(json);
  fields.Double("quantile", quantile.quantile);
  fields.Double("value", quantile.value);
}

void PutPoint(JsonWriter& json, const SummaryPoint& point) {
  Fields fields(json);
  PutCommon(fields, point);
  fields.Long("count", point.count);
  fields.Double("sum", point.sum);
  fields.Each("quantileValues", point.quantiles, PutQuantile);
  PutFlags(fields, point);
}

template <typename P>
void PutPoints(Fields& fields, const std::vector<P>& points) {
  fields.Each("dataPoints", points, [](JsonWriter& json, const P& point) { PutPoint(json, point); });
}

void PutTemporality(Fields& fields, const Metric& metric) {
  fields.Number("aggregationTemporality", static_cast<int32_t>(metric.temporality));
}

void PutData(JsonWriter& json, const Metric& metric) {
  Fields fields(json);
  switch (metric.kind) {
    case MetricKind::kNone:
      return;
    case MetricKind::kGauge:
      return PutPoints(fields, metric.numbers);
    case MetricKind::kSum:
      PutPoints(fields, metric.numbers);
      PutTemporality(fields, metric);
      if (metric.is_monotonic) fields.Key("isMonotonic").Bool(true);
      return;
    case MetricKind::kHistogram:
      PutPoints(fields, metric.histograms);
      return PutTemporality(fields, metric);
    case MetricKind::kExponentialHistogram:
      PutPoints(fields, metric.exponentials);
      return PutTemporality(fields, metric);
    case MetricKind::kSummary:
      return PutPoints(fields, metric.summaries);
  }
}

std::string_view DataName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kNone:
      break;
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kSum:
      return "sum";
    case MetricKind::kHistogram:
      return "histogram";
    case MetricKind::kExponentialHistogram:
      return "exponentialHistogram";
    case MetricKind::kSummary:
      return "summary";
  }
  return "";
}

void PutItem(JsonWriter& json, const Metric& metric) {
  Fields fields(json);
  fields.Text("name", metric.name);
  fields.Text("description", metric.description);
  fields.Text("unit", metric.unit);
  if (metric.kind != MetricKind::kNone) {
    fields.Key(DataName(metric.kind));
    PutData(json, metric);
  }
  PutAttributes(fields, metric.metadata, "metadata");
}

// What a signal's lists are called.
struct Names {
  std::string_view resources;
  std::string_view scopes;
  std::string_view items;
};

// Resources and scopes have the same form for all signals; `items` is where a scope has its items.
template <typename Data, typename Scope, typename Item>
std::string Encode(const Data& data, const Names& names, std::vector<Item> Scope::* items) {
  std::string buffer;
  buffer.reserve(2 * data.memory.bytes());
  JsonWriter json(std::move(buffer));
  {
    Fields request(json);
    request.Each(names.resources, data.resources, [&](JsonWriter&, const auto& resource) {
      Fields fields(json);
      fields.Key("resource");
      PutResource(json, resource.resource);
      fields.Each(names.scopes, resource.scopes, [&](JsonWriter&, const Scope& scope) {
        Fields scope_fields(json);
        scope_fields.Key("scope");
        PutScope(json, scope.scope);
        scope_fields.Each(names.items, scope.*items,
                          [](JsonWriter& out, const Item& item) { PutItem(out, item); });
        scope_fields.Text("schemaUrl", scope.schema_url);
      });
      fields.Text("schemaUrl", resource.schema_url);
    });
  }
  return std::move(json).Take();
}

}  // namespace

std::string EncodeTracesJson(const TracesData& data) {
  return Encode(data, {"resourceSpans", "scopeSpans", "spans"}, &ScopeSpans::spans);
}
std::string EncodeMetricsJson(const MetricsData& data) {
  return Encode(data, {"resourceMetrics", "scopeMetrics", "metrics"}, &ScopeMetrics::metrics);
}
std::string EncodeLogsJson(const LogsData& data) {
  return Encode(data, {"resourceLogs", "scopeLogs", "logRecords"}, &ScopeLogs::records);
}

}  // namespace sextant::otlp
