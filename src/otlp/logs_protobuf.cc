// Log records from protobuf. Numbers of the schema: opentelemetry/proto/logs/v1/logs.proto.
#include "otlp/common_protobuf.h"
#include "otlp/logs.h"
#include "otlp/message_reader.h"

namespace sextant::otlp {

namespace {

using wire::Bytes;
using wire::Fixed32;
using wire::Fixed64;
using wire::Varint;

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  void ReadRequest(std::string_view bytes, LogsData& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag != Bytes(1)) {
        reader.Skip();
        continue;
      }
      ReadResourceLogs(reader.View(), AddTo(budget_, out.resources));
    }
  }

 private:
  void ReadResourceLogs(std::string_view bytes, ResourceLogs& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadResource(reader.View(), out.resource);
          break;
        case Bytes(2):
          ReadScopeLogs(reader.View(), AddTo(budget_, out.scopes));
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadScopeLogs(std::string_view bytes, ScopeLogs& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadScope(reader.View(), out.scope);
          break;
        case Bytes(2):
          if (out.records.empty()) Reserve(budget_, CountFields(bytes, Bytes(2)), out.records);
          ReadRecord(reader.View(), out.records.emplace_back());
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadRecord(std::string_view bytes, LogRecord& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Fixed64(1):
          out.time_ns = reader.Fixed64();
          break;
        case Varint(2):
          out.severity_number = reader.Enum();
          break;
        case Bytes(3):
          out.severity_text = reader.View();
          break;
        case Bytes(5):
          common_.ReadValue(reader.View(), out.body);
          break;
        case Bytes(6):
          common_.AddAttribute(reader.View());
          break;
        case Varint(7):
          out.dropped_attributes_count = reader.Varint32();
          break;
        case Fixed32(8):
          out.flags = reader.Fixed32();
          break;
        case Bytes(9):
          CommonReader::ReadTraceId(reader.View(), out.trace_id);
          break;
        case Bytes(10):
          CommonReader::ReadSpanId(reader.View(), out.span_id);
          break;
        case Fixed64(11):
          out.observed_time_ns = reader.Fixed64();
          break;
        case Bytes(12):
          out.event_name = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  DecodeBudget budget_;
  CommonReader common_;
};

}  // namespace

core::Result<LogsData> DecodeLogs(std::string_view bytes) {
  LogsData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(Decoded("ExportLogsServiceRequest", [&] { decoder.ReadRequest(bytes, data); }));
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
