#include "metrics/rules/rule_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <set>

namespace sextant::rules {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::vector<std::string> Messages(const RuleFileResult& result) {
  std::vector<std::string> messages;
  if (result) return messages;
  for (const core::Error& error : result.error()) messages.push_back(error.message());
  return messages;
}

RuleFileResult Parse(std::string_view text, const RuleFileOptions& options = {}) {
  return ParseRuleFile(text, "r.yml", options);
}

TEST(RuleFile, ReadsAllFields) {
  const auto file = Parse(R"(
groups:
- name: g
  interval: 30s
  query_offset: 1m
  limit: 10
  labels: {team: infra, severity: none}
  rules:
  - record: job:up:sum
    expr: sum by (job) (up)
    labels: {a: b}
  - alert: Down
    expr: up == 0
    for: 5m
    keep_firing_for: 10m
    labels: {severity: page}
    annotations: {summary: "{{ $labels.instance }} is down"}
)");
  ASSERT_TRUE(file) << Messages(file)[0];
  ASSERT_EQ(file->groups.size(), 1u);
  const RuleGroupConfig& group = file->groups[0];
  EXPECT_EQ(group.name, "g");
  EXPECT_EQ(group.interval_ms, 30'000);
  EXPECT_EQ(group.query_offset_ms, 60'000);
  EXPECT_EQ(group.limit, 10);
  ASSERT_EQ(group.rules.size(), 2u);
  EXPECT_EQ(group.rules[0].name(), "job:up:sum");
  EXPECT_FALSE(group.rules[0].IsAlert());
  EXPECT_EQ(group.rules[0].labels,
            (std::map<std::string, std::string>{{"a", "b"}, {"severity", "none"}, {"team", "infra"}}));
  EXPECT_EQ(group.rules[1].for_ms, 300'000);
  EXPECT_EQ(group.rules[1].keep_firing_for_ms, 600'000);
  EXPECT_EQ(group.rules[1].labels.at("severity"), "page");
  EXPECT_NE(group.rules[1].parsed, nullptr);
}

TEST(RuleFile, EmptyIsNoGroups) {
  EXPECT_TRUE(Parse(""));
  EXPECT_TRUE(Parse("groups:\n"));
  EXPECT_TRUE(Parse("groups: []\n"));
}

TEST(RuleFile, BadFilesSayWhatIsWrongAndWhere) {
  struct Case {
    std::string_view text;
    std::string_view message;
  };
  const Case cases[] = {
      {"groups:\n- name: g\n  rules:\n  - record: a\n    expr: rate(hi)\n",
       "r.yml: 5:11: group \"g\", rule 1, \"a\": could not parse expression: 1:6: parse error: expected type "
       "range vector in "
       "call to function \"rate\", got instant vector"},
      {"groups:\n- name: g\n- name: g\n", "r.yml: 3:3: groupname: \"g\" is repeated in the same file"},
      {"groups:\n- rules: []\n", "r.yml: 2:3: Groupname must not be empty"},
      {"groups:\n- name: g\n  rules:\n  - expr: 1\n",
       "r.yml: 4:5: group \"g\", rule 1, \"\": one of 'record' or 'alert' must be set"},
      {"groups:\n- name: g\n  rules:\n  - record: a\n    alert: B\n    expr: 1\n",
       "r.yml: 4:13: 5:12: group \"g\", rule 1, \"B\": only one of 'record' and 'alert' must be set"},
      {"groups:\n- name: g\n  rules:\n  - record: a\n",
       "r.yml: 4:5: group \"g\", rule 1, \"a\": field 'expr' must be set in rule"},
      {"groups:\n- name: g\n  rules:\n  - {record: a, expr: 1, for: 1m}\n",
       "r.yml: 4:14: group \"g\", rule 1, \"a\": invalid field 'for' in recording rule"},
      {"groups:\n- name: g\n  rules:\n  - {record: a, expr: 1, keep_firing_for: 1m}\n",
       "r.yml: 4:14: group \"g\", rule 1, \"a\": invalid field 'keep_firing_for' in recording rule"},
      {"groups:\n- name: g\n  rules:\n  - {record: a, expr: 1, annotations: {b: c}}\n",
       "r.yml: 4:14: group \"g\", rule 1, \"a\": invalid field 'annotations' in recording rule"},
      {"groups:\n- name: g\n  rules:\n  - {record: 'a{b=\"c\"}', expr: 1}\n",
       "braces present in the recording rule name; should it be in expr?: a{b=\"c\"}"},
      {"groups:\n- name: g\n  rules:\n  - {record: a, expr: 1, labels: {__name__: b}}\n",
       "invalid label name: __name__"},
      {"groups:\n- name: g\n  labels: {__name__: b}\n", "r.yml: 3:12: invalid label name: __name__"},
      {"groups:\n- name: g\n  rules:\n  - {alert: a, expr: 1, annotations: {s: '{{ $nope }}'}}\n",
       "annotation \"s\": error parsing template __alert_a:"},
      {"groups:\n- name: g\n  rules:\n  - {alert: a, expr: 1, labels: {s: '{{ nofunc }}'}}\n",
       "label \"s\": error parsing template __alert_a:"},
      {"groups:\n- name: g\n  rules:\n  - {alert: a, expr: 1, annotation: {}}\n", "annotation"},
      {"groups:\n- name: g\n  interval: 5\n", "interval"},
      {"groups:\n- name: g\n  rules:\n  - {alert: a, expr: 1, for: -1m}\n", "for"},
      {"groups:\n- name: g\n  rules:\n  - null\n", "rules[0]"},
      {"groups: {}\n", "groups"},
      {"- name: g\n", "r.yml"},
      {"groups: []\n---\ngroups: []\n", "r.yml"},
      {"groups: [\n", "r.yml"},
      {"groups:\n- name: g\n  name: h\n", "name"},
  };
  for (const Case& c : cases) {
    const auto messages = Messages(Parse(c.text));
    ASSERT_FALSE(messages.empty()) << c.text;
    EXPECT_THAT(messages[0], StartsWith("r.yml:")) << c.text;
    EXPECT_THAT(messages[0], HasSubstr(std::string(c.message))) << c.text;
  }
}

TEST(RuleFile, ReportsAllErrorsOfAFile) {
  const auto file = Parse(
      "groups:\n- name: g\n  rules:\n  - {record: a, expr: '('}\n  - {alert: b, expr: 1}\n  - {record: c, "
      "for: 1m}\n");
  const auto messages = Messages(file);
  ASSERT_EQ(messages.size(), 3u);
  EXPECT_THAT(Summarize(file.error()).message(), HasSubstr("(and 2 more errors)"));
}

TEST(RuleFile, UnknownFieldsMayBePassedOver) {
  constexpr std::string_view kText =
      "groups: [{name: g, colour: red, rules: [{record: a, expr: '1', weight: {of: [1]}}]}]\nmore: 1\n";
  EXPECT_FALSE(Parse(kText, {}));
  RuleFileOptions options;
  options.ignores_unknown_fields = true;
  auto file = Parse(kText, options);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->groups.at(0).rules.at(0).record, "a");
  EXPECT_FALSE(Parse("groups: [{name: [1]}]", options)) << "what is known must be right";
}

TEST(RuleFile, NameSchemeDecidesAboutNames) {
  constexpr std::string_view kText =
      "groups:\n- name: g\n  rules:\n  - {alert: a, expr: 1, annotations: {ins-tance: x}}\n";
  EXPECT_TRUE(Parse(kText));
  const auto messages = Messages(Parse(kText, {.name_scheme = core::NameScheme::kLegacy, .parser = {}}));
  EXPECT_THAT(messages,
              ElementsAre(HasSubstr("group \"g\", rule 1, \"a\": invalid annotation name: ins-tance")));
}

TEST(RuleFile, AMissingFileIsAnError) {
  const std::vector<std::string> paths = {"/nonexistent/a.yml", "/nonexistent/b.yml"};
  const auto files = LoadRuleFiles(paths, {});
  ASSERT_FALSE(files);
  EXPECT_EQ(files.error().size(), 2u);
  EXPECT_THAT(files.error()[0].message(), HasSubstr("/nonexistent/a.yml"));
}

fs::path ConformancePath() {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return fs::path(folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT) / "prometheus/rules";
}

// The files' names say what is to become of them.
TEST(RuleFileConformance, PrometheusFilesLoadOrFail) {
  if (!fs::exists(ConformancePath())) GTEST_SKIP() << "no conformance data at " << ConformancePath();
  const std::set<std::string> bad_fixtures = {"invalid_rules.yaml", "rules_multi_doc.yaml"};
  size_t count = 0;
  for (const char* folder : {"rulefmt-testdata", "fixtures"}) {
    for (const auto& entry : fs::directory_iterator(ConformancePath() / folder)) {
      const std::string name = entry.path().filename().string();
      RuleFileOptions options;
      if (name.starts_with("legacy_")) options.name_scheme = core::NameScheme::kLegacy;
      const bool is_bad = name.find(".bad.") != std::string::npos || bad_fixtures.contains(name);
      const auto file = LoadRuleFile(entry.path().string(), options);
      EXPECT_EQ(!file, is_bad) << name << ": " << (file ? "loads" : Summarize(file.error()).message());
      ++count;
    }
  }
  EXPECT_GE(count, 30u);
}

TEST(RuleFileConformance, LargeAndForeignFilesLoad) {
  if (!fs::exists(ConformancePath())) GTEST_SKIP() << "no conformance data at " << ConformancePath();
  const auto large = LoadRuleFile((ConformancePath() / "promtool-testdata/rules_large.yml").string(), {});
  EXPECT_TRUE(large) << Summarize(large.error()).message();
  const auto extra =
      LoadRuleFile((ConformancePath() / "promtool-testdata/rules_extrafields.yml").string(), {});
  EXPECT_FALSE(extra);
}

TEST(BuiltinRules, AreTheOnesPromised) {
  std::set<std::string> alerts;
  std::vector<RuleGroupConfig> groups = BuiltinRules().groups;
  ASSERT_THAT(HeartbeatRule().groups, testing::SizeIs(1));
  groups.push_back(HeartbeatRule().groups[0]);
  for (const RuleGroupConfig& group : groups) {
    for (const RuleConfig& rule : group.rules) {
      ASSERT_TRUE(rule.IsAlert());
      alerts.insert(rule.alert);
      EXPECT_TRUE(rule.labels.contains("severity")) << rule.alert;
      EXPECT_TRUE(rule.annotations.contains("summary")) << rule.alert;
      EXPECT_TRUE(rule.annotations.contains("description")) << rule.alert;
      const std::string page = "docs/runbooks/" + rule.alert + ".md";
      EXPECT_EQ(rule.annotations.at("runbook"), page);
      EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(SEXTANT_SOURCE_DIR) / page)) << page;
    }
  }
  EXPECT_THAT(alerts, ElementsAre("HostClockSkew", "HostDiskFilling", "HostMemoryShort", "HostOutOfMemory",
                                  "ScrapeRefused", std::string(kHeartbeatAlert), "SextantIngestionFailing",
                                  "SextantNotificationsFailing", "SextantReloadFailing",
                                  "SextantRulesFailing", "TargetDown"));
}

}  // namespace
}  // namespace sextant::rules
