// Spans of Zipkin's version 2 from any encoding, and their translation. Private to this module.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/spans.h"

namespace sextant::traceformats {

struct ZipkinEndpoint {
  std::string_view service;
  std::string_view ipv4;  // as text; "" for none
  std::string_view ipv6;  // likewise
  uint32_t port = 0;
};

struct ZipkinAnnotation {
  uint64_t time_ns = 0;
  std::string_view value;
};

struct ZipkinSpan {
  otlp::TraceId trace_id;
  otlp::SpanId id;
  otlp::SpanId parent_id;
  std::string_view name;
  otlp::SpanKind kind = otlp::SpanKind::kUnspecified;
  bool has_start = false;
  uint64_t start_ns = 0;
  uint64_t duration_ns = 0;
  ZipkinEndpoint local;
  ZipkinEndpoint remote;
  otlp::List<ZipkinAnnotation> annotations;
  otlp::Attributes tags;  // texts, each key once
};

// Sorts the spans by service and library and adds them to `data`, in whose memory all is that they refer to.
// kInvalidArgument when a tag or annotation that carries OTLP's own data does not hold it.
core::Status TranslateZipkinSpans(std::vector<ZipkinSpan>& spans, bool parses_text_tags,
                                  otlp::TracesData& data);

}  // namespace sextant::traceformats
