// Spans of Zipkin's version 1 from any encoding, and their translation. Private to this module.
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "otlp/spans.h"

namespace sextant::traceformats {

struct ZipkinV1Endpoint {
  std::string_view service;
  std::string_view ipv4;
  std::string_view ipv6;
  int32_t port = 0;
};

struct ZipkinV1Annotation {
  int64_t time_us = 0;
  std::string_view value;
  ZipkinV1Endpoint endpoint;
};

struct ZipkinV1BinaryAnnotation {
  std::string_view key;
  otlp::AnyValue value;
  std::string_view raw;        // the value as it came
  bool names_service = false;  // its endpoint gives the service when no annotation does
  std::string_view service;
};

struct ZipkinV1Span {
  otlp::TraceId trace_id;
  otlp::SpanId id;
  otlp::SpanId parent_id;
  std::string_view name;
  bool has_time = false;
  int64_t time_us = 0;
  int64_t duration_us = 0;
  std::vector<ZipkinV1Annotation> annotations;
  std::vector<ZipkinV1BinaryAnnotation> binary_annotations;
};

// Adds spans to data, those of one endpoint together.
class ZipkinV1Translator {
 public:
  // `now_ns` is the time of spans without one; with 0 they stay without.
  ZipkinV1Translator(uint64_t now_ns, otlp::TracesData& data) : now_ns_(now_ns), data_(data) {}

  void Add(const ZipkinV1Span& span);

 private:
  std::vector<otlp::Span>& SpansOf(const ZipkinV1Endpoint& endpoint);

  uint64_t now_ns_;
  otlp::TracesData& data_;
  absl::flat_hash_map<std::string, size_t> resource_of_;
};

}  // namespace sextant::traceformats
