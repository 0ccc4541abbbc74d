// Zipkin's spans, in all forms in which its clients send them, as OTLP's. What becomes of tags, annotations
// and endpoints is what the collector's pkg/translator/zipkin makes of them.
//
// Data from JSON has what it refers to; other data refers to the bytes that were decoded, which must outlive
// it (or be kept by its memory). kInvalidArgument when the bytes are no such message, kResourceExhausted
// above the limits of otlp/limits.h.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/result.h"
#include "otlp/spans.h"

namespace sextant::traceformats {

struct ZipkinOptions {
  // Tags that look like numbers or bools become such (the receiver's option parse_string_tags).
  bool parses_text_tags = false;
  // The time of spans that have none, for JSON of version 1.
  uint64_t now_ns = 0;
};

// POST /api/v2/spans: a list of spans, or zipkin.proto3.ListOfSpans.
core::Result<otlp::TracesData> DecodeZipkinV2Json(std::string_view text, const ZipkinOptions& options);
core::Result<otlp::TracesData> DecodeZipkinProtobuf(std::string_view bytes, const ZipkinOptions& options);

// POST /api/v1/spans: a list of spans, or a list of zipkincore.Span in thrift's binary protocol.
core::Result<otlp::TracesData> DecodeZipkinV1Json(std::string_view text, const ZipkinOptions& options);
core::Result<otlp::TracesData> DecodeZipkinV1Thrift(std::string_view bytes);

}  // namespace sextant::traceformats
