#include "pipeline/telemetry.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using testing::ElementsAre;

TEST(TelemetryTest, ACopyIsSharedUntilOneChangesIt) {
  Telemetry first = Spans(2);
  Telemetry second = first;
  EXPECT_EQ(&first.traces(), &second.traces());
  second.MutableTraces().resources[0].scopes[0].spans[0].name = "changed";
  EXPECT_THAT(SpanNames(first), ElementsAre("s0", "s1"));
  EXPECT_THAT(SpanNames(second), ElementsAre("changed", "s1"));
}

TEST(TelemetryTest, WhatIsAppendedAndTakenOffKeepsItsOrderAndMemory) {
  Telemetry batch = Spans(3, "a");
  batch.Append(Spans(3, "b"));
  EXPECT_EQ(batch.CountItems(), 6u);
  Telemetry first = batch.TakeFirst(4);
  EXPECT_THAT(SpanNames(first), ElementsAre("a0", "a1", "a2", "b0"));
  EXPECT_THAT(SpanNames(batch), ElementsAre("b1", "b2"));
  batch = Spans(1, "other");
  EXPECT_THAT(SpanNames(first), ElementsAre("a0", "a1", "a2", "b0"));
}

TEST(TelemetryTest, AMetricsPointsAreSplit) {
  otlp::MetricsData data;
  otlp::Metric& metric = data.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = "m";
  metric.kind = otlp::MetricKind::kGauge;
  for (int i = 0; i < 5; ++i) metric.numbers.emplace_back().time_ns = static_cast<uint64_t>(i);
  Telemetry rest(std::move(data));
  Telemetry first = rest.TakeFirst(2);
  ASSERT_EQ(first.CountItems(), 2u);
  ASSERT_EQ(rest.CountItems(), 3u);
  const otlp::Metric& part = first.metrics().resources[0].scopes[0].metrics[0];
  EXPECT_EQ(part.name, "m");
  EXPECT_EQ(part.numbers[1].time_ns, 1u);
  EXPECT_EQ(rest.metrics().resources[0].scopes[0].metrics[0].numbers[0].time_ns, 2u);
}

}  // namespace
}  // namespace sextant::pipeline
