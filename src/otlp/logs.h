// Log records as OTLP sends them (opentelemetry.proto.logs.v1), and their encodings.
//
// Data decoded from protobuf refers to the bytes that were decoded, which must outlive it (or be kept by its
// memory); data from JSON has what it refers to.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "otlp/attributes.h"
#include "otlp/ids.h"
#include "otlp/limits.h"
#include "otlp/memory.h"

namespace sextant::otlp {

struct LogRecord {
  uint64_t time_ns = 0;
  uint64_t observed_time_ns = 0;
  int32_t severity_number = 0;  // the protocol's, 1 (TRACE) to 24 (FATAL4)
  std::string_view severity_text;
  AnyValue body;
  Attributes attributes;
  uint32_t dropped_attributes_count = 0;
  uint32_t flags = 0;
  TraceId trace_id;
  SpanId span_id;
  std::string_view event_name;
};

struct ScopeLogs {
  Scope scope;
  std::string_view schema_url;
  std::vector<LogRecord> records;
};

struct ResourceLogs {
  Resource resource;
  std::string_view schema_url;
  std::vector<ScopeLogs> scopes;
};

struct LogsData {
  std::vector<ResourceLogs> resources;
  Memory memory;  // of what is referred to
};

size_t CountRecords(const LogsData& data);

// ExportLogsServiceRequest (or LogsData, which is the same) as protobuf and as OTLP's JSON.
// kInvalidArgument when the bytes are no such message, kResourceExhausted above the limits.
core::Result<LogsData> DecodeLogs(std::string_view bytes);
core::Result<LogsData> DecodeLogsJson(std::string_view text);

}  // namespace sextant::otlp
