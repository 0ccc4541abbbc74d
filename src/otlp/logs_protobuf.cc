// Log records from protobuf. Numbers of the schema: opentelemetry/proto/logs/v1/logs.proto.
#include "otlp/common_protobuf.h"
#include "otlp/logs.h"
#include "wire/decode.h"

namespace sextant::otlp {

namespace {

using core::Status;
using wire::Bytes;
using wire::Fixed32;
using wire::Fixed64;
using wire::pbf_reader;
using wire::ReaderOf;
using wire::Varint;
using wire::View;

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  Status ReadRequest(std::string_view bytes, LogsData& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() != Bytes(1)) {
        reader.skip();
        continue;
      }
      SEXTANT_ASSIGN(ResourceLogs * item, budget_.Add(out.resources));
      SEXTANT_TRY(ReadResourceLogs(View(reader), *item));
    }
    return {};
  }

 private:
  Status ReadResourceLogs(std::string_view bytes, ResourceLogs& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadResource(View(reader), out.resource));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(ScopeLogs * item, budget_.Add(out.scopes));
          SEXTANT_TRY(ReadScopeLogs(View(reader), *item));
          break;
        }
        case Bytes(3):
          out.schema_url = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadScopeLogs(std::string_view bytes, ScopeLogs& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadScope(View(reader), out.scope));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(LogRecord * item, budget_.Add(out.records));
          SEXTANT_TRY(ReadRecord(View(reader), *item));
          break;
        }
        case Bytes(3):
          out.schema_url = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    return {};
  }

  Status ReadRecord(std::string_view bytes, LogRecord& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Fixed64(1):
          out.time_ns = reader.get_fixed64();
          break;
        case Varint(2):
          out.severity_number = reader.get_enum();
          break;
        case Bytes(3):
          out.severity_text = View(reader);
          break;
        case Bytes(5):
          SEXTANT_TRY(common_.ReadValue(View(reader), out.body));
          break;
        case Bytes(6):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Varint(7):
          out.dropped_attributes_count = reader.get_uint32();
          break;
        case Fixed32(8):
          out.flags = reader.get_fixed32();
          break;
        case Bytes(9):
          SEXTANT_TRY(CommonReader::ReadTraceId(View(reader), out.trace_id));
          break;
        case Bytes(10):
          SEXTANT_TRY(CommonReader::ReadSpanId(View(reader), out.span_id));
          break;
        case Fixed64(11):
          out.observed_time_ns = reader.get_fixed64();
          break;
        case Bytes(12):
          out.event_name = View(reader);
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  DecodeBudget budget_;
  CommonReader common_;
};

}  // namespace

core::Result<LogsData> DecodeLogs(std::string_view bytes) {
  LogsData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(wire::Guarded("ExportLogsServiceRequest", [&] { return decoder.ReadRequest(bytes, data); }));
  return data;
}

size_t CountRecords(const LogsData& data) {
  size_t count = 0;
  for (const ResourceLogs& resource : data.resources) {
    for (const ScopeLogs& scope : resource.scopes) count += scope.records.size();
  }
  return count;
}

}  // namespace sextant::otlp
