#include "pipeline/connectors/count_connector.h"

#include "pipeline/component_harness.h"

namespace sextant::pipeline {
namespace {

using otlp::AnyValue;
using testing::ElementsAre;
using testing::HasSubstr;

class CountConnectorTest : public ComponentTest {
 protected:
  std::vector<std::string> Count(const std::string& yaml, Signal from, Telemetry batch) {
    auto connector = MakeConnector(type_, yaml, from);
    bool is_taken = false;
    connector->Consume(std::move(batch), [&](Outcome outcome) { is_taken = outcome.has_value(); });
    EXPECT_TRUE(is_taken);
    return next_.batches().empty() ? std::vector<std::string>{}
                                   : MetricLines(next_.batches().back().metrics());
  }

  static otlp::TracesData Spans() {
    otlp::TracesData data;
    std::vector<otlp::Span>& spans = AddSpans(data, {{"env", TextValue("prod")}});
    for (uint64_t start_ns : {20, 10}) {
      spans.emplace_back();
      spans.back().start_ns = start_ns;
      spans.back().end_ns = start_ns + 5;
    }
    spans[0].attributes = MakeAttributes(data.memory, {{"code", AnyValue::Int(200)}});
    otlp::SpanEvent event;
    event.time_ns = 7;
    spans[0].events = data.memory.CopyList<otlp::SpanEvent>({&event, 1});
    return data;
  }

  ComponentType type_ = CountConnectorType();
};

TEST_F(CountConnectorTest, SpansAndEvents) {
  EXPECT_THAT(Count("", Signal::kTraces, Telemetry(Spans())),
              ElementsAre("{env='prod'} trace.span.count sum_delta_monotonic {} 2 [10..25]",
                          "{env='prod'} trace.span.event.count sum_delta_monotonic {} 1 [7..7]"));
  const otlp::ScopeMetrics& scope = next_.batches()[0].metrics().resources[0].scopes[0];
  EXPECT_EQ(scope.scope.name,
            "github.com/open-telemetry/opentelemetry-collector-contrib/connector/countconnector");
  EXPECT_EQ(scope.metrics[0].description, "The number of spans observed.");
}

TEST_F(CountConnectorTest, AttributesGroupAndHaveDefaults) {
  EXPECT_THAT(
      Count("spans: {by: {attributes: [{key: env}, {key: code, default_value: 500}]}, with: {attributes: "
            "[{key: code}]}, none: {attributes: [{key: nobody}]}}\nspanevents: {}",
            Signal::kTraces, Telemetry(Spans())),
      ElementsAre("{env='prod'} by sum_delta_monotonic {env='prod',code=200} 1 [10..25]",
                  "{env='prod'} by sum_delta_monotonic {env='prod',code=500} 1 [10..25]",
                  "{env='prod'} with sum_delta_monotonic {code=200} 1 [10..25]"));
}

TEST_F(CountConnectorTest, MetricsAndDataPoints) {
  otlp::MetricsData data;
  otlp::ScopeMetrics& scope = data.resources.emplace_back().scopes.emplace_back();
  otlp::Metric& gauge = scope.metrics.emplace_back();
  gauge.kind = otlp::MetricKind::kGauge;
  gauge.numbers.resize(2);
  otlp::Metric& histogram = scope.metrics.emplace_back();
  histogram.kind = otlp::MetricKind::kHistogram;
  histogram.histograms.resize(1);
  // Without any time the clock's counts.
  EXPECT_THAT(Count("", Signal::kMetrics, Telemetry(std::move(data))),
              ElementsAre("{} metric.count sum_delta_monotonic {} 2 [1000000000..1000000000]",
                          "{} metric.datapoint.count sum_delta_monotonic {} 3 [1000000000..1000000000]"));
}

TEST_F(CountConnectorTest, LogRecords) {
  otlp::LogsData data;
  data.resources.emplace_back().scopes.emplace_back().records.resize(3);
  EXPECT_THAT(Count("", Signal::kLogs, Telemetry(std::move(data))),
              ElementsAre(HasSubstr("log.record.count sum_delta_monotonic {} 3")));
}

TEST_F(CountConnectorTest, NothingToCountIsNothingToSend) {
  EXPECT_THAT(Count("spans: {}\nspanevents: {}", Signal::kTraces, Telemetry(Spans())), testing::IsEmpty());
}

TEST_F(CountConnectorTest, ARefusalGoesBack) {
  auto connector = MakeConnector(type_, "", Signal::kTraces);
  next_.RefuseNext({.message = "full"});
  std::string message;
  connector->Consume(Telemetry(Spans()), [&](Outcome outcome) { message = outcome.error().message; });
  EXPECT_EQ(message, "full");
}

TEST_F(CountConnectorTest, SaysWhatIsWrongWithItsSettings) {
  EXPECT_THAT(harness_.ErrorOf(type_, "spans: {a: {conditions: ['true']}}"),
              HasSubstr("conditions is not supported yet"));
  EXPECT_THAT(harness_.ErrorOf(type_, "logs: {a: {attributes: [{key: \"\"}]}}"),
              HasSubstr("attribute key missing"));
  EXPECT_THAT(harness_.ErrorOf(type_, "metrics: {a: {attributes: [{key: b}]}}"),
              HasSubstr("metrics attributes not supported: metric \"a\""));
  EXPECT_THAT(harness_.ErrorOf(type_, "spans: {\"\": {}}"), HasSubstr("spans: metric name missing"));
}

}  // namespace
}  // namespace sextant::pipeline
