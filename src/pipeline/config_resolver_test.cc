#include "pipeline/config_resolver.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

namespace sextant::pipeline {
namespace {

using config::NodeKind;
using config::Value;

// The tree as YAML in one line, with quotes around what is text for sure.
std::string Flow(const Value& value) {
  switch (value.kind) {
    case NodeKind::kNull:
      return "null";
    case NodeKind::kScalar:
      return value.is_plain ? value.text : "'" + value.text + "'";
    case NodeKind::kSequence: {
      std::string out = "[";
      for (const Value& child : value.children) out += (out.size() == 1 ? "" : ", ") + Flow(child);
      return out + "]";
    }
    case NodeKind::kMapping: {
      std::string out = "{";
      for (const Value& child : value.children) {
        out += (out.size() == 1 ? "" : ", ") + child.key + ": " + Flow(child);
      }
      return out + "}";
    }
  }
  return "";
}

class ConfigResolverTest : public testing::Test {
 protected:
  core::Result<Value> Resolve(const std::vector<std::string>& sources) {
    ConfigProviders providers;
    providers.environment = [this](const std::string& name) -> std::optional<std::string> {
      auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
    providers.read_file = [this](const std::string& path) -> core::Result<std::string> {
      auto found = files_.find(path);
      if (found == files_.end()) return core::Fail(core::Code::kNotFound, "no such file");
      return found->second;
    };
    providers.fetch = [](const std::string& url) -> core::Result<std::string> { return "from: " + url; };
    return ResolveConfig(sources, providers, core::Logger::Discard());
  }
  std::string Resolved(const std::vector<std::string>& sources) {
    core::Result<Value> value = Resolve(sources);
    return value ? Flow(*value) : value.error().message();
  }
  std::string Of(const std::string& yaml) {
    files_["c.yaml"] = yaml;
    return Resolved({"c.yaml"});
  }

  std::map<std::string, std::string> variables_;
  std::map<std::string, std::string> files_;
};

TEST_F(ConfigResolverTest, LaterSourcesWin) {
  files_ = {{"a.yaml", "x: {one: 1, two: 2, list: [1, 2]}\n"},
            {"b.yaml", "x: {two: 3, list: [4]}\ny: new\n"}};
  EXPECT_EQ(Resolved({"file:a.yaml", "b.yaml", "yaml:x::one: 5"}),
            "{x: {one: 5, two: 3, list: [4]}, y: new}");
  EXPECT_EQ(Resolved({"a.yaml", *SourceOfSet("x.list=[7, 8]"), *SourceOfSet("z = a=b")}),
            "{x: {one: 1, two: 2, list: [7, 8]}, z: a=b}");
  EXPECT_EQ(SourceOfSet("nothing").error().message(), "--set nothing: missing equal sign");
}

TEST_F(ConfigResolverTest, AWholeValueIsReadAsYaml) {
  variables_ = {
      {"NUMBER", "012"}, {"MAP", "{a: 1, b: [x]}"}, {"QUOTED", "\"yes\""}, {"EMPTY", ""}, {"ODD", "a: b: c"}};
  EXPECT_EQ(Of("v: ${env:NUMBER}\n"), "{v: 012}");
  EXPECT_EQ(Of("v: ${MAP}\n"), "{v: {a: 1, b: [x]}}");
  EXPECT_EQ(Of("v: ${QUOTED}\n"), "{v: 'yes'}");
  EXPECT_EQ(Of("v: ${EMPTY}\n"), "{v: null}");
  EXPECT_EQ(Of("v: ${MISSING}\n"), "{v: null}");
  EXPECT_EQ(Of("v: ${ODD}\n"), "{v: 'a: b: c'}");
  EXPECT_EQ(Of("v: ${env:MISSING:-7}\n"), "{v: 7}");
  EXPECT_EQ(Of("v: [\"${env:NUMBER}\", \"${yaml:[k]}\"]\n"), "{v: [012, [k]]}");
}

TEST_F(ConfigResolverTest, PartsOfATextAreText) {
  variables_ = {{"HOST", "1.2.3.4"}, {"NAME", "HOST"}, {"NESTED", "${env:HOST}!"}};
  EXPECT_EQ(Of("v: ${HOST}:4317\n"), "{v: '1.2.3.4:4317'}");
  EXPECT_EQ(Of("v: \"${env:${NAME}}-${env:HOST}\"\n"), "{v: '1.2.3.4-1.2.3.4'}");
  EXPECT_EQ(Of("v: ${NESTED}\n"), "{v: '1.2.3.4!'}");
}

// The conformance data's expand-escaped-env.yaml, whose comments say what becomes of each.
TEST_F(ConfigResolverTest, DollarsAreEscaped) {
  const char* set = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path =
      (set != nullptr ? set : SEXTANT_CONFORMANCE_DEFAULT) +
      std::string("/otel/core-collector/confmap/internal/e2e/testdata/expand-escaped-env.yaml");
  core::Result<std::string> text = config::ReadTextFile(path, 1 << 20);
  if (!text) GTEST_SKIP();
  files_["c.yaml"] = *text;
  variables_ = {{"ENV_VALUE", "env_value"},
                {"ENV_LIST", "['$$ENV_VALUE','$$$$ENV_VALUE']"},
                {"ENV_MAP", "{'key1':'$$ENV_VALUE','key2':'$$$$ENV_VALUE'}"},
                {"ENV_NESTED_DOLLARSIGN", "here is 1 $$"},
                {"ENV_NESTED_DOLLARSIGN_ESCAPED", "here are 2 $$$"},
                {"ENV_EXPAND_NESTED", "${env:ENV_VALUE}"}};
  core::Result<Value> resolved = Resolve({"c.yaml"});
  ASSERT_TRUE(resolved) << resolved.error().message();
  const Value& map = *resolved->Find("test_map");
  const std::map<std::string, std::string> want = {
      {"key1", "$ENV_VALUE"},
      {"key2", "$$ENV_VALUE"},
      {"key3", "$env_value"},
      {"key4", "someenv_valuetext"},
      {"key5", "some${ENV_VALUE}text"},
      {"key6", "${ONE}${TWO}"},
      {"key7", "text$"},
      {"key8", "$"},
      {"key9", "${1}${env:2}"},
      {"key10", "some${env:ENV_VALUE}text"},
      {"key11", "${env:env_value}"},
      {"key12", "${env:${ENV_VALUE}}"},
      {"key13", "env:MAP_VALUE_2}${ENV_VALUE}{"},
      {"key14", "$env_value"},
      {"key15", "$ENV_VALUE"},
      {"key18", "here is 1 $"},
      {"key19", "here are 2 $$"},
      {"key20", "env_value"},
      {"key21", "default_value"},
      {"key22", "${env:UNDEFINED_KEY:-${env:UNDEFINED_KEY}}"},
  };
  for (const auto& [key, text_wanted] : want) {
    ASSERT_NE(map.Find(key), nullptr) << key;
    EXPECT_EQ(map.Find(key)->text, text_wanted) << key;
  }
  EXPECT_EQ(Flow(*map.Find("key16")), "['$ENV_VALUE', '$$ENV_VALUE']");
  EXPECT_EQ(Flow(*map.Find("key17")), "{key1: '$ENV_VALUE', key2: '$$ENV_VALUE'}");
}

TEST_F(ConfigResolverTest, WhatCannotBeExpandedIsAnErrorAtItsPlace) {
  variables_ = {{"LOOP", "${env:LOOP}"}};
  EXPECT_EQ(
      Of("a:\n  v: ${env:1X}\n"),
      "c.yaml:2:6: environment variable \"1X\" has invalid name: must match regex ^[a-zA-Z_][a-zA-Z0-9_]*$");
  EXPECT_EQ(Of("v: ${nosuch:x}\n"), "c.yaml:1:4: scheme \"nosuch\" is not supported for uri \"nosuch:x\"");
  EXPECT_EQ(Of("v: ${file:missing}\n"), "c.yaml:1:4: file:missing: no such file");
  EXPECT_EQ(Of("v: ${LOOP}\n"), "c.yaml:1:4: too many expansions of ${...}: does one refer to itself?");
  EXPECT_EQ(Resolved({"missing.yaml"}), "file:missing.yaml: no such file");
  EXPECT_EQ(Of("- a\n"), "c.yaml:1:1: the configuration is not a mapping");
}

TEST_F(ConfigResolverTest, AnExpansionThatGrowsForEverEnds) {
  variables_ = {{"BOMB", "x${env:BOMB}${env:BOMB}"}};
  EXPECT_NE(Of("v: ${BOMB}\n").find("c.yaml:1:4"), std::string::npos);
}

}  // namespace
}  // namespace sextant::pipeline
