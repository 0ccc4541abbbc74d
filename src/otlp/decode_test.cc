#include <gtest/gtest.h>

#include "otlp/logs.h"
#include "otlp/metrics.h"
#include "otlp/prometheus_translator.h"
#include "otlp/spans.h"
#include "otlp/test_util.h"
#include "wire/encode.h"

namespace sextant::otlp {
namespace {

using wire::PutBytesField;
using wire::PutFixed64;
using wire::PutUintField;
using wire::PutVarint;
using wire::Submessage;

void PutFixedField(std::string& out, uint32_t field, uint64_t bits) {
  PutVarint(out, field << 3 | 1);
  PutFixed64(out, bits);
}

void PutText(std::string& out, uint32_t field, std::string_view key, std::string_view text) {
  Submessage attribute(out, field);
  PutBytesField(out, 1, key);
  Submessage value(out, 2);
  PutBytesField(out, 1, text);
}

// The example of the protocol's own documents, as protobuf.
std::string ExampleMessage() {
  constexpr uint64_t kTime = 1544712660300000000;
  std::string out;
  Submessage resource_metrics(out, 1);
  {
    Submessage resource(out, 1);
    PutText(out, 1, "service.name", "my.service");
  }
  Submessage scope_metrics(out, 2);
  {
    Submessage scope(out, 1);
    PutBytesField(out, 1, "my.library");
    PutBytesField(out, 2, "1.0.0");
    PutText(out, 3, "my.scope.attribute", "some scope attribute");
  }
  auto begin_metric = [&](std::string_view name, std::string_view description) {
    PutBytesField(out, 1, name);
    PutBytesField(out, 2, description);
    PutBytesField(out, 3, "1");
  };
  {
    Submessage metric(out, 2);
    begin_metric("my.counter", "I am a Counter");
    Submessage sum(out, 7);
    {
      Submessage point(out, 1);
      PutText(out, 7, "my.counter.attr", "some value");
      PutFixedField(out, 2, kTime);
      PutFixedField(out, 3, kTime);
      wire::PutDoubleField(out, 4, 5);
    }
    PutUintField(out, 2, 1);
    PutUintField(out, 3, 1);
  }
  {
    Submessage metric(out, 2);
    begin_metric("my.gauge", "I am a Gauge");
    Submessage gauge(out, 5);
    Submessage point(out, 1);
    PutText(out, 7, "my.gauge.attr", "some value");
    PutFixedField(out, 3, kTime);
    wire::PutDoubleField(out, 4, 10);
  }
  {
    Submessage metric(out, 2);
    begin_metric("my.histogram", "I am a Histogram");
    Submessage histogram(out, 9);
    {
      Submessage point(out, 1);
      PutText(out, 9, "my.histogram.attr", "some value");
      PutFixedField(out, 2, kTime);
      PutFixedField(out, 3, kTime);
      PutFixedField(out, 4, 2);
      wire::PutDoubleField(out, 5, 2);
      PutVarint(out, 6 << 3 | 2);
      PutVarint(out, 16);
      PutFixed64(out, 1);
      PutFixed64(out, 1);
      PutFixedField(out, 7, std::bit_cast<uint64_t>(1.0));
    }
    PutUintField(out, 2, 1);
  }
  {
    Submessage metric(out, 2);
    begin_metric("my.exponential.histogram", "I am an Exponential Histogram");
    Submessage histogram(out, 10);
    {
      Submessage point(out, 1);
      PutText(out, 1, "my.exponential.histogram.attr", "some value");
      PutFixedField(out, 2, kTime);
      PutFixedField(out, 3, kTime);
      PutFixedField(out, 4, 3);
      wire::PutDoubleField(out, 5, 10);
      PutFixedField(out, 7, 1);
      Submessage positive(out, 8);
      wire::PutSintField(out, 1, 1);
      PutVarint(out, 2 << 3 | 2);
      PutVarint(out, 2);
      PutVarint(out, 0);
      PutVarint(out, 2);
    }
    PutUintField(out, 2, 1);
  }
  return out;
}

std::string Translated(const MetricsData& data) {
  PrometheusSettings settings;
  settings.allows_delta = true;
  settings.promotes_scope = true;
  NotingAppender appender;
  PrometheusTranslator translator(settings, appender);
  translator.Translate(data);
  std::string text = appender.text + appender.metadata_text;
  for (const std::string& error : translator.result().errors) text += "error: " + error + "\n";
  return text;
}

TEST(DecodeTest, BothEncodingsOfTheExampleMeanTheSame) {
  std::string message;
  message = ExampleMessage();
  auto data = DecodeMetrics(message);
  ASSERT_TRUE(data.has_value()) << data.error().message();
  std::string text = Translated(*data);
  EXPECT_NE(
      text.find("my_exponential_histogram{job=\"my.service\", my_exponential_histogram_attr=\"some value\""),
      std::string::npos)
      << text;
  EXPECT_EQ(text.find("error"), std::string::npos) << text;
  simdjson::dom::parser parser;
  auto example = LoadTable(parser, "otlp/examples/metrics.json");
  if (!example) GTEST_SKIP();
  auto from_json = DecodeMetricsJson(simdjson::to_string(*example));
  ASSERT_TRUE(from_json.has_value()) << from_json.error().message();
  EXPECT_EQ(Translated(*from_json), text);
  const ExponentialPoint& point = from_json->resources[0].scopes[0].metrics[3].exponentials[0];
  EXPECT_EQ(point.positive.counts, (std::vector<uint64_t>{0, 2}));
  EXPECT_EQ(data->resources[0].scopes[0].metrics[3].exponentials[0].positive.counts, point.positive.counts);
}

TEST(DecodeTest, JsonTakesTextsForNumbersAndBothSpellings) {
  auto data = DecodeMetricsJson(R"({"resource_metrics": [{"unknown": 1, "scopeMetrics": [{"metrics": [
      {"name": "s", "sum": {"aggregation_temporality": "AGGREGATION_TEMPORALITY_CUMULATIVE", "isMonotonic": true,
       "dataPoints": [{"asInt": "-5", "timeUnixNano": 2000000, "attributes": [
         {"key": "i", "value": {"intValue": "12"}}, {"key": "d", "value": {"doubleValue": 1e21}},
         {"key": "b", "value": {"boolValue": true}}, {"key": "y", "value": {"bytesValue": "AQI="}},
         {"key": "a", "value": {"arrayValue": {"values": [{"stringValue": "x\"<"}, {"intValue": 1}, {}]}}},
         {"key": "m", "value": {"kvlistValue": {"values": [{"key": "q", "value": {"doubleValue": 1e-7}},
            {"key": "p", "value": {"stringValue": "\n"}}]}}}, {"key": "n"}],
         "exemplars": [{"asDouble": "NaN", "traceId": "5B8EFFF798038103D269B633813FC60C", "span_id": "eee19b7ec3c1b174"}]
       }]}}]}]}]})");
  ASSERT_TRUE(data.has_value()) << data.error().message();
  NotingAppender appender;
  PrometheusSettings settings;
  PrometheusTranslator translator(settings, appender);
  translator.Translate(*data);
  EXPECT_EQ(appender.text,
            "s_total{a=\"[\\\"x\\\\\\\"<\\\",1,null]\", b=\"true\", d=\"1e+21\", i=\"12\", "
            "m=\"{\\\"p\\\":\\\"\\\\n\\\",\\\"q\\\":1e-7}\", y=\"AQI=\"} -5@2\n"
            "   #{span_id=\"eee19b7ec3c1b174\", trace_id=\"5b8efff798038103d269b633813fc60c\"} nan@0\n");
}

TEST(DecodeTest, MalformedMessagesAreErrors) {
  std::string message = ExampleMessage();
  for (size_t size = 1; size < message.size(); ++size) {
    [[maybe_unused]] auto cut = DecodeMetrics(std::string_view(message).substr(0, size));
  }
  EXPECT_FALSE(DecodeMetrics("\x0a\x7f").has_value());
  EXPECT_TRUE(DecodeMetrics("").has_value());
  EXPECT_TRUE(DecodeMetricsJson("{}").has_value());
  for (std::string_view text : {"", "[]", "{", "{\"resourceMetrics\": 1}", "{\"resourceMetrics\": [1]}",
                                R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":1}]}]}]})",
                                R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"gauge":{"dataPoints":[
                                    {"asInt":"x"}]}}]}]}]})"}) {
    EXPECT_FALSE(DecodeMetricsJson(text).has_value()) << text;
  }
}

TEST(DecodeTest, WhatGrowsTooLargeOrTooDeepIsRefused) {
  // Empty points cost two bytes each in the message.
  std::string points;
  for (int i = 0; i < 100'000; ++i) points += std::string("\x0a\x00", 2);
  std::string message;
  {
    Submessage resource(message, 1);
    Submessage scope(message, 2);
    Submessage metric(message, 2);
    PutBytesField(message, 9, points);
  }
  auto grown = DecodeMetrics(message);
  ASSERT_FALSE(grown.has_value());
  EXPECT_EQ(grown.error().code(), core::Code::kResourceExhausted);

  std::string value;
  for (int i = 0; i < 100; ++i) {
    std::string array;
    PutBytesField(array, 1, value);
    if (i == 0) array = std::string("\x0a\x00", 2);
    value.clear();
    PutBytesField(value, 5, array);
  }
  message.clear();
  {
    Submessage resource_metrics(message, 1);
    Submessage resource(message, 1);
    Submessage attribute(message, 1);
    PutBytesField(message, 2, value);
  }
  auto deep = DecodeMetrics(message);
  ASSERT_FALSE(deep.has_value());
  EXPECT_EQ(deep.error().message(), "values are nested deeper than 32");
}

std::string WithSpan(const std::string& span) {
  std::string out;
  {
    Submessage resource(out, 1);
    Submessage scope(out, 2);
    PutBytesField(out, 2, span);
  }
  return out;
}
std::string WithRecord(const std::string& record) {
  std::string out;
  {
    Submessage resource(out, 1);
    Submessage scope(out, 2);
    PutBytesField(out, 2, record);
  }
  return out;
}

TEST(DecodeTest, IdsHaveTheirLengthOrNone) {
  for (auto [field, size, message] : {std::tuple{1, 15, "a trace id has 15 bytes in place of 16"},
                                      std::tuple{2, 9, "a span id has 9 bytes in place of 8"},
                                      std::tuple{4, 1, "a span id has 1 bytes in place of 8"}}) {
    std::string span;
    PutBytesField(span, static_cast<uint32_t>(field), std::string(static_cast<size_t>(size), 'x'));
    auto data = DecodeTraces(WithSpan(span));
    ASSERT_FALSE(data.has_value());
    EXPECT_EQ(data.error().code(), core::Code::kInvalidArgument);
    EXPECT_EQ(data.error().message(), message);
  }
  std::string span;
  wire::PutBytesItem(span, 1, "");
  wire::PutBytesItem(span, 2, "");
  auto none = DecodeTraces(WithSpan(span));
  ASSERT_TRUE(none.has_value());
  EXPECT_TRUE(none->resources[0].scopes[0].spans[0].trace_id.IsEmpty());
  std::string record;
  PutBytesField(record, 9, "short");
  EXPECT_FALSE(DecodeLogs(WithRecord(record)).has_value());
}

TEST(DecodeTest, SpansMayHaveManyAttributes) {
  std::string span;
  for (int i = 0; i < 10'000; ++i) PutText(span, 9, fmt::format("key.{}", i), "v");
  std::string message = WithSpan(span);
  auto data = DecodeTraces(message);
  ASSERT_TRUE(data.has_value()) << data.error().message();
  const Attributes& attributes = data->resources[0].scopes[0].spans[0].attributes;
  ASSERT_EQ(attributes.size(), 10'000u);
  EXPECT_EQ(attributes[9'999].key, "key.9999");
}

TEST(DecodeTest, FieldsOfOtherTypesAndNumbersAreSkipped) {
  std::string span;
  PutUintField(span, 5, 7);        // name, as a number
  PutBytesField(span, 7, "text");  // a time, as text
  PutUintField(span, 1000, 1);
  PutBytesField(span, 2000, "new");
  PutFixedField(span, 3000, 5);
  wire::PutVarint(span, 4000 << 3 | 5);
  span += "\1\2\3\4";
  PutBytesField(span, 5, "name");
  std::string message = WithSpan(span);
  auto data = DecodeTraces(message);
  ASSERT_TRUE(data.has_value()) << data.error().message();
  EXPECT_EQ(data->resources[0].scopes[0].spans[0].name, "name");
  EXPECT_EQ(data->resources[0].scopes[0].spans[0].start_ns, 0u);
}

// An attribute that looks nearly like those that are read in one piece.
TEST(DecodeTest, UnusualAttributesAreReadAsWell) {
  auto decode = [](const std::string& attribute) -> KeyValue {
    std::string span;
    wire::PutBytesItem(span, 9, attribute);
    static std::string message;
    message = WithSpan(span);
    auto data = DecodeTraces(message);
    EXPECT_TRUE(data.has_value()) << data.error().message();
    return data ? data->resources[0].scopes[0].spans[0].attributes[0] : KeyValue();
  };
  std::string value;
  PutBytesField(value, 1, "v");
  std::string reversed;
  PutBytesField(reversed, 2, value);
  PutBytesField(reversed, 1, "k");
  EXPECT_EQ(decode(reversed).key, "k");
  EXPECT_EQ(decode(reversed).value, AnyValue::Text("v"));
  std::string twice;
  PutBytesField(twice, 1, "first");
  PutBytesField(twice, 2, value);
  PutBytesField(twice, 1, "second");
  EXPECT_EQ(decode(twice).key, "second");
  std::string both = value;
  both += "\x18\x05";  // then a number: the last one counts
  std::string attribute;
  PutBytesField(attribute, 1, "k");
  PutBytesField(attribute, 2, both);
  EXPECT_EQ(decode(attribute).value, AnyValue::Int(5));
  EXPECT_EQ(decode("").key, "");
  EXPECT_EQ(decode(std::string("\x12\x00", 2)).value, AnyValue());
  std::string long_zero;
  PutBytesField(long_zero, 1, "k");
  PutBytesField(long_zero, 2, std::string("\x18\x80\x00", 3));
  EXPECT_EQ(decode(long_zero).value, AnyValue::Int(0));
}

TEST(DecodeTest, TimesAtBothEndsAreKept) {
  std::string span;
  PutFixedField(span, 7, 0);
  PutFixedField(span, 8, 9'223'372'036'854'775'807u);  // in the year 2262
  std::string message = WithSpan(span);
  auto data = DecodeTraces(message);
  ASSERT_TRUE(data.has_value());
  EXPECT_EQ(data->resources[0].scopes[0].spans[0].start_ns, 0u);
  EXPECT_EQ(data->resources[0].scopes[0].spans[0].end_ns, 9'223'372'036'854'775'807u);
}

TEST(DecodeTest, CutSpansAreErrorsOrShorter) {
  std::string span;
  PutBytesField(span, 1, std::string(16, 't'));
  PutText(span, 9, "key", "value");
  PutFixedField(span, 7, 5);
  std::string message = WithSpan(span);
  for (size_t size = 1; size < message.size(); ++size) {
    EXPECT_FALSE(DecodeTraces(std::string_view(message).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(DecodeTraces("\x0b").has_value());                  // a group
  EXPECT_FALSE(DecodeTraces(std::string("\x00", 1)).has_value());  // field 0
  EXPECT_FALSE(DecodeTraces("\x08" + std::string(11, '\xff')).has_value());
  EXPECT_EQ(DecodeTraces("\x0a\x05").error().message(),
            "malformed ExportTraceServiceRequest: unexpected end of message");
}

TEST(DecodeTest, ManyEmptySpansAreRefused) {
  std::string spans;
  for (int i = 0; i < 100'000; ++i) spans += std::string("\x12\x00", 2);
  std::string message;
  {
    Submessage resource(message, 1);
    PutBytesField(message, 2, spans);
  }
  auto grown = DecodeTraces(message);
  ASSERT_FALSE(grown.has_value());
  EXPECT_EQ(grown.error().code(), core::Code::kResourceExhausted);
}

}  // namespace
}  // namespace sextant::otlp
