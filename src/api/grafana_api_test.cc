#include <gtest/gtest.h>

#include "api/data_sources_api.h"
#include "api/frame_query_api.h"

namespace sextant::api {
namespace {

using dashboards::SourceKind;

TEST(DataSourceProxy, OnlyWhatReadsIsPassedOn) {
  for (const char* path :
       {"api/v1/query", "api/v1/label/job/values", "api/v1/status/buildinfo", "api/v1/rules"})
    EXPECT_TRUE(IsPassedOn(SourceKind::kRemoteMetrics, "GET", path)) << path;
  EXPECT_TRUE(IsPassedOn(SourceKind::kRemoteMetrics, "POST", "api/v1/query_range"));
  for (const char* path :
       {"api/v1/admin/tsdb/delete_series", "-/reload", "api/v1/write", "", "api/v1/label/a/b/values",
        "api/v1/label/../values", "api/v1/query/../admin", "api/v2/alerts", "metrics"}) {
    EXPECT_FALSE(IsPassedOn(SourceKind::kRemoteMetrics, "GET", path)) << path;
  }
  EXPECT_FALSE(IsPassedOn(SourceKind::kRemoteMetrics, "POST", "api/v1/rules"));
  EXPECT_TRUE(IsPassedOn(SourceKind::kRemoteAlerts, "GET", "api/v2/silence/1"));
  EXPECT_FALSE(IsPassedOn(SourceKind::kRemoteAlerts, "POST", "api/v2/silences"));
  EXPECT_FALSE(IsPassedOn(SourceKind::kUnsupported, "GET", "api/v1/query"));
}

TEST(FrameQueries, TimesStepsAndVariables) {
  EXPECT_EQ(*ParseGrafanaTime("now-1h", 10'000'000), 6'400'000);
  EXPECT_EQ(*ParseGrafanaTime("now", 7), 7);
  EXPECT_EQ(*ParseGrafanaTime("1700000000000", 7), 1'700'000'000'000);
  EXPECT_FALSE(ParseGrafanaTime("yesterday", 7));
  EXPECT_FALSE(ParseGrafanaTime("now/d", 7));
  EXPECT_EQ(GrafanaStep(3'600'000, 240, 15'000), 15'000);
  EXPECT_EQ(GrafanaStep(3'600'000, 1'000, 1'000), 5'000);
  EXPECT_EQ(GrafanaStep(86'400'000, 1'000, 15'000), 60'000);
  EXPECT_EQ(FillIn("rate(a[$__rate_interval]) + b[$__range] + $__interval_ms + ${__interval}", 15'000,
                   3'600'000, 15'000),
            "rate(a[1m]) + b[3600s] + 15000 + 15s");
}

}  // namespace
}  // namespace sextant::api
