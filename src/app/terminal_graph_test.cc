#include "app/terminal_graph.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace sextant::app {
namespace {

ApiSeries Line(std::string job, const std::vector<double>& values) {
  ApiSeries series;
  series.labels = {{"job", std::move(job)}};
  core::TimestampMs time_ms = 0;
  for (double value : values) series.floats.push_back({time_ms += 1'000, value});
  return series;
}

TEST(TerminalGraph, DrawsALine) {
  std::string text = DrawGraph({Line("a", {0, 1, 2, 3})}, 1'000, 4'000, {.width = 32, .height = 3});
  EXPECT_EQ(text,
            "         3 ┤             ⢀⣀⡠⠤⠒⠒⠉\n"
            "       1.5 ┤      ⢀⣀⠤⠤⠒⠒⠉⠁\n"
            "         0 ┤⣀⠤⠤⠒⠊⠉⠁\n"
            "            00:00:01    00:00:04\n"
            "         3 ━ {job=\"a\"}\n");
}

TEST(TerminalGraph, NothingFlatAndOdd) {
  EXPECT_EQ(DrawGraph({}, 0, 1'000, {}), "no floats to draw\n");
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  // Must not draw outside, nor stumble over what has no place.
  const std::vector<std::vector<double>> odd = {
      {5, 5}, {kInfinity, -kInfinity}, {std::nan(""), 1}, {1e300, -1e300}};
  for (const std::vector<double>& values : odd) {
    EXPECT_FALSE(DrawGraph({Line("a", values)}, 0, 0, {.width = 1, .height = 1}).empty());
  }
  GraphOptions two{.max_series = 1};
  EXPECT_TRUE(DrawGraph({Line("a", {1}), Line("b", {1})}, 0, 1'000, two).ends_with("and 1 more series\n"));
}

TEST(TerminalGraph, Tables) {
  ApiSeries histogram;
  histogram.labels = {{"__name__", "h"}};
  histogram.histograms.push_back({1'000, 0, ApiHistogram{3, 4.5, {}}});
  ApiSeries up = Line("node", {1});
  up.labels["__name__"] = "up";
  EXPECT_EQ(DrawTable({up, histogram}),
            "METRIC  job                        VALUE\n"
            "up      node                           1\n"
            "h             histogram, count 3 sum 4.5\n");
}

TEST(ApiClient, ReadsAnswers) {
  core::Result<ApiValue> vector = ParseQueryData(
      R"({"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1.5,"+Inf"]},{"metric":{},"histogram":[2,{"count":"3","sum":"4","buckets":[[0,"0.5","1","3"]]}]}]})");
  ASSERT_TRUE(vector);
  ASSERT_EQ(vector->series.size(), 2U);
  EXPECT_EQ(vector->series[0].floats[0].time_ms, 1'500);
  EXPECT_EQ(vector->series[0].floats[0].value, std::numeric_limits<double>::infinity());
  EXPECT_EQ(vector->series[1].histograms[0].histogram->buckets[0].count, 3);
  EXPECT_EQ(ParseQueryData(R"({"resultType":"scalar","result":[1,"2"]})")->scalar.value, 2);
  EXPECT_EQ(ParseQueryData(R"({"resultType":"string","result":[1,"x"]})")->text, "x");
  for (const char* bad : {"", "[]", "{}", R"({"resultType":"vector","result":{}})",
                          R"({"resultType":"vector","result":[{"metric":{},"value":[1,2]}]})",
                          R"({"resultType":"scalar","result":["x","1"]})",
                          R"({"resultType":"vector","result":[{"value":[1,"1"]}]})"}) {
    EXPECT_FALSE(ParseQueryData(bad)) << bad;
  }
}

TEST(ApiClient, PrintsMetrics) {
  EXPECT_EQ(MetricText({}), "{}");
  EXPECT_EQ(MetricText({{"__name__", "up"}}), "up");
  EXPECT_EQ(MetricText({{"__name__", "up"}, {"b", "1"}, {"a", "x\"y"}}), R"(up{a="x\"y", b="1"})");
  EXPECT_EQ(LabelSetText({{"__name__", "up"}, {"a", "b"}}), R"({__name__="up", a="b"})");
}

}  // namespace
}  // namespace sextant::app
