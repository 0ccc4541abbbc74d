#include "pipeline/exporters/prometheus_exporter.h"

#include <gtest/gtest.h>

#include "model/value.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "pipeline/component_harness.h"
#include "pipeline/exporters/pulled_metrics.h"

namespace sextant::pipeline {

namespace {

otlp::Attributes Make(otlp::MetricsData& data, std::string_view key, std::string_view value) {
  otlp::KeyValue item{key, otlp::AnyValue::Text(value)};
  return data.memory.CopyList(std::span<const otlp::KeyValue>(&item, 1));
}

otlp::MetricsData Metrics() {
  otlp::MetricsData data;
  auto& resource = data.resources.emplace_back();
  resource.resource.attributes = Make(data, "service.name", "shop");
  auto& scope = resource.scopes.emplace_back();
  scope.scope.name = "lib";
  otlp::Metric& size = scope.metrics.emplace_back();
  size.name = "size";
  size.description = "How\nlarge";
  size.unit = "By";
  size.kind = otlp::MetricKind::kGauge;
  auto& point = size.numbers.emplace_back();
  point.attributes = Make(data, "path", "a\"b");
  point.time_ns = 2'000'000'000;
  point.value = {otlp::NumberKind::kInt, {.integer = 3}};
  otlp::Metric& histogram = scope.metrics.emplace_back();
  histogram.name = "h";
  histogram.kind = otlp::MetricKind::kHistogram;
  histogram.temporality = otlp::Temporality::kCumulative;
  auto& buckets = histogram.histograms.emplace_back();
  buckets.time_ns = 2'000'000'000;
  buckets.count = 3;
  buckets.sum = 30;
  buckets.explicit_bounds = {2, 10};
  buckets.bucket_counts = {1, 1, 1};
  return data;
}

TEST(PrometheusExporterTest, ShowsWhatItWasGiven) {
  ComponentHarness harness;
  auto taken = net::HttpServer::Start(harness.io(), harness.executor(), harness.clock(), harness.registry,
                                      core::Logger::Discard(), net::Router(), {.listen = {"127.0.0.1:0"}});
  ASSERT_TRUE(taken);
  std::string address = (*taken)->bound_address();
  (*taken)->Stop(0);
  ComponentType type = PrometheusExporterType();
  auto config = harness.Read(type, "endpoint: " + address +
                                       "\nnamespace: ns\nconst_labels: {cluster: eu}\nsend_timestamps: true\n"
                                       "without_scope_info: true\n");
  ASSERT_TRUE(config) << config.error().message();
  auto exporter = type.make_exporter(harness.Settings(type), *config, Signal::kMetrics);
  ASSERT_TRUE(exporter);
  core::Status started = (*exporter)->Start();
  ASSERT_TRUE(started) << started.error().message();
  KeptOutcome outcome;
  (*exporter)->Consume(Telemetry(Metrics()), outcome.done());
  EXPECT_TRUE(outcome.Wait());
  auto response = net::FetchSync({.url = "http://" + address + "/metrics"});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body,
            "# HELP ns_h \n# TYPE ns_h histogram\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"2\"} 1 2000\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"10\"} 2 2000\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"+Inf\"} 3 2000\n"
            "ns_h_sum{cluster=\"eu\",job=\"shop\"} 30 2000\n"
            "ns_h_count{cluster=\"eu\",job=\"shop\"} 3 2000\n"
            "# HELP ns_size_bytes How\\nlarge\n# TYPE ns_size_bytes gauge\n"
            "ns_size_bytes{cluster=\"eu\",job=\"shop\",path=\"a\\\"b\"} 3 2000\n");
  (*exporter)->Shutdown();
}

TEST(PulledMetricsTest, ForgetsWhatIsStaleOrOld) {
  core::ManualClock clock(1'000);
  PulledMetrics metrics(clock, {.expiration_ms = 1'000, .const_labels = {}});
  auto add = [&](std::string_view name, double value) {
    auto appender = metrics.NewAppender();
    model::LabelsBuilder labels;
    labels.Set("__name__", name);
    appender->Append(0, labels.Build(), 1'000, value);
    EXPECT_TRUE(appender->Commit());
  };
  add("a", 1);
  add("b", 2);
  EXPECT_EQ(metrics.RenderText(), "# HELP a \n# TYPE a untyped\na 1\n# HELP b \n# TYPE b untyped\nb 2\n");
  add("a", model::StaleNan());
  clock.Advance(600);
  add("c", 3);
  EXPECT_EQ(metrics.RenderText(), "# HELP b \n# TYPE b untyped\nb 2\n# HELP c \n# TYPE c untyped\nc 3\n");
  clock.Advance(600);
  EXPECT_EQ(metrics.RenderText(), "# HELP c \n# TYPE c untyped\nc 3\n");
}

TEST(PrometheusExporterTest, RefusesBadSettings) {
  ComponentHarness harness;
  ComponentType type = PrometheusExporterType();
  EXPECT_NE(
      harness.ErrorOf(type, "{}").find("expecting a non-blank address to run the Prometheus metrics handler"),
      std::string::npos);
  EXPECT_NE(harness.ErrorOf(type, "endpoint: a:1\ntranslation_strategy: NoTranslation")
                .find("translation_strategy NoTranslation is not supported yet"),
            std::string::npos);
  EXPECT_NE(
      harness.ErrorOf(type, "endpoint: a:1\ntranslation_strategy: x").find("invalid translation_strategy: x"),
      std::string::npos);
  EXPECT_NE(harness.ErrorOf(type, "endpoint: a:1\nenable_open_metrics: true")
                .find("enable_open_metrics is not supported yet"),
            std::string::npos);
}

}  // namespace

}  // namespace sextant::pipeline
