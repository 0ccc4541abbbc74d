#include "pipeline/receivers/prometheus_receiver.h"

#include <gtest/gtest.h>

#include "net/http_server.h"
#include "pipeline/component_harness.h"
#include "pipeline/exporters/debug_text.h"

namespace sextant::pipeline {

namespace {

TEST(PrometheusReceiverTest, ScrapesATarget) {
  ComponentHarness harness;
  net::Router router;
  router.Add("GET", "/metrics", [](const net::HttpRequest&) {
    return net::HttpResponse::Text(200,
                                   "# TYPE requests_total counter\nrequests_total{code=\"200\"} 3\n"
                                   "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\n"
                                   "h_sum 4\nh_count 3\n");
  });
  auto server =
      net::HttpServer::Start(harness.io(), harness.executor(), harness.clock(), harness.registry,
                             core::Logger::Discard(), std::move(router), {.listen = {"127.0.0.1:0"}});
  ASSERT_TRUE(server);
  ComponentType type = PrometheusReceiverType();
  auto config = harness.Read(type, fmt::format(R"(config:
  scrape_configs:
    - job_name: shop
      scrape_interval: 100ms
      scrape_timeout: 100ms
      static_configs: [{{targets: ["{}"]}}]
)",
                                               (*server)->bound_address()));
  ASSERT_TRUE(config) << config.error().message();
  NotingConsumer next;
  Outputs outputs;
  outputs.metrics = &next;
  auto receiver = type.make_receiver(harness.Settings(type), *config, outputs);
  ASSERT_TRUE(receiver) << receiver.error().message();
  core::Status started = (*receiver)->Start();
  ASSERT_TRUE(started) << started.error().message();
  std::string text;
  bool has_counter = false;
  EXPECT_TRUE(WaitUntil([&] {
    for (const Telemetry& batch : next.Take()) {
      text += NormalText(batch.metrics());
      for (const otlp::Metric& metric : batch.metrics().resources.at(0).scopes.at(0).metrics) {
        has_counter |= metric.name == "requests_total" && metric.kind == otlp::MetricKind::kSum;
      }
    }
    return text.find("requests_total{code=200} 3\n") != std::string::npos &&
           text.find("up{} 1\n") != std::string::npos;
  })) << text;
  EXPECT_NE(text.find("service.name=shop"), std::string::npos);
  // Types count from the first scrape on, although a target says them just before the samples.
  EXPECT_TRUE(has_counter);
  EXPECT_NE(text.find("h{} count=3 sum=4 le1=2 1\n"), std::string::npos) << text;
  (*receiver)->Shutdown();
  EXPECT_NE(harness.registry.RenderText().find(
                "otelcol_receiver_accepted_metric_points{receiver=\"prometheus\",transport=\"http\"}"),
            std::string::npos);
  (*server)->Stop(0);
}

TEST(PrometheusReceiverTest, RefusesWhatItDoesNotDo) {
  ComponentHarness harness;
  ComponentType type = PrometheusReceiverType();
  EXPECT_NE(harness.ErrorOf(type, "{}").find("no Prometheus scrape_configs or target_allocator set"),
            std::string::npos);
  EXPECT_NE(harness.ErrorOf(type, "config: {rule_files: [a]}").find("unsupported features"),
            std::string::npos);
  EXPECT_NE(
      harness.ErrorOf(type, "target_allocator: {endpoint: a}").find("target_allocator is not supported yet"),
      std::string::npos);
  std::string bad = harness.ErrorOf(type, "config:\n  scrape_configs:\n    - job_nam: a\n");
  EXPECT_NE(bad.find("c.yml:3:"), std::string::npos) << bad;
}

}  // namespace

}  // namespace sextant::pipeline
