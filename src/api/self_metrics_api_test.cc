#include "api/self_metrics_api.h"

#include <gtest/gtest.h>

namespace sextant::api {
namespace {

std::string Ask(const core::Registry& registry, std::string query = "") {
  net::Router router;
  AddSelfMetricsRoute(router, registry);
  net::HttpRequest request;
  request.method = "GET";
  request.query_string = std::move(query);
  net::HttpResponse response = router.Match("GET", "/api/v1/status/self_metrics").route->handler(request);
  return fmt::format("{} {}", response.status, response.body);
}

TEST(SelfMetricsApiTest, WritesFamiliesAsProtobufsJson) {
  core::Registry registry;
  registry.AddCounter("a_total", "All \\ of a.", {{"x", "y"}}).Increment(2);
  registry.AddCounter("a_total", "All \\ of a.", {{"x", "z"}});
  registry.AddGauge("b", "A b.").Set(-1.5);
  core::Histogram& histogram = registry.AddHistogram("c_seconds", "A c.", {0.5, 1}, {{"k", "v"}});
  histogram.Observe(0.25);
  histogram.Observe(3);
  core::Summary& summary = registry.AddSummary("d_seconds", "A d.", {0.5});
  const std::string empty_summary =
      R"({"name":"d_seconds","help":"A d.","type":"SUMMARY","metric":[{"summary":{"sampleCount":"0","sampleSum":0,"quantile":[{"quantile":0.5,"value":"NaN"}]}}]})";
  const std::string counter =
      R"({"name":"a_total","help":"All \\ of a.","type":"COUNTER","metric":[{"label":[{"name":"x","value":"y"}],"counter":{"value":2}},{"label":[{"name":"x","value":"z"}],"counter":{"value":0}}]})";
  const std::string gauge =
      R"({"name":"b","help":"A b.","type":"GAUGE","metric":[{"gauge":{"value":-1.5}}]})";
  EXPECT_EQ(
      Ask(registry),
      R"(200 {"status":"success","data":[)" + counter + "," + gauge +
          R"(,{"name":"c_seconds","help":"A c.","type":"HISTOGRAM","metric":[{"label":[{"name":"k","value":"v"}],"histogram":{"sampleCount":"2","sampleSum":3.25,"bucket":[{"cumulativeCount":"1","upperBound":0.5},{"cumulativeCount":"1","upperBound":1}]}}]},)" +
          empty_summary + "]}");
  summary.Observe(4);
  EXPECT_EQ(
      Ask(registry, "metric_name_pattern=d_.*"),
      R"(200 {"status":"success","data":[{"name":"d_seconds","help":"A d.","type":"SUMMARY","metric":[{"summary":{"sampleCount":"1","sampleSum":4,"quantile":[{"quantile":0.5,"value":4}]}}]}]})");
  EXPECT_EQ(Ask(registry, "metric_name_pattern=b"), R"(200 {"status":"success","data":[)" + gauge + "]}");
  EXPECT_EQ(Ask(registry, "metric_name_pattern=total"), R"(200 {"status":"success","data":[]})");
  EXPECT_TRUE(
      Ask(registry, "metric_name_pattern=(")
          .starts_with(
              R"(400 {"status":"error","errorType":"bad_data","error":"invalid parameter \"metric_name_pattern\":)"));
}

}  // namespace
}  // namespace sextant::api
