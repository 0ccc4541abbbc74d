#include "otlp/encode.h"

#include <algorithm>
#include <ranges>

#include "otlp/common_encode.h"

namespace sextant::otlp {

using std::views::reverse;
using wire::ReverseWriter;

namespace {

constexpr uint32_t kNoRecordedValue = 1;  // a flag of data points

void PutEnum(ReverseWriter& out, uint32_t field, int32_t value) {
  out.PutUintField(field, static_cast<uint64_t>(static_cast<int64_t>(value)));
}

void PutEvent(ReverseWriter& out, const SpanEvent& event) {
  size_t mark = out.Mark();
  out.PutUintField(4, event.dropped_attributes_count);
  PutAttributes(out, 3, event.attributes);
  out.PutBytesField(2, event.name);
  out.PutFixed64Field(1, event.time_ns);
  out.EndSubmessage(11, mark);
}

void PutLink(ReverseWriter& out, const SpanLink& link) {
  size_t mark = out.Mark();
  out.PutFixed32Field(6, link.flags);
  out.PutUintField(5, link.dropped_attributes_count);
  PutAttributes(out, 4, link.attributes);
  out.PutBytesField(3, link.trace_state);
  PutId(out, 2, link.span_id);
  PutId(out, 1, link.trace_id);
  out.EndSubmessage(13, mark);
}

void PutStatus(ReverseWriter& out, const Span& span) {
  if (span.status == StatusCode::kUnset && span.status_message.empty()) return;
  size_t mark = out.Mark();
  PutEnum(out, 3, static_cast<int32_t>(span.status));
  out.PutBytesField(2, span.status_message);
  out.EndSubmessage(15, mark);
}

void PutItem(ReverseWriter& out, const Span& span) {
  size_t mark = out.Mark();
  out.PutFixed32Field(16, span.flags);
  PutStatus(out, span);
  out.PutUintField(14, span.dropped_links_count);
  for (const SpanLink& link : span.links | reverse) PutLink(out, link);
  out.PutUintField(12, span.dropped_events_count);
  for (const SpanEvent& event : span.events | reverse) PutEvent(out, event);
  out.PutUintField(10, span.dropped_attributes_count);
  PutAttributes(out, 9, span.attributes);
  out.PutFixed64Field(8, span.end_ns);
  out.PutFixed64Field(7, span.start_ns);
  PutEnum(out, 6, static_cast<int32_t>(span.kind));
  out.PutBytesField(5, span.name);
  PutId(out, 4, span.parent_span_id);
  out.PutBytesField(3, span.trace_state);
  PutId(out, 2, span.span_id);
  PutId(out, 1, span.trace_id);
  out.EndSubmessage(2, mark);
}

void PutItem(ReverseWriter& out, const LogRecord& record) {
  size_t mark = out.Mark();
  out.PutBytesField(12, record.event_name);
  out.PutFixed64Field(11, record.observed_time_ns);
  PutId(out, 10, record.span_id);
  PutId(out, 9, record.trace_id);
  out.PutFixed32Field(8, record.flags);
  out.PutUintField(7, record.dropped_attributes_count);
  PutAttributes(out, 6, record.attributes);
  PutValueField(out, 5, record.body);
  out.PutBytesField(3, record.severity_text);
  PutEnum(out, 2, record.severity_number);
  out.PutFixed64Field(1, record.time_ns);
  out.EndSubmessage(2, mark);
}

void PutNumber(ReverseWriter& out, const Number& number, uint32_t double_field, uint32_t int_field) {
  if (number.kind == NumberKind::kDouble) out.PutDoubleItem(double_field, number.real);
  if (number.kind == NumberKind::kInt) {
    out.PutFixed64Item(int_field, static_cast<uint64_t>(number.integer));
  }
}

void PutOptional(ReverseWriter& out, uint32_t field, const std::optional<double>& value) {
  if (value) out.PutDoubleItem(field, *value);
}

void PutExemplars(ReverseWriter& out, uint32_t field, const std::vector<Exemplar>& exemplars) {
  for (const Exemplar& exemplar : exemplars | reverse) {
    size_t mark = out.Mark();
    PutAttributes(out, 7, exemplar.filtered_attributes);
    if (exemplar.value.kind == NumberKind::kInt) PutNumber(out, exemplar.value, 3, 6);
    out.PutBytesField(5, exemplar.trace_id);
    out.PutBytesField(4, exemplar.span_id);
    if (exemplar.value.kind == NumberKind::kDouble) PutNumber(out, exemplar.value, 3, 6);
    out.PutFixed64Field(2, exemplar.time_ns);
    out.EndSubmessage(field, mark);
  }
}

void PutFlags(ReverseWriter& out, uint32_t field, const Point& point) {
  out.PutUintField(field, point.has_no_value ? kNoRecordedValue : 0);
}

void PutPoint(ReverseWriter& out, const NumberPoint& point) {
  PutFlags(out, 8, point);
  PutAttributes(out, 7, point.attributes);
  if (point.value.kind == NumberKind::kInt) PutNumber(out, point.value, 4, 6);
  PutExemplars(out, 5, point.exemplars);
  if (point.value.kind == NumberKind::kDouble) PutNumber(out, point.value, 4, 6);
  out.PutFixed64Field(3, point.time_ns);
  out.PutFixed64Field(2, point.start_ns);
}

void PutPoint(ReverseWriter& out, const HistogramPoint& point) {
  PutOptional(out, 12, point.max);
  PutOptional(out, 11, point.min);
  PutFlags(out, 10, point);
  PutAttributes(out, 9, point.attributes);
  PutExemplars(out, 8, point.exemplars);
  if (!point.explicit_bounds.empty()) {
    size_t mark = out.Mark();
    for (double bound : point.explicit_bounds | reverse) out.PutRaw64(std::bit_cast<uint64_t>(bound));
    out.EndSubmessage(7, mark);
  }
  if (!point.bucket_counts.empty()) {
    size_t mark = out.Mark();
    for (uint64_t count : point.bucket_counts | reverse) out.PutRaw64(count);
    out.EndSubmessage(6, mark);
  }
  PutOptional(out, 5, point.sum);
  out.PutFixed64Field(4, point.count);
  out.PutFixed64Field(3, point.time_ns);
  out.PutFixed64Field(2, point.start_ns);
}

void PutBuckets(ReverseWriter& out, uint32_t field, const ExponentialBuckets& buckets) {
  if (buckets.offset == 0 && buckets.counts.empty()) return;
  size_t mark = out.Mark();
  if (!buckets.counts.empty()) {
    size_t counts_mark = out.Mark();
    for (uint64_t count : buckets.counts | reverse) out.PutVarint(count);
    out.EndSubmessage(2, counts_mark);
  }
  out.PutSintField(1, buckets.offset);
  out.EndSubmessage(field, mark);
}

void PutPoint(ReverseWriter& out, const ExponentialPoint& point) {
  out.PutDoubleField(14, point.zero_threshold);
  PutOptional(out, 13, point.max);
  PutOptional(out, 12, point.min);
  PutExemplars(out, 11, point.exemplars);
  PutFlags(out, 10, point);
  PutBuckets(out, 9, point.negative);
  PutBuckets(out, 8, point.positive);
  out.PutFixed64Field(7, point.zero_count);
  out.PutSintField(6, point.scale);
  PutOptional(out, 5, point.sum);
  out.PutFixed64Field(4, point.count);
  out.PutFixed64Field(3, point.time_ns);
  out.PutFixed64Field(2, point.start_ns);
  PutAttributes(out, 1, point.attributes);
}

void PutPoint(ReverseWriter& out, const SummaryPoint& point) {
  PutFlags(out, 8, point);
  PutAttributes(out, 7, point.attributes);
  for (const SummaryPoint::Quantile& quantile : point.quantiles | reverse) {
    size_t mark = out.Mark();
    out.PutDoubleField(2, quantile.value);
    out.PutDoubleField(1, quantile.quantile);
    out.EndSubmessage(6, mark);
  }
  out.PutDoubleField(5, point.sum);
  out.PutFixed64Field(4, point.count);
  out.PutFixed64Field(3, point.time_ns);
  out.PutFixed64Field(2, point.start_ns);
}

template <typename P>
void PutPoints(ReverseWriter& out, const std::vector<P>& points) {
  for (const P& point : points | reverse) {
    size_t mark = out.Mark();
    PutPoint(out, point);
    out.EndSubmessage(1, mark);
  }
}

void PutItem(ReverseWriter& out, const Metric& metric) {
  size_t mark = out.Mark();
  PutAttributes(out, 12, metric.metadata);
  size_t data_mark = out.Mark();
  uint32_t field = 0;
  switch (metric.kind) {
    case MetricKind::kNone:
      break;
    case MetricKind::kGauge:
      field = 5;
      PutPoints(out, metric.numbers);
      break;
    case MetricKind::kSum:
      field = 7;
      out.PutUintField(3, metric.is_monotonic ? 1 : 0);
      PutEnum(out, 2, static_cast<int32_t>(metric.temporality));
      PutPoints(out, metric.numbers);
      break;
    case MetricKind::kHistogram:
      field = 9;
      PutEnum(out, 2, static_cast<int32_t>(metric.temporality));
      PutPoints(out, metric.histograms);
      break;
    case MetricKind::kExponentialHistogram:
      field = 10;
      PutEnum(out, 2, static_cast<int32_t>(metric.temporality));
      PutPoints(out, metric.exponentials);
      break;
    case MetricKind::kSummary:
      field = 11;
      PutPoints(out, metric.summaries);
      break;
  }
  if (field != 0) out.EndSubmessage(field, data_mark);
  out.PutBytesField(3, metric.unit);
  out.PutBytesField(2, metric.description);
  out.PutBytesField(1, metric.name);
  out.EndSubmessage(2, mark);
}

const std::vector<Span>& ItemsOf(const ScopeSpans& scope) { return scope.spans; }
const std::vector<Metric>& ItemsOf(const ScopeMetrics& scope) { return scope.metrics; }
const std::vector<LogRecord>& ItemsOf(const ScopeLogs& scope) { return scope.records; }

// Resources and scopes have the same form for all signals.
template <typename Data>
void PutRequest(ReverseWriter& out, const Data& data) {
  for (const auto& resource : data.resources | reverse) {
    size_t mark = out.Mark();
    out.PutBytesField(3, resource.schema_url);
    for (const auto& scope : resource.scopes | reverse) {
      size_t scope_mark = out.Mark();
      out.PutBytesField(3, scope.schema_url);
      for (const auto& item : ItemsOf(scope) | reverse) PutItem(out, item);
      PutScope(out, 1, scope.scope);
      out.EndSubmessage(2, scope_mark);
    }
    PutResource(out, 1, resource.resource);
    out.EndSubmessage(1, mark);
  }
}

size_t CountItems(const TracesData& data) { return CountSpans(data); }
size_t CountItems(const MetricsData& data) { return CountPoints(data); }
size_t CountItems(const LogsData& data) { return CountRecords(data); }

// Hardly ever too little. What is too much costs no memory, since a message is written from its end and
// pages that are never touched are never there; yet data may share the memory of much larger data.
template <typename Data>
size_t RoomFor(const Data& data) {
  constexpr size_t kBytesPerItem = 1024;
  return std::min(data.memory.bytes() + 4096, (CountItems(data) + 4) * kBytesPerItem);
}

template <typename Data>
void EncodeRequest(const Data& data, ReverseWriter& out) {
  out.Clear(RoomFor(data));
  PutRequest(out, data);
}

template <typename Data>
std::string EncodeRequest(const Data& data) {
  ReverseWriter out(RoomFor(data));
  PutRequest(out, data);
  return std::move(out).Finish();
}

// Writing is as quick as counting would be.
template <typename Data>
size_t SizeOfRequest(const Data& data) {
  ReverseWriter out(RoomFor(data));
  PutRequest(out, data);
  return out.size();
}

template <typename Item>
size_t SizeOfItem(const Item& item) {
  ReverseWriter out(512);
  PutItem(out, item);
  return out.size();
}

}  // namespace

std::string EncodeTraces(const TracesData& data) { return EncodeRequest(data); }
std::string EncodeMetrics(const MetricsData& data) { return EncodeRequest(data); }
std::string EncodeLogs(const LogsData& data) { return EncodeRequest(data); }

void EncodeTraces(const TracesData& data, ReverseWriter& out) { EncodeRequest(data, out); }
void EncodeMetrics(const MetricsData& data, ReverseWriter& out) { EncodeRequest(data, out); }
void EncodeLogs(const LogsData& data, ReverseWriter& out) { EncodeRequest(data, out); }

size_t EncodedSize(const Span& span) { return SizeOfItem(span); }
size_t EncodedSize(const LogRecord& record) { return SizeOfItem(record); }
size_t EncodedSize(const TracesData& data) { return SizeOfRequest(data); }
size_t EncodedSize(const MetricsData& data) { return SizeOfRequest(data); }
size_t EncodedSize(const LogsData& data) { return SizeOfRequest(data); }

}  // namespace sextant::otlp
