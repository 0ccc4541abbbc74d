// Spans from OTLP's JSON.
#include "otlp/common_json.h"
#include "otlp/spans.h"

namespace sextant::otlp {

namespace {

using core::Status;
using Element = JsonReader::Element;

constexpr EnumName kKinds[] = {{"SPAN_KIND_UNSPECIFIED", 0}, {"SPAN_KIND_INTERNAL", 1},
                               {"SPAN_KIND_SERVER", 2},      {"SPAN_KIND_CLIENT", 3},
                               {"SPAN_KIND_PRODUCER", 4},    {"SPAN_KIND_CONSUMER", 5}};
constexpr EnumName kStatusCodes[] = {
    {"STATUS_CODE_UNSET", 0}, {"STATUS_CODE_OK", 1}, {"STATUS_CODE_ERROR", 2}};

class Decoder {
 public:
  Decoder(size_t message_bytes, Memory& memory)
      : memory_(memory), budget_(message_bytes, kMaxDecodedFactor), json_(budget_, memory) {}

  Status ReadRequest(Element request, TracesData& out) {
    return json_.ReadResources(request, "resourceSpans", "scopeSpans", out.resources,
                               [&](Element item, ScopeSpans& scope) {
                                 return json_.ForEach(item, "spans", [&](Element span) -> Status {
                                   SEXTANT_ASSIGN(Span * added, budget_.Add(scope.spans));
                                   return ReadSpan(span, *added);
                                 });
                               });
  }

 private:
  Status ReadSpan(Element item, Span& out) {
    SEXTANT_TRY(json_.ReadTraceId(item, "traceId", out.trace_id));
    SEXTANT_TRY(json_.ReadSpanId(item, "spanId", out.span_id));
    SEXTANT_TRY(json_.Text(item, "traceState", out.trace_state));
    SEXTANT_TRY(json_.ReadSpanId(item, "parentSpanId", out.parent_span_id));
    SEXTANT_TRY(json_.UInt32(item, "flags", out.flags));
    SEXTANT_TRY(json_.Text(item, "name", out.name));
    int32_t kind = 0;
    SEXTANT_TRY(json_.Enum(item, "kind", kKinds, kind));
    out.kind = static_cast<SpanKind>(kind);
    SEXTANT_TRY(json_.UInt(item, "startTimeUnixNano", out.start_ns));
    SEXTANT_TRY(json_.UInt(item, "endTimeUnixNano", out.end_ns));
    SEXTANT_TRY(json_.Attributes(item, "attributes", out.attributes));
    SEXTANT_TRY(json_.UInt32(item, "droppedAttributesCount", out.dropped_attributes_count));
    SEXTANT_TRY(ReadList(item, "events", out.events, &Decoder::ReadEvent));
    SEXTANT_TRY(json_.UInt32(item, "droppedEventsCount", out.dropped_events_count));
    SEXTANT_TRY(ReadList(item, "links", out.links, &Decoder::ReadLink));
    SEXTANT_TRY(json_.UInt32(item, "droppedLinksCount", out.dropped_links_count));
    return ReadStatus(item, out);
  }

  template <typename T>
  Status ReadList(Element object, std::string_view name, List<T>& out, Status (Decoder::*read)(Element, T&)) {
    std::vector<T> items;
    SEXTANT_TRY(json_.ForEach(object, name, [&](Element item) -> Status {
      SEXTANT_ASSIGN(T * added, budget_.Add(items));
      return (this->*read)(item, *added);
    }));
    out = memory_.CopyList<T>(items);
    return {};
  }

  Status ReadEvent(Element item, SpanEvent& out) {
    SEXTANT_TRY(json_.UInt(item, "timeUnixNano", out.time_ns));
    SEXTANT_TRY(json_.Text(item, "name", out.name));
    SEXTANT_TRY(json_.Attributes(item, "attributes", out.attributes));
    return json_.UInt32(item, "droppedAttributesCount", out.dropped_attributes_count);
  }

  Status ReadLink(Element item, SpanLink& out) {
    SEXTANT_TRY(json_.ReadTraceId(item, "traceId", out.trace_id));
    SEXTANT_TRY(json_.ReadSpanId(item, "spanId", out.span_id));
    SEXTANT_TRY(json_.Text(item, "traceState", out.trace_state));
    SEXTANT_TRY(json_.Attributes(item, "attributes", out.attributes));
    SEXTANT_TRY(json_.UInt32(item, "flags", out.flags));
    return json_.UInt32(item, "droppedAttributesCount", out.dropped_attributes_count);
  }

  Status ReadStatus(Element item, Span& out) {
    SEXTANT_ASSIGN(std::optional<Element> status, json_.Find(item, "status"));
    if (!status) return {};
    SEXTANT_TRY(json_.Text(*status, "message", out.status_message));
    int32_t code = 0;
    SEXTANT_TRY(json_.Enum(*status, "code", kStatusCodes, code));
    out.status = static_cast<StatusCode>(code);
    return {};
  }

  Memory& memory_;
  DecodeBudget budget_;
  JsonReader json_;
};

}  // namespace

core::Result<TracesData> DecodeTracesJson(std::string_view text) {
  TracesData data;
  SEXTANT_ASSIGN(Element request, JsonReader::Parse(text, data.memory));
  Decoder decoder(text.size(), data.memory);
  SEXTANT_TRY(decoder.ReadRequest(request, data));
  return data;
}

}  // namespace sextant::otlp
