// OTLP's data as the protocol's messages. What was decoded and not changed gives the message's content again,
// with fields in the order of their numbers; fields that nobody knows are lost.
#pragma once

#include <string>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"
#include "wire/reverse_writer.h"

namespace sextant::otlp {

// ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest as protobuf.
std::string EncodeTraces(const TracesData& data);
std::string EncodeMetrics(const MetricsData& data);
std::string EncodeLogs(const LogsData& data);

// The same in place of what the writer had. Whoever sends often keeps a writer: that saves the copy and the
// fresh pages of each message, a third of the time.
void EncodeTraces(const TracesData& data, wire::ReverseWriter& out);
void EncodeMetrics(const MetricsData& data, wire::ReverseWriter& out);
void EncodeLogs(const LogsData& data, wire::ReverseWriter& out);

// The size that one item, and the whole message, have there.
size_t EncodedSize(const Span& span);
size_t EncodedSize(const LogRecord& record);
size_t EncodedSize(const TracesData& data);
size_t EncodedSize(const MetricsData& data);
size_t EncodedSize(const LogsData& data);

}  // namespace sextant::otlp
