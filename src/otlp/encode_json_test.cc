#include "otlp/encode_json.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "otlp/encode.h"
#include "otlp/full_data.h"
#include "otlp/test_util.h"

namespace sextant::otlp {
namespace {

// JSON in one form: members sorted by name, ids in small letters, numbers as the parser prints them.
std::string Normal(simdjson::dom::element element, std::string_view name = "") {
  simdjson::dom::object object;
  simdjson::dom::array array;
  std::string_view text;
  std::string out;
  if (element.get(object) == simdjson::SUCCESS) {
    std::vector<std::string> members;
    for (auto member : object) {
      members.push_back(std::string(member.key) + ":" + Normal(member.value, member.key));
    }
    std::ranges::sort(members);
    for (const std::string& member : members) out += member + ",";
    return "{" + out + "}";
  }
  if (element.get(array) == simdjson::SUCCESS) {
    for (simdjson::dom::element item : array) out += Normal(item) + ",";
    return "[" + out + "]";
  }
  if (element.get(text) == simdjson::SUCCESS && name.ends_with("Id")) {
    for (char c : text) out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    return out;
  }
  return simdjson::to_string(element);
}

std::string NormalOf(const std::string& json) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  EXPECT_EQ(parser.parse(json).get(element), simdjson::SUCCESS) << json;
  return Normal(element);
}

// The examples say what is the default in a few places, where the collector's marshaler leaves it out, and
// leave out what it always writes.
std::string Without(std::string text, std::initializer_list<std::string_view> parts) {
  for (std::string_view part : parts) {
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part))
      text.erase(at, part.size());
  }
  return text;
}

template <typename Decode, typename Encode, typename DecodeProtobuf, typename EncodeProtobuf>
void CheckExample(const std::string& name, Decode decode, Encode encode, DecodeProtobuf decode_protobuf,
                  EncodeProtobuf encode_protobuf) {
  simdjson::dom::parser parser;
  auto example = LoadTable(parser, "otlp/examples/" + name);
  if (!example) GTEST_SKIP();
  auto data = decode(simdjson::to_string(*example));
  ASSERT_TRUE(data.has_value()) << data.error().message();
  std::string expected = Without(Normal(*example), {"scale:0,", "zeroThreshold:0,"});
  std::string json = encode(*data);
  EXPECT_EQ(Without(NormalOf(json), {"status:{},", "negative:{},"}), expected);
  std::string message = encode_protobuf(*data);
  auto again = decode_protobuf(message);
  ASSERT_TRUE(again.has_value()) << again.error().message();
  EXPECT_EQ(encode(*again), json);
}

TEST(EncodeJsonTest, ExamplesOfTheProtocolComeBack) {
  auto traces = [](const TracesData& data) { return EncodeTraces(data); };
  auto metrics = [](const MetricsData& data) { return EncodeMetrics(data); };
  auto logs = [](const LogsData& data) { return EncodeLogs(data); };
  CheckExample("trace.json", DecodeTracesJson, EncodeTracesJson, DecodeTraces, traces);
  CheckExample("metrics.json", DecodeMetricsJson, EncodeMetricsJson, DecodeMetrics, metrics);
  CheckExample("logs.json", DecodeLogsJson, EncodeLogsJson, DecodeLogs, logs);
  CheckExample("events.json", DecodeLogsJson, EncodeLogsJson, DecodeLogs, logs);
}

TEST(EncodeJsonTest, EveryFieldComesBack) {
  std::string traces = EncodeTracesJson(FullTraces());
  auto decoded_traces = DecodeTracesJson(traces);
  ASSERT_TRUE(decoded_traces.has_value()) << decoded_traces.error().message();
  EXPECT_EQ(EncodeTraces(*decoded_traces), EncodeTraces(FullTraces()));
  std::string logs = EncodeLogsJson(FullLogs());
  auto decoded_logs = DecodeLogsJson(logs);
  ASSERT_TRUE(decoded_logs.has_value()) << decoded_logs.error().message();
  EXPECT_EQ(EncodeLogs(*decoded_logs), EncodeLogs(FullLogs()));
  std::string metrics = EncodeMetricsJson(FullMetrics());
  auto decoded_metrics = DecodeMetricsJson(metrics);
  ASSERT_TRUE(decoded_metrics.has_value()) << decoded_metrics.error().message();
  EXPECT_EQ(EncodeMetrics(*decoded_metrics), EncodeMetrics(FullMetrics()));
}

TEST(EncodeJsonTest, FieldsStandAsTheCollectorPutsThem) {
  TracesData traces;
  ScopeSpans& scope = traces.resources.emplace_back().scopes.emplace_back();
  Span& span = scope.spans.emplace_back();
  span.trace_id = TraceIdOf(1);
  span.name = "<a>";
  span.kind = SpanKind::kServer;
  span.start_ns = 12;
  std::vector<KeyValue> items = {{"d", AnyValue::Double(std::numeric_limits<double>::infinity())},
                                 {"b", AnyValue::Bytes("foo")},
                                 {"bad", AnyValue::Text("\xff")}};
  span.attributes = traces.memory.CopyList<KeyValue>(items);
  EXPECT_EQ(EncodeTracesJson(traces),
            R"({"resourceSpans":[{"resource":{},"scopeSpans":[{"scope":{},"spans":[)"
            R"({"traceId":"0102030405060708090a0b0c0d0e0f10","name":"<a>","kind":2,"startTimeUnixNano":"12",)"
            R"("attributes":[{"key":"d","value":{"doubleValue":"Infinity"}},)"
            R"({"key":"b","value":{"bytesValue":"Zm9v"}},{"key":"bad","value":{"stringValue":")"
            "\uFFFD"
            R"("}}],)"
            R"("status":{}}]}]}]})");
  EXPECT_EQ(EncodeTracesJson({}), "{}");
  MetricsData metrics;
  Metric& metric = metrics.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = "m";
  metric.kind = MetricKind::kHistogram;
  metric.temporality = Temporality::kDelta;
  HistogramPoint& point = metric.histograms.emplace_back();
  point.count = 3;
  point.sum = 1.5;
  point.bucket_counts = {1, 2};
  point.explicit_bounds = {10};
  EXPECT_EQ(EncodeMetricsJson(metrics),
            R"({"resourceMetrics":[{"resource":{},"scopeMetrics":[{"scope":{},"metrics":[{"name":"m",)"
            R"("histogram":{"dataPoints":[{"count":"3","sum":1.5,"bucketCounts":["1","2"],)"
            R"("explicitBounds":[10]}],"aggregationTemporality":1}}]}]}]})");
}

std::string WithSpan(std::string_view fields) {
  return R"({"resourceSpans":[{"scopeSpans":[{"spans":[{)" + std::string(fields) + "}]}]}]}";
}
std::string WithRecord(std::string_view fields) {
  return R"({"resourceLogs":[{"scopeLogs":[{"logRecords":[{)" + std::string(fields) + "}]}]}]}";
}

TEST(DecodeJsonTest, EnumsAreNumbersOrNames) {
  auto traces = DecodeTracesJson(WithSpan(
      R"("kind":"SPAN_KIND_CLIENT","status":{"code":"STATUS_CODE_ERROR","message":"m"},"start_time_unix_nano":5)"));
  ASSERT_TRUE(traces.has_value()) << traces.error().message();
  const Span& span = traces->resources[0].scopes[0].spans[0];
  EXPECT_EQ(span.kind, SpanKind::kClient);
  EXPECT_EQ(span.status, StatusCode::kError);
  EXPECT_EQ(span.start_ns, 5u);
  auto unknown = DecodeTracesJson(WithSpan(R"("kind":77,"surprise":{"nested":[1]})"));
  ASSERT_TRUE(unknown.has_value());
  EXPECT_EQ(static_cast<int>(unknown->resources[0].scopes[0].spans[0].kind), 77);
  auto logs =
      DecodeLogsJson(WithRecord(R"("severityNumber":"SEVERITY_NUMBER_WARN","body":{"intValue":"3"})"));
  ASSERT_TRUE(logs.has_value()) << logs.error().message();
  EXPECT_EQ(logs->resources[0].scopes[0].records[0].severity_number, 13);
  EXPECT_EQ(logs->resources[0].scopes[0].records[0].body, AnyValue::Int(3));
}

TEST(DecodeJsonTest, WrongTypesAreErrorsThatNameTheField) {
  auto error = [](const core::Result<TracesData>& result) {
    return result.has_value() ? "none" : result.error().message();
  };
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("traceId":"abc")"))), "traceId has 3 digits in place of 32");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("spanId":"zzzzzzzzzzzzzzzz")"))), "spanId is not hexadecimal");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("name":5)"))), "name is not a text");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("kind":"SPAN_KIND_UNHEARD")"))), "kind is not a known value");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("kind":1e30)"))), "kind is not a known value");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("startTimeUnixNano":"-1")"))),
            "startTimeUnixNano is not a whole number of at least 0");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("startTimeUnixNano":"18446744073709551616")"))),
            "startTimeUnixNano is not a whole number of at least 0");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("flags":4294967296)"))), "flags is not a number of 32 bits");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("events":{})"))), "events is not a list");
  EXPECT_EQ(error(DecodeTracesJson(WithSpan(R"("events":[5])"))),
            "not an object, where timeUnixNano may stand");
  EXPECT_EQ(error(DecodeTracesJson("[]")), "not an object, where resourceSpans may stand");
  EXPECT_TRUE(error(DecodeTracesJson("{")).starts_with("malformed JSON: "));
  EXPECT_TRUE(error(DecodeTracesJson("")).starts_with("malformed JSON: "));
}

TEST(DecodeJsonTest, NestingIsBounded) {
  std::string value = R"({"intValue":1})";
  for (int i = 0; i < 40; ++i) value = R"({"arrayValue":{"values":[)" + value + "]}}";
  auto deep = DecodeLogsJson(WithRecord("\"body\":" + value));
  ASSERT_FALSE(deep.has_value());
  EXPECT_EQ(deep.error().message(), "values are nested deeper than 32");
  auto bomb = DecodeLogsJson(std::string(100'000, '['));
  EXPECT_FALSE(bomb.has_value());
}

TEST(DecodeJsonTest, TimesAtBothEndsAreKept) {
  auto traces =
      DecodeTracesJson(WithSpan(R"("startTimeUnixNano":"0","endTimeUnixNano":"9223372036854775807")"));
  ASSERT_TRUE(traces.has_value());
  const Span& span = traces->resources[0].scopes[0].spans[0];
  EXPECT_EQ(span.start_ns, 0u);
  EXPECT_EQ(span.end_ns, 9'223'372'036'854'775'807u);  // in the year 2262
}

}  // namespace
}  // namespace sextant::otlp
