// Spans from protobuf. Numbers of the schema: opentelemetry/proto/trace/v1/trace.proto.
#include "otlp/common_protobuf.h"
#include "otlp/message_reader.h"
#include "otlp/spans.h"

namespace sextant::otlp {

namespace {

using wire::Bytes;
using wire::Fixed32;
using wire::Fixed64;
using wire::Varint;

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : memory_(memory), budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  void ReadRequest(std::string_view bytes, TracesData& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag != Bytes(1)) {
        reader.Skip();
        continue;
      }
      ReadResourceSpans(reader.View(), AddTo(budget_, out.resources));
    }
  }

 private:
  void ReadResourceSpans(std::string_view bytes, ResourceSpans& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadResource(reader.View(), out.resource);
          break;
        case Bytes(2):
          ReadScopeSpans(reader.View(), AddTo(budget_, out.scopes));
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadScopeSpans(std::string_view bytes, ScopeSpans& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          common_.ReadScope(reader.View(), out.scope);
          break;
        case Bytes(2):
          if (out.spans.empty()) Reserve(budget_, CountFields(bytes, Bytes(2)), out.spans);
          ReadSpan(reader.View(), out.spans.emplace_back());
          break;
        case Bytes(3):
          out.schema_url = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadSpan(std::string_view bytes, Span& out) {
    size_t mark = common_.Mark();
    events_.clear();
    links_.clear();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          CommonReader::ReadTraceId(reader.View(), out.trace_id);
          break;
        case Bytes(2):
          CommonReader::ReadSpanId(reader.View(), out.span_id);
          break;
        case Bytes(3):
          out.trace_state = reader.View();
          break;
        case Bytes(4):
          CommonReader::ReadSpanId(reader.View(), out.parent_span_id);
          break;
        case Bytes(5):
          out.name = reader.View();
          break;
        case Varint(6):
          out.kind = static_cast<SpanKind>(reader.Enum());
          break;
        case Fixed64(7):
          out.start_ns = reader.Fixed64();
          break;
        case Fixed64(8):
          out.end_ns = reader.Fixed64();
          break;
        case Bytes(9):
          common_.AddAttribute(reader.View());
          break;
        case Varint(10):
          out.dropped_attributes_count = reader.Varint32();
          break;
        case Bytes(11):
          ReadEvent(reader.View(), AddTo(budget_, events_));
          break;
        case Varint(12):
          out.dropped_events_count = reader.Varint32();
          break;
        case Bytes(13):
          ReadLink(reader.View(), AddTo(budget_, links_));
          break;
        case Varint(14):
          out.dropped_links_count = reader.Varint32();
          break;
        case Bytes(15):
          ReadStatus(reader.View(), out);
          break;
        case Fixed32(16):
          out.flags = reader.Fixed32();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
    out.events = memory_.CopyList<SpanEvent>(events_);
    out.links = memory_.CopyList<SpanLink>(links_);
  }

  void ReadEvent(std::string_view bytes, SpanEvent& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Fixed64(1):
          out.time_ns = reader.Fixed64();
          break;
        case Bytes(2):
          out.name = reader.View();
          break;
        case Bytes(3):
          common_.AddAttribute(reader.View());
          break;
        case Varint(4):
          out.dropped_attributes_count = reader.Varint32();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  void ReadLink(std::string_view bytes, SpanLink& out) {
    size_t mark = common_.Mark();
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          CommonReader::ReadTraceId(reader.View(), out.trace_id);
          break;
        case Bytes(2):
          CommonReader::ReadSpanId(reader.View(), out.span_id);
          break;
        case Bytes(3):
          out.trace_state = reader.View();
          break;
        case Bytes(4):
          common_.AddAttribute(reader.View());
          break;
        case Varint(5):
          out.dropped_attributes_count = reader.Varint32();
          break;
        case Fixed32(6):
          out.flags = reader.Fixed32();
          break;
        default:
          reader.Skip();
      }
    }
    out.attributes = common_.Take(mark);
  }

  static void ReadStatus(std::string_view bytes, Span& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(2):
          out.status_message = reader.View();
          break;
        case Varint(3):
          out.status = static_cast<StatusCode>(reader.Enum());
          break;
        default:
          reader.Skip();
      }
    }
  }

  Memory& memory_;
  DecodeBudget budget_;
  CommonReader common_;
  std::vector<SpanEvent> events_;  // of the span at hand
  std::vector<SpanLink> links_;    // likewise
};

}  // namespace

core::Result<TracesData> DecodeTraces(std::string_view bytes) {
  TracesData data;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(Decoded("ExportTraceServiceRequest", [&] { decoder.ReadRequest(bytes, data); }));
  return data;
}

size_t CountSpans(const TracesData& data) {
  size_t count = 0;
  for (const ResourceSpans& resource : data.resources) {
    for (const ScopeSpans& scope : resource.scopes) count += scope.spans.size();
  }
  return count;
}

}  // namespace sextant::otlp
