#include "pipeline/exporters/prometheus_remote_write_exporter.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "metrics/remote/snappy_block.h"
#include "net/http_server.h"
#include "pipeline/component_harness.h"
#include "pipeline/extensions/bearer_token_extension.h"
#include "wire/remote_write.h"

namespace sextant::pipeline {

namespace {

// A request as lines: "{labels} value@time", sorted.
class TextSink final : public wire::WriteSink {
 public:
  core::Status OnSeries(const wire::WriteLabels& labels) override {
    std::vector<model::LabelView> views;
    SEXTANT_TRY(labels.Read(views));
    model::LabelsBuilder builder;
    for (model::LabelView view : views) builder.Set(view.name, view.value);
    series_ = builder.Build().ToMetricString();
    return {};
  }
  core::Status OnSample(const wire::WriteSample& sample) override {
    Add(fmt::format("{} {}@{}", series_, sample.value, sample.time_ms));
    return {};
  }
  core::Status OnHistogram(const wire::TimedHistogram& histogram) override {
    Add(fmt::format("{} histogram@{}", series_, histogram.time_ms));
    return {};
  }
  core::Status OnExemplar(const wire::WriteExemplar& exemplar) override {
    Add(fmt::format("{} exemplar {}", series_, exemplar.value));
    return {};
  }
  core::Status OnSeriesMetadata(const wire::WriteMetadata& metadata) override {
    Add(fmt::format("{} is {}", series_, metadata.type));
    return {};
  }
  core::Status OnFamilyMetadata(std::string_view family, const wire::WriteMetadata& metadata) override {
    Add(fmt::format("family {} is {} '{}'", family, metadata.type, metadata.help));
    return {};
  }
  std::vector<std::string> lines;

 private:
  void Add(std::string line) { lines.push_back(std::move(line)); }
  std::string series_;
};

class RemoteWriteExporterTest : public testing::Test {
 protected:
  RemoteWriteExporterTest() {
    net::Router router;
    router.Add("POST", "/api/v1/write", [this](const net::HttpRequest& request) { return Take(request); },
               {.passed_encodings = {"snappy"}});
    auto server = net::HttpServer::Start(environment_.io(), environment_.executor(), environment_.clock(),
                                         environment_.registry, core::Logger::Discard(), std::move(router),
                                         {.listen = {"127.0.0.1:0"}});
    EXPECT_TRUE(server);
    server_ = std::move(*server);
    url_ = "http://" + server_->bound_address() + "/api/v1/write";
  }
  ~RemoteWriteExporterTest() override {
    if (exporter_) exporter_->Shutdown();
    exporter_.reset();
    server_->Stop(0);
  }

  net::HttpResponse Take(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    ++requests_;
    headers_ = request.headers;
    if (!statuses_.empty()) {
      int status = statuses_.front();
      statuses_.erase(statuses_.begin());
      if (status != 200) return net::HttpResponse::Text(status, "told so");
    }
    auto message = remote::UncompressSnappy(request.body, 64 << 20);
    EXPECT_TRUE(message);
    bool is_v2 = request.headers.Get("Content-Type").find("v2") != std::string_view::npos;
    TextSink sink;
    EXPECT_TRUE(
        wire::ReadWriteRequest(is_v2 ? wire::WriteVersion::kV2 : wire::WriteVersion::kV1, *message, sink));
    for (std::string& line : sink.lines) lines_.push_back(std::move(line));
    return net::HttpResponse::Text(204, "");
  }

  void Start(const std::string& more = "",
             const std::string& queue = "remote_write_queue: {enabled: false}") {
    auto config =
        environment_.Read(type_, "endpoint: " + url_ + "\ntls: {insecure: true}\n" + queue + "\n" + more);
    ASSERT_TRUE(config) << config.error().message();
    auto made = type_.make_exporter(environment_.Settings(type_), *config, Signal::kMetrics);
    ASSERT_TRUE(made) << made.error().message();
    exporter_ = std::move(*made);
    core::Status started = exporter_->Start();
    ASSERT_TRUE(started) << started.error().message();
  }

  // What arrives of a batch, as lines; or the refusal.
  std::string Send(otlp::MetricsData data) {
    KeptOutcome outcome;
    exporter_->Consume(Telemetry(std::move(data)), outcome.done());
    Outcome result = outcome.Wait();
    if (!result) return (result.error().is_permanent ? "permanent: " : "refused: ") + result.error().message;
    std::lock_guard lock(mutex_);
    std::ranges::sort(lines_);
    std::string text;
    for (const std::string& line : lines_) text += line + "\n";
    lines_.clear();
    return text;
  }

  static otlp::Attributes Make(otlp::MetricsData& data,
                               const std::vector<std::pair<std::string_view, std::string_view>>& items) {
    std::vector<otlp::KeyValue> list;
    for (const auto& [key, value] : items) list.push_back({key, otlp::AnyValue::Text(value)});
    return data.memory.CopyList(std::span<const otlp::KeyValue>(list));
  }

  // What spanmetrics makes in the reference deployment.
  static otlp::MetricsData SpanMetrics() {
    otlp::MetricsData data;
    auto& resource = data.resources.emplace_back();
    resource.resource.attributes = Make(data, {{"service.name", "shop"}, {"collector.name", "traces"}});
    auto& metrics = resource.scopes.emplace_back().metrics;
    otlp::Metric& calls = metrics.emplace_back();
    calls.name = "span.metrics.calls";
    calls.kind = otlp::MetricKind::kSum;
    calls.is_monotonic = true;
    calls.temporality = otlp::Temporality::kCumulative;
    auto& count = calls.numbers.emplace_back();
    count.attributes =
        Make(data, {{"service.name", "shop"}, {"span.name", "GET /"}, {"span.kind", "SPAN_KIND_SERVER"}});
    count.start_ns = 1'000'000'000;
    count.time_ns = 2'000'000'000;
    count.value = {otlp::NumberKind::kInt, {.integer = 3}};
    otlp::Metric& duration = metrics.emplace_back();
    duration.name = "span.metrics.duration";
    duration.unit = "ms";
    duration.kind = otlp::MetricKind::kHistogram;
    duration.temporality = otlp::Temporality::kCumulative;
    auto& histogram = duration.histograms.emplace_back();
    histogram.attributes = Make(data, {{"span.name", "GET /"}});
    histogram.start_ns = 1'000'000'000;
    histogram.time_ns = 2'000'000'000;
    histogram.count = 3;
    histogram.sum = 30;
    histogram.explicit_bounds = {2, 10};
    histogram.bucket_counts = {1, 1, 1};
    return data;
  }

  static otlp::MetricsData Gauges(int count) {
    otlp::MetricsData data;
    auto& metrics = data.resources.emplace_back().scopes.emplace_back().metrics;
    for (int i = 0; i < count; ++i) {
      otlp::Metric& metric = metrics.emplace_back();
      metric.name = data.memory.Copy(fmt::format("g{}", i));
      metric.kind = otlp::MetricKind::kGauge;
      auto& point = metric.numbers.emplace_back();
      point.time_ns = 1'000'000'000;
      point.value = {otlp::NumberKind::kInt, {.integer = i}};
    }
    return data;
  }

  const ComponentType type_ = PrometheusRemoteWriteExporterType();
  ComponentHarness environment_;
  std::unique_ptr<net::HttpServer> server_;
  std::string url_;
  std::unique_ptr<Exporter> exporter_;
  std::mutex mutex_;
  std::vector<std::string> lines_;  // guarded by mutex_, as all below
  std::vector<int> statuses_;       // of the next answers
  int requests_ = 0;
  net::HttpHeaders headers_;
};

TEST_F(RemoteWriteExporterTest, SendsTheSeriesOfTheReferenceDeployment) {
  Start("resource_to_telemetry_conversion: {enabled: true}\ntarget_info: {enabled: true}");
  EXPECT_EQ(Send(SpanMetrics()),
            "span_metrics_calls_total{collector_name=\"traces\", job=\"shop\", service_name=\"shop\", "
            "span_kind=\"SPAN_KIND_SERVER\", span_name=\"GET /\"} 3@2000\n"
            "span_metrics_duration_milliseconds_bucket{collector_name=\"traces\", job=\"shop\", le=\"+Inf\", "
            "service_name=\"shop\", span_name=\"GET /\"} 3@2000\n"
            "span_metrics_duration_milliseconds_bucket{collector_name=\"traces\", job=\"shop\", le=\"10\", "
            "service_name=\"shop\", span_name=\"GET /\"} 2@2000\n"
            "span_metrics_duration_milliseconds_bucket{collector_name=\"traces\", job=\"shop\", le=\"2\", "
            "service_name=\"shop\", span_name=\"GET /\"} 1@2000\n"
            "span_metrics_duration_milliseconds_count{collector_name=\"traces\", job=\"shop\", "
            "service_name=\"shop\", span_name=\"GET /\"} 3@2000\n"
            "span_metrics_duration_milliseconds_sum{collector_name=\"traces\", job=\"shop\", "
            "service_name=\"shop\", span_name=\"GET /\"} 30@2000\n"
            "target_info{collector_name=\"traces\", job=\"shop\"} 1@2000\n");
  std::lock_guard lock(mutex_);
  EXPECT_EQ(headers_.Get("Content-Encoding"), "snappy");
  EXPECT_EQ(headers_.Get("Content-Type"), "application/x-protobuf");
  EXPECT_EQ(headers_.Get("X-Prometheus-Remote-Write-Version"), "0.1.0");
}

TEST_F(RemoteWriteExporterTest, NamesSeriesAsItIsTold) {
  Start(
      "namespace: ns\nadd_metric_suffixes: false\ntarget_info: {enabled: false}\n"
      "external_labels: {cluster: eu, span.name: other}\nexport_created_metric: {enabled: true}");
  otlp::MetricsData data = SpanMetrics();
  data.resources[0].scopes[0].metrics.pop_back();
  EXPECT_EQ(Send(std::move(data)),
            "ns_span_metrics_calls_created{cluster=\"eu\", job=\"shop\", service_name=\"shop\", "
            "span_kind=\"SPAN_KIND_SERVER\", span_name=\"GET /\"} 1000@2000\n"
            "ns_span_metrics_calls{cluster=\"eu\", job=\"shop\", service_name=\"shop\", "
            "span_kind=\"SPAN_KIND_SERVER\", span_name=\"GET /\"} 3@2000\n");
}

TEST_F(RemoteWriteExporterTest, Sends2_0WithNamesAsTheyAre) {
  Start(
      "protobuf_message: io.prometheus.write.v2.Request\ntranslation_strategy: NoTranslation\n"
      "target_info: {enabled: false}");
  otlp::MetricsData data = SpanMetrics();
  data.resources[0].scopes[0].metrics.pop_back();
  EXPECT_EQ(Send(std::move(data)),
            "{\"span.metrics.calls\", job=\"shop\", \"service.name\"=\"shop\", "
            "\"span.kind\"=\"SPAN_KIND_SERVER\", \"span.name\"=\"GET /\"} 3@2000\n"
            "{\"span.metrics.calls\", job=\"shop\", \"service.name\"=\"shop\", "
            "\"span.kind\"=\"SPAN_KIND_SERVER\", \"span.name\"=\"GET /\"} is counter\n");
  std::lock_guard lock(mutex_);
  EXPECT_EQ(headers_.Get("X-Prometheus-Remote-Write-Version"), "2.0.0");
}

TEST_F(RemoteWriteExporterTest, SendsMetadataOfFamilies) {
  Start("send_metadata: true\ntarget_info: {enabled: false}");
  std::string text = Send(SpanMetrics());
  EXPECT_NE(text.find("family span_metrics_calls_total is counter ''\n"), std::string::npos) << text;
  EXPECT_NE(text.find("family span_metrics_duration_milliseconds is histogram ''\n"), std::string::npos)
      << text;
}

TEST_F(RemoteWriteExporterTest, TriesAgainWhatMayWorkLater) {
  statuses_ = {500, 429, 503, 200};
  Start("retry_on_failure: {initial_interval: 1ms, max_interval: 2ms, max_elapsed_time: 1m}");
  EXPECT_EQ(Send(Gauges(1)), "g0 0@1000\n");
  EXPECT_EQ(requests_, 4);
}

TEST_F(RemoteWriteExporterTest, GivesUpWhatNeverWorks) {
  statuses_ = {400};
  Start();
  EXPECT_EQ(Send(Gauges(1)), "permanent: remote write returned HTTP status 400: told so");
  EXPECT_EQ(requests_, 1);
}

TEST_F(RemoteWriteExporterTest, GivesUpWhenItIsToldNotToTryAgain) {
  statuses_ = {500};
  Start("retry_on_failure: {enabled: false}");
  EXPECT_EQ(Send(Gauges(1)), "permanent: remote write returned HTTP status 500: told so");
}

TEST_F(RemoteWriteExporterTest, DividesABatchAndSendsItsPartsTogether) {
  Start("max_batch_size_bytes: 100\nmax_batch_request_parallelism: 3");
  std::string text = Send(Gauges(20));
  EXPECT_EQ(std::ranges::count(text, '\n'), 20);
  EXPECT_GT(requests_, 5);
}

TEST_F(RemoteWriteExporterTest, RefusesABatchOfWhichAPartWasRefused) {
  statuses_ = {200, 400};
  Start("max_batch_size_bytes: 1\nmax_batch_request_parallelism: 1");
  EXPECT_EQ(Send(Gauges(3)), "permanent: remote write returned HTTP status 400: told so");
  EXPECT_EQ(requests_, 3);
}

TEST_F(RemoteWriteExporterTest, SendsWhatCanBeTranslatedAndCountsTheRest) {
  Start();
  otlp::MetricsData data = Gauges(1);
  otlp::Metric& delta = data.resources[0].scopes[0].metrics.emplace_back();
  delta.name = "d";
  delta.kind = otlp::MetricKind::kSum;
  delta.temporality = otlp::Temporality::kDelta;
  delta.numbers.emplace_back();
  EXPECT_EQ(Send(std::move(data)), "g0 0@1000\n");
  EXPECT_NE(
      environment_.registry.RenderText().find(
          "otelcol_exporter_prometheusremotewrite_failed_translations{exporter=\"prometheusremotewrite\"} 1"),
      std::string::npos);
}

TEST_F(RemoteWriteExporterTest, SendsHeadersAndCredentials) {
  auto extension = environment_.MakeExtension(BearerTokenExtensionType(), "token: secret");
  ASSERT_TRUE(extension->Start());
  environment_.extensions.by_id["bearertokenauth"] = extension.get();
  Start("auth: {authenticator: bearertokenauth}\nheaders: {X-Scope-OrgID: '234'}");
  EXPECT_EQ(Send(Gauges(1)), "g0 0@1000\n");
  std::lock_guard lock(mutex_);
  EXPECT_EQ(headers_.Get("Authorization"), "Bearer secret");
  EXPECT_EQ(headers_.Get("X-Scope-OrgID"), "234");
}

TEST_F(RemoteWriteExporterTest, QueuesByDefault) {
  Start("", "");
  EXPECT_EQ(Send(otlp::MetricsData()), "");
  KeptOutcome outcome;
  exporter_->Consume(Telemetry(Gauges(1)), outcome.done());
  EXPECT_TRUE(outcome.Wait());
  EXPECT_TRUE(WaitUntil([&] {
    std::lock_guard lock(mutex_);
    return lines_ == std::vector<std::string>{"g0 0@1000"};
  }));
}

TEST_F(RemoteWriteExporterTest, RefusesAnEndpointThatIsNoUrl) {
  auto config = environment_.Read(type_, "endpoint: localhost:8888");
  ASSERT_TRUE(config);
  auto made = type_.make_exporter(environment_.Settings(type_), *config, Signal::kMetrics);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().message(), "invalid endpoint");
}

TEST_F(RemoteWriteExporterTest, ReadsTheSettingsOfTheOriginalsTests) {
  std::string text = ReadTestFile(OtelConformancePath("contrib/prometheusremotewriteexporter/config.yaml"));
  if (text.empty()) GTEST_SKIP() << "no conformance data";
  auto document = config::Document::Parse(text, "config.yaml");
  ASSERT_TRUE(document) << document.error().message();
  const std::map<std::string, std::string> errors = {
      {"negative_queue_size", "remote write queue size can't be negative"},
      {"negative_num_consumers", "remote write consumer number can't be negative"},
      {"less_than_1_max_batch_request_parallelism", "max_batch_request_parallelism can't be set to below 1"},
      {"non_snappy_compression_type", "compression type must be snappy"},
      {"unknown_protobuf_message", "unknown type for remote write protobuf message"},
      {"invalid_translation_strategy", "invalid translation_strategy: invalid_strategy"},
      {"v1_no_utf8", "translation strategy NoUTF8EscapingWithSuffixes requires Prometheus Remote Write 2.0"},
      {"v1_no_translation", "translation strategy NoTranslation requires Prometheus Remote Write 2.0"},
      {"include_metadata_keys", "include_metadata_keys is not supported yet"},
  };
  for (config::Node node : document->root().children()) {
    std::string name(node.key());
    auto expected = errors.find(name.substr(name.find('/') + 1));
    auto read = type_.read(node);
    std::string message = read ? "" : std::string(read.error().message());
    if (expected == errors.end()) {
      EXPECT_EQ(message, "") << name;
    } else {
      EXPECT_NE(message.find(expected->second), std::string::npos) << name << ": " << message;
    }
  }
  EXPECT_NE(environment_.ErrorOf(type_, "wal: {directory: /tmp}").find("wal is not supported yet"),
            std::string::npos);
}

}  // namespace

}  // namespace sextant::pipeline
