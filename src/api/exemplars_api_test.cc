#include "api/exemplars_api.h"

#include <gtest/gtest.h>
#include <simdjson.h>

#include <cstdlib>
#include <filesystem>

#include "api/envelope.h"

namespace sextant::api {
namespace {

namespace dom = simdjson::dom;

model::Labels ReadLabels(dom::element object) {
  model::LabelsBuilder labels;
  for (auto [name, value] : object.get_object()) labels.Set(name, value.get_string().value());
  return labels.Build();
}

std::string Answer(const std::vector<tsdb::SeriesExemplars>& exemplars) {
  core::JsonWriter json;
  json.BeginObject().Key("status").String("success").Key("data");
  WriteExemplars(json, exemplars);
  EndEnvelope(json, {}, {});
  return std::move(json).Take();
}

std::string ConformancePath(const std::string& name) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return std::string(folder ? folder : SEXTANT_CONFORMANCE_DEFAULT) + "/prometheus/" + name;
}

// Prometheus' own cases: answers byte for byte.
TEST(ExemplarsApi, WritesWhatPrometheusWrites) {
  std::string path = ConformancePath("api/json_codec.json");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  dom::parser parser;
  int cases = 0;
  for (dom::element item : parser.load(path).get_array()) {
    dom::array response;
    if (item["response"].get(response)) continue;
    ++cases;
    std::vector<tsdb::SeriesExemplars> all;
    for (dom::element series : response) {
      auto& read = all.emplace_back();
      read.series = ReadLabels(series["SeriesLabels"]);
      for (dom::element exemplar : series["Exemplars"].get_array()) {
        std::string_view text;
        double value = exemplar["Value"].get(text) ? exemplar["Value"].get_double().value()
                                                   : std::strtod(std::string(text).c_str(), nullptr);
        read.exemplars.push_back({ReadLabels(exemplar["Labels"]), value, exemplar["Ts"].get_int64().value()});
      }
    }
    EXPECT_EQ(Answer(all), item["expected"].get_string().value());
  }
  EXPECT_EQ(cases, 2);
}

// An answer of a running Prometheus, read and written again.
TEST(ExemplarsApi, WritesWhatARunningPrometheusAnswered) {
  std::string path = ConformancePath("tsdb/golden-prometheus-2.42/v242-nocomp/api-expected/exemplars.json");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  dom::parser parser;
  simdjson::padded_string text;
  ASSERT_FALSE(simdjson::padded_string::load(path).get(text));
  dom::element answer;
  ASSERT_FALSE(parser.parse(text).get(answer));
  std::vector<tsdb::SeriesExemplars> all;
  for (dom::element series : answer["data"].get_array()) {
    auto& read = all.emplace_back();
    read.series = ReadLabels(series["seriesLabels"]);
    for (dom::element exemplar : series["exemplars"].get_array()) {
      double value = std::strtod(exemplar["value"].get_c_str().value(), nullptr);
      auto time_ms = static_cast<core::TimestampMs>(exemplar["timestamp"].get_double().value() * 1000);
      read.exemplars.push_back({ReadLabels(exemplar["labels"]), value, time_ms});
    }
  }
  EXPECT_EQ(all.size(), 2u);
  EXPECT_EQ(Answer(all), std::string_view(text));
}

TEST(ExemplarsApi, FindsAllSelectors) {
  auto expr = promql::ParseExpr(R"(sum(rate(a{x="1"}[5m])) / on() max_over_time(b[1h:1m]) > bool 2 + a)");
  ASSERT_TRUE(expr.has_value());
  auto selectors = SelectorsOf(**expr);
  ASSERT_EQ(selectors.size(), 3u);
  EXPECT_EQ(selectors[0].size(), 2u);
  EXPECT_EQ(selectors[1][0].value(), "b");
  expr = promql::ParseExpr("1 + 2");
  ASSERT_TRUE(expr.has_value());
  EXPECT_TRUE(SelectorsOf(**expr).empty());
  EXPECT_EQ(Answer({}), R"({"status":"success","data":[]})");
}

}  // namespace
}  // namespace sextant::api
