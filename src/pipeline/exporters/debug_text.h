// Telemetry as the debug exporter shows it, for people who look at what passes.
#pragma once

#include <string>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/spans.h"

namespace sextant::pipeline {

// Everything there is, a line for each field (the collector's otlptext, `verbosity: detailed`).
std::string DetailedText(const otlp::TracesData& data);
std::string DetailedText(const otlp::MetricsData& data);
std::string DetailedText(const otlp::LogsData& data);

// A line for each span, data point or log record (`verbosity: normal`).
std::string NormalText(const otlp::TracesData& data);
std::string NormalText(const otlp::MetricsData& data);
std::string NormalText(const otlp::LogsData& data);

// The collector's names, also in other places than text: "Cumulative", "Info2", "Server".
std::string_view TemporalityName(otlp::Temporality temporality);
std::string_view SpanKindName(otlp::SpanKind kind);
std::string_view StatusCodeName(otlp::StatusCode code);
std::string SeverityName(int32_t severity_number);

// A time in UTC as Go prints it: "2020-02-11 20:26:13.000000789 +0000 UTC".
std::string GoTimeText(uint64_t time_ns);

}  // namespace sextant::pipeline
