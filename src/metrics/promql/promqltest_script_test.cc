// Prometheus' own scripts, against our engine: each file with the number of its evals, all of which must
// pass. SEXTANT_PROMQLTEST_VERBOSE=1 lists what fails.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/clock.h"
#include "metrics/promql/promqltest.h"

namespace sextant::promql {
namespace {

struct Script {
  const char* file;
  int evals;
};

constexpr Script kScripts[] = {
    {"aggregators", 160},
    {"at_modifier", 78},
    {"collision", 2},
    {"duration_expression", 59},
    {"extended_vectors", 169},
    {"fill-modifier", 46},
    {"functions", 431},
    {"histograms", 185},
    {"info", 53},
    {"limit", 37},
    {"literals", 25},
    {"name_label_dropping", 30},
    {"native_histograms", 522},
    {"operators", 214},
    {"range_queries", 18},
    {"selectors", 31},
    {"staleness", 17},
    {"start_timestamps", 26},
    {"subquery", 34},
    {"trig_functions", 19},
    {"type_and_unit", 58},
};

class PromqltestScripts : public testing::TestWithParam<Script> {};

TEST_P(PromqltestScripts, Passes) {
  const char* dir = std::getenv("SEXTANT_CONFORMANCE_DIR");
  std::string path = fmt::format("{}/prometheus/promql/{}.test",
                                 dir != nullptr ? dir : SEXTANT_CONFORMANCE_DEFAULT, GetParam().file);
  if (!std::filesystem::exists(path)) GTEST_SKIP();
  std::ifstream file(path);
  std::string script{std::istreambuf_iterator<char>(file), {}};
  core::SystemClock clock;
  Engine engine(PromqltestEngineOptions(), clock, nullptr);
  core::Result<PromqltestReport> report = RunPromqltest(script, engine);
  ASSERT_TRUE(report) << report.error().message();
  fmt::print("{}: {} of {} evals\n", GetParam().file, report->passed, report->total);
  if (std::getenv("SEXTANT_PROMQLTEST_VERBOSE") != nullptr) {
    for (const PromqltestFailure& failure : report->failures) {
      fmt::print("{}:{}: {}\n    {}\n", GetParam().file, failure.line, failure.expr, failure.message);
    }
  }
  EXPECT_EQ(report->total, GetParam().evals);
  EXPECT_EQ(report->passed, report->total);
}

INSTANTIATE_TEST_SUITE_P(Files, PromqltestScripts, testing::ValuesIn(kScripts), [](const auto& script) {
  std::string name = script.param.file;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

// What the runner itself must notice.
class PromqltestRunner : public testing::Test {
 protected:
  core::Result<PromqltestReport> Run(std::string_view script) { return RunPromqltest(script, engine_); }
  // The message of the only failure, or nothing.
  std::string FailureOf(std::string_view script) {
    core::Result<PromqltestReport> report = Run(script);
    if (!report) return "malformed: " + report.error().message();
    return report->failures.empty() ? "" : report->failures[0].message;
  }

  core::SystemClock clock_;
  Engine engine_{PromqltestEngineOptions(), clock_, nullptr};
};

TEST_F(PromqltestRunner, ReportsDifferences) {
  EXPECT_EQ(FailureOf("load 1m\n  a 1 2\n\neval instant at 1m a\n  a 2\n"), "");
  EXPECT_THAT(FailureOf("load 1m\n  a 1 2\n\neval instant at 1m a\n  a 3\n"),
              testing::HasSubstr("expected 3 but got 2"));
  EXPECT_THAT(FailureOf("load 1m\n  a 1 2\n\neval instant at 1m a\n"),
              testing::HasSubstr("unexpected metric"));
  EXPECT_THAT(FailureOf("eval instant at 1m a\n  a 1\n"), testing::HasSubstr("not found"));
  EXPECT_THAT(FailureOf("eval instant at 1m 1\n  2\n"), testing::HasSubstr("expected 2 but got 1"));
  EXPECT_THAT(FailureOf("eval instant at 1m 1\n  expect fail\n"), testing::HasSubstr("expected an error"));
  EXPECT_THAT(FailureOf("eval instant at 1m vector(1)\n  expect warn\n  {} 1\n"),
              testing::HasSubstr("expected warning annotations"));
}

TEST_F(PromqltestRunner, RefusesMalformedScripts) {
  for (std::string_view script :
       {"bogus\n", "load\n", "load 1x\n", "load 1m\n  a{ 1\n", "eval instant 1\n", "eval instant at 1m\n",
        "eval range from 1m to 0m step 1m a\n", "eval instant at 1m a\n  expect nothing\n",
        "eval instant at 1m a\n  expect warn\n  expect no_warn\n",
        "eval instant at 1m a\n  expect fail regex:(\n"}) {
    EXPECT_FALSE(Run(script)) << script;
  }
}

}  // namespace
}  // namespace sextant::promql
