#include "traceformats/zipkin.h"

#include <gtest/gtest.h>

#include "otlp/encode_json.h"
#include "traceformats/thrift_writer.h"
#include "traceformats/zipkin_values.h"
#include "wire/encode.h"

namespace sextant::traceformats {
namespace {

using wire::PutBytesField;
using wire::PutUintField;
using wire::Submessage;

std::string JsonOf(const core::Result<otlp::TracesData>& data) {
  return data ? otlp::EncodeTracesJson(*data) : "error: " + data.error().message();
}

std::string FromV2(std::string_view text, bool parses_text_tags = false) {
  return JsonOf(DecodeZipkinV2Json(text, {.parses_text_tags = parses_text_tags}));
}

// The first span, which belongs to the data.
const otlp::Span& SpanOf(const core::Result<otlp::TracesData>& data) {
  EXPECT_TRUE(data.has_value()) << data.error().message();
  return data->resources.at(0).scopes.at(0).spans.at(0);
}

TEST(ZipkinV2JsonTest, AllOfASpan) {
  EXPECT_EQ(
      FromV2(
          R"([{"traceId":"4d1e00c0db9010db86154a4ba6e91385","parentId":"86154a4ba6e91385","id":"4d1e00c0db9010db",
        "kind":"CLIENT","name":"get","timestamp":1472470996199000,"duration":207000,"shared":true,
        "localEndpoint":{"serviceName":"frontend","ipv4":"127.0.0.1","ipv6":"2001:DB8:0:0:0:0:0:3","port":80},
        "remoteEndpoint":{"serviceName":"backend","ipv4":"192.168.99.101","port":9000},
        "annotations":[{"timestamp":1472470996238000,"value":"foo"},
                       {"timestamp":1472470996239000,"value":"bar|{\"a\":1,\"b\":\"x|y\",\"c\":1.5,\"d\":true,\"e\":null}|7"}],
        "tags":{"http.path":"/api","otel.library.name":"lib","otel.library.version":"2","host.name":"h",
                "w3c.tracestate":"k=v","otel.status_code":"STATUS_CODE_ERROR","otel.status_description":"why",
                "otlp.link.0":"4d1e00c0db9010db86154a4ba6e91385|\"4d1e00c0db9010db\"|s=1|{\"l\":2}|3"}}])"),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"frontend"}},)"
      R"({"key":"host.name","value":{"stringValue":"h"}}]},"scopeSpans":[{"scope":{"name":"lib","version":"2"},)"
      R"("spans":[{"traceId":"4d1e00c0db9010db86154a4ba6e91385","spanId":"4d1e00c0db9010db","traceState":"k=v",)"
      R"("parentSpanId":"86154a4ba6e91385","name":"get","kind":3,"startTimeUnixNano":"1472470996199000000",)"
      R"("endTimeUnixNano":"1472470996406000000","attributes":[)"
      R"({"key":"http.path","value":{"stringValue":"/api"}},)"
      R"({"key":"net.host.ip","value":{"stringValue":"2001:db8::3"}},{"key":"net.host.port","value":{"intValue":"80"}},)"
      R"({"key":"peer.service","value":{"stringValue":"backend"}},)"
      R"({"key":"net.peer.ip","value":{"stringValue":"192.168.99.101"}},)"
      R"({"key":"net.peer.port","value":{"intValue":"9000"}}],)"
      R"("events":[{"timeUnixNano":"1472470996238000000","name":"foo"},)"
      R"({"timeUnixNano":"1472470996239000000","name":"bar","attributes":[{"key":"a","value":{"intValue":"1"}},)"
      R"({"key":"b","value":{"stringValue":"x|y"}},{"key":"c","value":{"doubleValue":1.5}},)"
      R"({"key":"d","value":{"boolValue":true}}],"droppedAttributesCount":7}],)"
      R"("links":[{"traceId":"4d1e00c0db9010db86154a4ba6e91385","spanId":"4d1e00c0db9010db","traceState":"s=1",)"
      R"("attributes":[{"key":"l","value":{"intValue":"2"}}],"droppedAttributesCount":3}],)"
      R"("status":{"message":"why","code":2}}]}]}]})");
}

TEST(ZipkinV2JsonTest, SpansStandWithTheirServiceAndLibrary) {
  auto data = DecodeZipkinV2Json(
      R"([{"traceId":"1","id":"1","name":"b1","localEndpoint":{"serviceName":"b"}},
          {"traceId":"1","id":"2","name":"a2","localEndpoint":{"serviceName":"a"},"tags":{"otel.library.name":"z"}},
          null,
          {"traceId":"1","id":"3","name":"a1","localEndpoint":{"serviceName":"a"}},
          {"traceId":"1","id":"4","name":"b2","localEndpoint":{"serviceName":"b"}},
          {"traceId":"1","id":"5","name":"none","tags":{"host.name":"dropped"}}])",
      {});
  ASSERT_TRUE(data.has_value()) << data.error().message();
  std::string text;
  for (const otlp::ResourceSpans& resource : data->resources) {
    const otlp::AnyValue* service = otlp::FindAttribute(resource.resource.attributes, "service.name");
    text += service == nullptr ? "(none)" : std::string(service->text);
    for (const otlp::ScopeSpans& scope : resource.scopes) {
      text += fmt::format(" {}:", scope.scope.name);
      for (const otlp::Span& span : scope.spans) text += fmt::format(" {}", span.name);
    }
    text += "\n";
  }
  EXPECT_EQ(text, "(none) : none\na : a1 z: a2\nb : b1 b2\n");
}

TEST(ZipkinV2JsonTest, TimesKindsAndParents) {
  auto data = DecodeZipkinV2Json(
      R"([{"traceId":"ff","id":"a","parentId":"a","duration":5,"tags":{"span.kind":"internal","error":"true"}}])",
      {});
  const otlp::Span& span = SpanOf(data);
  EXPECT_EQ(span.trace_id.Hex(), "000000000000000000000000000000ff");
  EXPECT_EQ(span.span_id.Hex(), "000000000000000a");
  EXPECT_TRUE(span.parent_span_id.IsEmpty());
  EXPECT_EQ(span.kind, otlp::SpanKind::kInternal);
  EXPECT_EQ(span.status, otlp::StatusCode::kError);
  EXPECT_EQ(span.start_ns, 0u);
  EXPECT_EQ(span.end_ns, 5000u);
  ASSERT_EQ(span.attributes.size(), 1u);
  EXPECT_EQ(span.attributes[0].key, "otel.zipkin.absentField.startTime");
}

TEST(ZipkinV2JsonTest, TextTagsMayBecomeNumbers) {
  std::string_view text =
      R"([{"traceId":"1","id":"1","timestamp":1,"tags":{"i":"-12","d":"1.50","b":"true","t":"1.","e":"",
           "big":"99999999999999999999","v":"1.2.3"}}])";
  auto values = [](const otlp::Span& span) {
    std::string out;
    for (const otlp::KeyValue& item : span.attributes) {
      out +=
          fmt::format("{}={}:{} ", item.key, static_cast<int>(item.value.kind), otlp::ValueText(item.value));
    }
    return out;
  };
  auto parsed = DecodeZipkinV2Json(text, {.parses_text_tags = true});
  EXPECT_EQ(values(SpanOf(parsed)),
            "i=3:-12 d=4:1.5 b=2:true t=1:1. e=1: big=3:9223372036854775807 v=1:1.2.3 ");
  auto kept = DecodeZipkinV2Json(text, {});
  EXPECT_EQ(values(SpanOf(kept)),
            "i=1:-12 d=1:1.50 b=1:true t=1:1. e=1: big=1:99999999999999999999 v=1:1.2.3 ");
}

TEST(ZipkinV2JsonTest, BadSpansAreErrorsThatSayWhich) {
  EXPECT_EQ(FromV2("[]"), "{}");
  EXPECT_EQ(FromV2("{}"), "error: the body is not a list of spans");
  EXPECT_EQ(FromV2(R"([{"traceId":"1"}])"), "error: span 1: valid span id required");
  EXPECT_EQ(FromV2(R"([{"traceId":"","id":"1"}])"), "error: span 1: valid traceId required");
  EXPECT_EQ(FromV2(R"([{"traceId":"x","id":"1"}])"), "error: span 1: traceId 'x' is not an id");
  EXPECT_EQ(FromV2(R"([{"traceId":"123456789012345678901234567890123","id":"1"}])"),
            "error: span 1: traceId '123456789012345678901234567890123' is not an id");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","localEndpoint":{"ipv4":"1.2.3"}}])"),
            "error: span 1: invalid IP address: 1.2.3");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","localEndpoint":{"port":70000}}])"),
            "error: span 1: port is not a number of 16 bits");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","tags":{"a":1}}])"), "error: span 1: tag 'a' is not a text");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","annotations":[{"timestamp":1,"value":"a|{|0"}]}])"),
            "error: annotation: the attributes are not JSON");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","tags":{"otlp.link.0":"1|2|3|{}|0"}}])"),
            "error: otlp.link.0: invalid length for ID");
  EXPECT_EQ(FromV2(R"([{"traceId":"1","id":"1","tags":{"otlp.link.0":"|||{}|x"}}])"),
            "error: otlp.link.0: the count of dropped attributes is not a number");
}

TEST(ZipkinProtobufTest, MeansWhatJsonMeans) {
  std::string message;
  {
    Submessage span(message, 1);
    PutBytesField(message, 1, std::string(15, '\0') + "\1");
    PutBytesField(message, 2, std::string(7, '\0') + "\2");
    PutBytesField(message, 3, std::string(7, '\0') + "\3");
    PutUintField(message, 4, 2);
    PutBytesField(message, 5, "get");
    wire::PutVarint(message, 6 << 3 | 1);
    wire::PutFixed64(message, 10);
    PutUintField(message, 7, 5);
    {
      Submessage local(message, 8);
      PutBytesField(message, 1, "frontend");
      PutBytesField(message, 2, std::string("\x7f\0\0\1", 4));
    }
    {
      Submessage remote(message, 9);
      PutBytesField(message, 3, std::string("\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\3", 16));
      PutUintField(message, 4, 9000);
    }
    {
      Submessage annotation(message, 10);
      wire::PutVarint(message, 1 << 3 | 1);
      wire::PutFixed64(message, 12);
      PutBytesField(message, 2, "foo");
    }
    Submessage tag(message, 11);
    PutBytesField(message, 1, "k");
    PutBytesField(message, 2, "v");
  }
  std::string expected = FromV2(
      R"([{"traceId":"1","parentId":"2","id":"3","kind":"SERVER","name":"get","timestamp":10,"duration":5,
        "localEndpoint":{"serviceName":"frontend","ipv4":"127.0.0.1"},
        "remoteEndpoint":{"ipv6":"2001:db8::3","port":9000},
        "annotations":[{"timestamp":12,"value":"foo"}],"tags":{"k":"v"}}])");
  EXPECT_EQ(JsonOf(DecodeZipkinProtobuf(message, {})), expected);
  EXPECT_EQ(JsonOf(DecodeZipkinProtobuf("", {})), "{}");
  std::string bad;
  {
    Submessage span(bad, 1);
    PutBytesField(bad, 1, "short");
  }
  EXPECT_EQ(JsonOf(DecodeZipkinProtobuf(bad, {})),
            "error: invalid TraceID: has length 5 yet wanted length 16");
}

TEST(ZipkinV1JsonTest, AllOfASpan) {
  EXPECT_EQ(
      JsonOf(DecodeZipkinV1Json(
          R"([{"traceId":"4d1e00c0db9010db86154a4ba6e91385","id":"4d1e00c0db9010db","parentId":"86154a4ba6e91385",
               "name":"get","annotations":[
                 {"timestamp":1000,"value":"cs","endpoint":{"serviceName":"frontend","ipv4":"1.2.3.4","port":80}},
                 {"timestamp":1500,"value":"retry"},{"timestamp":2000,"value":"cr"}],
               "binaryAnnotations":[{"key":"http.path","value":"/api"},{"key":"http.status_code","value":"500"},
                 {"key":"lc","value":"component"}]}])",
          {})),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"frontend"}},)"
      R"({"key":"ipv4","value":{"stringValue":"1.2.3.4"}},{"key":"port","value":{"stringValue":"80"}}]},)"
      R"("scopeSpans":[{"scope":{},"spans":[{"traceId":"4d1e00c0db9010db86154a4ba6e91385",)"
      R"("spanId":"4d1e00c0db9010db","parentSpanId":"86154a4ba6e91385","name":"get","kind":3,)"
      R"("startTimeUnixNano":"1000000","endTimeUnixNano":"2000000",)"
      R"("attributes":[{"key":"http.path","value":{"stringValue":"/api"}},)"
      R"({"key":"http.status_code","value":{"stringValue":"500"}},)"
      R"({"key":"component","value":{"stringValue":"component"}}],)"
      R"("events":[{"timeUnixNano":"1500000","name":"retry"}],"status":{"code":2}}]}]}]})");
}

TEST(ZipkinV1JsonTest, TimesServicesAndStatus) {
  auto data = DecodeZipkinV1Json(
      R"([{"traceId":"4d1e00c0db9010db","id":"4d1e00c0db9010db","binaryAnnotations":[
            {"key":"census.status_code","value":"5"},{"key":"census.status_description","value":"gone"},
            {"key":"error","value":"x"},{"key":"k","value":"v","endpoint":{"serviceName":"fallback"}}]}])",
      {.now_ns = 42});
  const otlp::Span& span = SpanOf(data);
  EXPECT_EQ(span.trace_id.Hex(), "00000000000000004d1e00c0db9010db");
  EXPECT_EQ(span.start_ns, 42u);
  EXPECT_EQ(span.end_ns, 42u);
  EXPECT_EQ(span.status, otlp::StatusCode::kError);
  EXPECT_EQ(span.status_message, "gone");
  ASSERT_EQ(span.attributes.size(), 2u);
  EXPECT_EQ(span.attributes[1].key, "otel.zipkin.absentField.startTime");
  EXPECT_EQ(otlp::FindAttribute(data->resources[0].resource.attributes, "service.name")->text, "fallback");
}

TEST(ZipkinV1JsonTest, BadSpansAreErrors) {
  auto error = [](std::string_view text) { return JsonOf(DecodeZipkinV1Json(text, {})); };
  EXPECT_EQ(error(R"([{"id":"4d1e00c0db9010db"}])"),
            "error: zipkinV1 span traceId: hex traceId span has wrong length (expected 16 or 32)");
  EXPECT_EQ(error(R"([{"traceId":"0000000000000000","id":"4d1e00c0db9010db"}])"),
            "error: zipkinV1 span traceId: traceId is zero");
  EXPECT_EQ(error(R"([{"traceId":"4d1e00c0db9010db","id":"1"}])"),
            "error: zipkinV1 span id: hex Id has wrong length (expected 16)");
  EXPECT_EQ(error(R"([{"traceId":"4d1e00c0db9010db","id":"4d1e00c0db9010db","binaryAnnotations":[
                     {"key":"sa","value":true}]}])"),
            "error: value is not a text");
}

TEST(ZipkinV1ThriftTest, AllOfASpan) {
  ThriftWriter out(ThriftProtocol::kBinary);
  out.List(1);
  out.BeginStruct();
  out.I64(1, 2);
  out.Text(3, "get");
  out.I64(4, 3);
  out.I64(5, 4);
  out.ListField(6, 1);
  out.BeginStruct();
  out.I64(1, 1000);
  out.Text(2, "sr");
  out.StructField(3);
  out.I32(1, 0x01020304);
  out.I16(2, 80);
  out.Text(3, "backend");
  out.EndStruct();
  out.EndStruct();
  out.ListField(8, 4);
  auto binary = [&](std::string_view key, std::string_view value, int type) {
    out.BeginStruct();
    out.Text(1, key);
    out.Text(2, value);
    out.I32(3, type);
    out.EndStruct();
  };
  binary("bool", "\1", 0);
  binary("i16", "\xff\xff", 2);
  binary("double", std::string("\x3f\xf8\0\0\0\0\0\0", 8), 5);
  binary("short", "x", 4);
  out.Bool(9, true);
  out.I64(10, 900);
  out.I64(11, 200);
  out.I64(12, 1);
  out.EndStruct();
  std::string message = out.Take();
  EXPECT_EQ(
      JsonOf(DecodeZipkinV1Thrift(message)),
      R"({"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"backend"}},)"
      R"({"key":"ipv4","value":{"stringValue":"1.2.3.4"}},{"key":"port","value":{"stringValue":"80"}}]},)"
      R"("scopeSpans":[{"scope":{},"spans":[{"traceId":"00000000000000010000000000000002",)"
      R"("spanId":"0000000000000003","parentSpanId":"0000000000000004","name":"get","kind":2,)"
      R"("startTimeUnixNano":"900000","endTimeUnixNano":"1100000",)"
      R"("attributes":[{"key":"bool","value":{"boolValue":true}},{"key":"i16","value":{"intValue":"65535"}},)"
      R"({"key":"double","value":{"doubleValue":1.5}},)"
      R"({"key":"short","value":{"stringValue":"<not enough bytes representing the number>"}}],)"
      R"("status":{}}]}]}]})");
  for (size_t size = 0; size < message.size(); ++size) {
    EXPECT_FALSE(DecodeZipkinV1Thrift(std::string_view(message).substr(0, size)).has_value()) << size;
  }
}

TEST(ZipkinValuesTest, AddressesAsGoPrintsThem) {
  EXPECT_EQ(CanonicalIp("::ffff:1.2.3.4"), "1.2.3.4");
  EXPECT_EQ(CanonicalIp("0:0:0:0:0:0:0:0"), "::");
  EXPECT_EQ(CanonicalIp("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
  EXPECT_EQ(CanonicalIp("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7");
  EXPECT_EQ(CanonicalIp("FE80::1"), "fe80::1");
  EXPECT_EQ(CanonicalIp("::1.2.3.4"), "::102:304");
  EXPECT_EQ(CanonicalIp("host"), std::nullopt);
  EXPECT_EQ(IpText("\x01\x02"), "?0102");
}

}  // namespace
}  // namespace sextant::traceformats
