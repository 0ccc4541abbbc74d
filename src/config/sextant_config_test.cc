#include "config/sextant_config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "config/prometheus_config.h"

namespace sextant::config {
namespace {

std::string ErrorOf(std::string_view text) {
  auto config = SextantConfig::Parse(text, "sextant.yaml");
  return config ? "no error" : config.error().message();
}

TEST(SextantConfigTest, SectionsMayBeInline) {
  auto config = SextantConfig::Parse(
      "prometheus:\n  scrape_configs:\n  - job_name: a\n    scrape_intervl: 5s\n", "sextant.yaml");
  ASSERT_TRUE(config) << config.error().message();
  EXPECT_FALSE(config->alertmanager());
  auto prometheus = ReadPrometheusConfig(config->prometheus());
  ASSERT_FALSE(prometheus);
  EXPECT_EQ(prometheus.error().message(),
            "sextant.yaml:4:5: prometheus.scrape_configs[0].scrape_intervl: unknown field; did you mean "
            "\"scrape_interval\"?");
}

TEST(SextantConfigTest, SectionsMayNameAFile) {
  std::filesystem::path directory = std::filesystem::path(::testing::TempDir()) / "sextant_config_test";
  std::filesystem::create_directories(directory / "etc");
  std::ofstream(directory / "sextant.yaml") << "prometheus: etc/prometheus.yml\n";
  std::ofstream(directory / "etc/prometheus.yml") << "rule_files: [rules/*.yml]\n";
  auto config = SextantConfig::Load((directory / "sextant.yaml").string());
  ASSERT_TRUE(config) << config.error().message();
  auto prometheus = ReadPrometheusConfig(config->prometheus());
  ASSERT_TRUE(prometheus) << prometheus.error().message();
  EXPECT_EQ(prometheus->rule_files.at(0), (directory / "etc/rules/*.yml").string());
}

TEST(SextantConfigTest, ACollectorsFilesMayBeSeveral) {
  auto inline_ = SextantConfig::Parse("otelcol: {receivers: {}}\n", "etc/sextant.yaml");
  ASSERT_TRUE(inline_) << inline_.error().message();
  EXPECT_TRUE(inline_->otelcol().section.Find("receivers"));
  EXPECT_TRUE(inline_->otelcol().files.empty());
  auto files = SextantConfig::Parse("otelcol: [a.yaml, /b.yaml]\n", "etc/sextant.yaml");
  ASSERT_TRUE(files) << files.error().message();
  EXPECT_EQ(files->otelcol().files, (std::vector<std::string>{"etc/a.yaml", "/b.yaml"}));
  auto none = SextantConfig::Parse("otelcol:\n", "etc/sextant.yaml");
  ASSERT_TRUE(none) << none.error().message();
  EXPECT_FALSE(none->otelcol().section);
  EXPECT_EQ(ErrorOf("otelcol: []\n"), "sextant.yaml:1:10: otelcol: the list names no file");
  EXPECT_EQ(ErrorOf("otelcol: [[a]]\n"),
            "sextant.yaml:1:11: otelcol[0]: expected the configuration itself or the path of its file, got a "
            "list");
}

TEST(SextantConfigTest, EmptyFileHasNoSections) {
  auto config = SextantConfig::Parse("", "sextant.yaml");
  ASSERT_TRUE(config);
  EXPECT_FALSE(config->prometheus());
}

TEST(SextantConfigTest, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(ErrorOf("promtheus: {}\n"),
            "sextant.yaml:1:1: promtheus: unknown field; did you mean \"prometheus\"?");
  EXPECT_EQ(ErrorOf("tempo: {}\n"),
            "sextant.yaml:1:1: tempo: tempo is not supported yet; run Tempo beside Sextant for now");
  EXPECT_EQ(
      ErrorOf("prometheus: [a]\n"),
      "sextant.yaml:1:13: prometheus: expected the configuration itself or the path of its file, got a list");
  EXPECT_EQ(ErrorOf("prometheus: /nonexistent.yml\n"),
            "sextant.yaml:1:13: prometheus: /nonexistent.yml: No such file or directory");
}

}  // namespace
}  // namespace sextant::config
