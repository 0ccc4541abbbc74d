// Zipkin's version 1 from JSON: https://zipkin.io/zipkin-api/zipkin-api.yaml
#include <algorithm>

#include "otlp/common_json.h"
#include "otlp/limits.h"
#include "traceformats/zipkin.h"
#include "traceformats/zipkin_v1.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

namespace {

using core::Code;
using core::Fail;
using core::Status;
using otlp::JsonReader;
using Element = JsonReader::Element;

class Reader {
 public:
  Reader(size_t message_bytes, bool parses_text_tags, otlp::Memory& memory)
      : parses_text_tags_(parses_text_tags),
        budget_(message_bytes, otlp::kMaxDecodedFactor),
        json_(budget_, memory) {}

  Status Read(Element request, ZipkinV1Translator& translator) {
    simdjson::dom::array spans;
    if (request.get(spans) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "zipkinv1: the body is not a list of spans");
    }
    for (Element item : spans) {
      SEXTANT_TRY(budget_.Take(sizeof(otlp::Span)));
      ZipkinV1Span span;
      SEXTANT_TRY(ReadSpan(item, span));
      translator.Add(span);
    }
    return {};
  }

 private:
  Status ReadSpan(Element item, ZipkinV1Span& out) {
    SEXTANT_TRY(ReadTraceId(item, out.trace_id).map_error(core::AddContext("zipkinV1 span traceId")));
    SEXTANT_TRY(ReadId(item, "id", true, out.id).map_error(core::AddContext("zipkinV1 span id")));
    SEXTANT_TRY(
        ReadId(item, "parentId", false, out.parent_id).map_error(core::AddContext("zipkinV1 span parentId")));
    SEXTANT_TRY(json_.Text(item, "name", out.name));
    SEXTANT_TRY(json_.Int(item, "timestamp", out.time_us));
    SEXTANT_TRY(json_.Int(item, "duration", out.duration_us));
    out.has_time = out.time_us != 0;
    Status annotations = json_.ForEach(item, "annotations", [&](Element element) -> Status {
      if (element.is_null()) return {};
      SEXTANT_ASSIGN(ZipkinV1Annotation * added, budget_.Add(out.annotations));
      SEXTANT_TRY(json_.Int(element, "timestamp", added->time_us));
      SEXTANT_TRY(json_.Text(element, "value", added->value));
      return ReadEndpoint(element, added->endpoint);
    });
    SEXTANT_TRY(annotations);
    return json_.ForEach(item, "binaryAnnotations", [&](Element element) -> Status {
      SEXTANT_ASSIGN(ZipkinV1BinaryAnnotation * added, budget_.Add(out.binary_annotations));
      SEXTANT_TRY(json_.Text(element, "key", added->key));
      SEXTANT_TRY(json_.Text(element, "value", added->raw));
      added->value = parses_text_tags_ ? ParseTagText(added->raw) : otlp::AnyValue::Text(added->raw);
      ZipkinV1Endpoint endpoint;
      SEXTANT_TRY(ReadEndpoint(element, endpoint));
      added->service = endpoint.service;
      added->names_service = !endpoint.service.empty();
      return {};
    });
  }

  Status ReadEndpoint(Element item, ZipkinV1Endpoint& out) {
    SEXTANT_ASSIGN(std::optional<Element> endpoint, json_.Find(item, "endpoint"));
    if (!endpoint) return {};
    SEXTANT_TRY(json_.Text(*endpoint, "serviceName", out.service));
    SEXTANT_TRY(json_.Text(*endpoint, "ipv4", out.ipv4));
    SEXTANT_TRY(json_.Text(*endpoint, "ipv6", out.ipv6));
    return json_.Int32(*endpoint, "port", out.port);
  }

  Status ReadTraceId(Element item, otlp::TraceId& out) {
    std::string_view text;
    SEXTANT_TRY(json_.Text(item, "traceId", text));
    if (text.size() == 32) {
      SEXTANT_TRY(json_.ReadTraceId(item, "traceId", out));
    } else if (text.size() == 16) {
      otlp::SpanId low;
      SEXTANT_TRY(json_.ReadSpanId(item, "traceId", low));
      std::ranges::copy(low.bytes, out.bytes.begin() + 8);
    } else {
      return Fail(Code::kInvalidArgument, "hex traceId span has wrong length (expected 16 or 32)");
    }
    if (out.IsEmpty()) return Fail(Code::kInvalidArgument, "traceId is zero");
    return {};
  }

  Status ReadId(Element item, std::string_view name, bool is_needed, otlp::SpanId& out) {
    std::string_view text;
    SEXTANT_TRY(json_.Text(item, name, text));
    if (text.empty() && !is_needed) return {};
    if (text.size() != 16) return Fail(Code::kInvalidArgument, "hex Id has wrong length (expected 16)");
    SEXTANT_TRY(json_.ReadSpanId(item, name, out));
    if (out.IsEmpty()) return Fail(Code::kInvalidArgument, "ID is zero");
    return {};
  }

  bool parses_text_tags_;
  otlp::DecodeBudget budget_;
  JsonReader json_;
};

}  // namespace

core::Result<otlp::TracesData> DecodeZipkinV1Json(std::string_view text, const ZipkinOptions& options) {
  otlp::TracesData data;
  SEXTANT_ASSIGN(Element request, JsonReader::Parse(text, data.memory));
  ZipkinV1Translator translator(options.now_ns, data);
  SEXTANT_TRY(Reader(text.size(), options.parses_text_tags, data.memory).Read(request, translator));
  return data;
}

}  // namespace sextant::traceformats
