#include "otlp/span_export.h"

#include "wire/decode.h"
#include "wire/encode.h"

namespace sextant::otlp {

namespace {

using core::AttributeValue;
using core::SpanAttribute;
using core::SpanData;
using wire::PutBytesField;
using wire::PutBytesItem;
using wire::PutUintField;
using wire::PutVarint;
using wire::Submessage;

constexpr uint32_t kFixed32Type = 5;
constexpr uint32_t kFixed64Type = 1;
constexpr uint32_t kStatusError = 2;
// Of Span.flags, besides the trace's own.
constexpr uint32_t kKnowsIfRemote = 0x100;
constexpr uint32_t kHasRemoteParent = 0x200;

template <size_t N>
std::string_view Bytes(const std::array<uint8_t, N>& id) {
  return {reinterpret_cast<const char*>(id.data()), N};
}

void PutTime(std::string& out, uint32_t field, int64_t time_ns) {
  PutVarint(out, field << 3 | kFixed64Type);
  wire::PutFixed64(out, static_cast<uint64_t>(time_ns));
}

// An AnyValue. Its alternatives are written also when they are zero: they say which one it is.
void PutValue(std::string& out, uint32_t field, const AttributeValue& value) {
  Submessage message(out, field);
  if (const auto* text = std::get_if<std::string>(&value)) {
    PutBytesItem(out, 1, *text);
  } else if (const auto* flag = std::get_if<bool>(&value)) {
    PutVarint(out, 2 << 3);
    PutVarint(out, *flag ? 1 : 0);
  } else if (const auto* integer = std::get_if<int64_t>(&value)) {
    PutVarint(out, 3 << 3);
    PutVarint(out, static_cast<uint64_t>(*integer));
  } else if (const auto* number = std::get_if<double>(&value)) {
    PutVarint(out, 4 << 3 | kFixed64Type);
    wire::PutFixed64(out, std::bit_cast<uint64_t>(*number));
  } else {
    Submessage array(out, 5);
    for (const std::string& text_item : std::get<std::vector<std::string>>(value)) {
      Submessage item(out, 1);
      PutBytesItem(out, 1, text_item);
    }
  }
}

void PutAttributes(std::string& out, uint32_t field, std::span<const SpanAttribute> attributes) {
  for (const SpanAttribute& attribute : attributes) {
    Submessage message(out, field);
    PutBytesField(out, 1, attribute.name);
    PutValue(out, 2, attribute.value);
  }
}

void PutSpan(std::string& out, const SpanData& span) {
  Submessage message(out, 2);
  PutBytesField(out, 1, Bytes(span.context.trace_id));
  PutBytesField(out, 2, Bytes(span.context.span_id));
  PutBytesField(out, 3, span.context.trace_state);
  const bool has_parent = span.parent_id != std::array<uint8_t, 8>{};
  if (has_parent) PutBytesField(out, 4, Bytes(span.parent_id));
  PutBytesField(out, 5, span.name);
  PutUintField(out, 6, static_cast<uint64_t>(span.kind));
  PutTime(out, 7, span.start_ns);
  PutTime(out, 8, span.end_ns);
  PutAttributes(out, 9, span.attributes);
  PutUintField(out, 10, span.dropped_attributes);
  for (const core::SpanEvent& event : span.events) {
    Submessage item(out, 11);
    PutTime(out, 1, event.time_ns);
    PutBytesField(out, 2, event.name);
    PutAttributes(out, 3, event.attributes);
  }
  PutUintField(out, 12, span.dropped_events);
  if (span.has_failed) {
    Submessage status(out, 15);
    PutBytesField(out, 2, span.error);
    PutUintField(out, 3, kStatusError);
  }
  const uint32_t flags =
      (span.context.is_sampled ? 1u : 0u) | kKnowsIfRemote | (span.has_remote_parent ? kHasRemoteParent : 0u);
  PutVarint(out, 16 << 3 | kFixed32Type);
  for (int i = 0; i < 4; ++i) out += static_cast<char>(flags >> (8 * i));
}

}  // namespace

std::string EncodeSpans(std::span<const SpanAttribute> resource, std::string_view scope,
                        std::span<const SpanData> spans) {
  std::string out;
  {
    Submessage resource_spans(out, 1);
    {
      Submessage message(out, 1);
      PutAttributes(out, 1, resource);
    }
    Submessage scope_spans(out, 2);
    {
      Submessage message(out, 1);
      PutBytesField(out, 1, scope);
    }
    for (const SpanData& span : spans) PutSpan(out, span);
  }
  return out;
}

core::Result<PartialSuccess> DecodeExportResponse(std::string_view bytes) {
  PartialSuccess partial;
  const auto read_partial = [&](std::string_view message) {
    wire::pbf_reader reader = wire::ReaderOf(message);
    while (reader.next()) {
      switch (reader.tag_and_type()) {
        case wire::Varint(1):
          partial.rejected_spans = reader.get_uint64();
          break;
        case wire::Bytes(2):
          partial.message = std::string(wire::View(reader));
          break;
        default:
          reader.skip();
      }
    }
  };
  SEXTANT_TRY(wire::Guarded("ExportTraceServiceResponse", [&] {
    wire::pbf_reader reader = wire::ReaderOf(bytes);
    while (reader.next()) {
      if (reader.tag_and_type() == wire::Bytes(1)) {
        read_partial(wire::View(reader));
      } else {
        reader.skip();
      }
    }
  }));
  return partial;
}

}  // namespace sextant::otlp
