// Log records from OTLP's JSON.
#include "otlp/common_json.h"
#include "otlp/logs.h"

namespace sextant::otlp {

namespace {

using core::Status;
using Element = JsonReader::Element;

constexpr EnumName kSeverities[] = {
    {"SEVERITY_NUMBER_UNSPECIFIED", 0}, {"SEVERITY_NUMBER_TRACE", 1},   {"SEVERITY_NUMBER_TRACE2", 2},
    {"SEVERITY_NUMBER_TRACE3", 3},      {"SEVERITY_NUMBER_TRACE4", 4},  {"SEVERITY_NUMBER_DEBUG", 5},
    {"SEVERITY_NUMBER_DEBUG2", 6},      {"SEVERITY_NUMBER_DEBUG3", 7},  {"SEVERITY_NUMBER_DEBUG4", 8},
    {"SEVERITY_NUMBER_INFO", 9},        {"SEVERITY_NUMBER_INFO2", 10},  {"SEVERITY_NUMBER_INFO3", 11},
    {"SEVERITY_NUMBER_INFO4", 12},      {"SEVERITY_NUMBER_WARN", 13},   {"SEVERITY_NUMBER_WARN2", 14},
    {"SEVERITY_NUMBER_WARN3", 15},      {"SEVERITY_NUMBER_WARN4", 16},  {"SEVERITY_NUMBER_ERROR", 17},
    {"SEVERITY_NUMBER_ERROR2", 18},     {"SEVERITY_NUMBER_ERROR3", 19}, {"SEVERITY_NUMBER_ERROR4", 20},
    {"SEVERITY_NUMBER_FATAL", 21},      {"SEVERITY_NUMBER_FATAL2", 22}, {"SEVERITY_NUMBER_FATAL3", 23},
    {"SEVERITY_NUMBER_FATAL4", 24}};

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : budget_(message_bytes, kMaxDecodedFactor), json_(budget_, memory) {}

  Status ReadRequest(Element request, LogsData& out) {
    return json_.ReadResources(request, "resourceLogs", "scopeLogs", out.resources,
                               [&](Element item, ScopeLogs& scope) {
                                 return json_.ForEach(item, "logRecords", [&](Element record) -> Status {
                                   SEXTANT_ASSIGN(LogRecord * added, budget_.Add(scope.records));
                                   return ReadRecord(record, *added);
                                 });
                               });
  }

 private:
  Status ReadRecord(Element item, LogRecord& out) {
    SEXTANT_TRY(json_.UInt(item, "timeUnixNano", out.time_ns));
    SEXTANT_TRY(json_.UInt(item, "observedTimeUnixNano", out.observed_time_ns));
    SEXTANT_TRY(json_.Enum(item, "severityNumber", kSeverities, out.severity_number));
    SEXTANT_TRY(json_.Text(item, "severityText", out.severity_text));
    SEXTANT_TRY(json_.Value(item, "body", out.body));
    SEXTANT_TRY(json_.Attributes(item, "attributes", out.attributes));
    SEXTANT_TRY(json_.UInt32(item, "droppedAttributesCount", out.dropped_attributes_count));
    SEXTANT_TRY(json_.UInt32(item, "flags", out.flags));
    SEXTANT_TRY(json_.ReadTraceId(item, "traceId", out.trace_id));
    SEXTANT_TRY(json_.ReadSpanId(item, "spanId", out.span_id));
    return json_.Text(item, "eventName", out.event_name);
  }

  DecodeBudget budget_;
  JsonReader json_;
};

}  // namespace

core::Result<LogsData> DecodeLogsJson(std::string_view text) {
  LogsData data;
  SEXTANT_ASSIGN(Element request, JsonReader::Parse(text, data.memory));
  Decoder decoder(text.size(), data.memory);
  SEXTANT_TRY(decoder.ReadRequest(request, data));
  return data;
}

}  // namespace sextant::otlp
