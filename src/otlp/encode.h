// OTLP's data as the protocol's messages. What was decoded and not changed gives the message's content again,
// with fields in the order of their numbers; fields that nobody knows are lost.
#pragma once

#include <string>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"

namespace sextant::otlp {

// ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest as protobuf.
std::string EncodeTraces(const TracesData& data);
std::string EncodeMetrics(const MetricsData& data);
std::string EncodeLogs(const LogsData& data);

// The size that one item, and the whole message, have there.
size_t EncodedSize(const Span& span);
size_t EncodedSize(const LogRecord& record);
size_t EncodedSize(const TracesData& data);
size_t EncodedSize(const MetricsData& data);
size_t EncodedSize(const LogsData& data);

}  // namespace sextant::otlp
