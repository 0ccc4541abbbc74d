// OTLP's data as OTLP's JSON, in the form that the collector's own marshaler gives it: names in camel case,
// numbers of 64 bits as texts, ids in hexadecimal, enums as numbers, bytes in base64, NaN and infinities as
// "NaN", "Infinity" and "-Infinity" (as the protocol has them); fields in the order of the protocol's files,
// those with their default value left out. Text that is not UTF-8 becomes U+FFFD, since JSON cannot have it.
#pragma once

#include <string>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"

namespace sextant::otlp {

// ExportTraceServiceRequest, ExportMetricsServiceRequest, ExportLogsServiceRequest, without a line break.
std::string EncodeTracesJson(const TracesData& data);
std::string EncodeMetricsJson(const MetricsData& data);
std::string EncodeLogsJson(const LogsData& data);

}  // namespace sextant::otlp
