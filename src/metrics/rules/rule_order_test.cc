#include "metrics/rules/rule_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace sextant::rules {
namespace {

using ::testing::ElementsAre;
using Batches = std::vector<RuleBatch>;

// The order of the rules given as `record: expr` or, with a `!` before, `alert: expr`.
Batches Order(const std::vector<std::pair<std::string, std::string>>& rules) {
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (const auto& [name, expr] : rules) {
    const bool is_alert = name.starts_with("!");
    text += fmt::format("  - {{{}: '{}', expr: '{}'}}\n", is_alert ? "alert" : "record",
                        is_alert ? name.substr(1) : name, expr);
  }
  const auto file = ParseRuleFile(text, "r.yml", {});
  EXPECT_TRUE(file) << (file ? "" : Summarize(file.error()).message());
  return file ? OrderRules(file->groups[0].rules) : Batches();
}

TEST(RuleOrder, RulesWithoutDependenciesComeFirstTogether) {
  EXPECT_THAT(Order({{"a", "x"}, {"b", "y"}, {"c", "1"}}), ElementsAre(RuleBatch{0, 1, 2}));
  EXPECT_THAT(Order({{"a", "x"}}), ElementsAre(RuleBatch{0}));
  EXPECT_THAT(Order({}), ElementsAre());
}

TEST(RuleOrder, ThoseInTheMiddleGoOneByOneAndTheLastTogether) {
  EXPECT_THAT(
      Order({{"a", "x"}, {"b", "a"}, {"c", "b"}, {"d", "c + a"}, {"e", "sum(rate(c[5m]))"}, {"f", "y"}}),
      ElementsAre(RuleBatch{0, 5}, RuleBatch{1}, RuleBatch{2}, RuleBatch{3, 4}));
}

// Also when the file has them the other way round: by name, as upstream.
TEST(RuleOrder, ARuleMayDependOnALaterOne) {
  EXPECT_THAT(Order({{"a", "b"}, {"b", "x"}}), ElementsAre(RuleBatch{1}, RuleBatch{0}));
}

TEST(RuleOrder, OwnResultsAreNoDependency) {
  EXPECT_THAT(Order({{"a", "x or last_over_time(a[1m])"}, {"b", "y"}}), ElementsAre(RuleBatch{0, 1}));
  // But those of another rule of the same name are.
  EXPECT_THAT(Order({{"a", "x or a"}, {"a", "y or a"}, {"c", "a"}}),
              ElementsAre(RuleBatch{0}, RuleBatch{1}, RuleBatch{2}));
}

TEST(RuleOrder, NamesInMatchersCount) {
  EXPECT_THAT(Order({{"a1", "x"}, {"a2", "x"}, {"b", "{__name__=~\"a.\"}"}, {"c", "{__name__=\"a1\"}"}}),
              ElementsAre(RuleBatch{0, 1}, RuleBatch{2, 3}));
  EXPECT_THAT(Order({{"a", "x"}, {"b", "{__name__!=\"a\", job=\"j\"}"}}), ElementsAre(RuleBatch{0, 1}));
}

TEST(RuleOrder, WithASelectorOfAnyNameNothingIsKnown) {
  EXPECT_THAT(Order({{"a", "x"}, {"b", "y"}, {"c", "{job=\"j\"}"}}),
              ElementsAre(RuleBatch{0}, RuleBatch{1}, RuleBatch{2}));
}

TEST(RuleOrder, AlertsAreNeededByThoseAfterThem) {
  EXPECT_THAT(Order({{"!A", "x"}, {"!B", "x"}, {"c", "count(ALERTS{alertname=\"A\"})"}, {"!D", "x"}}),
              ElementsAre(RuleBatch{0, 1, 3}, RuleBatch{2}));
  EXPECT_THAT(Order({{"!A", "x"}, {"c", "ALERTS_FOR_STATE"}, {"!D", "x"}}),
              ElementsAre(RuleBatch{0, 2}, RuleBatch{1}));
  EXPECT_THAT(Order({{"c", "ALERTS"}, {"!A", "x"}}), ElementsAre(RuleBatch{0, 1}));
  EXPECT_THAT(Order({{"!A", "x"}, {"c", "ALERTS{alertname=~\"B|C\"}"}}), ElementsAre(RuleBatch{0, 1}));
  EXPECT_THAT(Order({{"!A", "x"}, {"!B", "ALERTS{alertname!=\"B\"}"}, {"c", "ALERTS{alertname=\"B\"}"}}),
              ElementsAre(RuleBatch{0}, RuleBatch{1}, RuleBatch{2}));
}

// What Prometheus' own rule files say in their comments of how their groups are run.
TEST(RuleOrderConformance, PrometheusFixturesHaveTheirBatches) {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  const std::filesystem::path path =
      std::filesystem::path(folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT) /
      "prometheus/rules/fixtures";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no conformance data at " << path;
  const std::pair<const char*, Batches> files[] = {
      {"rules_chain.yaml", {{0, 1}, {2}, {3}, {4, 5, 6}}},
      {"rules_multiple_dependents_on_base.yaml", {{0, 4}, {1, 2, 3, 5, 6, 7}}},
      {"rules_dependencies.yaml", {{0}, {1}}},
      {"rules_multiple_independent.yaml", {{0, 1, 2, 3, 4, 5, 6, 7}}},
      {"rules_multiple.yaml", {{0, 1, 2, 4}, {3, 5}}},
      {"rules_indeterminates.yaml", {{0}, {1}, {2}, {3}, {4}, {5}, {6}}},
  };
  for (const auto& [name, batches] : files) {
    const auto file = LoadRuleFile((path / name).string(), {});
    ASSERT_TRUE(file) << name;
    EXPECT_EQ(OrderRules(file->groups.at(0).rules), batches) << name;
  }
}

}  // namespace
}  // namespace sextant::rules
