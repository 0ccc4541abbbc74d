#include "otlp/encode.h"

#include <gtest/gtest.h>

#include "otlp/full_data.h"
#include "wire/encode.h"

namespace sextant::otlp {
namespace {

using wire::PutBytesField;
using wire::PutBytesItem;
using wire::PutUintField;
using wire::Submessage;

void PutFixed64Field(std::string& out, uint32_t field, uint64_t value) {
  wire::PutVarint(out, field << 3 | 1);
  wire::PutFixed64(out, value);
}
void PutFixed32Field(std::string& out, uint32_t field, uint32_t value) {
  wire::PutVarint(out, field << 3 | 5);
  for (int i = 0; i < 4; ++i) out += static_cast<char>(value >> (8 * i));
}

// A value's fields as the protocol has them, written the plain way.
void PutValue(std::string& out, const AnyValue& value);

void PutKeyValue(std::string& out, uint32_t field, const KeyValue& item) {
  Submessage message(out, field);
  PutBytesField(out, 1, item.key);
  Submessage value(out, 2);
  PutValue(out, item.value);
}

void PutValue(std::string& out, const AnyValue& value) {
  switch (value.kind) {
    case ValueKind::kEmpty:
      return;
    case ValueKind::kText:
      return PutBytesItem(out, 1, value.text);
    case ValueKind::kBool:
      wire::PutVarint(out, 2 << 3);
      return wire::PutVarint(out, value.integer != 0 ? 1 : 0);
    case ValueKind::kInt:
      wire::PutVarint(out, 3 << 3);
      return wire::PutVarint(out, static_cast<uint64_t>(value.integer));
    case ValueKind::kDouble:
      return PutFixed64Field(out, 4, std::bit_cast<uint64_t>(value.number));
    case ValueKind::kArray: {
      Submessage list(out, 5);
      for (const KeyValue& item : value.items) {
        Submessage message(out, 1);
        PutValue(out, item.value);
      }
      return;
    }
    case ValueKind::kMap: {
      Submessage map(out, 6);
      for (const KeyValue& item : value.items) PutKeyValue(out, 1, item);
      return;
    }
    case ValueKind::kBytes:
      return PutBytesItem(out, 7, value.text);
  }
}

void PutAttributes(std::string& out, uint32_t field, const Attributes& attributes) {
  for (const KeyValue& item : attributes) PutKeyValue(out, field, item);
}

// The resource and scope of FullTraces and its like.
void PutResource(std::string& out) {
  Memory memory;
  Submessage resource(out, 1);
  PutAttributes(out, 1, AllValues(memory));
  PutUintField(out, 2, 2);
  Submessage entity(out, 3);
  PutBytesField(out, 1, "https://entity");
  PutBytesField(out, 2, "service");
  PutBytesField(out, 3, "service.name");
  PutBytesField(out, 3, "service.namespace");
  PutBytesField(out, 4, "service.version");
}

void PutScope(std::string& out) {
  Memory memory;
  Submessage scope(out, 1);
  PutBytesField(out, 1, "library");
  PutBytesField(out, 2, "1.2");
  PutKeyValue(out, 3, {"scope.key", AnyValue::Text("scope value")});
  PutUintField(out, 4, 3);
}

void PutFullSpan(std::string& out) {
  Memory memory;
  Submessage message(out, 2);
  PutBytesField(out, 1, TraceIdOf(1).view());
  PutBytesField(out, 2, SpanIdOf(20).view());
  PutBytesField(out, 3, "vendor=1");
  PutBytesField(out, 4, SpanIdOf(40).view());
  PutBytesField(out, 5, "work");
  PutUintField(out, 6, 5);
  PutFixed64Field(out, 7, 1'544'712'660'000'000'000);
  PutFixed64Field(out, 8, std::numeric_limits<uint64_t>::max());
  PutAttributes(out, 9, AllValues(memory));
  PutUintField(out, 10, 6);
  {
    Submessage event(out, 11);
    PutFixed64Field(out, 1, 5);
    PutBytesField(out, 2, "exception");
    PutKeyValue(out, 3, {"exception.type", AnyValue::Text("bad")});
    PutUintField(out, 4, 4);
  }
  {
    Submessage event(out, 11);
  }
  PutUintField(out, 12, 7);
  {
    Submessage link(out, 13);
    PutBytesField(out, 1, TraceIdOf(60).view());
    PutBytesField(out, 2, SpanIdOf(80).view());
    PutBytesField(out, 3, "other=2");
    PutKeyValue(out, 4, {"link", AnyValue::Int(1)});
    PutUintField(out, 5, 5);
    PutFixed32Field(out, 6, 0x100);
  }
  {
    Submessage link(out, 13);
  }
  PutUintField(out, 14, 8);
  {
    Submessage status(out, 15);
    PutBytesField(out, 2, "it failed");
    PutUintField(out, 3, 2);
  }
  PutFixed32Field(out, 16, 0x301);
}

TEST(EncodeTest, SpansAreTheBytesOfTheProtocol) {
  std::string expected;
  {
    Submessage resource(expected, 1);
    PutResource(expected);
    {
      Submessage scope(expected, 2);
      PutScope(expected);
      PutFullSpan(expected);
      {
        Submessage span(expected, 2);
        PutBytesField(expected, 5, "nothing else");
      }
      PutBytesField(expected, 3, "https://scope");
    }
    PutBytesField(expected, 3, "https://resource");
  }
  {
    Submessage resource(expected, 1);
    Submessage nothing(expected, 1);
  }
  EXPECT_EQ(EncodeTraces(FullTraces()), expected);
  auto decoded = DecodeTraces(expected);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  EXPECT_EQ(EncodeTraces(*decoded), expected);
  EXPECT_EQ(EncodedSize(*decoded), expected.size());
}

TEST(EncodeTest, LogRecordsAreTheBytesOfTheProtocol) {
  Memory memory;
  std::string expected;
  {
    Submessage resource(expected, 1);
    PutResource(expected);
    {
      Submessage scope(expected, 2);
      PutScope(expected);
      {
        Submessage record(expected, 2);
        PutFixed64Field(expected, 1, 1);
        PutUintField(expected, 2, 17);
        PutBytesField(expected, 3, "ERROR");
        {
          Submessage body(expected, 5);
          PutValue(expected, AnyValue::Map(AllValues(memory)));
        }
        PutAttributes(expected, 6, AllValues(memory));
        PutUintField(expected, 7, 3);
        PutFixed32Field(expected, 8, 1);
        PutBytesField(expected, 9, TraceIdOf(1).view());
        PutBytesField(expected, 10, SpanIdOf(20).view());
        PutFixed64Field(expected, 11, 2);
        PutBytesField(expected, 12, "event");
      }
      {
        Submessage record(expected, 2);
        Submessage body(expected, 5);
        PutValue(expected, AnyValue::Text("just text"));
      }
      PutBytesField(expected, 3, "https://scope");
    }
    PutBytesField(expected, 3, "https://resource");
  }
  EXPECT_EQ(EncodeLogs(FullLogs()), expected);
  auto decoded = DecodeLogs(expected);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  EXPECT_EQ(EncodeLogs(*decoded), expected);
}

TEST(EncodeTest, MetricsComeBackAsTheyWere) {
  std::string message = EncodeMetrics(FullMetrics());
  auto decoded = DecodeMetrics(message);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message();
  EXPECT_EQ(EncodeMetrics(*decoded), message);
  const std::vector<Metric>& metrics = decoded->resources[0].scopes[0].metrics;
  ASSERT_EQ(metrics.size(), 6u);
  EXPECT_EQ(metrics[0].numbers[0].value.real, -1.25);
  EXPECT_EQ(metrics[0].numbers[1].value.kind, NumberKind::kNone);
  EXPECT_EQ(metrics[1].numbers[0].exemplars[0].trace_id, TraceIdOf(1).view());
  EXPECT_EQ(metrics[1].numbers[1].value.kind, NumberKind::kInt);
  EXPECT_EQ(metrics[2].histograms[0].bucket_counts, (std::vector<uint64_t>{1, 2, 3}));
  EXPECT_EQ(metrics[2].histograms[0].sum, 0);
  EXPECT_FALSE(metrics[2].histograms[1].sum.has_value());
  EXPECT_EQ(metrics[3].exponentials[0].negative.offset, -4);
  EXPECT_EQ(metrics[3].exponentials[0].positive.counts, (std::vector<uint64_t>{1, 0, 300}));
  EXPECT_EQ(metrics[4].summaries[0].quantiles[1].value, 20);
  EXPECT_EQ(metrics[5].kind, MetricKind::kNone);
}

TEST(EncodeTest, KeptWriterGivesTheSame) {
  wire::ReverseWriter out(64);
  for (int round = 0; round < 3; ++round) {
    EncodeTraces(FullTraces(), out);
    EXPECT_EQ(out.view(), EncodeTraces(FullTraces()));
    EncodeMetrics(FullMetrics(), out);
    EXPECT_EQ(out.view(), EncodeMetrics(FullMetrics()));
    EncodeLogs(FullLogs(), out);
    EXPECT_EQ(out.view(), EncodeLogs(FullLogs()));
  }
}

TEST(EncodeTest, SizesAreThoseOfTheMessage) {
  TracesData data = FullTraces();
  const std::vector<Span>& spans = data.resources[0].scopes[0].spans;
  size_t before = EncodedSize(data);
  size_t size = EncodedSize(spans[1]);
  data.resources[0].scopes[0].spans.pop_back();
  EXPECT_EQ(EncodedSize(data), before - size);
}

// Lengths around those at which one byte no longer holds them.
TEST(EncodeTest, TextsOfAllLengthsComeBack) {
  for (size_t key_size :
       {0, 1, 3, 4, 7, 8, 15, 16, 17, 31, 32, 33, 60, 118, 119, 120, 121, 122, 127, 128, 200}) {
    for (size_t size : {0, 1, 2, 3, 5, 8, 16, 33, 117, 118, 119, 120, 121, 122, 123, 127, 128, 129, 16500}) {
      std::string key(key_size, 'k');
      std::string text(size, 't');
      for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
      TracesData data;
      std::vector<KeyValue> items = {{key, AnyValue::Text(text)},
                                     {key, AnyValue::Int(static_cast<int64_t>(size))}};
      data.resources.emplace_back().resource.attributes = data.memory.CopyList<KeyValue>(items);
      std::string message = EncodeTraces(data);
      std::string expected;
      {
        Submessage resource_spans(expected, 1);
        Submessage resource(expected, 1);
        PutAttributes(expected, 1, data.resources[0].resource.attributes);
      }
      ASSERT_EQ(message, expected) << key_size << " " << size;
      auto decoded = DecodeTraces(message);
      ASSERT_TRUE(decoded.has_value());
      const Attributes& attributes = decoded->resources[0].resource.attributes;
      ASSERT_EQ(attributes.size(), 2u);
      EXPECT_EQ(attributes[0].key, key);
      EXPECT_EQ(attributes[0].value.text, text);
      EXPECT_EQ(attributes[1].value.integer, static_cast<int64_t>(size));
    }
  }
}

}  // namespace
}  // namespace sextant::otlp
