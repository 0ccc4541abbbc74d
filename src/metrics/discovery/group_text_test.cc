#include "metrics/discovery/group_text.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "metrics/discovery/file_discovery.h"

namespace sextant::discovery {
namespace {

std::string Describe(const std::vector<TargetGroup>& groups) {
  std::string out;
  for (const TargetGroup& group : groups) {
    out += group.source + " " + group.labels.ToString() + ":";
    for (const model::Labels& target : group.targets) out += " " + target.ToString();
    out += "\n";
  }
  return out;
}

TEST(GroupText, JsonAndYamlMeanTheSame) {
  std::string expected =
      "f:0 {env=\"prod\", n=\"1\"}: {__address__=\"a:80\"} {__address__=\"b:80\"}\n"
      "f:1 {}:\n";
  auto json = ParseGroupsJson(
      R"([{"targets": ["a:80", "b:80"], "labels": {"env": "prod", "n": "1", "none": ""}}, {"targets": []}])",
      "f");
  ASSERT_TRUE(json) << json.error().message();
  EXPECT_EQ(Describe(*json), expected);
  auto yaml =
      ParseGroupsYaml("- targets: ['a:80', \"b:80\"]\n  labels: {env: prod, n: 1}\n- targets: []\n", "f");
  ASSERT_TRUE(yaml) << yaml.error().message();
  EXPECT_EQ(Describe(*yaml), expected);
  EXPECT_TRUE(ParseGroupsJson("null", "f")->empty());
  EXPECT_TRUE(ParseGroupsYaml("", "f")->empty());
}

TEST(GroupText, ErrorsSayWhere) {
  auto message = [](std::string_view text) { return ParseGroupsJson(text, "f.json").error().message(); };
  EXPECT_EQ(message("[null]"), "f.json: group 0: nil target group item found");
  EXPECT_EQ(message(R"([{"targets":[]},{"target":[]}])"), "f.json: group 1: unknown field \"target\"");
  EXPECT_EQ(message(R"([{"targets":[1]}])"), "f.json: group 0: targets must be a list of texts");
  EXPECT_EQ(message(R"([{"labels":{"a":1}}])"), "f.json: group 0: label \"a\": the value must be a text");
  EXPECT_EQ(message(R"([{"labels":{"":"1"}}])"), "f.json: group 0: \"\" is not a valid label name");
  EXPECT_EQ(message("{}"), "f.json: must be a list of target groups");
  EXPECT_TRUE(message("[\n{\"targets\": [\"a:1\"\n").starts_with("f.json:"))
      << message("[\n{\"targets\": [\"a:1\"\n");

  auto yaml = [](std::string_view text) { return ParseGroupsYaml(text, "f.yml").error().message(); };
  EXPECT_TRUE(yaml("- targets: [a]\n- null\n").starts_with("f.yml:2:")) << yaml("- targets: [a]\n- null\n");
  EXPECT_TRUE(yaml("- target: [a]\n").starts_with("f.yml:1:"));
  EXPECT_TRUE(yaml("a: b\n").starts_with("f.yml:1:"));
}

std::string ConformanceDir() {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT;
}

TEST(GroupTextConformance, UpstreamsFiles) {
  std::string folder = ConformanceDir() + "/prometheus/discovery/file/fixtures/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << folder << " is not there";
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::string path = entry.path().string();
    bool is_good = entry.path().filename().string().starts_with("valid");
    auto groups = ReadTargetFile(path);
    EXPECT_EQ(groups.has_value(), is_good) << path << ": " << (groups ? "" : groups.error().message());
    ++count;
  }
  EXPECT_EQ(count, 6u);
  auto groups = ReadTargetFile(folder + "valid.json");
  ASSERT_TRUE(groups);
  EXPECT_EQ(
      Describe(*groups),
      fmt::format("{0}valid.json:0 {{__meta_filepath=\"{0}valid.json\", foo=\"bar\"}}: "
                  "{{__address__=\"localhost:9090\"}} {{__address__=\"example.org:443\"}}\n"
                  "{0}valid.json:1 {{__meta_filepath=\"{0}valid.json\"}}: {{__address__=\"my.domain\"}}\n",
                  folder));
}

}  // namespace
}  // namespace sextant::discovery
