#include "metrics/remote/otlp_receiver.h"

#include <gtest/gtest.h>

#include "metrics/remote/memory_store_test_util.h"

namespace sextant::remote {
namespace {

class OtlpReceiverTest : public testing::Test {
 protected:
  void Restart(OtlpStoreOptions options = {}) {
    otlp_store_ = std::make_unique<OtlpStore>(store_, clock_, registry_, core::Logger::Discard(), options);
    receiver_ = std::make_unique<OtlpReceiver>(*otlp_store_, registry_, core::Logger::Discard());
  }
  void SetUp() override { Restart(); }
  // "200 " and the body.
  std::string Post(std::string body, std::string_view type = "application/json",
                   std::string_view encoding = {}) {
    net::HttpRequest request;
    request.method = "POST";
    request.headers.Add("Content-Type", type);
    if (!encoding.empty()) request.headers.Add("Content-Encoding", encoding);
    request.body = std::move(body);
    net::HttpResponse response = receiver_->Handle(request);
    return fmt::format("{} {}", response.status, response.body);
  }
  // A monotonic sum of one point.
  static std::string Sum(int64_t value, int time_ms, int temporality = 2) {
    return fmt::format(
        R"({{"resourceMetrics":[{{"scopeMetrics":[{{"metrics":[{{"name":"my.sum","sum":{{"isMonotonic":true,)"
        R"("aggregationTemporality":{},"dataPoints":[{{"asInt":"{}","timeUnixNano":"{}000000"}}]}}}}]}}]}}]}})",
        temporality, value, time_ms);
  }

  core::SystemClock clock_;
  core::Registry registry_;
  MemoryStore store_;
  std::unique_ptr<OtlpStore> otlp_store_;
  std::unique_ptr<OtlpReceiver> receiver_;
};

TEST_F(OtlpReceiverTest, StoresWhatItTranslates) {
  EXPECT_EQ(Post(Sum(5, 1000)), "200 ");
  EXPECT_EQ(store_.Text(), "{__name__=\"my_sum_total\"} 5@1000 (counter)\n");
  config::OtlpConfig config;
  config.translation_strategy = config::TranslationStrategy::kNoTranslation;
  otlp_store_->SetConfig(config);
  EXPECT_EQ(Post(Sum(6, 2000)), "200 ");
  EXPECT_EQ(store_.Text(),
            "{__name__=\"my.sum\"} 6@2000 (counter)\n{__name__=\"my_sum_total\"} 5@1000 (counter)\n");
  EXPECT_EQ(Post("", "application/x-protobuf"), "200 ");
}

TEST_F(OtlpReceiverTest, WrongRequestsAreRefusedInPrometheusWords) {
  EXPECT_EQ(
      Post("{}", "text/plain"),
      "400 unsupported content type: text/plain, supported: [application/json, application/x-protobuf]\n");
  EXPECT_EQ(Post("{}", "application/json", "snappy"),
            "400 unsupported compression: snappy. Only \"gzip\" or no compression supported\n");
  EXPECT_EQ(Post("{").substr(0, 4), "400 ");
  EXPECT_EQ(Post("\x0a\x7f", "application/x-protobuf"),
            "400 malformed ExportMetricsServiceRequest: unexpected end of message\n");
}

TEST_F(OtlpReceiverTest, ARequestWithAnErrorIsNotStored) {
  EXPECT_EQ(Post(Sum(5, 2000)), "200 ");
  EXPECT_EQ(Post(Sum(5, 1000)), "400 out of order sample\n");
  EXPECT_EQ(Post(Sum(5, 3000, 1)), "500 invalid temporality and type combination for metric \"my.sum\"\n");
  store_.fails_commits = true;
  EXPECT_EQ(Post(Sum(5, 4000)), "500 the disk is full\n");
  EXPECT_EQ(store_.Text(), "{__name__=\"my_sum_total\"} 5@2000 (counter)\n");
  EXPECT_NE(registry_.RenderText().find("sextant_otlp_requests_refused_total 3"), std::string::npos);
}

TEST_F(OtlpReceiverTest, DeltasAreKeptOrSummedUp) {
  Restart({.converts_deltas = true});
  EXPECT_EQ(Post(Sum(5, 1000, 1)), "200 ");
  EXPECT_EQ(Post(Sum(6, 2000, 1)), "200 ");
  EXPECT_EQ(store_.Text(), "{__name__=\"my_sum_total\"} 5@1000 11@2000 (counter)\n");
  Restart({.keeps_deltas = true});
  EXPECT_EQ(Post(Sum(7, 3000, 1)), "200 ");
  EXPECT_EQ(store_.Text(), "{__name__=\"my_sum_total\"} 5@1000 11@2000 7@3000 (unknown)\n");
}

}  // namespace
}  // namespace sextant::remote
