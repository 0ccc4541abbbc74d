// What Jaeger's encodings have in common, and its translation. Private to this module.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "otlp/spans.h"

namespace sextant::traceformats {

// Both encodings have these numbers.
enum class JaegerReference : int32_t { kChildOf = 0, kFollowsFrom = 1 };

struct JaegerRef {
  otlp::TraceId trace_id;
  otlp::SpanId span_id;
  JaegerReference type = JaegerReference::kChildOf;
};

// Tags as they came: a key may be there more than once.
using JaegerTags = otlp::List<otlp::KeyValue>;

struct JaegerLog {
  uint64_t time_ns = 0;
  JaegerTags fields;
};

struct JaegerSpan {
  otlp::TraceId trace_id;
  otlp::SpanId span_id;
  otlp::SpanId parent_span_id;  // where it is said outside of the references
  std::string_view operation;
  uint64_t start_ns = 0;
  uint64_t end_ns = 0;
  otlp::List<JaegerRef> references;
  JaegerTags tags;
  otlp::List<JaegerLog> logs;
};

struct JaegerProcess {
  std::string_view service;
  JaegerTags tags;
};

// A number as an id, most significant byte first.
template <size_t N>
void PutBigEndian(uint64_t number, otlp::Id<N>& id, size_t at) {
  for (size_t i = 0; i < 8; ++i) id.bytes[at + i] = static_cast<uint8_t>(number >> (56 - 8 * i));
}

otlp::Resource TranslateJaegerProcess(const JaegerProcess& process, otlp::Memory& memory);
// `takes_scopes`: tags that name the library become the scope, as with protobuf and not with thrift.
void TranslateJaegerSpans(const std::vector<JaegerSpan>& spans, bool takes_scopes, otlp::ResourceSpans& out,
                          otlp::Memory& memory);

}  // namespace sextant::traceformats
