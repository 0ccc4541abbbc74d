#include "pipeline/processors/delta_to_cumulative_processor.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using config::Node;
using testing::HasSubstr;

// The part of the original's test files that follows "-- name --".
std::string SectionOf(const std::string& text, const std::string& name) {
  std::string mark = "-- " + name + " --\n";
  size_t begin = text.find(mark);
  if (begin == std::string::npos) return "";
  begin += mark.size();
  return text.substr(begin, text.find("\n-- ", begin) - begin);
}

uint64_t UintOf(Node node, std::string_view key) {
  Node found = node.Find(key);
  return found ? *found.AsUint() : 0;
}

std::vector<uint64_t> CountsOf(Node node) {
  std::vector<uint64_t> counts;
  for (Node child : node.Find("bucketCounts").children()) counts.push_back(*child.AsUint());
  return counts;
}

otlp::ExponentialBuckets BucketsOf(Node node) {
  if (!node) return {};
  return {.offset = static_cast<int32_t>(UintOf(node, "offset")), .counts = CountsOf(node)};
}

void ReadPoint(Node node, otlp::Point& point, otlp::Memory& memory) {
  point.start_ns = UintOf(node, "startTimeUnixNano");
  point.time_ns = UintOf(node, "timeUnixNano");
  std::vector<std::pair<std::string, otlp::AnyValue>> attributes;
  for (Node item : node.Find("attributes").children()) {
    attributes.emplace_back(item.Find("key").text(),
                            TextValue(item.Find("value").Find("stringValue").text()));
  }
  point.attributes = MakeAttributes(memory, attributes);
}

void ReadMetric(Node node, otlp::Metric& metric, otlp::Memory& memory) {
  metric.name = memory.Copy(node.Find("name").text());
  Node sum = node.Find("sum");
  Node histogram = node.Find("histogram");
  Node data = sum ? sum : histogram ? histogram : node.Find("exponential_histogram");
  metric.temporality = static_cast<otlp::Temporality>(UintOf(data, "aggregationTemporality"));
  for (Node item : data.Find("dataPoints").children()) {
    if (sum) {
      metric.kind = otlp::MetricKind::kSum;
      otlp::NumberPoint& point = metric.numbers.emplace_back();
      ReadPoint(item, point, memory);
      point.value.kind = otlp::NumberKind::kDouble;
      point.value.real = *item.Find("asDouble").AsFloat();
    } else if (histogram) {
      metric.kind = otlp::MetricKind::kHistogram;
      otlp::HistogramPoint& point = metric.histograms.emplace_back();
      ReadPoint(item, point, memory);
      point.bucket_counts = CountsOf(item);
      for (Node bound : item.Find("explicitBounds").children()) {
        point.explicit_bounds.push_back(*bound.AsFloat());
      }
    } else {
      metric.kind = otlp::MetricKind::kExponentialHistogram;
      otlp::ExponentialPoint& point = metric.exponentials.emplace_back();
      ReadPoint(item, point, memory);
      point.scale = static_cast<int32_t>(UintOf(item, "scale"));
      point.zero_count = UintOf(item, "zeroCount");
      point.positive = BucketsOf(item.Find("positive"));
      point.negative = BucketsOf(item.Find("negative"));
    }
  }
}

otlp::MetricsData ReadMetrics(const std::string& yaml) {
  otlp::MetricsData data;
  auto document = config::Document::Parse(yaml, "case");
  EXPECT_TRUE(document) << document.error().message();
  if (!document) return data;
  for (Node resource : document->root().Find("resourceMetrics").children()) {
    otlp::ResourceMetrics& out = data.resources.emplace_back();
    for (Node scope : resource.Find("scopeMetrics").children()) {
      otlp::ScopeMetrics& held = out.scopes.emplace_back();
      for (Node metric : scope.Find("metrics").children()) {
        ReadMetric(metric, held.metrics.emplace_back(), data.memory);
      }
    }
  }
  return data;
}

class DeltaToCumulativeTest : public ComponentTest {
 protected:
  // Runs one of the original's cases and compares what comes out.
  void RunCase(const std::string& name, const std::string& yaml) {
    std::string text = ReadTestFile(OtelConformancePath("contrib/deltatocumulativeprocessor/" + name));
    if (text.empty()) GTEST_SKIP() << "no conformance data";
    auto processor = MakeProcessor(type_, yaml, Signal::kMetrics);
    processor->Consume(Telemetry(ReadMetrics(SectionOf(text, "in"))), [](const Outcome&) {});
    ASSERT_EQ(next_.batches().size(), 1u);
    EXPECT_EQ(MetricLines(next_.batches()[0].metrics()), MetricLines(ReadMetrics(SectionOf(text, "out"))));
  }

  ComponentType type_ = DeltaToCumulativeProcessorType();
};

TEST_F(DeltaToCumulativeTest, ConformanceTimestamps) {
  RunCase("timestamps_1.test", "");
  if (IsSkipped()) return;
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_datapoints 3"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_datapoints{error=\"delta.ErrOutOfOrder\"} 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_datapoints{error=\"delta.ErrOlderStart\"} 1"));
}

TEST_F(DeltaToCumulativeTest, ConformanceHistograms) {
  RunCase("histograms_1.test", "");
  if (IsSkipped()) return;
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_streams_tracked 1"));
}

TEST_F(DeltaToCumulativeTest, ConformanceExponential) {
  RunCase("exponential_1.test", "");
  if (IsSkipped()) return;
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_streams_tracked 2"));
}

TEST_F(DeltaToCumulativeTest, ConformanceLimit) { RunCase("limit_1.test", "max_streams: 10"); }

TEST_F(DeltaToCumulativeTest, AboveItsLimitStreamsAreDroppedAndCounted) {
  auto processor = MakeProcessor(type_, "{max_streams: 1, max_stale: 1m}", Signal::kMetrics);
  otlp::MetricsData data;
  otlp::Metric& metric = data.resources.emplace_back().scopes.emplace_back().metrics.emplace_back();
  metric.kind = otlp::MetricKind::kSum;
  metric.temporality = otlp::Temporality::kDelta;
  for (std::string_view name : {"a", "b"}) {
    otlp::NumberPoint& point = metric.numbers.emplace_back();
    point.attributes = MakeAttributes(data.memory, {{"n", TextValue(name)}});
    point.time_ns = 1;
  }
  processor->Consume(Telemetry(std::move(data)), [](const Outcome&) {});
  EXPECT_EQ(MetricLines(next_.batches()[0].metrics()).size(), 1u);
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_datapoints{error=\"limit\"} 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_streams_limit 1"));
  EXPECT_TRUE(harness_.HasMetric("otelcol_deltatocumulative_streams_max_stale 60"));
}

TEST_F(DeltaToCumulativeTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_THAT(harness_.ErrorOf(type_, "max_stale: 0s"),
              HasSubstr("max_stale must be a positive duration (got 0s)"));
  EXPECT_THAT(harness_.ErrorOf(type_, "max_streams: -1"),
              HasSubstr("max_streams must be a positive number (got -1)"));
}

}  // namespace
}  // namespace sextant::pipeline
