// Zipkin's version 2 from protobuf. Numbers of the schema: zipkin-api, zipkin.proto.
#include "otlp/limits.h"
#include "otlp/message_reader.h"
#include "traceformats/attribute_map.h"
#include "traceformats/zipkin.h"
#include "traceformats/zipkin_v2.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

namespace {

using otlp::AddTo;
using otlp::MessageReader;
using wire::Bytes;
using wire::Fixed64;
using wire::Varint;

constexpr uint64_t kNanosPerMicro = 1000;

template <typename... Args>
[[noreturn]] void Fail(fmt::format_string<Args...> format, Args&&... args) {
  throw otlp::DecodeFailed{
      core::Error(core::Code::kInvalidArgument, fmt::format(format, std::forward<Args>(args)...))};
}

otlp::SpanKind KindOf(int32_t number) {
  switch (number) {
    case 1:
      return otlp::SpanKind::kClient;
    case 2:
      return otlp::SpanKind::kServer;
    case 3:
      return otlp::SpanKind::kProducer;
    case 4:
      return otlp::SpanKind::kConsumer;
    default:
      return otlp::SpanKind::kUnspecified;
  }
}

void ReadSpanId(std::string_view bytes, std::string_view name, otlp::SpanId& out) {
  if (!out.Assign(bytes)) Fail("invalid {}: has length {} yet wanted length 8", name, bytes.size());
}

class Decoder {
 public:
  Decoder(size_t message_bytes, otlp::Memory& memory)
      : memory_(memory), budget_(message_bytes, otlp::kMaxDecodedFactor) {}

  void ReadSpans(std::string_view bytes, std::vector<ZipkinSpan>& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      if (tag == Bytes(1)) {
        ReadSpan(reader.View(), AddTo(budget_, out));
      } else {
        reader.Skip();
      }
    }
  }

 private:
  void ReadSpan(std::string_view bytes, ZipkinSpan& out) {
    std::vector<ZipkinAnnotation> annotations;
    AttributeMap tags;
    std::string_view trace_id;
    out.has_start = true;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          trace_id = reader.View();
          break;
        case Bytes(2):
          ReadSpanId(reader.View(), "ParentID", out.parent_id);
          break;
        case Bytes(3):
          ReadSpanId(reader.View(), "SpanID", out.id);
          break;
        case Varint(4):
          out.kind = KindOf(reader.Enum());
          break;
        case Bytes(5):
          out.name = reader.View();
          break;
        case Fixed64(6):
          out.start_ns = reader.Fixed64() * kNanosPerMicro;
          break;
        case Varint(7):
          out.duration_ns = reader.Varint() * kNanosPerMicro;
          break;
        case Bytes(8):
          ReadEndpoint(reader.View(), out.local);
          break;
        case Bytes(9):
          ReadEndpoint(reader.View(), out.remote);
          break;
        case Bytes(10):
          ReadAnnotation(reader.View(), AddTo(budget_, annotations));
          break;
        case Bytes(11):
          ReadTag(reader.View(), tags);
          break;
        default:
          reader.Skip();
      }
    }
    if (trace_id.size() != 16) Fail("invalid TraceID: has length {} yet wanted length 16", trace_id.size());
    out.trace_id.Assign(trace_id);
    if (out.id.IsEmpty()) Fail("expected a non-nil SpanID");
    out.annotations = memory_.CopyList<ZipkinAnnotation>(annotations);
    out.tags = tags.CopyTo(memory_);
  }

  void ReadEndpoint(std::string_view bytes, ZipkinEndpoint& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          out.service = reader.View();
          break;
        case Bytes(2):
          out.ipv4 = ReadIp(reader.View());
          break;
        case Bytes(3):
          out.ipv6 = ReadIp(reader.View());
          break;
        case Varint(4):
          out.port = static_cast<uint16_t>(reader.Varint());
          break;
        default:
          reader.Skip();
      }
    }
  }

  std::string_view ReadIp(std::string_view bytes) {
    return bytes.empty() ? std::string_view() : memory_.Copy(IpText(bytes));
  }

  static void ReadAnnotation(std::string_view bytes, ZipkinAnnotation& out) {
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Fixed64(1):
          out.time_ns = reader.Fixed64() * kNanosPerMicro;
          break;
        case Bytes(2):
          out.value = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
  }

  void ReadTag(std::string_view bytes, AttributeMap& out) {
    std::string_view key;
    std::string_view value;
    MessageReader reader(bytes);
    while (uint32_t tag = reader.Next()) {
      switch (tag) {
        case Bytes(1):
          key = reader.View();
          break;
        case Bytes(2):
          value = reader.View();
          break;
        default:
          reader.Skip();
      }
    }
    otlp::TakeFrom(budget_, 2 * sizeof(otlp::KeyValue));
    out.PutText(key, value);
  }

  otlp::Memory& memory_;
  otlp::DecodeBudget budget_;
};

}  // namespace

core::Result<otlp::TracesData> DecodeZipkinProtobuf(std::string_view bytes, const ZipkinOptions& options) {
  otlp::TracesData data;
  std::vector<ZipkinSpan> spans;
  Decoder decoder(bytes.size(), data.memory);
  SEXTANT_TRY(otlp::Decoded("ListOfSpans", [&] { decoder.ReadSpans(bytes, spans); }));
  SEXTANT_TRY(TranslateZipkinSpans(spans, options.parses_text_tags, data));
  return data;
}

}  // namespace sextant::traceformats
