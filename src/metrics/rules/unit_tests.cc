#include "metrics/rules/unit_tests.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "config/node.h"
#include "config/paths.h"
#include "core/duration.h"
#include "core/elapsed_text.h"
#include "metrics/promql/float_histogram.h"
#include "metrics/promql/parser.h"
#include "metrics/rules/alert_diff.h"
#include "metrics/rules/group.h"
#include "metrics/rules/rule_file.h"
#include "metrics/rules/test_store.h"
#include "metrics/rules/unit_test_file.h"

namespace sextant::rules {

namespace {

constexpr const char* kWide = "            ";  // the indent of what was expected and found

// Most evaluations of one test: a test of a year with an interval of a minute is not more.
constexpr core::DurationMs kMaxEvaluations = 1'000'000;

// Indents every line but the first.
std::string Indent(const std::string& text, const std::string& indent) {
  std::string out;
  for (char c : text) {
    out += c;
    if (c == '\n') out += indent;
  }
  return out;
}

bool IsBefore(const AlertView& a, const AlertView& b) {
  auto order = a.labels <=> b.labels;
  return order != 0 ? order < 0 : (a.annotations <=> b.annotations) < 0;
}

bool IsSameAlert(const AlertView& a, const AlertView& b) {
  return a.labels == b.labels && a.annotations == b.annotations;
}

// As promtool shows alerts.
std::string AlertText(const AlertView& alert) {
  return "Labels:" + alert.labels.ToString() + "\nAnnotations:" + alert.annotations.ToString();
}

std::string ListAlerts(const std::vector<AlertView>& alerts) {
  if (alerts.empty()) return "[]";
  std::string out = "[";
  for (size_t i = 0; i < alerts.size(); ++i)
    out += fmt::format("{}\n{}:{}", i == 0 ? "" : ",", i, Indent("\n" + AlertText(alerts[i]), "  "));
  return Indent(out + "\n]", kWide);
}

model::Labels ToLabels(const std::map<std::string, std::string>& map) {
  model::LabelsBuilder labels;
  for (const auto& [name, value] : map) labels.Set(name, value);
  return labels.Build();
}

// A number as Go's strconv.FormatFloat(value, 'E', -1, 64).
std::string FormatExponent(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "+Inf" : "-Inf";
  std::string shortest;
  for (int digits = 0; digits <= 17; ++digits) {
    shortest = fmt::format("{:.{}E}", value, digits);
    if (std::strtod(shortest.c_str(), nullptr) == value) break;
  }
  return shortest;
}

struct SampleView {
  model::Labels labels;
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram;

  std::string ToString() const {
    std::string number = histogram ? fmt::format("{{{{count:{} sum:{}}}}}", histogram->count, histogram->sum)
                                   : FormatExponent(value);
    return labels.ToString() + " " + number;
  }
};

std::string ListSamples(const std::vector<SampleView>& samples) {
  if (samples.empty()) return "nil";
  std::string out;
  for (const SampleView& sample : samples) out += (out.empty() ? "" : ", ") + sample.ToString();
  return out;
}

bool IsSameValue(double a, double b, bool is_fuzzy) {
  if (a == b || (std::isnan(a) && std::isnan(b))) return true;
  return is_fuzzy && std::nextafter(a, b) == b;
}

bool IsSame(const SampleView& a, const SampleView& b, bool is_fuzzy) {
  if (!(a.labels == b.labels) || (a.histogram == nullptr) != (b.histogram == nullptr)) return false;
  if (a.histogram == nullptr) return IsSameValue(a.value, b.value, is_fuzzy);
  return IsSameValue(a.histogram->count, b.histogram->count, is_fuzzy) &&
         IsSameValue(a.histogram->sum, b.histogram->sum, is_fuzzy);
}

// A duration as Go prints it: "0s", "1m0s", "1h0m0s".
std::string GoDuration(core::DurationMs duration_ms) {
  if (duration_ms % 1'000 != 0) return core::FormatDuration(duration_ms);
  int64_t seconds = duration_ms / 1'000;
  std::string out;
  if (seconds >= 3'600) out += fmt::format("{}h", seconds / 3'600);
  if (seconds >= 60) out += fmt::format("{}m", seconds / 60 % 60);
  return out + fmt::format("{}s", seconds % 60);
}

// A series with all its samples, as Go prints a matrix: floats first.
std::string SeriesText(const promql::MatrixSeries& series) {
  std::string text = series.labels.ToString() + " =>";
  for (const auto& point : series.floats) {
    text += fmt::format("\n{} @[{}]", model::FormatValue(point.value), point.time_ms);
  }
  for (const auto& point : series.histograms) {
    text += fmt::format("\n{} @[{}]", promql::FormatHistogram(*point.histogram), point.time_ms);
  }
  return text;
}

// One entry of `tests` as it runs.
class Runner {
 public:
  Runner(const UnitTestConfig& test, const UnitTestFile& file, const std::vector<RuleFile>& rule_files,
         const UnitTestOptions& options)
      : test_(test),
        file_(file),
        options_(options),
        interval_ms_(file.evaluation_interval_ms),
        engine_(WithStep(options.engine, file.evaluation_interval_ms), clock_, nullptr) {
    RuleOptions rule_options;
    rule_options.default_interval_ms = interval_ms_;
    rule_options.external_labels = test.external_labels;
    rule_options.external_url = test.external_url;
    for (const RuleFile& rule_file : rule_files) {
      for (const RuleGroupConfig& config : rule_file.groups) {
        groups_.push_back(
            std::make_unique<Group>(context_, rule_options, rule_file.path, config, /*restores=*/false));
        orders_.push_back(OrderOf(config.name));
      }
    }
  }

  std::vector<std::string> Run() {
    if (!ReadInput()) return std::move(failures_);
    std::multimap<core::DurationMs, const UnitTestAlertCase*> cases;
    core::DurationMs last_ms = 0;
    for (const UnitTestAlertCase& one : test_.alert_cases) {
      cases.emplace(one.eval_time_ms, &one);
      last_ms = std::max(last_ms, one.eval_time_ms);
    }
    for (const UnitTestExpressionCase& one : test_.expression_cases)
      last_ms = std::max(last_ms, one.eval_time_ms);
    if (last_ms / interval_ms_ > kMaxEvaluations) {
      failures_.push_back(fmt::format("more than {} evaluations", kMaxEvaluations));
      return std::move(failures_);
    }
    for (core::DurationMs time_ms = 0; time_ms <= last_ms; time_ms += interval_ms_) {
      LoadInput(test_.start_ms + time_ms);
      if (!EvaluateAll(time_ms)) return std::move(failures_);
      auto end = cases.lower_bound(time_ms + interval_ms_);
      for (auto it = cases.lower_bound(time_ms); it != end; ++it) CheckAlerts(*it->second);
    }
    LoadInput(std::numeric_limits<core::TimestampMs>::max());
    for (const UnitTestExpressionCase& one : test_.expression_cases) CheckExpression(one);
    if (options_.debug) ShowData(last_ms);
    return std::move(failures_);
  }

 private:
  struct InputSample {
    core::TimestampMs time_ms;
    model::Labels labels;
    promql::SequenceValue value;
  };

  static promql::EngineOptions WithStep(promql::EngineOptions options, core::DurationMs step_ms) {
    options.default_subquery_step_ms = step_ms;
    return options;
  }

  // The groups that group_eval_order names come in its order, before the others.
  size_t OrderOf(const std::string& group) const {
    auto named = std::ranges::find(file_.group_eval_order, group);
    return static_cast<size_t>(named - file_.group_eval_order.begin());
  }

  bool ReadInput() {
    core::DurationMs step_ms = test_.interval_ms > 0 ? test_.interval_ms : interval_ms_;
    for (const UnitTestSeries& series : test_.input_series) {
      auto description = promql::ParseSeriesDescription(series.series + " " + series.values);
      if (!description) {
        failures_.push_back(description.error().Message());
        return false;
      }
      core::TimestampMs time_ms = test_.start_ms;
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

  bool EvaluateAll(core::DurationMs time_ms) {
    clock_.Set(test_.start_ms + time_ms);
    for (size_t order : std::set<size_t>(orders_.begin(), orders_.end())) {
      for (size_t i = 0; i < groups_.size(); ++i) {
        if (orders_[i] == order) Evaluate(*groups_[i], time_ms);
      }
    }
    return failures_.empty() || !has_evaluation_failed_;
  }

  void Evaluate(Group& group, core::DurationMs time_ms) {
    group.Evaluate(test_.start_ms + time_ms);
    for (const RuleStatus& rule : group.Status().rules) {
      if (rule.last_error.empty()) continue;
      has_evaluation_failed_ = true;
      failures_.push_back(
          fmt::format("    rule: {}, time: {}, err: {}", rule.name, GoDuration(time_ms), rule.last_error));
    }
  }

  void CheckAlerts(const UnitTestAlertCase& one) {
    std::vector<AlertView> expected;
    for (const UnitTestAlert& alert : one.alerts) {
      auto labels = alert.labels;
      labels["alertname"] = one.alertname;
      expected.push_back({ToLabels(labels), ToLabels(alert.annotations)});
    }
    std::vector<AlertView> found;
    for (const auto& group : groups_) {
      for (const RuleStatus& rule : group->Status().rules) {
        if (!rule.is_alert || rule.name != one.alertname) continue;
        for (const ActiveAlert& alert : rule.alerts) {
          if (alert.state == AlertState::kFiring) found.push_back({alert.labels, alert.annotations});
        }
      }
    }
    std::ranges::sort(expected, IsBefore);
    std::ranges::sort(found, IsBefore);
    if (std::ranges::equal(expected, found, IsSameAlert)) return;
    const std::string head = fmt::format("{}    alertname: {}, time: {}, \n        ",
                                         test_.name.empty() ? "" : fmt::format("    name: {},\n", test_.name),
                                         one.alertname, core::FormatDuration(one.eval_time_ms));
    if (options_.shows_differences) {
      failures_.push_back(
          fmt::format("{}diff: {}", head, Indent(DiffAlerts(std::move(expected), std::move(found)), kWide)));
      return;
    }
    failures_.push_back(
        fmt::format("{}exp:{}, \n        got:{}", head, ListAlerts(expected), ListAlerts(found)));
  }

  core::Result<std::vector<SampleView>> ExpectedSamples(const UnitTestExpressionCase& one) const {
    std::vector<SampleView> expected;
    for (const UnitTestSample& sample : one.samples) {
      SampleView view;
      if (!sample.labels.empty()) {
        auto labels = promql::ParseMetric(sample.labels);
        if (!labels) {
          return core::Fail(core::Code::kInvalidArgument, "labels {}: {}", model::QuoteGo(sample.labels),
                            labels.error().Message());
        }
        view.labels = *labels;
      }
      view.value = sample.value;
      if (!sample.histogram.empty()) {
        auto parsed = promql::ParseSeriesDescription("h " + sample.histogram);
        if (!parsed || parsed->values.size() != 1 || parsed->values[0].histogram == nullptr)
          return core::Fail(core::Code::kInvalidArgument, "histogram {} is none",
                            model::QuoteGo(sample.histogram));
        view.histogram = parsed->values[0].histogram;
      }
      expected.push_back(std::move(view));
    }
    return expected;
  }

  static std::vector<SampleView> FoundSamples(const promql::QueryResult& result) {
    std::vector<SampleView> found;
    if (const auto* scalar = std::get_if<promql::ScalarResult>(&result.value)) {
      found.push_back({{}, scalar->value, nullptr});
    } else if (const auto* vector = std::get_if<promql::VectorResult>(&result.value)) {
      for (const auto& sample : *vector) found.push_back({sample.labels, sample.value, sample.histogram});
    }
    return found;
  }

  void CheckExpression(const UnitTestExpressionCase& one) {
    std::string head = fmt::format("    expr: {}, time: {},", model::QuoteGo(one.expr),
                                   core::FormatDuration(one.eval_time_ms));
    auto result = engine_.Instant(store_, one.expr, test_.start_ms + one.eval_time_ms);
    if (!result) {
      failures_.push_back(fmt::format("{} err: {}", head, result.error().message));
      return;
    }
    auto expected = ExpectedSamples(one);
    if (!expected) {
      failures_.push_back(fmt::format("{} err: {}", head, expected.error().message()));
      return;
    }
    std::vector<SampleView> found = FoundSamples(*result);
    auto by_labels = [](const SampleView& a, const SampleView& b) { return (a.labels <=> b.labels) < 0; };
    std::stable_sort(expected->begin(), expected->end(), by_labels);
    std::stable_sort(found.begin(), found.end(), by_labels);
    bool is_same = std::ranges::equal(*expected, found, [&](const SampleView& a, const SampleView& b) {
      return IsSame(a, b, file_.fuzzy_compare);
    });
    if (is_same) return;
    failures_.push_back(fmt::format("{}\n        exp: {}\n        got: {}", head, ListSamples(*expected),
                                    ListSamples(found)));
  }

  // All series there are a second after the last check, or at the next whole one.
  void ShowData(core::DurationMs last_ms) {
    constexpr core::DurationMs kSecondMs = 1'000;
    const core::DurationMs end_ms = (last_ms + kSecondMs) / kSecondMs * kSecondMs;
    const std::string end = GoDuration(end_ms);
    const std::string expression = fmt::format("{{__name__=~\".+\"}}[{}]", end);
    const auto result = engine_.Instant(store_, expression, test_.start_ms + end_ms);
    if (!result) {
      options_.debug(fmt::format("DEBUG: Failed query exec, expr: {}, err: {}", model::QuoteGo(expression),
                                 result.error().message));
      return;
    }
    options_.debug(fmt::format("DEBUG: Dump of all data (input_series and rules) at {}:", end));
    std::string text;
    if (const auto* matrix = std::get_if<promql::MatrixResult>(&result->value)) {
      for (const promql::MatrixSeries& series : *matrix)
        text += (text.empty() ? "" : "\n") + SeriesText(series);
    }
    options_.debug(text);
  }

  const UnitTestConfig& test_;
  const UnitTestFile& file_;
  const UnitTestOptions& options_;
  const core::DurationMs interval_ms_;
  core::ManualClock clock_{0};
  core::Registry registry_;
  TestStore store_;
  promql::Engine engine_;
  RuleContext context_{.engine = engine_,
                       .queryable = store_,
                       .appendable = store_,
                       .sink = nullptr,
                       .clock = clock_,
                       .registry = registry_,
                       .logger = core::Logger::Discard()};
  std::vector<std::unique_ptr<Group>> groups_;
  std::vector<size_t> orders_;  // of groups_
  std::vector<InputSample> input_;
  size_t next_input_ = 0;
  bool has_evaluation_failed_ = false;
  std::vector<std::string> failures_;
};

}  // namespace

core::Result<std::vector<UnitTestGroup>> RunUnitTests(const std::string& path,
                                                      const UnitTestOptions& options) {
  SEXTANT_ASSIGN(config::Document document, config::Document::Load(path));
  SEXTANT_ASSIGN(auto file, config::Decode<UnitTestFile>(document.root()));
  std::vector<std::string> paths;
  for (const std::string& pattern : file.rule_files) {
    SEXTANT_ASSIGN(std::vector<std::string> matches, config::ExpandGlob(pattern));
    paths.insert(paths.end(), matches.begin(), matches.end());
  }
  RuleFileOptions rule_options;
  rule_options.parser = options.engine.parser;
  rule_options.ignores_unknown_fields = options.ignores_unknown_fields;
  auto rule_files = LoadRuleFiles(paths, rule_options);
  if (!rule_files) return tl::unexpected(Summarize(rule_files.error()));
  std::vector<UnitTestGroup> groups;
  const core::SystemClock clock;
  for (size_t i = 0; i < file.tests.size(); ++i) {
    const UnitTestConfig& test = file.tests[i];
    if (options.runs && !options.runs(test.name)) continue;
    const std::string shown_name = test.name.empty() ? fmt::format("unnamed#{}", i) : test.name;
    const int64_t start_ns = clock.MonotonicNs();
    if (options.debug) options.debug(fmt::format("DEBUG: Starting test {}", shown_name));
    groups.push_back({test.name, Runner(test, file, *rule_files, options).Run()});
    if (options.debug) {
      options.debug(fmt::format("DEBUG: Test {} finished, took {}", shown_name,
                                core::ElapsedText(clock.MonotonicNs() - start_ns)));
    }
  }
  return groups;
}

}  // namespace sextant::rules
