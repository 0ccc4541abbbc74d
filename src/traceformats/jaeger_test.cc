#include "traceformats/jaeger.h"

#include <gtest/gtest.h>

#include "otlp/encode_json.h"
#include "traceformats/thrift_writer.h"
#include "wire/encode.h"

namespace sextant::traceformats {
namespace {

using wire::PutBytesField;
using wire::PutUintField;
using wire::Submessage;

std::string JsonOf(const core::Result<otlp::TracesData>& data) {
  return data ? otlp::EncodeTracesJson(*data) : "error: " + data.error().message();
}

constexpr std::string_view kTraceId("\0\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f", 16);
constexpr std::string_view kSpanId("\x10\x11\x12\x13\x14\x15\x16\x17", 8);
constexpr std::string_view kParentId("\x20\x21\x22\x23\x24\x25\x26\x27", 8);

void PutTag(std::string& out, uint32_t field, std::string_view key, std::string_view text) {
  Submessage tag(out, field);
  PutBytesField(out, 1, key);
  PutBytesField(out, 3, text);
}
void PutBoolTag(std::string& out, uint32_t field, std::string_view key, bool value) {
  Submessage tag(out, field);
  PutBytesField(out, 1, key);
  PutUintField(out, 2, 1);
  PutUintField(out, 4, value ? 1 : 0);
}
void PutIntTag(std::string& out, uint32_t field, std::string_view key, uint64_t value) {
  Submessage tag(out, field);
  PutBytesField(out, 1, key);
  PutUintField(out, 2, 2);
  PutUintField(out, 5, value);
}
void PutSeconds(std::string& out, uint32_t field, uint64_t seconds, uint64_t nanos) {
  Submessage time(out, field);
  PutUintField(out, 1, seconds);
  PutUintField(out, 2, nanos);
}

// A request with one span that has these fields.
std::string WithSpan(const std::string& span, bool has_process = true) {
  std::string out;
  {
    Submessage batch(out, 1);
    PutBytesField(out, 1, span);
    if (has_process) {
      Submessage process(out, 2);
      PutBytesField(out, 1, "checkout");
    }
  }
  return out;
}

TEST(JaegerProtobufTest, AllOfASpan) {
  std::string span;
  PutBytesField(span, 1, kTraceId);
  PutBytesField(span, 2, kSpanId);
  PutBytesField(span, 3, "get");
  {
    Submessage reference(span, 4);
    PutBytesField(span, 1, kTraceId);
    PutBytesField(span, 2, kParentId);
  }
  {
    Submessage reference(span, 4);
    PutBytesField(span, 1, kTraceId);
    PutBytesField(span, 2, kSpanId);
    PutUintField(span, 3, 1);
  }
  PutUintField(span, 5, 1);
  PutSeconds(span, 6, 100, 5);
  PutSeconds(span, 7, 1, 7);
  PutTag(span, 8, "otel.scope.name", "library");
  PutTag(span, 8, "otel.scope.version", "1.0");
  PutTag(span, 8, "span.kind", "server");
  PutTag(span, 8, "w3c.tracestate", "a=b");
  PutTag(span, 8, "twice", "first");
  PutIntTag(span, 8, "twice", 2);
  {
    Submessage tag(span, 8);
    PutBytesField(span, 1, "double");
    PutUintField(span, 2, 3);
    wire::PutDoubleField(span, 6, 1.5);
  }
  {
    Submessage tag(span, 8);
    PutBytesField(span, 1, "binary");
    PutUintField(span, 2, 4);
    PutBytesField(span, 7, "foo");
  }
  {
    Submessage tag(span, 8);
    PutBytesField(span, 1, "odd");
    PutUintField(span, 2, 9);
  }
  {
    Submessage log(span, 9);
    PutSeconds(span, 1, 101, 0);
    PutTag(span, 2, "event", "exception");
    PutTag(span, 2, "message", "bad");
  }
  std::string message;
  {
    Submessage batch(message, 1);
    PutBytesField(message, 1, span);
    Submessage process(message, 2);
    PutBytesField(message, 1, "checkout");
    PutTag(message, 2, "hostname", "host-1");
    PutTag(message, 2, "jaeger.version", "Go-2.0");
  }
  EXPECT_EQ(
      JsonOf(DecodeJaegerProtobuf(message)),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}},)"
      R"({"key":"host.name","value":{"stringValue":"host-1"}},)"
      R"({"key":"opencensus.exporterversion","value":{"stringValue":"Jaeger-Go-2.0"}}]},)"
      R"("scopeSpans":[{"scope":{"name":"library","version":"1.0"},"spans":[)"
      R"({"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"1011121314151617","traceState":"a=b",)"
      R"("parentSpanId":"2021222324252627","name":"get","kind":2,"startTimeUnixNano":"100000000005",)"
      R"("endTimeUnixNano":"101000000012","attributes":[{"key":"twice","value":{"intValue":"2"}},)"
      R"({"key":"double","value":{"doubleValue":1.5}},{"key":"binary","value":{"bytesValue":"Zm9v"}},)"
      R"({"key":"odd","value":{"stringValue":"<Unknown Jaeger TagType \"9\">"}}],)"
      R"("events":[{"timeUnixNano":"101000000000","name":"exception",)"
      R"("attributes":[{"key":"message","value":{"stringValue":"bad"}}]}],)"
      R"("links":[{"traceId":"000102030405060708090a0b0c0d0e0f","spanId":"1011121314151617",)"
      R"("attributes":[{"key":"opentracing.ref_type","value":{"stringValue":"follows_from"}}]}],)"
      R"("status":{}}]}]}]})");
}

TEST(JaegerProtobufTest, StatusComesFromSeveralTags) {
  auto status = [](auto put) {
    std::string span;
    put(span);
    std::string message = WithSpan(span);
    auto data = DecodeJaegerProtobuf(message);
    EXPECT_TRUE(data.has_value()) << data.error().message();
    const otlp::Span& out = data->resources.at(0).scopes.at(0).spans.at(0);
    std::string text = fmt::format("{} '{}'", static_cast<int>(out.status), out.status_message);
    for (const otlp::KeyValue& left : out.attributes) text += fmt::format(" {}", left.key);
    return text;
  };
  EXPECT_EQ(status([](std::string& span) {
              PutBoolTag(span, 8, "error", true);
              PutTag(span, 8, "otel.status_code", "OK");
              PutTag(span, 8, "otel.status_description", "why");
            }),
            "2 'why'");
  EXPECT_EQ(status([](std::string& span) {
              PutBoolTag(span, 8, "error", true);
              PutTag(span, 8, "http.status_message", "Not Found");
            }),
            "2 'Not Found' http.status_message");
  EXPECT_EQ(status([](std::string& span) {
              PutBoolTag(span, 8, "error", false);
              PutTag(span, 8, "otel.status_code", "ok");
            }),
            "1 '' error");
  EXPECT_EQ(status([](std::string& span) {
              PutTag(span, 8, "error", "true");
              PutIntTag(span, 8, "http.status_code", 503);
            }),
            "2 '' error http.status_code");
  EXPECT_EQ(status([](std::string& span) {
              PutTag(span, 8, "span.kind", "server");
              PutTag(span, 8, "http.status_code", "404");
            }),
            "0 '' http.status_code");
  EXPECT_EQ(status([](std::string& span) {
              PutTag(span, 8, "span.kind", "client");
              PutTag(span, 8, "http.status_code", "404");
            }),
            "2 '' http.status_code");
  EXPECT_EQ(status([](std::string& span) { PutTag(span, 8, "http.status_code", "many"); }),
            "0 '' http.status_code");
}

TEST(JaegerProtobufTest, SpansOfTheirOwnProcessAreResourcesOfTheirOwn) {
  auto put_span = [](std::string& out, std::string_view name, std::string_view service) {
    Submessage span(out, 1);
    PutBytesField(out, 3, name);
    if (service.empty()) return;
    Submessage process(out, 10);
    PutBytesField(out, 1, service);
  };
  std::string message;
  {
    Submessage batch(message, 1);
    put_span(message, "a", "");
    put_span(message, "b", "other");
    put_span(message, "c", "checkout");
    Submessage process(message, 2);
    PutBytesField(message, 1, "checkout");
  }
  auto data = DecodeJaegerProtobuf(message);
  ASSERT_TRUE(data.has_value());
  ASSERT_EQ(data->resources.size(), 2u);
  EXPECT_EQ(data->resources[0].scopes[0].spans.size(), 2u);
  EXPECT_EQ(data->resources[0].scopes[0].spans[1].name, "c");
  EXPECT_EQ(data->resources[1].scopes[0].spans[0].name, "b");
  EXPECT_EQ(JsonOf(DecodeJaegerProtobuf("")), "{}");
}

TEST(JaegerProtobufTest, BadFieldsAreErrors) {
  auto error = [](auto put) {
    std::string span;
    put(span);
    return JsonOf(DecodeJaegerProtobuf(WithSpan(span)));
  };
  EXPECT_EQ(error([](std::string& span) { PutBytesField(span, 1, "short"); }),
            "error: a trace id has 5 bytes in place of 16");
  EXPECT_EQ(error([](std::string& span) { PutSeconds(span, 6, 253'402'300'800, 0); }),
            "error: a time of 253402300800 seconds and 0 nanoseconds");
  EXPECT_EQ(error([](std::string& span) { PutSeconds(span, 6, 1, 1'000'000'000); }),
            "error: a time of 1 seconds and 1000000000 nanoseconds");
  EXPECT_EQ(error([](std::string& span) { PutSeconds(span, 7, 10'000'000'000, 0); }),
            "error: a duration of 10000000000 seconds and 0 nanoseconds");
  EXPECT_EQ(JsonOf(DecodeJaegerProtobuf("\x0a\x05")),
            "error: malformed PostSpansRequest: unexpected end of message");
}

void WriteTag(ThriftWriter& out, std::string_view key, std::string_view text) {
  out.BeginStruct();
  out.Text(1, key);
  out.I32(2, 0);
  out.Text(3, text);
  out.EndStruct();
}

// The content of a Batch, without its first and last byte.
void WriteBatch(ThriftWriter& out) {
  out.StructField(1);
  out.Text(1, "checkout");
  out.ListField(2, 1);
  WriteTag(out, "hostname", "host-1");
  out.EndStruct();
  out.ListField(2, 2);
  out.BeginStruct();
  out.I64(1, 2);
  out.I64(2, 1);
  out.I64(3, -3);
  out.I64(4, 0);
  out.Text(5, "get");
  out.ListField(6, 1);
  out.BeginStruct();
  out.I32(1, 0);
  out.I64(2, 2);
  out.I64(3, 1);
  out.I64(4, 77);
  out.EndStruct();
  out.I32(7, 1);
  out.I64(8, 1'000'000);
  out.I64(9, 5);
  out.ListField(10, 5);
  WriteTag(out, "span.kind", "client");
  out.BeginStruct();
  out.Text(1, "double");
  out.I32(2, 1);
  out.Double(4, 2.5);
  out.EndStruct();
  out.BeginStruct();
  out.Text(1, "error");
  out.I32(2, 2);
  out.Bool(5, true);
  out.EndStruct();
  out.BeginStruct();
  out.Text(1, "long");
  out.I32(2, 3);
  out.I64(6, -9);
  out.EndStruct();
  out.BeginStruct();
  out.Text(1, "odd");
  out.I32(2, 17);
  out.EndStruct();
  out.ListField(11, 1);
  out.BeginStruct();
  out.I64(1, 1'000'001);
  out.ListField(2, 1);
  WriteTag(out, "event", "retry");
  out.EndStruct();
  out.Bool(12, false);
  out.EndStruct();
  // A blank span, which is left out.
  out.BeginStruct();
  for (int id = 1; id <= 4; ++id) out.I64(id, 0);
  out.Text(5, "");
  out.I32(7, 0);
  out.I64(8, 0);
  out.I64(9, 0);
  out.EndStruct();
}

constexpr std::string_view kBatchAsJson =
    R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"checkout"}},)"
    R"({"key":"host.name","value":{"stringValue":"host-1"}}]},"scopeSpans":[{"scope":{},"spans":[)"
    R"({"traceId":"00000000000000010000000000000002","spanId":"fffffffffffffffd",)"
    R"("parentSpanId":"000000000000004d","name":"get","kind":3,"startTimeUnixNano":"1000000000",)"
    R"("endTimeUnixNano":"1000005000","attributes":[{"key":"double","value":{"doubleValue":2.5}},)"
    R"({"key":"long","value":{"intValue":"-9"}},)"
    R"({"key":"odd","value":{"stringValue":"<Unknown Jaeger TagType \"<UNSET>\">"}}],)"
    R"("events":[{"timeUnixNano":"1000001000","name":"retry"}],"status":{"code":2}}]}]}]})";

TEST(JaegerThriftTest, AllFormsMeanTheSame) {
  ThriftWriter binary(ThriftProtocol::kBinary);
  binary.BeginStruct();
  WriteBatch(binary);
  binary.EndStruct();
  std::string batch = binary.Take();
  EXPECT_EQ(JsonOf(DecodeJaegerThrift(batch)), kBatchAsJson);
  for (ThriftProtocol protocol : {ThriftProtocol::kBinary, ThriftProtocol::kCompact}) {
    ThriftWriter writer(protocol);
    writer.Message("emitBatch");
    writer.BeginStruct();
    writer.StructField(1);
    WriteBatch(writer);
    writer.EndStruct();
    writer.EndStruct();
    std::string packet = writer.Take();
    auto decode = protocol == ThriftProtocol::kBinary ? DecodeJaegerAgentBinary : DecodeJaegerAgentCompact;
    EXPECT_EQ(JsonOf(decode(packet)), kBatchAsJson);
    for (size_t size = 0; size < packet.size(); ++size) {
      EXPECT_FALSE(decode(std::string_view(packet).substr(0, size)).has_value()) << size;
    }
  }
}

TEST(JaegerThriftTest, BadMessagesAreErrors) {
  ThriftWriter other(ThriftProtocol::kCompact);
  other.Message("emitZipkinBatch");
  EXPECT_EQ(JsonOf(DecodeJaegerAgentCompact(other.Take())),
            "error: the agent's method 'emitZipkinBatch' is not supported");
  EXPECT_EQ(JsonOf(DecodeJaegerAgentCompact("GET / HTTP/1.1")),
            "error: not a message of thrift's compact protocol");
  EXPECT_EQ(JsonOf(DecodeJaegerAgentBinary("\x80\x02\x00\x01")),
            "error: malformed thrift: unexpected end of message");
  ThriftWriter empty(ThriftProtocol::kBinary);
  empty.BeginStruct();
  empty.ListField(2, 0);
  empty.EndStruct();
  EXPECT_EQ(JsonOf(DecodeJaegerThrift(empty.Take())), "error: malformed thrift: a Batch without its field 1");
  // A list that claims more than there is.
  EXPECT_EQ(JsonOf(DecodeJaegerThrift(std::string("\x0f\x00\x02\x0c\x7f\xff\xff\xff", 8))),
            "error: malformed thrift: unexpected end of message");
  std::string deep;
  for (int i = 0; i < 100; ++i) deep += std::string("\x0c\x00\x63", 3);  // field 99, a struct
  EXPECT_EQ(JsonOf(DecodeJaegerThrift(deep)), "error: malformed thrift: nested deeper than 32");
}

TEST(JaegerThriftTest, ManyTagsAreNotSlow) {
  ThriftWriter writer(ThriftProtocol::kBinary);
  writer.BeginStruct();
  writer.StructField(1);
  writer.Text(1, "s");
  writer.ListField(2, 20'000);
  for (int i = 0; i < 20'000; ++i) WriteTag(writer, fmt::format("key.{}", i % 15'000), "v");
  writer.EndStruct();
  writer.ListField(2, 0);
  writer.EndStruct();
  std::string batch = writer.Take();
  auto data = DecodeJaegerThrift(batch);
  ASSERT_TRUE(data.has_value()) << data.error().message();
  EXPECT_EQ(data->resources[0].resource.attributes.size(), 15'001u);
}

}  // namespace
}  // namespace sextant::traceformats
