// Zipkin's version 2 from JSON: https://zipkin.io/zipkin-api/zipkin2-api.yaml
#include "otlp/common_json.h"
#include "otlp/limits.h"
#include "traceformats/attribute_map.h"
#include "traceformats/zipkin.h"
#include "traceformats/zipkin_v2.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

namespace {

using core::Code;
using core::Fail;
using core::Status;
using otlp::JsonReader;
using Element = JsonReader::Element;

constexpr uint64_t kNanosPerMicro = 1000;

void PutNumber(uint64_t number, char* out) {
  for (int i = 0; i < 8; ++i) out[i] = static_cast<char>(number >> (56 - 8 * i));
}

otlp::SpanKind KindOf(std::string_view text) {
  if (text == "CLIENT") return otlp::SpanKind::kClient;
  if (text == "SERVER") return otlp::SpanKind::kServer;
  if (text == "PRODUCER") return otlp::SpanKind::kProducer;
  if (text == "CONSUMER") return otlp::SpanKind::kConsumer;
  return otlp::SpanKind::kUnspecified;
}

class Reader {
 public:
  Reader(size_t message_bytes, otlp::Memory& memory)
      : memory_(memory), budget_(message_bytes, otlp::kMaxDecodedFactor), json_(budget_, memory) {}

  Status Read(Element request, std::vector<ZipkinSpan>& out) {
    simdjson::dom::array spans;
    if (request.get(spans) != simdjson::SUCCESS) {
      return Fail(Code::kInvalidArgument, "the body is not a list of spans");
    }
    size_t number = 0;
    for (Element span : spans) {
      ++number;
      if (span.is_null()) continue;
      SEXTANT_ASSIGN(ZipkinSpan * added, budget_.Add(out));
      SEXTANT_TRY(ReadSpan(span, *added).map_error(core::AddContext("span {}", number)));
    }
    return {};
  }

 private:
  Status ReadSpan(Element item, ZipkinSpan& out) {
    SEXTANT_TRY(ReadTraceId(item, out.trace_id));
    SEXTANT_TRY(ReadSpanId(item, "id", out.id));
    if (out.id.IsEmpty()) return Fail(Code::kInvalidArgument, "valid span id required");
    SEXTANT_TRY(ReadSpanId(item, "parentId", out.parent_id));
    SEXTANT_TRY(json_.Text(item, "name", out.name));
    std::string_view kind;
    SEXTANT_TRY(json_.Text(item, "kind", kind));
    out.kind = KindOf(kind);
    SEXTANT_TRY(json_.UInt(item, "timestamp", out.start_ns));
    out.has_start = out.start_ns > 0;
    out.start_ns *= kNanosPerMicro;
    SEXTANT_TRY(json_.UInt(item, "duration", out.duration_ns));
    out.duration_ns *= kNanosPerMicro;
    SEXTANT_TRY(ReadEndpoint(item, "localEndpoint", out.local));
    SEXTANT_TRY(ReadEndpoint(item, "remoteEndpoint", out.remote));
    SEXTANT_TRY(ReadAnnotations(item, out));
    return ReadTags(item, out);
  }

  // Of up to 32 digits.
  Status ReadTraceId(Element item, otlp::TraceId& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(item, "traceId"));
    if (!found) return {};
    std::string_view text;
    SEXTANT_TRY(json_.Text(item, "traceId", text));
    if (text.empty()) return Fail(Code::kInvalidArgument, "valid traceId required");
    size_t low_at = text.size() > 16 ? text.size() - 16 : 0;
    std::optional<uint64_t> high = low_at == 0 ? 0 : ParseHex(text.substr(0, low_at));
    std::optional<uint64_t> low = ParseHex(text.substr(low_at));
    if (!high || !low) return Fail(Code::kInvalidArgument, "traceId '{}' is not an id", text);
    char bytes[16];
    PutNumber(*high, bytes);
    PutNumber(*low, bytes + 8);
    out.Assign({bytes, sizeof bytes});
    return {};
  }

  Status ReadSpanId(Element item, std::string_view name, otlp::SpanId& out) {
    std::string_view text;
    SEXTANT_TRY(json_.Text(item, name, text));
    if (text.empty()) return {};
    std::optional<uint64_t> number = ParseHex(text);
    if (!number) return Fail(Code::kInvalidArgument, "{} '{}' is not an id", name, text);
    char bytes[8];
    PutNumber(*number, bytes);
    out.Assign({bytes, sizeof bytes});
    return {};
  }

  Status ReadEndpoint(Element item, std::string_view name, ZipkinEndpoint& out) {
    SEXTANT_ASSIGN(std::optional<Element> endpoint, json_.Find(item, name));
    if (!endpoint) return {};
    SEXTANT_TRY(json_.Text(*endpoint, "serviceName", out.service));
    SEXTANT_TRY(ReadIp(*endpoint, "ipv4", out.ipv4));
    SEXTANT_TRY(ReadIp(*endpoint, "ipv6", out.ipv6));
    SEXTANT_TRY(json_.UInt32(*endpoint, "port", out.port));
    if (out.port > UINT16_MAX) return JsonReader::Wrong("port", "a number of 16 bits");
    return {};
  }

  Status ReadIp(Element endpoint, std::string_view name, std::string_view& out) {
    std::string_view text;
    SEXTANT_TRY(json_.Text(endpoint, name, text));
    if (text.empty()) return {};
    std::optional<std::string> address = CanonicalIp(text);
    if (!address) return Fail(Code::kInvalidArgument, "invalid IP address: {}", text);
    out = memory_.Copy(*address);
    return {};
  }

  Status ReadAnnotations(Element item, ZipkinSpan& out) {
    std::vector<ZipkinAnnotation> annotations;
    Status read = json_.ForEach(item, "annotations", [&](Element element) -> Status {
      SEXTANT_ASSIGN(ZipkinAnnotation * added, budget_.Add(annotations));
      SEXTANT_TRY(json_.UInt(element, "timestamp", added->time_ns));
      added->time_ns *= kNanosPerMicro;
      return json_.Text(element, "value", added->value);
    });
    SEXTANT_TRY(read);
    out.annotations = memory_.CopyList<ZipkinAnnotation>(annotations);
    return {};
  }

  Status ReadTags(Element item, ZipkinSpan& out) {
    SEXTANT_ASSIGN(std::optional<Element> found, json_.Find(item, "tags"));
    if (!found) return {};
    simdjson::dom::object object;
    if (found->get(object) != simdjson::SUCCESS) return JsonReader::Wrong("tags", "an object");
    AttributeMap tags;
    for (auto [key, value] : object) {
      SEXTANT_TRY(budget_.Take(2 * sizeof(otlp::KeyValue)));
      std::string_view text;
      if (!value.is_null() && value.get(text) != simdjson::SUCCESS) {
        return Fail(Code::kInvalidArgument, "tag '{}' is not a text", key);
      }
      tags.PutText(key, text);
    }
    out.tags = tags.CopyTo(memory_);
    return {};
  }

  otlp::Memory& memory_;
  otlp::DecodeBudget budget_;
  JsonReader json_;
};

}  // namespace

core::Result<otlp::TracesData> DecodeZipkinV2Json(std::string_view text, const ZipkinOptions& options) {
  otlp::TracesData data;
  SEXTANT_ASSIGN(Element request, JsonReader::Parse(text, data.memory));
  std::vector<ZipkinSpan> spans;
  SEXTANT_TRY(Reader(text.size(), data.memory).Read(request, spans));
  SEXTANT_TRY(TranslateZipkinSpans(spans, options.parses_text_tags, data));
  return data;
}

}  // namespace sextant::traceformats
