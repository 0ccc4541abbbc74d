// Jaeger's spans from thrift. Numbers of the schema: jaeger-idl, thrift/jaeger.thrift and agent.thrift.
#include "otlp/limits.h"
#include "traceformats/jaeger.h"
#include "traceformats/jaeger_model.h"
#include "traceformats/thrift_reader.h"

namespace sextant::traceformats {

namespace {

using otlp::AddTo;
using otlp::AnyValue;
using otlp::KeyValue;

uint64_t NanosOf(int64_t micros) { return static_cast<uint64_t>(micros) * 1000; }

constexpr uint32_t Bits(std::initializer_list<int> ids) {
  uint32_t bits = 0;
  for (int id : ids) bits |= 1u << id;
  return bits;
}

class Decoder {
 public:
  Decoder(ThriftProtocol protocol, std::string_view bytes, otlp::Memory& memory)
      : thrift_(protocol, bytes), memory_(memory), budget_(bytes.size(), otlp::kMaxDecodedFactor) {}

  // A call of the agent's.
  void ReadPacket(otlp::TracesData& out) {
    std::string_view method = thrift_.ReadMessageName();
    if (method != "emitBatch") {
      throw otlp::DecodeFailed{core::Error(core::Code::kUnimplemented,
                                           fmt::format("the agent's method '{}' is not supported", method))};
    }
    thrift_.ReadStruct([&](uint32_t field) {
      if (field == Field(1, ThriftType::kStruct)) {
        ReadBatch(out);
      } else {
        thrift_.Skip(field);
      }
    });
  }

  void ReadBatch(otlp::TracesData& out) {
    JaegerProcess process;
    std::vector<JaegerSpan> spans;
    uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kStruct):
          process = ReadProcess();
          break;
        case Field(2, ThriftType::kList):
          thrift_.ReadList(ThriftType::kStruct, [&] { ReadSpan(spans); });
          break;
        default:
          thrift_.Skip(field);
      }
    });
    CheckFields(seen, Bits({1, 2}), "Batch");
    otlp::ResourceSpans& resource = AddTo(budget_, out.resources);
    resource.resource = TranslateJaegerProcess(process, memory_);
    TranslateJaegerSpans(spans, false, resource, memory_);
  }

 private:
  JaegerProcess ReadProcess() {
    JaegerProcess out;
    uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kString):
          out.service = thrift_.Bytes();
          break;
        case Field(2, ThriftType::kList):
          out.tags = ReadTags();
          break;
        default:
          thrift_.Skip(field);
      }
    });
    CheckFields(seen, Bits({1}), "Process");
    return out;
  }

  void ReadSpan(std::vector<JaegerSpan>& spans) {
    JaegerSpan& out = AddTo(budget_, spans);
    int32_t flags = 0;
    int64_t start_us = 0;
    int64_t duration_us = 0;
    uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 8);
          break;
        case Field(2, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 0);
          break;
        case Field(3, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.span_id, 0);
          break;
        case Field(4, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.parent_span_id, 0);
          break;
        case Field(5, ThriftType::kString):
          out.operation = thrift_.Bytes();
          break;
        case Field(6, ThriftType::kList):
          out.references = ReadReferences();
          break;
        case Field(7, ThriftType::kI32):
          flags = thrift_.I32();
          break;
        case Field(8, ThriftType::kI64):
          start_us = thrift_.I64();
          break;
        case Field(9, ThriftType::kI64):
          duration_us = thrift_.I64();
          break;
        case Field(10, ThriftType::kList):
          out.tags = ReadTags();
          break;
        case Field(11, ThriftType::kList):
          out.logs = ReadLogs();
          break;
        default:
          thrift_.Skip(field);
      }
    });
    CheckFields(seen, Bits({1, 2, 3, 4, 5, 7, 8, 9}), "Span");
    bool is_blank = out.trace_id.IsEmpty() && out.span_id.IsEmpty() && out.parent_span_id.IsEmpty() &&
                    out.operation.empty() && flags == 0 && start_us == 0 && duration_us == 0 &&
                    out.references.empty() && out.tags.empty() && out.logs.empty();
    out.start_ns = NanosOf(start_us);
    out.end_ns = out.start_ns + NanosOf(duration_us);
    if (is_blank) spans.pop_back();
  }

  otlp::List<JaegerRef> ReadReferences() {
    std::vector<JaegerRef> references;
    thrift_.ReadList(ThriftType::kStruct, [&] {
      JaegerRef& out = AddTo(budget_, references);
      uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
        switch (field) {
          case Field(1, ThriftType::kI32):
            out.type = static_cast<JaegerReference>(thrift_.I32());
            break;
          case Field(2, ThriftType::kI64):
            PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 8);
            break;
          case Field(3, ThriftType::kI64):
            PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 0);
            break;
          case Field(4, ThriftType::kI64):
            PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.span_id, 0);
            break;
          default:
            thrift_.Skip(field);
        }
      });
      CheckFields(seen, Bits({1, 2, 3, 4}), "SpanRef");
    });
    return memory_.CopyList<JaegerRef>(references);
  }

  otlp::List<JaegerLog> ReadLogs() {
    std::vector<JaegerLog> logs;
    thrift_.ReadList(ThriftType::kStruct, [&] {
      JaegerLog& out = AddTo(budget_, logs);
      uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
        switch (field) {
          case Field(1, ThriftType::kI64):
            out.time_ns = NanosOf(thrift_.I64());
            break;
          case Field(2, ThriftType::kList):
            out.fields = ReadTags();
            break;
          default:
            thrift_.Skip(field);
        }
      });
      CheckFields(seen, Bits({1, 2}), "Log");
    });
    return memory_.CopyList<JaegerLog>(logs);
  }

  JaegerTags ReadTags() {
    std::vector<KeyValue> tags;
    thrift_.ReadList(ThriftType::kStruct, [&] { ReadTag(AddTo(budget_, tags)); });
    return memory_.CopyList<KeyValue>(tags);
  }

  // All values may be there; the type says which one counts.
  void ReadTag(KeyValue& out) {
    int32_t type = 0;
    std::string_view text;
    std::string_view binary;
    double number = 0;
    bool is_true = false;
    int64_t integer = 0;
    uint32_t seen = thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kString):
          out.key = thrift_.Bytes();
          break;
        case Field(2, ThriftType::kI32):
          type = thrift_.I32();
          break;
        case Field(3, ThriftType::kString):
          text = thrift_.Bytes();
          break;
        case Field(4, ThriftType::kDouble):
          number = thrift_.Double();
          break;
        case Field(5, ThriftType::kBool):
          is_true = thrift_.Bool();
          break;
        case Field(6, ThriftType::kI64):
          integer = thrift_.I64();
          break;
        case Field(7, ThriftType::kString):
          binary = thrift_.Bytes();
          break;
        default:
          thrift_.Skip(field);
      }
    });
    CheckFields(seen, Bits({1, 2}), "Tag");
    switch (type) {
      case 0:
        out.value = AnyValue::Text(text);
        return;
      case 1:
        out.value = AnyValue::Double(number);
        return;
      case 2:
        out.value = AnyValue::Bool(is_true);
        return;
      case 3:
        out.value = AnyValue::Int(integer);
        return;
      case 4:
        out.value = AnyValue::Bytes(binary);
        return;
      default:
        out.value = AnyValue::Text("<Unknown Jaeger TagType \"<UNSET>\">");
    }
  }

  ThriftReader thrift_;
  otlp::Memory& memory_;
  otlp::DecodeBudget budget_;
};

core::Result<otlp::TracesData> DecodePacket(ThriftProtocol protocol, std::string_view packet) {
  otlp::TracesData data;
  Decoder decoder(protocol, packet, data.memory);
  SEXTANT_TRY(otlp::Decoded("agent's packet", [&] { decoder.ReadPacket(data); }));
  return data;
}

}  // namespace

core::Result<otlp::TracesData> DecodeJaegerThrift(std::string_view bytes) {
  otlp::TracesData data;
  Decoder decoder(ThriftProtocol::kBinary, bytes, data.memory);
  SEXTANT_TRY(otlp::Decoded("Batch", [&] { decoder.ReadBatch(data); }));
  return data;
}

core::Result<otlp::TracesData> DecodeJaegerAgentCompact(std::string_view packet) {
  return DecodePacket(ThriftProtocol::kCompact, packet);
}
core::Result<otlp::TracesData> DecodeJaegerAgentBinary(std::string_view packet) {
  return DecodePacket(ThriftProtocol::kBinary, packet);
}

}  // namespace sextant::traceformats
