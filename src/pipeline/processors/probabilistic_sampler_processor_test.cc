#include "pipeline/processors/probabilistic_sampler_processor.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using otlp::AnyValue;
using testing::HasSubstr;

class ProbabilisticSamplerTest : public ComponentTest {
 protected:
  // The span's trace state when it is let through, else "dropped".
  std::string Sample(const std::string& yaml, otlp::Span span,
                     const std::vector<std::pair<std::string, AnyValue>>& attributes = {}) {
    auto processor = MakeProcessor(type_, yaml, Signal::kTraces);
    otlp::TracesData data;
    span.attributes = MakeAttributes(data.memory, attributes);
    AddSpans(data, {}).push_back(span);
    next_.Take();
    processor->Consume(Telemetry(std::move(data)), [](const Outcome& outcome) { EXPECT_TRUE(outcome); });
    if (next_.batches().empty()) return "dropped";
    return std::string(next_.batches()[0].traces().resources[0].scopes[0].spans[0].trace_state);
  }

  // The same for a log record: its attributes.
  std::string SampleLog(const std::string& yaml, otlp::LogRecord record,
                        const std::vector<std::pair<std::string, AnyValue>>& attributes = {}) {
    auto processor = MakeProcessor(type_, yaml, Signal::kLogs);
    otlp::LogsData data;
    record.attributes = MakeAttributes(data.memory, attributes);
    data.resources.emplace_back().scopes.emplace_back().records.push_back(record);
    next_.Take();
    processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
    if (next_.batches().empty()) return "dropped";
    return AttributesLine(next_.batches()[0].logs().resources[0].scopes[0].records[0].attributes);
  }

  // A span whose trace's randomness begins with this byte.
  static otlp::Span SpanWith(uint8_t randomness, std::string_view trace_state = "") {
    otlp::Span span;
    span.trace_id.bytes[0] = 1;
    span.trace_id.bytes[9] = randomness;
    span.trace_state = trace_state;
    return span;
  }

  ComponentType type_ = ProbabilisticSamplerProcessorType();
};

TEST_F(ProbabilisticSamplerTest, ProportionalModeMultiplies) {
  std::string yaml = "{mode: proportional, sampling_percentage: 25}";
  EXPECT_EQ(Sample(yaml, SpanWith(0xc0)), "ot=th:c");
  EXPECT_EQ(Sample(yaml, SpanWith(0xbf)), "dropped");
  EXPECT_EQ(Sample(yaml, SpanWith(0xe0, "ot=th:8,vendor=1")), "ot=th:e,vendor=1");
  EXPECT_EQ(Sample(yaml, SpanWith(0xdf, "ot=th:8")), "dropped");
  EXPECT_EQ(Sample(yaml, SpanWith(0x00, "ot=rv:ff000000000000")), "ot=rv:ff000000000000;th:c");
  EXPECT_TRUE(harness_.HasMetric(
      "otelcol_processor_probabilistic_sampler_count_traces_sampled{policy=\"trace_id_w3c\","
      "sampled=\"true\"} 2"));
  EXPECT_TRUE(
      harness_.HasMetric("otelcol_processor_probabilistic_sampler_count_spans_processed_total{policy="
                         "\"trace_id_w3c\",sampled=\"false\"} 2"));
}

TEST_F(ProbabilisticSamplerTest, EqualizingModeRaisesToItsThreshold) {
  std::string yaml = "{mode: equalizing, sampling_percentage: 50}";
  EXPECT_EQ(Sample(yaml, SpanWith(0x80)), "ot=th:8");
  EXPECT_EQ(Sample(yaml, SpanWith(0xf0, "ot=th:c")), "ot=th:c");
  EXPECT_EQ(Sample(yaml, SpanWith(0x7f)), "dropped");
}

TEST_F(ProbabilisticSamplerTest, PrecisionBoundsTheDigits) {
  EXPECT_EQ(Sample("{mode: equalizing, sampling_percentage: 33.3333}", SpanWith(0xff)), "ot=th:aaab");
  EXPECT_EQ(Sample("{mode: equalizing, sampling_percentage: 33.3333, sampling_precision: 2}", SpanWith(0xff)),
            "ot=th:ab");
  EXPECT_EQ(Sample("{mode: equalizing, sampling_percentage: 200}", SpanWith(0)), "ot=th:0");
}

TEST_F(ProbabilisticSamplerTest, ErrorsAreDroppedUnlessItFailsOpen) {
  std::string closed = "{mode: proportional, sampling_percentage: 100}";
  std::string open = "{mode: proportional, sampling_percentage: 100, fail_closed: false}";
  // No randomness, an entry that cannot be read, and one that says the span should have been dropped.
  EXPECT_EQ(Sample(closed, otlp::Span()), "dropped");
  EXPECT_EQ(Sample(open, otlp::Span()), "ot=th:0");
  EXPECT_EQ(Sample(closed, SpanWith(0xff, "ot=th:zz")), "dropped");
  EXPECT_EQ(Sample(open, SpanWith(0xff, "ot=th:zz")), "ot=th:zz");
  EXPECT_EQ(Sample(closed, SpanWith(0x10, "ot=th:8")), "dropped");
  EXPECT_EQ(Sample(open, SpanWith(0x10, "ot=th:8")), "ot=th:0");
}

TEST_F(ProbabilisticSamplerTest, HashingKeepsItsShare) {
  auto processor = MakeProcessor(type_, "{hash_seed: 22, sampling_percentage: 25}", Signal::kTraces);
  otlp::TracesData data;
  std::vector<otlp::Span>& spans = AddSpans(data, {});
  for (uint32_t i = 0; i < 4'000; ++i) {
    otlp::Span& span = spans.emplace_back();
    uint64_t mixed = (i + 1) * 0x9e3779b97f4a7c15;
    for (size_t b = 0; b < 8; ++b) span.trace_id.bytes[b] = static_cast<uint8_t>(mixed >> (8 * b));
  }
  processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  ASSERT_EQ(next_.batches().size(), 1u);
  size_t kept = next_.batches()[0].CountItems();
  EXPECT_GT(kept, 900u);
  EXPECT_LT(kept, 1'100u);
  // What was kept says how, so that others choose alike.
  std::string_view state = next_.batches()[0].traces().resources[0].scopes[0].spans[0].trace_state;
  EXPECT_TRUE(state.starts_with("ot=rv:")) << state;
  EXPECT_TRUE(state.ends_with(";th:c")) << state;
}

TEST_F(ProbabilisticSamplerTest, HashingIsTheOriginals) {
  EXPECT_EQ(Sample("sampling_percentage: 100", otlp::Span()).substr(0, 6), "ot=rv:");
  EXPECT_EQ(Sample("{sampling_percentage: 50, mode: hash_seed}", SpanWith(1, "ot=th:8")), "dropped");
}

TEST_F(ProbabilisticSamplerTest, PriorityOfSpans) {
  std::string never = "sampling_percentage: 0";
  std::string always = "{mode: proportional, sampling_percentage: 100}";
  EXPECT_EQ(Sample(never, SpanWith(0xff)), "dropped");
  EXPECT_EQ(Sample(never, SpanWith(0xff), {{"sampling.priority", AnyValue::Int(1)}}), "");
  EXPECT_EQ(Sample(always, SpanWith(0xff), {{"sampling.priority", TextValue("0")}}), "dropped");
  EXPECT_EQ(Sample(always, SpanWith(0xff), {{"sampling.priority", AnyValue::Double(-1)}}), "ot=th:0");
  EXPECT_TRUE(
      harness_.HasMetric("otelcol_processor_probabilistic_sampler_count_traces_sampled{policy="
                         "\"sampling_priority\",sampled=\"false\"} 2"));
}

TEST_F(ProbabilisticSamplerTest, LogRecords) {
  otlp::LogRecord record;
  record.trace_id.bytes[9] = 0xc0;
  std::string yaml = "{mode: proportional, sampling_percentage: 25}";
  EXPECT_EQ(SampleLog(yaml, record), "{sampling.threshold='c'}");
  EXPECT_EQ(SampleLog(yaml, otlp::LogRecord()), "dropped");
  EXPECT_EQ(SampleLog(yaml, otlp::LogRecord(), {{"sampling.randomness", TextValue("ff000000000000")}}),
            "{sampling.randomness='ff000000000000',sampling.threshold='c'}");
  // A priority lets more through.
  record.trace_id.bytes[9] = 0x80;
  std::string priority = "{mode: proportional, sampling_percentage: 25, sampling_priority: p}";
  EXPECT_EQ(SampleLog(priority, record, {{"p", AnyValue::Int(50)}}), "{p=50,sampling.threshold='8'}");
  EXPECT_EQ(SampleLog(priority, record, {{"p", AnyValue::Int(10)}}), "dropped");
  record.trace_id.bytes[9] = 0xff;
  EXPECT_EQ(SampleLog(priority, record, {{"p", AnyValue::Int(0)}}), "dropped");
  // From a record's attribute.
  std::string by_attribute = "{attribute_source: record, from_attribute: id, sampling_percentage: 100}";
  EXPECT_THAT(SampleLog(by_attribute, otlp::LogRecord(), {{"id", TextValue("7")}}),
              HasSubstr("sampling.threshold='0'"));
  EXPECT_EQ(SampleLog(by_attribute, otlp::LogRecord()), "dropped");
  EXPECT_TRUE(harness_.HasMetric(
      "otelcol_processor_probabilistic_sampler_count_logs_sampled{policy=\"id\",sampled=\"true\"} 1"));
}

TEST_F(ProbabilisticSamplerTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_THAT(harness_.ErrorOf(type_, "sampling_percentage: -5"),
              HasSubstr("sampling rate is negative: -5.000000%"));
  EXPECT_THAT(harness_.ErrorOf(type_, "sampling_percentage: .inf"), HasSubstr("sampling rate is invalid"));
  EXPECT_THAT(harness_.ErrorOf(type_, "sampling_percentage: 1e-18"), HasSubstr("sampling rate is too small"));
  EXPECT_THAT(harness_.ErrorOf(type_, "sampling_precision: 0"), HasSubstr("invalid sampling precision: 0"));
  EXPECT_THAT(harness_.ErrorOf(type_, "sampling_precision: 15"), HasSubstr("should be <= 14: 15"));
  EXPECT_THAT(harness_.ErrorOf(type_, "mode: dice"), HasSubstr("unsupported sampler mode \"dice\""));
  EXPECT_THAT(harness_.ErrorOf(type_, "attribute_source: cookie"), HasSubstr("invalid attribute source"));
}

}  // namespace
}  // namespace sextant::pipeline
