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

// An exporter that was given the metrics above, and what it answers.
class PrometheusExporterTest : public testing::Test {
 protected:
  ~PrometheusExporterTest() override {
    if (exporter_) exporter_->Shutdown();
  }
  void Start(const std::string& yaml) {
    auto taken =
        net::HttpServer::Start(harness_.io(), harness_.executor(), harness_.clock(), harness_.registry,
                               core::Logger::Discard(), net::Router(), {.listen = {"127.0.0.1:0"}});
    ASSERT_TRUE(taken);
    address_ = (*taken)->bound_address();
    (*taken)->Stop(0);
    ComponentType type = PrometheusExporterType();
    auto config = harness_.Read(type, "endpoint: " + address_ + "\n" + yaml);
    ASSERT_TRUE(config) << config.error().message();
    auto exporter = type.make_exporter(harness_.Settings(type), *config, Signal::kMetrics);
    ASSERT_TRUE(exporter);
    exporter_ = std::move(*exporter);
    core::Status started = exporter_->Start();
    ASSERT_TRUE(started) << started.error().message();
  }
  void Give(otlp::MetricsData data) {
    KeptOutcome outcome;
    exporter_->Consume(Telemetry(std::move(data)), outcome.done());
    EXPECT_TRUE(outcome.Wait());
  }
  net::FetchResponse Get(const std::string& accept = "") {
    net::FetchRequest request{.url = "http://" + address_ + "/metrics"};
    if (!accept.empty()) request.headers.Set("Accept", accept);
    auto response = net::FetchSync(std::move(request));
    EXPECT_TRUE(response);
    return response.value_or(net::FetchResponse());
  }

  ComponentHarness harness_;
  std::string address_;
  std::unique_ptr<Exporter> exporter_;
};

// A counter and a histogram with exemplars, with names that are not classic.
otlp::MetricsData MetricsWithExemplars() {
  otlp::MetricsData data;
  auto& resource = data.resources.emplace_back();
  resource.resource.attributes = Make(data, "service.name", "shop");
  auto& scope = resource.scopes.emplace_back();
  auto add_exemplar = [](otlp::Point& point, double value) {
    otlp::Exemplar& exemplar = point.exemplars.emplace_back();
    exemplar.time_ns = 1'500'000'000;
    exemplar.value = {otlp::NumberKind::kDouble, {.real = value}};
    exemplar.trace_id = std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
  };
  otlp::Metric& counter = scope.metrics.emplace_back();
  counter.name = "http.requests";
  counter.description = "With \"quotes\"";
  counter.kind = otlp::MetricKind::kSum;
  counter.is_monotonic = true;
  counter.temporality = otlp::Temporality::kCumulative;
  auto& point = counter.numbers.emplace_back();
  point.attributes = Make(data, "url.path", "/");
  point.time_ns = 2'500'000'000;
  point.value = {otlp::NumberKind::kInt, {.integer = 3}};
  add_exemplar(point, 0.5);
  otlp::Metric& histogram = scope.metrics.emplace_back();
  histogram.name = "h";
  histogram.kind = otlp::MetricKind::kHistogram;
  histogram.temporality = otlp::Temporality::kCumulative;
  auto& buckets = histogram.histograms.emplace_back();
  buckets.time_ns = 2'000'000'000;
  buckets.count = 1;
  buckets.sum = 1;
  buckets.explicit_bounds = {2};
  buckets.bucket_counts = {1, 0};
  add_exemplar(buckets, 1);
  return data;
}

constexpr const char* kOpenMetrics =
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4";

TEST_F(PrometheusExporterTest, ShowsOpenMetricsToWhoPrefersThem) {
  Start("enable_open_metrics: true\nsend_timestamps: true\nwithout_scope_info: true\n");
  Give(MetricsWithExemplars());
  net::FetchResponse response = Get(kOpenMetrics);
  EXPECT_EQ(response.headers.Get("Content-Type"),
            "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8");
  EXPECT_EQ(response.body,
            "# HELP h \n# TYPE h histogram\n"
            "h_bucket{job=\"shop\",le=\"2.0\"} 1 2.000 # "
            "{trace_id=\"00000000000000000000000000000001\"} 1 1.500\n"
            "h_bucket{job=\"shop\",le=\"+Inf\"} 1 2.000\n"
            "h_sum{job=\"shop\"} 1 2.000\n"
            "h_count{job=\"shop\"} 1 2.000\n"
            "# HELP http_requests With \\\"quotes\\\"\n# TYPE http_requests counter\n"
            "http_requests_total{job=\"shop\",url_path=\"/\"} 3 2.500 # "
            "{trace_id=\"00000000000000000000000000000001\"} 0.5 1.500\n"
            "# EOF\n");
  // Who does not ask for it gets the text that everybody reads.
  response = Get("text/plain;q=0.9,application/openmetrics-text;q=0.1");
  EXPECT_TRUE(response.headers.Get("Content-Type").starts_with("text/plain; version=0.0.4")) << response.body;
  EXPECT_NE(response.body.find("# TYPE http_requests_total counter\n"), std::string::npos) << response.body;
  EXPECT_EQ(response.body.find("EOF"), std::string::npos);
}

TEST_F(PrometheusExporterTest, ShowsOpenMetricsOnlyWhenToldSo) {
  Start("without_scope_info: true\n");
  Give(MetricsWithExemplars());
  EXPECT_TRUE(Get(kOpenMetrics).headers.Get("Content-Type").starts_with("text/plain"));
}

TEST_F(PrometheusExporterTest, LeavesNamesAsTheyAreForWhoTakesThem) {
  Start(
      "translation_strategy: NoTranslation\nresource_constant_labels: {enabled: true}\n"
      "without_scope_info: true\n");
  Give(MetricsWithExemplars());
  EXPECT_NE(
      Get("text/plain;version=1.0.0;escaping=allow-utf-8")
          .body.find("{\"http.requests\",job=\"shop\",\"service.name\"=\"shop\",\"url.path\"=\"/\"} 3\n"),
      std::string::npos)
      << Get("text/plain;version=1.0.0;escaping=allow-utf-8").body;
  EXPECT_NE(Get().body.find("http_requests{job=\"shop\",service_name=\"shop\",url_path=\"/\"} 3\n"),
            std::string::npos)
      << Get().body;
}

TEST_F(PrometheusExporterTest, MayKeepUtf8AndAddSuffixes) {
  Start("translation_strategy: NoUTF8EscapingWithSuffixes\nsending_queue: {}\n");
  Give(MetricsWithExemplars());
  auto shown = [&] { return Get("text/plain;version=1.0.0;escaping=allow-utf-8").body; };
  EXPECT_TRUE(WaitUntil([&] { return shown().find("{\"http.requests_total\",") != std::string::npos; }))
      << shown();
}

TEST_F(PrometheusExporterTest, ShowsWhatItWasGiven) {
  Start("namespace: ns\nconst_labels: {cluster: eu}\nsend_timestamps: true\nwithout_scope_info: true\n");
  Give(Metrics());
  EXPECT_EQ(Get().body,
            "# HELP ns_h \n# TYPE ns_h histogram\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"2\"} 1 2000\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"10\"} 2 2000\n"
            "ns_h_bucket{cluster=\"eu\",job=\"shop\",le=\"+Inf\"} 3 2000\n"
            "ns_h_sum{cluster=\"eu\",job=\"shop\"} 30 2000\n"
            "ns_h_count{cluster=\"eu\",job=\"shop\"} 3 2000\n"
            "# HELP ns_size_bytes How\\nlarge\n# TYPE ns_size_bytes gauge\n"
            "ns_size_bytes{cluster=\"eu\",job=\"shop\",path=\"a\\\"b\"} 3 2000\n");
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
  EXPECT_EQ(metrics.Render({}), "# HELP a \n# TYPE a untyped\na 1\n# HELP b \n# TYPE b untyped\nb 2\n");
  add("a", model::StaleNan());
  clock.Advance(600);
  add("c", 3);
  EXPECT_EQ(metrics.Render({}), "# HELP b \n# TYPE b untyped\nb 2\n# HELP c \n# TYPE c untyped\nc 3\n");
  clock.Advance(600);
  EXPECT_EQ(metrics.Render({}), "# HELP c \n# TYPE c untyped\nc 3\n");
}

TEST(PrometheusExporterSettingsTest, RefusesBadSettings) {
  ComponentHarness harness;
  ComponentType type = PrometheusExporterType();
  EXPECT_NE(
      harness.ErrorOf(type, "{}").find("expecting a non-blank address to run the Prometheus metrics handler"),
      std::string::npos);
  EXPECT_NE(
      harness.ErrorOf(type, "endpoint: a:1\ntranslation_strategy: x").find("invalid translation_strategy: x"),
      std::string::npos);
  EXPECT_NE(harness.ErrorOf(type, "endpoint: a:1\nsending_queue: {queue_size: 0}").find("must be positive"),
            std::string::npos);
}

}  // namespace

}  // namespace sextant::pipeline
