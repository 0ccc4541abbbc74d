#include "metrics/scrape/target_builder.h"

#include <gtest/gtest.h>

namespace sextant::scrape {
namespace {

config::ScrapeConfig Job() {
  config::ScrapeConfig job;
  job.job_name = "app";
  job.scrape_interval_ms = 15'000;
  job.scrape_timeout_ms = 10'000;
  job.static_configs = {{{"a:80", "b:80"}, {{"env", "prod"}}}};
  return job;
}

TargetList Build(const config::ScrapeConfig& job) {
  return BuildTargets(job, *relabel::Rules::Compile(job.relabel_configs));
}

TEST(BuildTargets, FillsInWhatTheConfigurationSays) {
  TargetList list = Build(Job());
  ASSERT_EQ(list.active.size(), 2u);
  const ScrapeTarget& target = list.active[0];
  EXPECT_EQ(target.url, "http://a:80/metrics");
  EXPECT_EQ(target.labels.ToString(), R"({env="prod", instance="a:80", job="app"})");
  EXPECT_EQ(
      target.discovered_labels.ToString(),
      R"({__address__="a:80", __metrics_path__="/metrics", __scheme__="http", __scrape_interval__="15s", )"
      R"(__scrape_timeout__="10s", env="prod", job="app"})");
  EXPECT_EQ(target.interval_ms, 15'000);
}

TEST(BuildTargets, ParametersGoIntoTheUrl) {
  config::ScrapeConfig job = Job();
  job.params = {{"module", {"http 2xx", "second"}}};
  config::RelabelRuleConfig rule;
  rule.target_label = "__param_target";
  rule.replacement = "x&y";
  job.relabel_configs = {rule};
  EXPECT_EQ(Build(job).active[0].url, "http://a:80/metrics?module=http+2xx&module=second&target=x%26y");
}

TEST(BuildTargets, RelabellingRenamesDropsAndMerges) {
  config::ScrapeConfig job = Job();
  config::RelabelRuleConfig drop;
  drop.source_labels = {"__address__"};
  drop.regex = "b.*";
  drop.action = config::RelabelAction::kDrop;
  config::RelabelRuleConfig interval;
  interval.target_label = "__scrape_interval__";
  interval.replacement = "30s";
  job.relabel_configs = {drop, interval};
  TargetList list = Build(job);
  ASSERT_EQ(list.active.size(), 1u);
  EXPECT_EQ(list.active[0].interval_ms, 30'000);
  EXPECT_EQ(list.dropped.size(), 1u);

  job = Job();
  job.static_configs = {{{"a:80", "a:80"}, {}}};
  EXPECT_EQ(Build(job).active.size(), 1u);
}

TEST(BuildTargets, TargetsThatMakeNoSenseAreErrors) {
  config::ScrapeConfig job = Job();
  job.static_configs = {{{"http://a/"}, {}}};
  TargetList list = Build(job);
  EXPECT_TRUE(list.active.empty());
  ASSERT_EQ(list.errors.size(), 1u);
  EXPECT_EQ(list.errors[0].message(), "job app, target http://a/: \"http://a/\" is not a valid hostname");

  config::RelabelRuleConfig timeout;
  timeout.target_label = "__scrape_timeout__";
  timeout.replacement = "1h";
  job = Job();
  job.relabel_configs = {timeout};
  EXPECT_EQ(Build(job).errors.size(), 2u);
}

}  // namespace
}  // namespace sextant::scrape
