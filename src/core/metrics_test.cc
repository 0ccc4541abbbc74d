#include "core/metrics.h"

#include <gtest/gtest.h>

namespace sextant::core {
namespace {

TEST(Registry, RendersFamiliesInOrder) {
  Registry registry;
  registry.AddGauge("b", "A gauge.", {{"path", "C:\\a\n\"x\""}}).Set(1.5);
  registry.AddCounter("a_total", "A counter.").Increment(2);
  Histogram& histogram = registry.AddHistogram("c_seconds", "A histogram.", {0.1, 1});
  for (double value : {0.05, 0.1, 0.5, 7.0}) histogram.Observe(value);
  registry.AddGaugeCallback("d", "Asked for.", [] { return 4; });
  EXPECT_EQ(registry.RenderText(),
            "# HELP a_total A counter.\n# TYPE a_total counter\na_total 2\n"
            "# HELP b A gauge.\n# TYPE b gauge\nb{path=\"C:\\\\a\\n\\\"x\\\"\"} 1.5\n"
            "# HELP c_seconds A histogram.\n# TYPE c_seconds histogram\n"
            "c_seconds_bucket{le=\"0.1\"} 2\nc_seconds_bucket{le=\"1\"} 3\nc_seconds_bucket{le=\"+Inf\"} 4\n"
            "c_seconds_sum 7.65\nc_seconds_count 4\n"
            "# HELP d Asked for.\n# TYPE d gauge\nd 4\n");
}

TEST(Registry, SummariesTellQuantilesOfTheLastObservations) {
  Registry registry;
  Summary& summary = registry.AddSummary("s_seconds", "A summary.", {0.5, 0.9}, {{"slice", "x"}});
  std::string head = "# HELP s_seconds A summary.\n# TYPE s_seconds summary\n";
  EXPECT_EQ(registry.RenderText(),
            head +
                "s_seconds{slice=\"x\",quantile=\"0.5\"} NaN\ns_seconds{slice=\"x\",quantile=\"0.9\"} NaN\n"
                "s_seconds_sum{slice=\"x\"} 0\ns_seconds_count{slice=\"x\"} 0\n");
  for (int i = 10; i >= 1; --i) summary.Observe(i);
  EXPECT_EQ(registry.RenderText(),
            head +
                "s_seconds{slice=\"x\",quantile=\"0.5\"} 5\ns_seconds{slice=\"x\",quantile=\"0.9\"} 9\n"
                "s_seconds_sum{slice=\"x\"} 55\ns_seconds_count{slice=\"x\"} 10\n");
  for (size_t i = 0; i < Summary::kRecent; ++i) summary.Observe(0.25);
  EXPECT_EQ(registry.RenderText(),
            head +
                "s_seconds{slice=\"x\",quantile=\"0.5\"} 0.25\ns_seconds{slice=\"x\",quantile=\"0.9\"} 0.25\n"
                "s_seconds_sum{slice=\"x\"} 119\ns_seconds_count{slice=\"x\"} 266\n");
  EXPECT_EQ(&registry.AddSummary("s_seconds", "A summary.", {0.5, 0.9}, {{"slice", "x"}}), &summary);
}

TEST(Registry, SameNameAndLabelsIsTheSameMetric) {
  Registry registry;
  registry.AddCounter("a_total", "h", {{"x", "1"}}).Increment();
  EXPECT_EQ(registry.AddCounter("a_total", "h", {{"x", "1"}}).value(), 1);
  EXPECT_EQ(registry.AddCounter("a_total", "h", {{"x", "2"}}).value(), 0);
}

TEST(Registry, RemoveForgetsMatchingMetrics) {
  Registry registry;
  registry.AddGauge("g", "h", {{"job", "a"}, {"i", "1"}});
  registry.AddGauge("g", "h", {{"job", "b"}, {"i", "1"}}).Set(2);
  registry.Remove("g", {{"job", "a"}});
  EXPECT_EQ(registry.RenderText(), "# HELP g h\n# TYPE g gauge\ng{job=\"b\",i=\"1\"} 2\n");
}

}  // namespace
}  // namespace sextant::core
