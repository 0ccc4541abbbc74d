// Spans as OTLP sends them (opentelemetry.proto.trace.v1), and their encodings.
//
// Data decoded from protobuf refers to the bytes that were decoded, which must outlive it (or be kept by its
// memory); data from JSON has what it refers to.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/attributes.h"
#include "otlp/ids.h"
#include "otlp/limits.h"
#include "otlp/memory.h"

namespace sextant::otlp {

// The protocol's numbers; others are kept as they came.
enum class SpanKind : int32_t { kUnspecified, kInternal, kServer, kClient, kProducer, kConsumer };
enum class StatusCode : int32_t { kUnset, kOk, kError };

struct SpanEvent {
  uint64_t time_ns = 0;
  std::string_view name;
  Attributes attributes;
  uint32_t dropped_attributes_count = 0;
};

struct SpanLink {
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  Attributes attributes;
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
};

struct Span {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;
  SpanKind kind = SpanKind::kUnspecified;
  uint32_t flags = 0;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  std::string_view trace_state;
  std::string_view name;
  Attributes attributes;
  List<SpanEvent> events;
  List<SpanLink> links;
  StatusCode status = StatusCode::kUnset;
  std::string_view status_message;
  uint32_t dropped_attributes_count = 0;
  uint32_t dropped_events_count = 0;
  uint32_t dropped_links_count = 0;
};

struct ScopeSpans {
  Scope scope;
  std::string_view schema_url;
  std::vector<Span> spans;
};

struct ResourceSpans {
  Resource resource;
  std::string_view schema_url;
  std::vector<ScopeSpans> scopes;
};

struct TracesData {
  std::vector<ResourceSpans> resources;
  Memory memory;  // of what is referred to
};

size_t CountSpans(const TracesData& data);

// ExportTraceServiceRequest (or TracesData, which is the same) as protobuf and as OTLP's JSON.
// kInvalidArgument when the bytes are no such message, kResourceExhausted above the limits.
core::Result<TracesData> DecodeTraces(std::string_view bytes);
core::Result<TracesData> DecodeTracesJson(std::string_view text);

}  // namespace sextant::otlp
