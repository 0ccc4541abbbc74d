// Our own spans as a request of OTLP (opentelemetry.proto.collector.trace.v1), and what its answer says.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/trace.h"

namespace sextant::otlp {

// An ExportTraceServiceRequest of one resource with these attributes. `scope` names who made the spans.
std::string EncodeSpans(std::span<const core::SpanAttribute> resource, std::string_view scope,
                        std::span<const core::SpanData> spans);

// What an ExportTraceServiceResponse says of spans that were not taken.
struct PartialSuccess {
  uint64_t rejected_spans = 0;
  std::string message;
};
// Errors: kInvalidArgument for malformed bytes.
core::Result<PartialSuccess> DecodeExportResponse(std::string_view bytes);

}  // namespace sextant::otlp
