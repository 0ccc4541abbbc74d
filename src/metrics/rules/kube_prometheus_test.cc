// All rules of kube-prometheus load and are evaluated without an error over a store that has series for every
// one of their selectors.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

#include "metrics/promql/ast.h"
#include "metrics/rules/rule_manager.h"
#include "metrics/rules/test_store.h"

namespace sextant::rules {
namespace {

namespace fs = std::filesystem;

constexpr core::TimestampMs kStart = 1'700'000'000'000;

std::vector<RuleFile> LoadAll(const fs::path& folder) {
  std::vector<RuleFile> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    auto file = LoadRuleFile(entry.path().string(), {});
    EXPECT_TRUE(file) << (file ? "" : Summarize(file.error()).message());
    if (file) files.push_back(*std::move(file));
  }
  return files;
}

// A series that the selector finds: what its matchers ask for, and labels that rules join by.
model::Labels SeriesFor(const promql::VectorSelector& selector) {
  model::LabelsBuilder labels;
  for (const char* name : {"cluster", "namespace", "pod", "node", "instance", "container", "uid", "device"})
    labels.Set(name, std::string(name) + "-1");
  labels.Set("le", "+Inf");
  for (const model::Matcher& matcher : selector.matchers) {
    if (matcher.type() == model::MatchType::kEqual) labels.Set(matcher.name(), matcher.value());
    if (matcher.type() != model::MatchType::kRegexp) continue;
    // An example of the expression: one of its values, or its literal beginning.
    const std::string value =
        matcher.set_matches().empty() ? matcher.prefix() + "1" : matcher.set_matches()[0];
    if (matcher.Matches(value)) labels.Set(matcher.name(), value);
  }
  return labels.Build();
}

// For all selectors but those of what rules record.
std::set<model::Labels> SeriesForAll(const std::vector<RuleFile>& files) {
  std::vector<const RuleConfig*> rules;
  std::set<std::string_view> recorded;
  for (const RuleFile& file : files) {
    for (const RuleGroupConfig& group : file.groups) {
      for (const RuleConfig& rule : group.rules) {
        rules.push_back(&rule);
        recorded.insert(rule.record);
      }
    }
  }
  std::set<model::Labels> series;
  for (const RuleConfig* rule : rules) {
    promql::Walk(*rule->parsed, [&](const promql::Expr& node) {
      const auto* selector = promql::As<promql::VectorSelector>(&node);
      if (selector == nullptr) return;
      model::Labels labels = SeriesFor(*selector);
      if (!recorded.contains(labels.metric_name())) series.insert(std::move(labels));
    });
  }
  return series;
}

TEST(KubePrometheusConformance, AllPrometheusRulesLoadAndEvaluateWithoutErrors) {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  const fs::path folder = fs::path(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) /
                          "alerting/kube-prometheus/rules-as-prometheus";
  if (!fs::exists(folder)) GTEST_SKIP() << "no conformance data at " << folder;
  const std::vector<RuleFile> files = LoadAll(folder);
  ASSERT_EQ(files.size(), 8u);

  core::ManualClock clock{kStart};
  core::Registry registry;
  promql::Engine engine{{}, clock, nullptr};
  TestStore store;
  double value = 1;
  for (const model::Labels& labels : SeriesForAll(files)) {
    ++value;
    for (int minute = -120; minute <= 10; ++minute)
      store.AddSample(labels, kStart + minute * 60'000, value * (minute + 121), nullptr);
  }
  RuleManager manager(RuleContext{engine, store, store, nullptr, clock, registry, core::Logger::Discard()});
  manager.Update({}, files);
  while (manager.NextDueMs() < kStart + 8 * 60'000) {
    clock.Set(manager.NextDueMs());
    manager.Tick(clock.NowMs());
  }

  size_t groups = 0;
  size_t alerts = 0;
  size_t recordings = 0;
  size_t active = 0;
  for (const GroupStatus& group : manager.Status()) {
    ++groups;
    for (const RuleStatus& rule : group.rules) {
      ++(rule.is_alert ? alerts : recordings);
      EXPECT_EQ(rule.health, RuleHealth::kGood) << group.name << " " << rule.name << ": " << rule.last_error;
      active += rule.alerts.size();
      for (const ActiveAlert& alert : rule.alerts) {
        for (const model::LabelView annotation : alert.annotations)
          EXPECT_EQ(annotation.value.find("error expanding"), std::string_view::npos) << annotation.value;
      }
    }
  }
  EXPECT_EQ(groups, 38u);
  EXPECT_EQ(alerts, 139u);
  EXPECT_EQ(recordings, 95u);
  // The evaluation is none of nothing.
  EXPECT_GE(active, 20u);
  size_t recorded = 0;
  for (const auto& [labels, samples] : store.data())
    recorded += labels.metric_name().find(':') != std::string_view::npos;
  EXPECT_GE(recorded, 50u);
}

}  // namespace
}  // namespace sextant::rules
