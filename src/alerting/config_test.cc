#include "alerting/config.h"

#include <fstream>

#include "alerting/default_templates.h"
#include "alerting/route.h"
#include "alerting/route_labels.h"
#include "alerting/template_data.h"
#include "alerting/test_util.h"
#include "gotemplate/alertmanager.h"

namespace sextant::alerting {
namespace {

namespace fs = std::filesystem;
using testing::MustParse;

std::vector<std::string> SplitTabs(const std::string& line) {
  std::vector<std::string> cells;
  std::stringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
  cells.resize(6);
  return cells;
}

std::string ErrorOf(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "am.yml");
  return config ? "no error" : config.error().message();
}

// Every file of Alertmanager's own tests loads, or is refused: by Alertmanager's words, or because of a field
// that we do not honour yet, which the error then names. In all three syntaxes of matchers.
TEST(Config, AmtoolCheckConfigOracle) {
  const fs::path dir = testing::ConformanceDir() / "alertmanager";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  constexpr std::pair<MatcherSyntax, int> kModes[] = {
      {MatcherSyntax::kFallback, 1}, {MatcherSyntax::kUtf8Strict, 2}, {MatcherSyntax::kClassic, 3}};
  for (const auto& [syntax, column] : kModes) {
    std::ifstream table(dir / "expected-check-config.tsv");
    std::string line;
    std::getline(table, line);
    int checked = 0;
    while (std::getline(table, line)) {
      const std::vector<std::string> cells = SplitTabs(line);
      SCOPED_TRACE(fmt::format("{} {}", cells[0], column));
      const auto config = LoadConfig((dir / cells[0]).string(), syntax);
      const std::string& expected = cells[static_cast<size_t>(column)];
      if (config) {
        EXPECT_EQ(expected, "good");
        // What the API shows of it reads back, but for a token, whose default URL is shown as if given with
        // it.
        const auto again = ParseConfig((*config)->text, "shown.yml", syntax);
        EXPECT_NE(again.has_value(), cells[0].ends_with("/conf.slack-default-app-token.yml"));
      } else if (config.error().code() == core::Code::kUnimplemented) {
        EXPECT_NE(config.error().message().find("not supported yet"), std::string::npos)
            << config.error().message();
        continue;
      } else {
        EXPECT_EQ(expected, "bad") << config.error().message();
        // YAML's own errors have the words of our reader.
        if (cells[1] == "bad" && !cells[5].starts_with("yaml:")) {
          EXPECT_NE(config.error().message().find(cells[5]), std::string::npos) << config.error().message();
        }
      }
      ++checked;
    }
    EXPECT_GE(checked, 82);
  }
}

// What the Prometheus operator makes of its custom resources.
TEST(Config, WhatTheOperatorWritesLoads) {
  const fs::path cases = testing::ConformanceDir() / "operator/alertmanagerconfig-cases";
  if (!fs::exists(cases)) GTEST_SKIP() << cases;
  int loaded = 0;
  for (const auto& entry : fs::directory_iterator(cases)) {
    const fs::path file = entry.path() / "expected.yaml";
    if (!fs::exists(file)) continue;
    const auto config = LoadConfig(file.string(), MatcherSyntax::kFallback);
    if (config) {
      ++loaded;
      continue;
    }
    // Alertmanager refuses this one, too: its pagerduty_url has no scheme.
    EXPECT_EQ(entry.path().filename(), "TestInitializeFromAlertmanagerConfig__011")
        << config.error().message();
  }
  EXPECT_GE(loaded, 73);
}

TEST(Config, SeveralSourcesAreChecked) {
  const auto rule = [](const std::string& text) {
    return ErrorOf("route: {receiver: a}\nreceivers: [{name: a}]\ninhibit_rules: [" + text + "]\n");
  };
  EXPECT_EQ(rule("{sources: [{matchers: [a=b], equal: [c]}], target_matchers: [d=e]}"), "no error");
  EXPECT_NE(
      rule("{sources: [{matchers: [a=b]}], equal: [c]}")
          .find("sources cannot be combined with source_match, source_match_re, source_matchers, or equal"),
      std::string::npos);
  EXPECT_NE(rule("{sources: [{matchers: []}]}").find("source 0: matchers must not be empty"),
            std::string::npos);
  EXPECT_NE(rule("{sources: [{matchers: [a=b]}, {matchers: ['a=\"\"']}]}")
                .find("source 1: at least one matcher must not match the empty string"),
            std::string::npos);
}

TEST(Routes, LabelsAreInheritedAndOverridden) {
  const fs::path dir = testing::ConformanceDir() / "alertmanager/tables";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  std::string text = "route:\n";
  std::stringstream lines(testing::ReadWhole(dir / "route.TestRouteLabelsLoading.yml"));
  for (std::string line; std::getline(lines, line);) text += "  " + line + "\n";
  const auto config =
      MustParse(text + "receivers: [{name: notify-def}, {name: notify-A}, {name: notify-B}]\n");
  const auto root = BuildRoutes(*config);
  simdjson::dom::parser parser;
  int run = 0;
  for (const simdjson::dom::element table :
       simdjson::dom::array(parser.load((dir / "route.json").string())["tables"])) {
    if (testing::Text(table, "func") != "TestRouteLabelsLoading") continue;
    for (const simdjson::dom::element c : simdjson::dom::array(table["cases"])) {
      const auto routes = MatchRoutes(*root, testing::LabelsOf(testing::StringMap(c["input"])));
      ASSERT_EQ(routes.size(), 1);
      EXPECT_EQ(routes[0]->labels, testing::StringMap(c["expectedRouteLabels"]));
      ++run;
    }
  }
  EXPECT_EQ(run, 4);
}

TEST(Routes, LabelsAreTemplates) {
  gotemplate::TemplateSet templates(gotemplate::AlertmanagerFunctions(),
                                    {.missing_key = gotemplate::MissingKey::kZero, .limits = {}});
  MessageData data;
  data.group_labels = {{"key1", "v"}};
  const auto fill = [&](const std::map<std::string, std::string>& labels) {
    return FillRouteLabels(labels, templates, ToTemplateValue(data), 0);
  };
  const auto filled =
      fill({{"plain", "plain {}"},
            {"leaf", "{{ .GroupLabels.key1 }}"},
            {"a", "{{ routeLabels \"leaf\" }}"},
            {"top", "{{ routeLabels \"a\" }}-{{ routeLabels \"leaf\" }}[{{ routeLabels \"nope\" }}]"}});
  ASSERT_TRUE(filled) << filled.error().message();
  EXPECT_EQ(filled->at("plain"), "plain {}");
  EXPECT_EQ(filled->at("top"), "v-v[]");
  EXPECT_FALSE(fill({{"a", "{{ routeLabels \"a\" }}"}}));
  EXPECT_FALSE(fill({{"a", "{{ routeLabels \"b\" }}"}, {"b", "{{ routeLabels \"a\" }}"}}));
}

TEST(Config, ReferenceDeploymentLoads) {
  const fs::path path = testing::ConformanceDir() / "article/alertmanager.effective.yml";
  if (!fs::exists(path)) GTEST_SKIP() << path;
  const auto config = LoadConfig(path.string());
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_EQ((*config)->receivers[1].slacks[0].actions.size(), 3);
  EXPECT_EQ((*config)->inhibit_rules.size(), 4);
  EXPECT_EQ((*config)->text.find("hooks.slack.com"), std::string::npos) << "secrets are hidden";
}

// `amtool config routes test`, for the files that load.
TEST(Routes, AmtoolRoutesOracle) {
  const fs::path dir = testing::ConformanceDir() / "alertmanager";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  std::ifstream table(dir / "amtool/expected-routes-test.tsv");
  std::string line;
  std::getline(table, line);
  int run = 0;
  while (std::getline(table, line)) {
    const std::vector<std::string> cells = SplitTabs(line);
    if (cells[0] == "examples/simple.yml") continue;  // has e-mail receivers
    SCOPED_TRACE(line);
    std::string yaml = testing::ReadWhole(dir / cells[0]);
    if (yaml.starts_with("global:\n  smtp"))
      yaml = yaml.substr(yaml.find("route:"));  // mail settings that nothing uses
    const auto config = ParseConfig(yaml, "am.yml");
    ASSERT_TRUE(config) << config.error().message();
    model::LabelsBuilder labels;
    std::stringstream pairs(cells[1]);
    for (std::string pair; pairs >> pair;)
      labels.Set(pair.substr(0, pair.find('=')), pair.substr(pair.find('=') + 1));
    std::string receivers;
    const auto root = BuildRoutes(**config);
    for (const Route* route : MatchRoutes(*root, labels.Build())) {
      receivers += (receivers.empty() ? "" : ",") + (*config)->receivers[route->receiver].name;
    }
    EXPECT_EQ(receivers, cells[3]);
    ++run;
  }
  EXPECT_EQ(run, 17);
}

TEST(Routes, KeysOfUpstreamsTables) {
  const fs::path dir = testing::ConformanceDir() / "alertmanager/tables";
  if (!fs::exists(dir)) GTEST_SKIP() << dir;
  simdjson::dom::parser parser;
  int run = 0;
  for (const simdjson::dom::element table :
       simdjson::dom::array(parser.load((dir / "route.json").string())["tables"])) {
    const std::string name = testing::Text(table, "func");
    if (name == "TestRouteLabelsLoading") continue;
    std::string yaml = testing::ReadWhole(dir / ("route." + name + ".yml"));
    // The tables hold a bare route; receivers are what it mentions.
    std::stringstream indented("route:\n");
    std::string text = "route:\n";
    std::stringstream lines(yaml);
    for (std::string line; std::getline(lines, line);) text += "  " + line + "\n";
    text += "receivers:\n";
    for (const char* receiver : {"notify-def", "notify-A", "notify-BC", "notify-testing",
                                 "notify-productionA", "notify-productionB"}) {
      text += std::string("- name: ") + receiver + "\n";
    }
    const auto config = MustParse(text);
    const auto root = BuildRoutes(*config);
    for (const simdjson::dom::element c : simdjson::dom::array(table["cases"])) {
      std::vector<std::string> keys;
      for (const simdjson::dom::element key : simdjson::dom::array(c["keys"])) {
        keys.emplace_back(std::string_view(key));
      }
      std::vector<std::string> ours;
      for (const Route* route : MatchRoutes(*root, testing::LabelsOf(testing::StringMap(c["input"])))) {
        ours.push_back(route->key);
      }
      EXPECT_EQ(ours, keys);
      ++run;
    }
  }
  EXPECT_EQ(run, 24);
}

TEST(Config, ErrorsSayWhere) {
  EXPECT_EQ(ErrorOf("route:\n  receiver: a\n  group_wiat: 1s\nreceivers:\n- name: a\n").substr(0, 11),
            "am.yml:3:3:");
  EXPECT_NE(ErrorOf("route:\n  receiver: a\n  group_wiat: 1s\nreceivers:\n- name: a\n").find("group_wait"),
            std::string::npos);
  EXPECT_NE(ErrorOf("route: {receiver: a}\nreceivers:\n- name: a\n  email_configs: [{to: x}]\n")
                .find("no global SMTP smarthost set"),
            std::string::npos);
  EXPECT_NE(ErrorOf("route: {receiver: a, routes: [{matchers: ['a=~[']}]}\nreceivers: [{name: a}]\n")
                .find("error parsing regexp"),
            std::string::npos);
  EXPECT_NE(ErrorOf("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'ftp://x'}]}]\n")
                .find("unsupported scheme"),
            std::string::npos);
  EXPECT_NE(ErrorOf("route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{}]}]\n")
                .find("one of url or url_file"),
            std::string::npos);
}

// Those of integrations are Go's; those of routes Prometheus'.
TEST(Config, DurationsAreWrittenAsTheirFieldsAre) {
  const auto webhook = [](const std::string& timeout) {
    return ErrorOf(
        "route: {receiver: a}\nreceivers: [{name: a, webhook_configs: [{url: 'http://x', timeout: " +
        timeout + "}]}]\n");
  };
  EXPECT_EQ(webhook("1.5s"), "no error");
  EXPECT_NE(webhook("1d").find("time: unknown unit \"d\" in duration \"1d\""), std::string::npos);
  EXPECT_NE(webhook("30").find("time: missing unit in duration \"30\""), std::string::npos);
  EXPECT_NE(webhook("nans").find("time: invalid duration \"nans\""), std::string::npos);
  EXPECT_EQ(ErrorOf("route: {receiver: a, group_interval: 1d}\nreceivers: [{name: a}]\n"), "no error");
  EXPECT_NE(ErrorOf("route: {receiver: a, group_interval: 1.5s}\nreceivers: [{name: a}]\n"), "no error");
}

TEST(Config, WarnsOfMatchersThatWillChange) {
  const auto config =
      MustParse("route: {receiver: a, routes: [{matchers: ['foo=\\d+']}]}\nreceivers: [{name: a}]\n");
  ASSERT_EQ(config->warnings.size(), 1);
  EXPECT_NE(config->warnings[0].find("write it as {foo=\"\\\\d+\"}"), std::string::npos)
      << config->warnings[0];
}

TEST(Config, DeepRoutesAreRefused) {
  std::string yaml = "receivers: [{name: a}]\nroute: ";
  std::string route = "{receiver: a}";
  for (int i = 0; i < 40; ++i) route = "{receiver: a, routes: [" + route + "]}";
  EXPECT_NE(ErrorOf(yaml + route), "no error");
}

TEST(Config, BuiltInSendsNothing) {
  const auto config = BuiltInConfig();
  const auto integrations = BuildRoutes(*config);
  EXPECT_EQ(config->receivers[integrations->receiver].name, "log");
  EXPECT_TRUE(LoadTemplates(*config));
}

TEST(TimeIntervals, UpstreamsTable) {
  const fs::path path = testing::ConformanceDir() / "alertmanager/tables/timeinterval.json";
  if (!fs::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  int run = 0;
  for (const simdjson::dom::element table : simdjson::dom::array(parser.load(path.string())["tables"])) {
    simdjson::dom::array cases;
    if (table["cases"].get(cases) != simdjson::SUCCESS) continue;
    for (const simdjson::dom::element c : cases) {
      std::string in = testing::Text(c, "in");
      if (in.empty() || in.find("- ") == std::string::npos || in.find("\nweekdays") != std::string::npos ||
          in.find("\ndays_of_month") != std::string::npos) {
        continue;
      }
      SCOPED_TRACE(in);
      const auto document = config::Document::Parse(in, "intervals");
      ASSERT_TRUE(document);
      const auto intervals = config::Decode<std::vector<TimeInterval>>(document->root());
      const std::string error = testing::Text(c, "err");
      ++run;
      if (!error.empty()) {
        ASSERT_FALSE(intervals);
        EXPECT_NE(intervals.error().message().find(error), std::string::npos) << intervals.error().message();
        continue;
      }
      ASSERT_TRUE(intervals) << intervals.error().message();
      const NamedIntervals named{"x", *intervals};
      for (const auto& [key, expected] : {std::pair("contains", true), std::pair("excludes", false)}) {
        simdjson::dom::array times;
        if (c[key].get(times) != simdjson::SUCCESS) continue;
        for (const simdjson::dom::element time : times) {
          const auto parsed = gotemplate::ParseTime("02 Jan 06 15:04 -0700", std::string_view(time));
          ASSERT_TRUE(parsed) << parsed.error().message();
          EXPECT_EQ(named.Contains(parsed->UnixMs()), expected) << std::string_view(time);
        }
      }
    }
  }
  EXPECT_GE(run, 19);
}

TEST(TimeIntervals, FollowTheirPlacesClock) {
  const auto config = MustParse(R"(
route: {receiver: a, routes: [{mute_time_intervals: [night]}]}
receivers: [{name: a}]
time_intervals:
- name: night
  time_intervals:
  - times: [{start_time: '00:00', end_time: '09:00'}]
    location: Australia/Sydney
)");
  // 2024-01-01 in Sydney is eleven hours ahead.
  EXPECT_TRUE(config->FindInterval("night")->Contains(testing::TimeOf("2023-12-31T13:00:00Z")));
  EXPECT_FALSE(config->FindInterval("night")->Contains(testing::TimeOf("2023-12-31T22:00:00Z")));
}

}  // namespace
}  // namespace sextant::alerting
