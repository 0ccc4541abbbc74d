// Spans from protobuf. Numbers of the schema: opentelemetry/proto/trace/v1/trace.proto.
#include "otlp/common_protobuf.h"
#include "otlp/spans.h"
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
      : memory_(memory), budget_(message_bytes, kMaxDecodedFactor), common_(memory, budget_) {}

  Status ReadRequest(std::string_view bytes, TracesData& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() != Bytes(1)) {
        reader.skip();
        continue;
      }
      SEXTANT_ASSIGN(ResourceSpans * item, budget_.Add(out.resources));
      SEXTANT_TRY(ReadResourceSpans(View(reader), *item));
    }
    return {};
  }

 private:
  Status ReadResourceSpans(std::string_view bytes, ResourceSpans& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadResource(View(reader), out.resource));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(ScopeSpans * item, budget_.Add(out.scopes));
          SEXTANT_TRY(ReadScopeSpans(View(reader), *item));
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

  Status ReadScopeSpans(std::string_view bytes, ScopeSpans& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(common_.ReadScope(View(reader), out.scope));
          break;
        case Bytes(2): {
          SEXTANT_ASSIGN(Span * item, budget_.Add(out.spans));
          SEXTANT_TRY(ReadSpan(View(reader), *item));
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

  Status ReadSpan(std::string_view bytes, Span& out) {
    size_t mark = common_.Mark();
    events_.clear();
    links_.clear();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(CommonReader::ReadTraceId(View(reader), out.trace_id));
          break;
        case Bytes(2):
          SEXTANT_TRY(CommonReader::ReadSpanId(View(reader), out.span_id));
          break;
        case Bytes(3):
          out.trace_state = View(reader);
          break;
        case Bytes(4):
          SEXTANT_TRY(CommonReader::ReadSpanId(View(reader), out.parent_span_id));
          break;
        case Bytes(5):
          out.name = View(reader);
          break;
        case Varint(6):
          out.kind = static_cast<SpanKind>(reader.get_enum());
          break;
        case Fixed64(7):
          out.start_ns = reader.get_fixed64();
          break;
        case Fixed64(8):
          out.end_ns = reader.get_fixed64();
          break;
        case Bytes(9):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Varint(10):
          out.dropped_attributes_count = reader.get_uint32();
          break;
        case Bytes(11): {
          SEXTANT_ASSIGN(SpanEvent * event, budget_.Add(events_));
          SEXTANT_TRY(ReadEvent(View(reader), *event));
          break;
        }
        case Varint(12):
          out.dropped_events_count = reader.get_uint32();
          break;
        case Bytes(13): {
          SEXTANT_ASSIGN(SpanLink * link, budget_.Add(links_));
          SEXTANT_TRY(ReadLink(View(reader), *link));
          break;
        }
        case Varint(14):
          out.dropped_links_count = reader.get_uint32();
          break;
        case Bytes(15):
          ReadStatus(View(reader), out);
          break;
        case Fixed32(16):
          out.flags = reader.get_fixed32();
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    out.events = memory_.CopyList<SpanEvent>(events_);
    out.links = memory_.CopyList<SpanLink>(links_);
    return {};
  }

  Status ReadEvent(std::string_view bytes, SpanEvent& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Fixed64(1):
          out.time_ns = reader.get_fixed64();
          break;
        case Bytes(2):
          out.name = View(reader);
          break;
        case Bytes(3):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Varint(4):
          out.dropped_attributes_count = reader.get_uint32();
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  Status ReadLink(std::string_view bytes, SpanLink& out) {
    size_t mark = common_.Mark();
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(1):
          SEXTANT_TRY(CommonReader::ReadTraceId(View(reader), out.trace_id));
          break;
        case Bytes(2):
          SEXTANT_TRY(CommonReader::ReadSpanId(View(reader), out.span_id));
          break;
        case Bytes(3):
          out.trace_state = View(reader);
          break;
        case Bytes(4):
          SEXTANT_TRY(common_.AddAttribute(View(reader)));
          break;
        case Varint(5):
          out.dropped_attributes_count = reader.get_uint32();
          break;
        case Fixed32(6):
          out.flags = reader.get_fixed32();
          break;
        default:
          reader.skip();
      }
    }
    out.attributes = common_.Take(mark);
    return {};
  }

  static void ReadStatus(std::string_view bytes, Span& out) {
    pbf_reader reader = ReaderOf(bytes);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case Bytes(2):
          out.status_message = View(reader);
          break;
        case Varint(3):
          out.status = static_cast<StatusCode>(reader.get_enum());
          break;
        default:
          reader.skip();
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
  SEXTANT_TRY(wire::Guarded("ExportTraceServiceRequest", [&] { return decoder.ReadRequest(bytes, data); }));
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
