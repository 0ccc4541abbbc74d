#include "pipeline/receivers/hosted_otlp.h"

#include <thread>

#include "pipeline/component_harness.h"
#include "pipeline/settings/endpoint.h"

namespace sextant::pipeline {
namespace {

constexpr std::string_view kGauge =
    R"({"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"1",)"
    R"("timeUnixNano":"1000000"}]}}]}]}]})";
constexpr std::string_view kSpan = R"({"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"s"}]}]}]})";

class HostedOtlpTest : public testing::Test {
 protected:
  void SetUp() override {
    net::Router router;
    hosted_.AddRoutes(router);
    net::HttpServerOptions options;
    options.listen = {"127.0.0.1:0"};
    auto endpoint = Endpoint::Start(environment_.Settings("test"), std::move(router), std::move(options));
    ASSERT_TRUE(endpoint) << endpoint.error().message();
    endpoint_ = std::move(*endpoint);
  }

  // The status, and the answer where it is another than 200.
  std::string Post(std::string_view path, std::string_view body) {
    net::FetchRequest request;
    request.method = "POST";
    request.url = fmt::format("http://{}{}", endpoint_->address(), path);
    request.headers.Set("Content-Type", "application/json");
    request.body = body;
    auto response = net::FetchSync(std::move(request));
    if (!response) return std::string(response.error().message());
    return response->status == 200 ? "200" : fmt::format("{} {}", response->status, response->body);
  }

  ComponentHarness environment_;
  NotingConsumer store_;
  HostedOtlp hosted_{environment_.registry, &store_};
  std::unique_ptr<Endpoint> endpoint_;
};

TEST_F(HostedOtlpTest, WithoutReceiversMetricsAreStoredAndOthersRefusedForGood) {
  EXPECT_EQ(Post("/v1/metrics", kGauge), "200");
  EXPECT_EQ(store_.WaitForItems(1), 1u);
  std::string refused = Post("/v1/traces", kSpan);
  EXPECT_TRUE(refused.starts_with("404 {\"code\":12,\"message\":\"traces are not taken here")) << refused;
  EXPECT_EQ(environment_.MetricValue("otelcol_receiver_refused_spans{receiver=\"otlp\",transport=\"http\"}"),
            1);
}

TEST_F(HostedOtlpTest, AReceiversPipelinesComeFirstAndOtlpBeforeItsNamesakes) {
  NotingConsumer named;
  NotingConsumer plain;
  hosted_.Attach({"otlp", "a"}, {.traces = &named, .metrics = &named, .logs = nullptr});
  hosted_.Attach({"otlp", ""}, {.traces = &plain, .metrics = nullptr, .logs = nullptr});
  EXPECT_EQ(Post("/v1/traces", kSpan), "200");
  EXPECT_EQ(Post("/v1/metrics", kGauge), "200");
  EXPECT_EQ(plain.calls(), 1u);
  EXPECT_EQ(named.calls(), 1u);
  EXPECT_EQ(store_.calls(), 0u);
  hosted_.Detach({"otlp", "a"});
  hosted_.Detach({"otlp", ""});
  EXPECT_EQ(Post("/v1/metrics", kGauge), "200");
  EXPECT_EQ(store_.calls(), 1u);
}

TEST_F(HostedOtlpTest, WhilePipelinesAreExchangedClientsAreToldToTryAgain) {
  hosted_.SetPaused(true);
  EXPECT_TRUE(Post("/v1/metrics", kGauge).starts_with("503 ")) << Post("/v1/metrics", kGauge);
  hosted_.SetPaused(false);
  EXPECT_EQ(Post("/v1/metrics", kGauge), "200");
}

// Holds each batch until it is told to go on.
class HoldingConsumer final : public Consumer {
 public:
  void Consume(Telemetry, Done done) override {
    std::unique_lock lock(mutex_);
    is_inside_ = true;
    changed_.notify_all();
    changed_.wait(lock, [&] { return may_go_; });
    lock.unlock();
    done({});
  }
  void WaitInside() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return is_inside_; });
  }
  void LetGo() {
    std::lock_guard lock(mutex_);
    may_go_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_inside_ = false;
  bool may_go_ = false;
};

TEST_F(HostedOtlpTest, AReceiverThatEndsIsNotCalledAnyMore) {
  HoldingConsumer holding;
  hosted_.Attach({"otlp", ""}, {.traces = &holding, .metrics = nullptr, .logs = nullptr});
  std::string answer;
  std::thread client([&] { answer = Post("/v1/traces", kSpan); });
  holding.WaitInside();
  std::atomic<bool> is_detached = false;
  std::thread end([&] {
    hosted_.Detach({"otlp", ""});
    is_detached = true;
  });
  EXPECT_FALSE(is_detached);
  holding.LetGo();
  end.join();
  client.join();
  EXPECT_EQ(answer, "200");
}

}  // namespace
}  // namespace sextant::pipeline
