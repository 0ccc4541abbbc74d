#include "app/promtool_analyze.h"

#include <gtest/gtest.h>

namespace sextant::app {
namespace {

ApiSeries Bucket(const char* bound, std::vector<double> values) {
  ApiSeries series;
  series.labels = {{"__name__", "x_bucket"}, {"le", bound}};
  core::TimestampMs time_ms = 0;
  for (double value : values) series.floats.push_back({time_ms += 15'000, value});
  return series;
}

TEST(PromtoolAnalyze, ClassicHistograms) {
  ChangeCounts changes;
  // In any order: they are sorted by their bounds.
  auto stats =
      AnalyzeClassic({Bucket("+Inf", {3, 6, 6}), Bucket("1", {1, 3, 3}), Bucket("2", {3, 5, 5})}, changes);
  ASSERT_TRUE(stats && *stats);
  // Alone the buckets hold 1, 2, 0; then 3, 2, 1; then the same.
  EXPECT_EQ(
      (*stats)->ToString(),
      "Bucket stats (min/avg/max) - number of buckets changed: 0/1.000/2 total delta of changed buckets: "
      "0/1.500/3 number of populated buckets: 3/3.000/3. total number of buckets: 3");
  EXPECT_EQ(changes, (ChangeCounts{{0, 1}, {2, 1}}));
  EXPECT_EQ(
      DescribeAll({**stats}, changes),
      "minChanged - min/avg/max: 0/0.000/0\navgChanged - min/avg/max: 1/1.000/1\nmaxChanged - min/avg/max: "
      "2/2.000/2\nminDelta - min/avg/max: 0/0.000/0\navgDelta - min/avg/max: 1/1.000/1\nmaxDelta - "
      "min/avg/max: "
      "3/3.000/3\nminPop - min/avg/max: 3/3.000/3\navgPop - min/avg/max: 3/3.000/3\nmaxPop - min/avg/max: "
      "3/3.000/3\ntotal - min/avg/max: 3/3.000/3\ncount - 1\n&{map[0:1 2:1]}\n");

  EXPECT_FALSE(*AnalyzeClassic({}, changes));
  EXPECT_FALSE(*AnalyzeClassic({Bucket("1", {1})}, changes));
  EXPECT_FALSE(AnalyzeClassic({Bucket("1", {1, 2}), Bucket("2", {1})}, changes));
}

TEST(PromtoolAnalyze, NativeHistograms) {
  ApiSeries series;
  ChangeCounts changes;
  EXPECT_FALSE(AnalyzeNative(series, changes));
  series.histograms.push_back({0, 0, ApiHistogram{3, 1, {{0, 0.5, 1, 3}}}});
  EXPECT_FALSE(AnalyzeNative(series, changes));
  series.histograms.push_back({15'000, 0, ApiHistogram{5, 2, {{0, 0.5, 1, 4}, {0, 1, 2, 1}}}});
  series.histograms.push_back({30'000, 0, ApiHistogram{1, 2, {{0, 1, 2, 1}}}});
  std::optional<BucketStatistics> stats = AnalyzeNative(series, changes);
  ASSERT_TRUE(stats);
  EXPECT_EQ(stats->min_changed, 1);
  EXPECT_EQ(stats->max_changed, 2);
  EXPECT_EQ(stats->min_delta, 2);
  EXPECT_EQ(stats->max_delta, 4);
  EXPECT_EQ(stats->avg_populated, 1.5);
  EXPECT_EQ(stats->total, 2);
}

}  // namespace
}  // namespace sextant::app
