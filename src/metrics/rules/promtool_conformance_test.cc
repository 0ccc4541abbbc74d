// Runs unit test files of promtool (the format of `promtool test rules`) through our rule files, groups and
// engine: Prometheus' own files with their expected outcomes, and those of kubernetes-mixin.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "config/node.h"
#include "config/paths.h"
#include "core/duration.h"
#include "metrics/promql/parser.h"
#include "metrics/rules/group.h"
#include "metrics/rules/rule_file.h"
#include "metrics/rules/test_store.h"

namespace sextant::rules {
namespace {

namespace fs = std::filesystem;

fs::path ConformancePath() {
  const char* folder = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return folder != nullptr ? folder : SEXTANT_CONFORMANCE_DEFAULT;
}

core::DurationMs DurationAt(config::Node node, core::DurationMs otherwise) {
  if (!node || node.IsNull()) return otherwise;
  if (node.text() == "0") return 0;
  const auto duration = core::ParseDuration(node.text());
  EXPECT_TRUE(duration) << node.text();
  return duration ? *duration : 0;
}

std::map<std::string, std::string> MapAt(config::Node node) {
  std::map<std::string, std::string> map;
  for (const config::Node item : node ? node.children() : config::Node::Children(nullptr)) {
    map[std::string(item.key())] = item.text();
  }
  return map;
}

// Seconds as a number, or a time like 2024-01-01T00:00:00Z.
core::TimestampMs StartAt(config::Node node) {
  if (!node) return 0;
  std::tm parts{};
  const std::string text(node.text());
  if (::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &parts) != nullptr) return ::timegm(&parts) * 1'000;
  return static_cast<core::TimestampMs>(std::stod(text) * 1'000);
}

// Labels and annotations of an alert, as one text to compare.
std::string AlertText(const std::map<std::string, std::string>& labels,
                      const std::map<std::string, std::string>& annotations) {
  std::string text;
  for (const auto& [name, value] : labels) text += name + "=" + value + "\n";
  text += "--\n";
  for (const auto& [name, value] : annotations) text += name + "=" + value + "\n";
  return text;
}

std::map<std::string, std::string> ToMap(const model::Labels& labels) {
  std::map<std::string, std::string> map;
  for (const model::LabelView label : labels) map.emplace(label.name, label.value);
  return map;
}

// One sample as a text; histograms by their count and sum.
std::string SampleText(const model::Labels& labels, double value, const model::FloatHistogram* histogram) {
  if (histogram != nullptr)
    return fmt::format("{} count:{} sum:{}", labels.ToString(), histogram->count, histogram->sum);
  return fmt::format("{} {}", labels.ToString(), value);
}

// One entry of `tests`.
class TestGroup {
 public:
  TestGroup(config::Node node, const std::vector<RuleFile>& files, core::DurationMs evaluation_interval_ms)
      : node_(node), interval_ms_(evaluation_interval_ms), start_ms_(StartAt(node.Find("start_timestamp"))) {
    options_.default_interval_ms = evaluation_interval_ms;
    options_.external_labels = MapAt(node.Find("external_labels"));
    options_.external_url = node.Find("external_url") ? std::string(node.Find("external_url").text()) : "";
    for (const RuleFile& file : files) {
      for (const RuleGroupConfig& config : file.groups) {
        groups_.push_back(std::make_unique<Group>(context_, options_, file.path, config, /*restores=*/false));
      }
    }
  }

  // What is wrong, one text per complaint.
  std::vector<std::string> Run() {
    if (!ReadInput()) return complaints_;
    std::map<core::DurationMs, std::vector<config::Node>> alert_tests;
    core::DurationMs last_ms = 0;
    for (const config::Node test : Items("alert_rule_test")) {
      const core::DurationMs time_ms = DurationAt(test.Find("eval_time"), 0);
      alert_tests[time_ms].push_back(test);
      last_ms = std::max(last_ms, time_ms);
    }
    for (const config::Node test : Items("promql_expr_test")) {
      last_ms = std::max(last_ms, DurationAt(test.Find("eval_time"), 0));
    }
    for (core::DurationMs time_ms = 0; time_ms <= last_ms; time_ms += interval_ms_) {
      LoadInput(start_ms_ + time_ms);
      for (const auto& group : groups_) Evaluate(*group, start_ms_ + time_ms);
      const auto end = alert_tests.lower_bound(time_ms + interval_ms_);
      for (auto it = alert_tests.lower_bound(time_ms); it != end; ++it) {
        for (const config::Node test : it->second) CheckAlerts(test);
      }
    }
    LoadInput(std::numeric_limits<core::TimestampMs>::max());
    for (const config::Node test : Items("promql_expr_test")) CheckExpression(test);
    return complaints_;
  }

 private:
  struct InputSample {
    core::TimestampMs time_ms;
    model::Labels labels;
    promql::SequenceValue value;
  };

  promql::EngineOptions EngineOptions() const {
    promql::EngineOptions options;
    options.default_subquery_step_ms = interval_ms_;
    return options;
  }

  config::Node::Children Items(const char* field) const { return node_.Find(field).children(); }

  bool ReadInput() {
    const core::DurationMs step_ms = DurationAt(node_.Find("interval"), interval_ms_);
    for (const config::Node series : Items("input_series")) {
      const std::string text =
          std::string(series.Find("series").text()) + " " + std::string(series.Find("values").text());
      const auto description = promql::ParseSeriesDescription(text);
      if (!description) {
        complaints_.push_back(description.error().Message());
        return false;
      }
      core::TimestampMs time_ms = start_ms_;
      for (const promql::SequenceValue& value : description->values) {
        if (!value.omitted) input_.push_back({time_ms, description->labels, value});
        time_ms += step_ms;
      }
    }
    std::stable_sort(input_.begin(), input_.end(),
                     [](const InputSample& a, const InputSample& b) { return a.time_ms < b.time_ms; });
    return true;
  }

  void LoadInput(core::TimestampMs until_ms) {
    while (next_input_ < input_.size() && input_[next_input_].time_ms <= until_ms) {
      const InputSample& sample = input_[next_input_++];
      store_.AddSample(sample.labels, sample.time_ms, sample.value.value, sample.value.histogram);
    }
  }

  void Evaluate(Group& group, core::TimestampMs time_ms) {
    clock_.Set(time_ms);
    group.Evaluate(time_ms);
    for (const RuleStatus& rule : group.Status().rules) {
      if (!rule.last_error.empty()) complaints_.push_back(rule.name + ": " + rule.last_error);
    }
  }

  void CheckAlerts(config::Node test) {
    const std::string name(test.Find("alertname").text());
    std::multiset<std::string> expected;
    for (const config::Node alert : test.Find("exp_alerts").children()) {
      auto labels = MapAt(alert.Find("exp_labels"));
      labels["alertname"] = name;
      expected.insert(AlertText(labels, MapAt(alert.Find("exp_annotations"))));
    }
    std::multiset<std::string> found;
    for (const auto& group : groups_) {
      for (const RuleStatus& rule : group->Status().rules) {
        if (!rule.is_alert || rule.name != name) continue;
        for (const ActiveAlert& alert : rule.alerts) {
          if (alert.state == AlertState::kFiring)
            found.insert(AlertText(ToMap(alert.labels), ToMap(alert.annotations)));
        }
      }
    }
    Compare(fmt::format("{} at {}", name, test.Find("eval_time").text()), expected, found);
  }

  void CheckExpression(config::Node test) {
    const std::string expression(test.Find("expr").text());
    const core::TimestampMs time_ms = start_ms_ + DurationAt(test.Find("eval_time"), 0);
    const auto result = engine_.Instant(store_, expression, time_ms);
    if (!result) {
      complaints_.push_back(expression + ": " + result.error().message);
      return;
    }
    std::multiset<std::string> found;
    if (const auto* scalar = std::get_if<promql::ScalarResult>(&result->value)) {
      found.insert(SampleText({}, scalar->value, nullptr));
    } else if (const auto* vector = std::get_if<promql::VectorResult>(&result->value)) {
      for (const auto& sample : *vector)
        found.insert(SampleText(sample.labels, sample.value, sample.histogram.get()));
    }
    std::multiset<std::string> expected;
    for (const config::Node sample : test.Find("exp_samples").children()) {
      model::Labels labels;
      if (sample.Find("labels")) labels = promql::ParseMetric(sample.Find("labels").text()).value();
      if (const config::Node histogram = sample.Find("histogram")) {
        const auto parsed = promql::ParseSeriesDescription("h " + std::string(histogram.text()));
        expected.insert(SampleText(labels, 0, parsed.value().values[0].histogram.get()));
      } else {
        expected.insert(SampleText(labels, sample.Find("value").AsFloat().value(), nullptr));
      }
    }
    Compare(fmt::format("{} at {}", expression, test.Find("eval_time") ? test.Find("eval_time").text() : "0"),
            expected, found);
  }

  void Compare(const std::string& what, const std::multiset<std::string>& expected,
               const std::multiset<std::string>& found) {
    if (expected == found) return;
    complaints_.push_back(what + ": expected " + ::testing::PrintToString(expected) + ", found " +
                          ::testing::PrintToString(found));
  }

  const config::Node node_;
  const core::DurationMs interval_ms_;
  const core::TimestampMs start_ms_;
  RuleOptions options_;
  core::ManualClock clock_{0};
  core::Registry registry_;
  TestStore store_;
  promql::Engine engine_{EngineOptions(), clock_, nullptr};
  RuleContext context_{.engine = engine_,
                       .queryable = store_,
                       .appendable = store_,
                       .sink = nullptr,
                       .clock = clock_,
                       .registry = registry_,
                       .logger = core::Logger::Discard()};
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<InputSample> input_;
  size_t next_input_ = 0;
  std::vector<std::string> complaints_;
};

// A whole file; what is wrong with it.
std::vector<std::string> RunFile(const fs::path& path) {
  const auto document = config::Document::Load(path.string());
  if (!document) return {document.error().message()};
  std::vector<std::string> rule_paths;
  for (const config::Node pattern : document->root().Find("rule_files").children()) {
    const auto found =
        config::ExpandGlob(config::JoinDirectory(config::DirectoryOf(path.string()), pattern.text()));
    if (!found) return {found.error().message()};
    rule_paths.insert(rule_paths.end(), found->begin(), found->end());
  }
  const auto files = LoadRuleFiles(rule_paths, {});
  if (!files) return {Summarize(files.error()).message()};
  const core::DurationMs interval_ms = DurationAt(document->root().Find("evaluation_interval"), 60'000);
  std::vector<std::string> complaints;
  size_t tests = 0;
  for (const config::Node test : document->root().Find("tests").children()) {
    const auto found = TestGroup(test, *files, interval_ms).Run();
    complaints.insert(complaints.end(), found.begin(), found.end());
    ++tests;
  }
  EXPECT_GT(tests, 0u) << path;
  return complaints;
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
