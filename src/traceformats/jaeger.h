// Jaeger's spans, in the forms in which its clients and agents send them, as OTLP's. What becomes of tags,
// references, logs and processes is what the collector's pkg/translator/jaeger makes of them.
//
// Data refers to the bytes that were decoded, which must outlive it (or be kept by its memory).
// kInvalidArgument when the bytes are no such message, kResourceExhausted above the limits of otlp/limits.h.
#pragma once

#include <string_view>

#include "core/result.h"
#include "otlp/spans.h"

namespace sextant::traceformats {

// jaeger.api_v2.PostSpansRequest, as the gRPC method jaeger.api_v2.CollectorService/PostSpans takes it.
core::Result<otlp::TracesData> DecodeJaegerProtobuf(std::string_view bytes);

// A Batch in thrift's binary protocol, as POST /api/traces takes it.
core::Result<otlp::TracesData> DecodeJaegerThrift(std::string_view bytes);

// The agent's method emitBatch, one call in a UDP packet: compact on port 6831, binary on 6832. The method
// emitZipkinBatch is kUnimplemented, as the collector refuses it.
core::Result<otlp::TracesData> DecodeJaegerAgentCompact(std::string_view packet);
core::Result<otlp::TracesData> DecodeJaegerAgentBinary(std::string_view packet);

}  // namespace sextant::traceformats
