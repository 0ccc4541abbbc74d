// Zipkin's version 1 from thrift. Numbers of the schema: jaeger-idl, thrift/zipkincore.thrift.
#include <bit>

#include "core/base64.h"
#include "otlp/limits.h"
#include "traceformats/jaeger_model.h"
#include "traceformats/thrift_reader.h"
#include "traceformats/zipkin.h"
#include "traceformats/zipkin_v1.h"
#include "traceformats/zipkin_values.h"

namespace sextant::traceformats {

namespace {

using otlp::AddTo;
using otlp::AnyValue;

class Decoder {
 public:
  Decoder(std::string_view bytes, otlp::TracesData& data)
      : thrift_(ThriftProtocol::kBinary, bytes),
        memory_(data.memory),
        budget_(bytes.size(), otlp::kMaxDecodedFactor),
        translator_(0, data) {}

  void ReadSpans() {
    thrift_.ReadList(ThriftType::kStruct, [&] {
      otlp::TakeFrom(budget_, sizeof(otlp::Span));
      translator_.Add(ReadSpan());
    });
  }

 private:
  ZipkinV1Span ReadSpan() {
    ZipkinV1Span out;
    thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 8);
          break;
        case Field(3, ThriftType::kString):
          out.name = thrift_.Bytes();
          break;
        case Field(4, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.id, 0);
          break;
        case Field(5, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.parent_id, 0);
          break;
        case Field(6, ThriftType::kList):
          thrift_.ReadList(ThriftType::kStruct, [&] { ReadAnnotation(AddTo(budget_, out.annotations)); });
          break;
        case Field(8, ThriftType::kList):
          thrift_.ReadList(ThriftType::kStruct,
                           [&] { ReadBinaryAnnotation(AddTo(budget_, out.binary_annotations)); });
          break;
        case Field(10, ThriftType::kI64):
          out.time_us = thrift_.I64();
          out.has_time = true;
          break;
        case Field(11, ThriftType::kI64):
          out.duration_us = thrift_.I64();
          break;
        case Field(12, ThriftType::kI64):
          PutBigEndian(static_cast<uint64_t>(thrift_.I64()), out.trace_id, 0);
          break;
        default:
          thrift_.Skip(field);
      }
    });
    return out;
  }

  void ReadAnnotation(ZipkinV1Annotation& out) {
    thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kI64):
          out.time_us = thrift_.I64();
          break;
        case Field(2, ThriftType::kString):
          out.value = thrift_.Bytes();
          break;
        case Field(3, ThriftType::kStruct):
          out.endpoint = ReadEndpoint();
          break;
        default:
          thrift_.Skip(field);
      }
    });
  }

  ZipkinV1Endpoint ReadEndpoint() {
    ZipkinV1Endpoint out;
    thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kI32): {
          auto address = static_cast<uint32_t>(thrift_.I32());
          char bytes[4];
          for (int i = 0; i < 4; ++i) bytes[i] = static_cast<char>(address >> (24 - 8 * i));
          if (address != 0) out.ipv4 = memory_.Copy(IpText({bytes, 4}));
          break;
        }
        case Field(2, ThriftType::kI16):
          out.port = thrift_.I16();
          break;
        case Field(3, ThriftType::kString):
          out.service = thrift_.Bytes();
          break;
        case Field(4, ThriftType::kString): {
          std::string_view bytes = thrift_.Bytes();
          if (!bytes.empty()) out.ipv6 = memory_.Copy(IpText(bytes));
          break;
        }
        default:
          thrift_.Skip(field);
      }
    });
    return out;
  }

  void ReadBinaryAnnotation(ZipkinV1BinaryAnnotation& out) {
    int32_t type = 0;
    thrift_.ReadStruct([&](uint32_t field) {
      switch (field) {
        case Field(1, ThriftType::kString):
          out.key = thrift_.Bytes();
          break;
        case Field(2, ThriftType::kString):
          out.raw = thrift_.Bytes();
          break;
        case Field(3, ThriftType::kI32):
          type = thrift_.I32();
          break;
        case Field(4, ThriftType::kStruct):
          out.service = ReadEndpoint().service;
          out.names_service = true;
          break;
        default:
          thrift_.Skip(field);
      }
    });
    out.value = ValueOf(type, out.raw);
  }

  AnyValue ValueOf(int32_t type, std::string_view raw) {
    switch (type) {
      case 0:
        return AnyValue::Bool(raw == "\x01");
      case 1:
        return AnyValue::Text(memory_.Copy(core::EncodeBase64(raw)));
      case 2:
        return IntOf(raw, 2);
      case 3:
        return IntOf(raw, 4);
      case 4:
        return IntOf(raw, 8);
      case 5: {
        AnyValue bits = IntOf(raw, 8);
        return bits.is_text() ? bits : AnyValue::Double(std::bit_cast<double>(bits.integer));
      }
      case 6:
        return AnyValue::Text(raw);
      default:
        return AnyValue::Text(
            memory_.Copy(fmt::format("<unknown zipkin v1 binary annotation type ({})>", type)));
    }
  }

  // Numbers of fewer than 64 bits are taken as unsigned, as the original does.
  static AnyValue IntOf(std::string_view raw, size_t size) {
    if (raw.size() < size) return AnyValue::Text("<not enough bytes representing the number>");
    uint64_t value = 0;
    for (char c : raw.substr(0, size)) value = value << 8 | static_cast<uint8_t>(c);
    return AnyValue::Int(static_cast<int64_t>(value));
  }

  ThriftReader thrift_;
  otlp::Memory& memory_;
  otlp::DecodeBudget budget_;
  ZipkinV1Translator translator_;
};

}  // namespace

core::Result<otlp::TracesData> DecodeZipkinV1Thrift(std::string_view bytes) {
  otlp::TracesData data;
  Decoder decoder(bytes, data);
  SEXTANT_TRY(otlp::Decoded("list of zipkincore.Span", [&] { decoder.ReadSpans(); }));
  return data;
}

}  // namespace sextant::traceformats
