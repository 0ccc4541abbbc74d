// Runs unit test files of promtool (the format of `promtool test rules`) through our rule files, groups and
// engine: Prometheus' own files with their expected outcomes, and those of kubernetes-mixin.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "metrics/rules/rule_file.h"
#include "metrics/rules/unit_tests.h"

namespace sextant::rules {
namespace {

namespace fs = std::filesystem;

fs::path ConformancePath() {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT;
}

// What is wrong with a file of tests.
std::vector<std::string> RunFile(const fs::path& path) {
  const auto groups = RunUnitTests(path.string(), {});
  if (!groups) return {groups.error().message()};
  EXPECT_FALSE(groups->empty()) << path;
  std::vector<std::string> failures;
  for (const UnitTestGroup& group : *groups)
    failures.insert(failures.end(), group.failures.begin(), group.failures.end());
  return failures;
}

TEST(PromtoolConformance, PrometheusUnitTestsHaveTheirOutcomes) {
  const fs::path folder = ConformancePath() / "prometheus/rules/promtool-testdata";
  if (!fs::exists(folder)) GTEST_SKIP() << "no conformance data at " << folder;
  const std::pair<const char*, bool> files[] = {
      {"unittest.yml", true},
      {"long-period.yml", true},
      {"at-modifier-test.yml", true},
      {"negative-offset-test.yml", true},
      {"no-test-group-interval.yml", true},
      {"start-time-test.yml", true},
      {"rules_run.yml", false},
      {"rules_run_fuzzy.yml", false},
      {"rules_run_no_fuzzy.yml", false},
      {"bad-input-series.yml", false},
      {"bad-promql.yml", false},
      {"bad-rules-syntax-test.yml", false},
      {"bad-rules-error-test.yml", false},
      {"failing.yml", false},
  };
  for (const auto& [file, passes] : files) {
    const auto complaints = RunFile(folder / file);
    EXPECT_EQ(complaints.empty(), passes) << file << ": " << ::testing::PrintToString(complaints);
  }
}

// One file that fails without it, two groups: near enough, and not near enough.
TEST(PromtoolConformance, FuzzyComparisonForgivesTheLastBit) {
  const fs::path file = ConformancePath() / "prometheus/rules/promtool-testdata/rules_run_fuzzy.yml";
  if (!fs::exists(file)) GTEST_SKIP() << "no conformance data at " << file;
  const auto groups = RunUnitTests(file.string(), {});
  ASSERT_TRUE(groups);
  ASSERT_EQ(groups->size(), 2u);
  EXPECT_TRUE((*groups)[0].failures.empty());
  EXPECT_EQ((*groups)[1].failures.size(), 2u);
}

TEST(PromtoolConformance, KubernetesMixinUnitTestsPass) {
  const fs::path folder = ConformancePath() / "alerting/kubernetes-mixin/tests";
  if (!fs::exists(folder)) GTEST_SKIP() << "no conformance data at " << folder;
  size_t count = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto complaints = RunFile(entry.path());
    EXPECT_TRUE(complaints.empty()) << entry.path() << ": " << ::testing::PrintToString(complaints);
    ++count;
  }
  EXPECT_GE(count, 8u);
}

TEST(PromtoolConformance, KubePrometheusRulesLoad) {
  const fs::path folder = ConformancePath() / "alerting/kube-prometheus/rules-as-prometheus";
  if (!fs::exists(folder)) GTEST_SKIP() << "no conformance data at " << folder;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const auto file = LoadRuleFile(entry.path().string(), {});
    EXPECT_TRUE(file) << (file ? "" : Summarize(file.error()).message());
  }
}

}  // namespace
}  // namespace sextant::rules
