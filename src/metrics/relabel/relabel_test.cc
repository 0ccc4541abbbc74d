#include "metrics/relabel/relabel.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "config/node.h"
#include "metrics/relabel/letter_case.h"
#include "metrics/relabel/template.h"

namespace sextant::relabel {
namespace {

using config::RelabelAction;
using config::RelabelRuleConfig;
using model::Labels;

Rules Compile(std::string_view yaml) {
  auto document = config::Document::Parse(yaml, "rules.yml");
  EXPECT_TRUE(document) << document.error().message();
  auto configs = config::Decode<std::vector<RelabelRuleConfig>>(document->root());
  EXPECT_TRUE(configs) << configs.error().message();
  auto rules = Rules::Compile(*configs);
  EXPECT_TRUE(rules) << rules.error().message();
  return *rules;
}

std::string Relabeled(const Labels& labels, std::string_view yaml) {
  Rules rules = Compile(yaml);
  auto result = rules.Relabel(labels);
  model::LabelsBuilder builder(labels);
  EXPECT_EQ(rules.Apply(builder), result.has_value());
  if (!result) return "dropped";
  EXPECT_EQ(builder.Build(), *result);
  return result->ToString();
}

TEST(RelabelTest, NoRulesKeepEverything) {
  Labels labels = Labels::Of({{"a", "b"}});
  EXPECT_EQ(Rules().Relabel(labels), labels);
}

TEST(RelabelTest, Replace) {
  Labels labels = Labels::Of({{"a", "foo"}, {"b", "bar"}});
  EXPECT_EQ(Relabeled(labels, "[{source_labels: [a], target_label: c}]"), R"({a="foo", b="bar", c="foo"})");
  EXPECT_EQ(Relabeled(labels,
                      "[{source_labels: [a, b], regex: 'f(o+);(?P<x>.*)', target_label: c, "
                      "replacement: '$1-${x}-$x$y-$$'}]"),
            R"({a="foo", b="bar", c="oo-bar-bar-$"})");
  EXPECT_EQ(Relabeled(labels, "[{source_labels: [a], regex: 'f(.*)', target_label: 'l_$1', replacement: x}]"),
            R"({a="foo", b="bar", l_oo="x"})");
  EXPECT_EQ(Relabeled(labels, "[{source_labels: [none], target_label: a}]"), R"({b="bar"})");
  EXPECT_EQ(Relabeled(labels, "[{target_label: a, replacement: const}]"), R"({a="const", b="bar"})");
  EXPECT_EQ(Relabeled(labels, "[{source_labels: [a], regex: foo, target_label: a, replacement: ''}]"),
            R"({b="bar"})");
  EXPECT_EQ(Relabeled(labels, "[{source_labels: [a], regex: fo, target_label: a, replacement: 'x'}]"),
            R"({a="foo", b="bar"})");
}

TEST(RelabelTest, LegacyNamesOnly) {
  Labels labels = Labels::Of({{"a", "x.y"}});
  RelabelRuleConfig rule;
  rule.source_labels = {"a"};
  rule.target_label = "b_$1";
  rule.name_scheme = core::NameScheme::kLegacy;
  EXPECT_EQ(Rules::Compile({rule})->Relabel(labels)->ToString(), R"({a="x.y"})") << "b_x.y is no name";
  rule.name_scheme = core::NameScheme::kUtf8;
  EXPECT_EQ(Rules::Compile({rule})->Relabel(labels)->ToString(), R"({a="x.y", "b_x.y"="x.y"})");
}

TEST(RelabelTest, SwapsThroughItsOwnMemory) {
  EXPECT_EQ(Relabeled(Labels::Of({{"a", "1"}, {"b", "2"}}),
                      "[{source_labels: [a], target_label: 0tmp}, {source_labels: [b], target_label: a}, "
                      "{source_labels: [0tmp], target_label: b}, {regex: 0tmp, action: labeldrop}]"),
            R"({a="2", b="1"})");
}

TEST(RelabelTest, DotMatchesLineBreaks) {
  EXPECT_EQ(Relabeled(Labels::Of({{"a", "x\ny"}}), "[{source_labels: [a], regex: x.y, action: drop}]"),
            "dropped");
}

TEST(RelabelTest, HashModIsMd5) {
  EXPECT_EQ(Relabeled(Labels::Of({{"c", "baz"}}),
                      "[{source_labels: [c], target_label: d, action: hashmod, modulus: 1000}]"),
            R"({c="baz", d="976"})");
}

TEST(RelabelTest, UnchangedLabelsAreShared) {
  Labels labels = Labels::Of({{"__name__", "up"}, {"a", "foo"}});
  Rules rules = Compile(
      "[{source_labels: [a], regex: 'bar.*', action: drop}, {source_labels: [a], target_label: a}, "
      "{regex: nothing, action: labeldrop}, {source_labels: [__name__], regex: up, action: keep}]");
  auto result = rules.Relabel(labels);
  ASSERT_TRUE(result);
  EXPECT_EQ((*result->begin()).name.data(), (*labels.begin()).name.data());
}

TEST(RelabelTest, LetterCase) {
  EXPECT_EQ(ToLower("ÄÖ-ABC-Σ"), "äö-abc-σ");
  EXPECT_EQ(ToUpper("äö-abc-ß"), "ÄÖ-ABC-ß");
  EXPECT_EQ(ToUpper("\xff"
                    "a"),
            "\xef\xbf\xbd"
            "A");
}

TEST(RelabelTest, TemplatesAreGos) {
  auto expand = [](std::string_view text) {
    std::string out;
    Template(text, {{"name", 1}}, 2).Expand({"whole", "one", "two"}, out);
    return out;
  };
  EXPECT_EQ(expand("$0 $1 ${2}"), "whole one two");
  EXPECT_EQ(expand("$1x"), "");  // the group "1x"
  EXPECT_EQ(expand("${1}x"), "onex");
  EXPECT_EQ(expand("$name-$other-$01-$3"), "one---");
  EXPECT_EQ(expand("$$1 $ ${ ${} $-"), "$1 $ ${ ${} $-");
  EXPECT_EQ(expand("${name"), "${name");
}

// ---- Prometheus' own cases.

RelabelRuleConfig ToConfig(config::Node node) {
  RelabelRuleConfig rule;
  for (config::Node name : node.Find("SourceLabels").children()) rule.source_labels.emplace_back(name.text());
  auto take = [&](std::string_view key, std::string& field) {
    if (config::Node value = node.Find(key); value && !value.text().empty()) field = value.text();
  };
  take("Regex", rule.regex);
  take("Separator", rule.separator);
  take("Replacement", rule.replacement);
  take("TargetLabel", rule.target_label);
  if (config::Node modulus = node.Find("Modulus")) rule.modulus = modulus.AsUint().value();
  std::string action(node.Find("Action").Find("$id").text());
  for (char& c : action) c = static_cast<char>(std::tolower(c));
  for (int i = 1; i <= static_cast<int>(RelabelAction::kUppercase); ++i) {
    if (config::RelabelActionName(static_cast<RelabelAction>(i)) == action) {
      rule.action = static_cast<RelabelAction>(i);
    }
  }
  return rule;
}

Labels ToLabels(config::Node node) {
  model::LabelsBuilder labels;
  for (config::Node value : node.children()) labels.Set(value.key(), value.text());
  return labels.Build();
}

TEST(RelabelConformanceTest, PrometheusCases) {
  const char* directory = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = std::string(directory == nullptr ? SEXTANT_CONFORMANCE_DEFAULT : directory) +
                     "/prometheus/config/relabel_cases.json";
  auto table = config::Document::Load(path);
  if (!table) GTEST_SKIP() << table.error().message();
  EXPECT_EQ(table->root().size(), 34u);
  int index = 0;
  for (config::Node row : table->root().children()) {
    SCOPED_TRACE(index++);
    std::vector<RelabelRuleConfig> configs;
    for (config::Node rule : row.Find("relabel").children()) configs.push_back(ToConfig(rule));
    auto rules = Rules::Compile(configs);
    ASSERT_TRUE(rules) << rules.error().message();
    auto result = rules->Relabel(ToLabels(row.Find("input")));
    bool is_dropped = row.Find("drop") && row.Find("drop").AsBool().value();
    ASSERT_EQ(result.has_value(), !is_dropped);
    if (is_dropped) continue;
    EXPECT_EQ(result->ToString(), ToLabels(row.Find("output")).ToString());
  }
}

}  // namespace
}  // namespace sextant::relabel
