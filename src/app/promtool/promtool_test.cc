// Our check and test commands beside Debian's promtool on Prometheus' own files: exit codes, and what is
// printed on standard output.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "app/promtool/check.h"
#include "app/promtool/lint_metrics.h"
#include "app/promtool/test_rules.h"

namespace sextant::promtool {
namespace {

namespace fs = std::filesystem;

fs::path Files() {
  const char* given = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return fs::path(given != nullptr ? given : SEXTANT_CONFORMANCE_DEFAULT) /
         "prometheus/rules/promtool-testdata";
}

struct Ran {
  int code = -1;
  Output output;
};

Ran RunOurs(std::vector<std::string> words) {
  Ran ran;
  std::vector<std::string> rest(words.begin() + 1, words.end());
  auto code = words[0] == "check" ? RunCheck(rest, {}, ran.output) : RunTest(rest, {}, ran.output);
  ran.code = code ? *code : kFailure;
  if (!code) ran.output.ErrorLine("promtool: error: " + code.error().message() + ", try --help");
  return ran;
}

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

// Runs with the folder of the test files as the current one.
class PromtoolTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(Files())) GTEST_SKIP() << Files() << " is not there";
    char name[] = "/tmp/sextant_promtool_XXXXXX";
    dir_ = mkdtemp(name);
    before_ = fs::current_path();
    fs::current_path(Files());
  }
  void TearDown() override {
    if (dir_.empty()) return;
    fs::current_path(before_);
    fs::remove_all(dir_);
  }
  // The peer, or nothing when it is not there.
  bool RunPeer(const std::vector<std::string>& words, Ran& ran, const std::string& input = "") {
    const char* given = std::getenv("SEXTANT_PEERS");
    fs::path peer = fs::path(given != nullptr ? given : SEXTANT_PEERS_DEFAULT) / "usr/bin/promtool";
    if (!fs::exists(peer)) return false;
    std::string command = peer.string();
    for (const std::string& word : words) command += " '" + word + "'";
    command += " " + input;
    int status =
        std::system((command + " >" + (dir_ / "out").string() + " 2>" + (dir_ / "err").string()).c_str());
    ran = {WEXITSTATUS(status), {ReadAll(dir_ / "out"), ReadAll(dir_ / "err")}};
    // Versions before 3.14, such as Debian's, name each file of tests first, and indent what they find in
    // rules.
    if (ran.output.out.starts_with("Unit Testing:  ")) {
      ran.output.out.erase(0, ran.output.out.find('\n') + 1);
    }
    if (size_t indent = ran.output.err.find("     lint error"); indent != std::string::npos) {
      ran.output.err.erase(indent, 5);
    }
    return true;
  }

  fs::path dir_;
  fs::path before_;
};

TEST_F(PromtoolTest, SaysWhatThePeerSays) {
  const std::vector<std::vector<std::string>> kCommands = {
      {"check", "rules", "rules.yml"},
      {"check", "rules", "prometheus-rules.lint.yml"},
      {"check", "rules", "--lint-fatal", "prometheus-rules.lint.yml"},
      {"check", "rules", "--lint=none", "prometheus-rules.lint.yml"},
      {"check", "rules", "rules_duplicates.yml", "rules.yml"},
      {"check", "rules", "rules-bad.yml"},
      {"check", "rules", "nofile.yml"},
      {"check", "config", "prometheus-config.good.yml"},
      {"check", "config", "prometheus-config.bad.yml"},
      {"check", "config", "prometheus-config.lint.yml"},
      {"check", "config", "--lint-fatal", "prometheus-config.lint.yml"},
      {"check", "config", "config_with_rule_files.yml"},
      {"check", "config", "--syntax-only", "config_with_rule_files.yml"},
      {"check", "config", "config_with_service_discovery_files.yml"},
      {"check", "config", "nofile"},
      {"check", "nonsense"},
      {"test", "rules", "failing.yml"},
      {"test", "rules", "long-period.yml"},
      {"test", "rules", "at-modifier-test.yml"},
      {"test", "rules", "bad-promql.yml"},
      {"test", "rules", "bad-rules-error-test.yml"},
      {"test", "rules", "bad-rules-syntax-test.yml"},
      {"test", "rules", "bad-input-series.yml"},
      {"test", "rules", "nofile.yml"},
  };
  // These errors are told in words of Go's libraries, or of regular expressions and templates.
  const std::set<std::string> kOtherWords = {
      "rules-bad.yml",  "prometheus-config.bad.yml", "bad-rules-syntax-test.yml", "bad-input-series.yml",
      "bad-promql.yml", "bad-rules-error-test.yml"};
  for (const auto& words : kCommands) {
    std::string command;
    for (const std::string& word : words) command += word + " ";
    SCOPED_TRACE(command);
    Ran peer;
    if (!RunPeer(words, peer)) GTEST_SKIP() << "no promtool to compare with";
    Ran ours = RunOurs(words);
    EXPECT_EQ(ours.code, peer.code) << ours.output.err;
    // Behind rules that cannot be read older ones leave a line free.
    bool has_unread_rules = words[1] == "rules" && words[0] == "check" && ours.code == 1;
    if (has_unread_rules && peer.output.out.ends_with("\n\n")) peer.output.out.pop_back();
    EXPECT_EQ(ours.output.out, peer.output.out);
    if (kOtherWords.contains(words.back())) continue;
    EXPECT_EQ(ours.output.err, peer.output.err);
  }
}

TEST_F(PromtoolTest, LintsMetricsAsThePeerDoes) {
  const std::vector<std::string> kBodies = {
      "a_total 1\n# TYPE b counter\nb 2\n# HELP c_seconds\nc_seconds{le=\"x\"} 3\n",
      "# HELP a_total x\n# TYPE a_total counter\na_total 1\n",
      "# HELP x_milliseconds x\n# TYPE x_milliseconds gauge\nx_milliseconds{camelCase=\"1\"} 1\n",
      "# HELP httpRequests_gauge x\n# TYPE httpRequests_gauge "
      "gauge\nhttpRequests_gauge{le=\"1\",quantile=\"1\"} 1\n",
      "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
      "# HELP s_days x\n# TYPE s_days summary\ns_days{quantile=\"0.5\"} 1\ns_days_sum 1\ns_days_count 1\n",
      "# HELP job:x_ms x\n# TYPE job:x_ms gauge\njob:x_ms 1\n# HELP y_count x\n# TYPE y_count gauge\ny_count "
      "1\n",
      "# HELP z_total x\n# TYPE z_total gauge\nz_total 1\n# HELP q_hours_bucket x\n# TYPE q_hours_bucket "
      "gauge\nq_hours_bucket 2\n",
  };
  for (const std::string& body : kBodies) {
    SCOPED_TRACE(body);
    auto problems = LintMetrics(body);
    ASSERT_TRUE(problems) << problems.error().message();
    std::string ours;
    for (const LintProblem& problem : *problems) ours += problem.metric + " " + problem.text + "\n";
    std::ofstream(dir_ / "in") << body;
    Ran peer;
    if (!RunPeer({"check", "metrics"}, peer, "<" + (dir_ / "in").string())) GTEST_SKIP() << "no promtool";
    EXPECT_EQ(ours, peer.output.err);
    EXPECT_EQ(peer.code, problems->empty() ? kSuccess : kLintFailure);
  }
  EXPECT_FALSE(LintMetrics("a 1 2 3"));
}

TEST_F(PromtoolTest, WritesJunit) {
  std::string path = (dir_ / "junit.xml").string();
  EXPECT_EQ(RunOurs({"test", "--junit=" + path, "rules", "failing.yml", "long-period.yml"}).code, kFailure);
  std::string xml = ReadAll(path);
  EXPECT_NE(xml.find("<testsuite name=\"failing.yml\" tests=\"2\" failures=\"4\" errors=\"0\""),
            std::string::npos)
      << xml;
  EXPECT_NE(xml.find("<testsuite name=\"long-period.yml\" tests=\"1\" failures=\"0\" errors=\"0\""),
            std::string::npos);
}

TEST_F(PromtoolTest, RunsTheGroupsThatAreAskedFor) {
  EXPECT_EQ(RunOurs({"test", "rules", "--run=no such group", "failing.yml"}).code, kSuccess);
  EXPECT_EQ(RunOurs({"test", "rules", "--run=Failing", "failing.yml"}).code, kFailure);
}

// What the newest promtool says to these; the peer is older and has neither flag.
TEST_F(PromtoolTest, ShowsHowAlertsDiffer) {
  const Ran ran = RunOurs({"test", "rules", "--diff", "failing.yml"});
  EXPECT_EQ(ran.code, kFailure);
  EXPECT_NE(ran.output.err.find("time: 5m, \n        diff: "), std::string::npos) << ran.output.err;
  EXPECT_NE(ran.output.err.find("\x1b[0;32m"), std::string::npos) << ran.output.err;
  EXPECT_EQ(ran.output.err.find("got:["), std::string::npos) << ran.output.err;
}

TEST_F(PromtoolTest, TellsWhatATestHasWhenItEnds) {
  const Ran ran = RunOurs({"test", "rules", "--debug", "failing.yml"});
  EXPECT_EQ(ran.code, kFailure);
  for (const std::string_view line :
       {"DEBUG: Starting test Failing test\n", "DEBUG: Dump of all data (input_series and rules) at 1s:\n",
        "{__name__=\"up\", job=\"test\"} =>\n0 @[60000]\n", "DEBUG: Test Failing test finished, took ",
        "DEBUG: Dump of all data (input_series and rules) at 5m1s:\n"}) {
    EXPECT_NE(ran.output.err.find(line), std::string::npos) << line << "\nin\n" << ran.output.err;
  }
}

TEST_F(PromtoolTest, ServiceDiscoveryIsShownWithItsRelabelling) {
  std::ofstream(dir_ / "targets.json") << R"([{"targets": ["a:1", "b:1"], "labels": {"env": "x"}}])";
  std::ofstream(dir_ / "prometheus.yml") << R"(
scrape_configs:
- job_name: files
  file_sd_configs: [{files: [targets.json]}]
  relabel_configs: [{source_labels: [__address__], regex: 'b:.*', action: drop}]
)";
  std::string file = (dir_ / "prometheus.yml").string();
  Ran ran = RunOurs({"check", "service-discovery", file, "files"});
  EXPECT_EQ(ran.code, kSuccess) << ran.output.err;
  EXPECT_NE(ran.output.out.find("\"instance\": \"a:1\""), std::string::npos) << ran.output.out;
  EXPECT_NE(ran.output.out.find("\"labels\": {}"), std::string::npos) << ran.output.out;
  ran = RunOurs({"check", "service-discovery", file, "other"});
  EXPECT_EQ(ran.code, kFailure);
  EXPECT_EQ(ran.output.err, "Job other not found. Select one of:\n\tfiles\n");
}

TEST_F(PromtoolTest, WebConfigsAndServersAreChecked) {
  std::ofstream(dir_ / "good.yml") << "http_server_config: {headers: {X-Frame-Options: deny}}\n";
  std::ofstream(dir_ / "bad.yml") << "basic_auth_users: {a: short}\n";
  std::string good = (dir_ / "good.yml").string();
  std::string bad = (dir_ / "bad.yml").string();
  Ran ran = RunOurs({"check", "web-config", good, bad});
  EXPECT_EQ(ran.code, kFailure);
  EXPECT_EQ(ran.output.out, good + " SUCCESS\n");
  EXPECT_TRUE(ran.output.err.starts_with(bad + " FAILED: ")) << ran.output.err;
  ran = RunOurs({"check", "healthy", "--url=http://127.0.0.1:1"});
  EXPECT_EQ(ran.code, kFailure);
  EXPECT_NE(ran.output.err.find("connection refused"), std::string::npos) << ran.output.err;
}

}  // namespace
}  // namespace sextant::promtool
