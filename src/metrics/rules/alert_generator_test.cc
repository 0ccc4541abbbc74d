// The suite by which Prometheus' compliance programme judges whoever makes alerts: its rules over its
// samples, an evaluation after the other, against a second reckoning of what each alert must be and when it
// is sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "metrics/rules/rule_manager.h"
#include "metrics/rules/test_store.h"

namespace sextant::rules {
namespace {

using core::DurationMs;
using core::TimestampMs;
using ::testing::UnorderedElementsAreArray;

constexpr TimestampMs kStart = 1'700'000'000'000;
constexpr DurationMs kSampleMs = 15'000;
constexpr DurationMs kResendMs = 60'000;
constexpr DurationMs kResolvedKeptMs = 15 * 60'000;
constexpr DurationMs kLookbackMs = 5 * 60'000;

std::string Directory() {
  const char* directory = std::getenv("SEXTANT_CONFORMANCE_DIR");
  return (directory == nullptr ? std::string("../shared/conformance") : std::string(directory)) +
         "/prometheus/compliance/alert_generator/";
}

class RecordingSink final : public AlertSink {
 public:
  void Send(std::span<const Alert> alerts) override { sent.insert(sent.end(), alerts.begin(), alerts.end()); }
  std::vector<Alert> sent;
};

// "3", "0x7", "-2x3": a value, or so many that each differ so much from the one before.
std::vector<double> Values(simdjson::dom::element slices) {
  std::vector<double> values;
  for (std::string_view text : slices.get_array()) {
    size_t times = text.find('x');
    double number = 0;
    std::from_chars(text.data(), text.data() + std::min(times, text.size()), number);
    size_t count = 1;
    if (times != std::string_view::npos) {
      std::from_chars(text.data() + times + 1, text.data() + text.size(), count);
    }
    for (size_t i = 0; i < count; ++i) {
      values.push_back(times == std::string_view::npos ? number : values.back() + number);
    }
  }
  return values;
}

// The value that an instant query sees: the newest of the last minutes.
std::optional<double> ValueAt(const std::vector<double>& values, DurationMs since_ms) {
  if (values.empty() || since_ms < 0) return std::nullopt;
  auto newest = std::min<size_t>(static_cast<size_t>(since_ms / kSampleMs), values.size() - 1);
  if (since_ms - static_cast<DurationMs>(newest) * kSampleMs >= kLookbackMs) return std::nullopt;
  return values[newest];
}

// One alert as the suite's words have it, reckoned anew from what the expression gives.
class Expected {
 public:
  explicit Expected(DurationMs for_ms) : for_ms_(for_ms) {}

  // Whether the alert is sent by this evaluation.
  bool Evaluate(bool is_active, TimestampMs now_ms) {
    bool was_firing = state_ == AlertState::kFiring;
    if (is_active) {
      if (state_ == AlertState::kInactive) {
        active_since_ms_ = now_ms;
        state_ = AlertState::kPending;
        sent_ms_ = resolved_ms_ = 0;
      }
      if (now_ms - active_since_ms_ >= for_ms_) state_ = AlertState::kFiring;
    } else {
      state_ = AlertState::kInactive;
      if (was_firing) resolved_ms_ = now_ms;
    }
    bool is_news = (state_ == AlertState::kFiring && !was_firing) || (was_firing && !is_active);
    bool is_told = state_ == AlertState::kFiring || (resolved_ms_ != 0 && state_ == AlertState::kInactive &&
                                                     now_ms - resolved_ms_ <= kResolvedKeptMs);
    if (!is_told || (!is_news && now_ms - sent_ms_ <= kResendMs)) return false;
    sent_ms_ = now_ms;
    return true;
  }

  AlertState state() const { return state_; }
  TimestampMs active_since_ms() const { return active_since_ms_; }
  TimestampMs resolved_ms() const { return resolved_ms_; }

 private:
  const DurationMs for_ms_;
  AlertState state_ = AlertState::kInactive;
  TimestampMs active_since_ms_ = 0;
  TimestampMs resolved_ms_ = 0;
  TimestampMs sent_ms_ = 0;
};

struct Watched {
  std::string rule;
  std::string variant;  // label of the series; may be empty
  double threshold = 0;
  std::vector<double> values;
  Expected expected;
};

class AlertGeneratorTest : public ::testing::TestWithParam<const char*> {
 protected:
  void Load(const RuleFile& file, const std::string& group) {
    RuleFile one{file.path, {}};
    for (const RuleGroupConfig& config : file.groups) {
      if (config.name == group) one.groups.push_back(config);
    }
    ASSERT_EQ(one.groups.size(), 1u) << group;
    manager_ = std::make_unique<RuleManager>(RuleContext{.engine = engine_,
                                                         .queryable = store_,
                                                         .appendable = store_,
                                                         .sink = &sink_,
                                                         .clock = clock_,
                                                         .registry = registry_,
                                                         .logger = core::Logger::Discard()});
    manager_->Update({}, std::vector<RuleFile>{one});
    group_ = one.groups[0];
  }

  // Series for each rule that looks at the suite's metric: each list of values is one of them.
  void Watch(simdjson::dom::element slices) {
    std::vector<std::vector<double>> lists;
    for (simdjson::dom::element list : slices.get_array()) {
      // What only templates look at has values that are yet to be chosen.
      std::string_view first = (*list.get_array().begin()).get_string().value();
      if (first != "%d") lists.push_back(Values(list));
    }
    for (const RuleConfig& rule : group_.rules) {
      size_t sign = rule.expr.find(" > ");
      if (sign == std::string::npos) continue;
      for (size_t i = 0; i < lists.size(); ++i) {
        std::string variant = lists.size() == 1 ? "" : i == 0 ? "one" : "two";
        double threshold = std::strtod(rule.expr.c_str() + sign + 3, nullptr);
        watched_.push_back({rule.alert, variant, threshold, lists[i], Expected(rule.for_ms)});
      }
    }
  }

  void AddSamples(TimestampMs begin_ms) {
    for (const Watched& one : watched_) {
      std::string series =
          fmt::format("alert_generator_test_suite{{alertname=\"{}\",rulegroup=\"{}\"{}}}", one.rule,
                      group_.name, one.variant.empty() ? "" : ",variant=\"" + one.variant + "\"");
      for (size_t i = 0; i < one.values.size(); ++i) {
        store_.Add(series, begin_ms + static_cast<TimestampMs>(i) * kSampleMs, one.values[i]);
      }
    }
  }

  static std::string Key(std::string_view rule, std::string_view variant) {
    return fmt::format("{} {}", rule, variant);
  }

  // "rule variant state" of all alerts that are active, as the API tells it.
  std::set<std::string> Told() {
    std::set<std::string> told;
    const std::vector<GroupStatus> groups = manager_->Status();
    for (const RuleStatus& rule : groups.at(0).rules) {
      EXPECT_EQ(rule.health, RuleHealth::kGood) << rule.last_error;
      for (const ActiveAlert& alert : rule.alerts) {
        if (alert.state == AlertState::kInactive) continue;
        told.insert(fmt::format("{} {} {} since {}", rule.name, alert.labels.Get("variant"),
                                alert.state == AlertState::kFiring ? "firing" : "pending",
                                alert.active_at_ms));
      }
    }
    return told;
  }

  // The same from the series ALERTS.
  std::set<std::string> Stored(TimestampMs now_ms) {
    std::set<std::string> stored;
    for (const auto& [labels, samples] : store_.data()) {
      if (labels.metric_name() != "ALERTS" || samples.empty()) continue;
      if (samples.back() != std::pair(now_ms, 1.0)) continue;
      stored.insert(
          fmt::format("{} {} {}", labels.Get("alertname"), labels.Get("variant"), labels.Get("alertstate")));
    }
    return stored;
  }

  core::ManualClock clock_{kStart};
  core::Registry registry_;
  promql::Engine engine_{{}, clock_, nullptr};
  TestStore store_;
  RecordingSink sink_;
  std::unique_ptr<RuleManager> manager_;
  RuleGroupConfig group_;
  std::vector<Watched> watched_;
};

TEST_P(AlertGeneratorTest, AlertsAreWhatTheSuiteSays) {
  simdjson::dom::parser json;
  simdjson::dom::element cases;
  if (json.load(Directory() + "cases.json").get(cases) != simdjson::SUCCESS) GTEST_SKIP();
  auto file = LoadRuleFile(Directory() + "rules.yaml", {});
  ASSERT_TRUE(file) << Summarize(file.error()).message();
  ASSERT_NO_FATAL_FAILURE(Load(*file, GetParam()));
  for (simdjson::dom::element one : cases.get_array()) {
    if (one["case"].get_string().value() == GetParam()) Watch(one["sample_slices"]);
  }
  ASSERT_FALSE(watched_.empty());
  const TimestampMs begin_ms = manager_->NextDueMs();
  AddSamples(begin_ms);
  // Rule2 of the first group is about what Rule1 wrote a moment ago.
  const bool has_second = std::string_view(GetParam()) == "NewAlerts_OrderCheck";
  Expected second(0);
  const std::string second_rule = "NewAlerts_OrderCheck_Rule2";

  size_t longest = 0;
  for (const Watched& one : watched_) longest = std::max(longest, one.values.size());
  const DurationMs end_ms = static_cast<DurationMs>(longest) * kSampleMs + kLookbackMs + kResolvedKeptMs;
  size_t sent_firing = 0;
  size_t sent_resolved = 0;
  for (TimestampMs now_ms = begin_ms; now_ms < begin_ms + end_ms; now_ms = manager_->NextDueMs()) {
    clock_.Set(now_ms);
    sink_.sent.clear();
    manager_->Tick(now_ms);
    std::set<std::string> told;
    std::set<std::string> stored;
    std::map<std::string, const Expected*> sent;
    auto note = [&](const std::string& key, Expected& expected, bool is_active) {
      if (expected.Evaluate(is_active, now_ms)) sent[key] = &expected;
      if (expected.state() == AlertState::kInactive) return;
      std::string state = expected.state() == AlertState::kFiring ? "firing" : "pending";
      stored.insert(fmt::format("{} {}", key, state));
      told.insert(fmt::format("{} {} since {}", key, state, expected.active_since_ms()));
    };
    size_t firing_variants = 0;
    for (Watched& one : watched_) {
      std::optional<double> value = ValueAt(one.values, now_ms - begin_ms);
      note(Key(one.rule, one.variant), one.expected, value && *value > one.threshold);
      if (one.expected.state() == AlertState::kFiring) ++firing_variants;
    }
    if (has_second) note(Key(second_rule, ""), second, firing_variants == 2);
    SCOPED_TRACE(fmt::format("{} s", (now_ms - begin_ms) / 1000));
    ASSERT_EQ(Told(), told);
    ASSERT_EQ(Stored(now_ms), stored);

    std::vector<std::string> keys;
    for (const Alert& alert : sink_.sent) {
      std::string key = Key(alert.labels.Get("alertname"), alert.labels.Get("variant"));
      keys.push_back(key);
      auto expected = sent.find(key);
      ASSERT_NE(expected, sent.end()) << key << " is sent";
      bool is_resolved = expected->second->state() == AlertState::kInactive;
      ++(is_resolved ? sent_resolved : sent_firing);
      EXPECT_EQ(alert.is_resolved, is_resolved) << key;
      EXPECT_EQ(alert.ends_at_ms, is_resolved ? expected->second->resolved_ms() : now_ms + 4 * kResendMs)
          << key;
      EXPECT_EQ(alert.labels.Get("rulegroup"), GetParam());
    }
    std::vector<std::string> wanted;
    for (const auto& [key, expected] : sent) wanted.push_back(key);
    ASSERT_THAT(keys, UnorderedElementsAreArray(wanted));
  }
  // The one case without an alert that fires has none to send.
  bool is_quiet = std::string_view(GetParam()) == "PendingAndResolved_AlwaysInactive";
  EXPECT_EQ(sent_firing == 0, is_quiet);
  EXPECT_EQ(sent_resolved == 0, is_quiet);
}

INSTANTIATE_TEST_SUITE_P(Cases, AlertGeneratorTest,
                         ::testing::Values("NewAlerts_OrderCheck", "PendingAndFiringAndResolved",
                                           "PendingAndResolved_AlwaysInactive", "ZeroFor_SmallFor"),
                         [](const auto& param_info) { return std::string(param_info.param); });

// Annotations come from the labels of the expression's result, and all functions of templates do their work.
TEST_F(AlertGeneratorTest, AnnotationsAreWhatTheSuiteSays) {
  auto file = LoadRuleFile(Directory() + "rules.yaml", {});
  if (!file) GTEST_SKIP();
  auto annotations = [&](const std::string& group, size_t rule) {
    const auto alerts = manager_->Status().at(0).rules.at(rule).alerts;
    return alerts.empty() ? std::map<std::string, std::string>{{"group", group}} : [&] {
      std::map<std::string, std::string> all;
      for (model::LabelView label : alerts[0].annotations) all[std::string(label.name)] = label.value;
      return all;
    }();
  };

  ASSERT_NO_FATAL_FAILURE(Load(*file, "ZeroFor_SmallFor"));
  TimestampMs now_ms = manager_->NextDueMs();
  const std::string metric = "alert_generator_test_suite";
  for (const char* rule : {"ZeroFor", "SmallFor"}) {
    store_.Add(
        fmt::format("{}{{alertname=\"ZeroFor_SmallFor_{}\",rulegroup=\"ZeroFor_SmallFor\"}}", metric, rule),
        now_ms, 15);
  }
  for (int id : {2, 1}) {
    store_.Add(fmt::format("{}{{rulegroup=\"ZeroFor_SmallFor\",for=\"template\",id=\"{}\"}}", metric, id),
               now_ms, id * 10);
  }
  clock_.Set(now_ms);
  manager_->Tick(now_ms);
  auto first = annotations("ZeroFor_SmallFor", 0);
  EXPECT_EQ(first["description"], "This should immediately fire");
  EXPECT_EQ(first["template_query_test"], "Args are: foo bar 99. first_id:1,1:10,2:20,");
  EXPECT_EQ(first["template_test"], "1.049M 1Mi 2m 15s 95.9% 2022-01-25 12:36:43 +0000 UTC");
  auto second = annotations("ZeroFor_SmallFor", 1);
  EXPECT_EQ(second["template_test"],
            "This Part IS TESTING the strings. ::1 127.0.0.1. 7815. replaced text. .");

  ASSERT_NO_FATAL_FAILURE(Load(*file, "NewAlerts_OrderCheck"));
  now_ms = manager_->NextDueMs();
  for (const char* variant : {"one", "two"}) {
    for (TimestampMs at_ms = now_ms; at_ms <= now_ms + 4 * 60'000; at_ms += kSampleMs) {
      store_.Add(
          fmt::format("{}{{alertname=\"NewAlerts_OrderCheck_Rule1\",rulegroup=\"NewAlerts_OrderCheck\","
                      "variant=\"{}\"}}",
                      metric, variant),
          at_ms, 11);
    }
  }
  for (; manager_->NextDueMs() <= now_ms + 4 * 60'000;) {
    clock_.Set(manager_->NextDueMs());
    manager_->Tick(clock_.NowMs());
  }
  EXPECT_EQ(annotations("NewAlerts_OrderCheck", 1)["description"],
            "Based on ALERTS. Old alertname was NewAlerts_OrderCheck_Rule1. foo was bar.");
  EXPECT_EQ(manager_->Status().at(0).rules.at(1).alerts.at(0).labels.ToString(),
            "{alertname=\"NewAlerts_OrderCheck_Rule2\", alertstate=\"firing\", ba_dum=\"tss\", foo=\"baz\", "
            "rulegroup=\"NewAlerts_OrderCheck\"}");
}

}  // namespace
}  // namespace sextant::rules
