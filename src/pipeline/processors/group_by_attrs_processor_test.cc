#include "pipeline/processors/group_by_attrs_processor.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using testing::ElementsAre;

class GroupByAttrsProcessorTest : public ComponentTest {
 protected:
  ComponentType type_ = GroupByAttrsProcessorType();
};

TEST_F(GroupByAttrsProcessorTest, SpansMoveUnderTheResourcesOfTheirAttributes) {
  auto processor = MakeProcessor(type_, "keys: [host, host, zone]", Signal::kTraces);
  otlp::TracesData data;
  std::vector<otlp::Span>& spans =
      AddSpans(data, {{"service.name", TextValue("a")}, {"host", TextValue("old")}});
  for (std::string_view host : {"1", "2", "1", ""}) {
    otlp::Span& span = spans.emplace_back();
    if (host.empty()) continue;
    span.attributes = MakeAttributes(data.memory, {{"host", TextValue(host)}, {"k", TextValue("v")}});
  }
  processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  std::vector<std::string> lines;
  for (const auto& resource : next_.batches()[0].traces().resources) {
    std::string line = AttributesLine(resource.resource.attributes);
    for (const otlp::Span& span : resource.scopes[0].spans) line += " " + AttributesLine(span.attributes);
    lines.push_back(line);
  }
  EXPECT_THAT(lines, ElementsAre("{service.name='a',host='1'} {k='v'} {k='v'}",
                                 "{service.name='a',host='2'} {k='v'}", "{service.name='a',host='old'} {}"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_processor_groupbyattrs_num_grouped_spans 3"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_processor_groupbyattrs_num_non_grouped_spans 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_processor_groupbyattrs_span_groups_bucket{le=\"5\"} 1"));
}

TEST_F(GroupByAttrsProcessorTest, WithoutKeysEqualResourcesAndScopesBecomeOne) {
  auto processor = MakeProcessor(type_, "", Signal::kLogs);
  otlp::LogsData data;
  for (auto [resource, scope] :
       {std::pair{"a", "x"}, std::pair{"b", "x"}, std::pair{"a", "x"}, std::pair{"a", "y"}}) {
    otlp::ResourceLogs& logs = data.resources.emplace_back();
    logs.resource.attributes = MakeAttributes(data.memory, {{"name", TextValue(resource)}});
    otlp::ScopeLogs& held = logs.scopes.emplace_back();
    held.scope.name = scope;
    held.records.emplace_back();
  }
  processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  const auto& resources = next_.batches()[0].logs().resources;
  ASSERT_EQ(resources.size(), 2u);
  ASSERT_EQ(resources[0].scopes.size(), 2u);
  EXPECT_EQ(resources[0].scopes[0].records.size(), 2u);
  EXPECT_EQ(resources[1].scopes[0].records.size(), 1u);
}

TEST_F(GroupByAttrsProcessorTest, PointsOfOneMetricMayPart) {
  auto processor = MakeProcessor(type_, "keys: [host]", Signal::kMetrics);
  otlp::MetricsData data;
  otlp::Metric& metric = data.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.name = "m";
  metric.unit = "s";
  metric.kind = otlp::MetricKind::kSum;
  metric.temporality = otlp::Temporality::kDelta;
  metric.is_monotonic = true;
  for (std::string_view host : {"1", "2", "1"}) {
    metric.numbers.emplace_back().attributes =
        MakeAttributes(data.memory, {{"host", TextValue(host)}, {"k", TextValue("v")}});
  }
  processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  const otlp::MetricsData& out = next_.batches()[0].metrics();
  ASSERT_EQ(out.resources.size(), 2u);
  ASSERT_EQ(out.resources[0].scopes[0].metrics.size(), 1u);
  EXPECT_THAT(MetricLines(out), ElementsAre("{host='1'} m s sum_delta_monotonic {k='v'} 0 [0..0]",
                                            "{host='1'} m s sum_delta_monotonic {k='v'} 0 [0..0]",
                                            "{host='2'} m s sum_delta_monotonic {k='v'} 0 [0..0]"));
}

}  // namespace
}  // namespace sextant::pipeline
