#include "metrics/rules/rule_manager.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <thread>

#include "metrics/rules/test_store.h"
#include "model/value.h"

namespace sextant::rules {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

constexpr core::TimestampMs kStart = 1'700'000'000'000;
constexpr core::DurationMs kMinute = 60'000;

class RecordingSink final : public AlertSink {
 public:
  void Send(std::span<const Alert> alerts) override { sent.insert(sent.end(), alerts.begin(), alerts.end()); }
  std::vector<Alert> sent;
};

// A manager over a store in memory, whose time is played minute by minute.
class RuleManagerTest : public ::testing::Test {
 protected:
  RuleManagerTest() { MakeManager(); }

  // As a restart does: the store stays, the state is gone.
  void MakeManager() {
    manager_ = std::make_unique<RuleManager>(RuleContext{.engine = engine_,
                                                         .queryable = store_,
                                                         .appendable = store_,
                                                         .sink = &sink_,
                                                         .clock = clock_,
                                                         .registry = registry_,
                                                         .logger = core::Logger::Discard()});
  }

  static RuleFile File(std::string_view text, const std::string& path = "r.yml") {
    auto file = ParseRuleFile(text, path, {});
    EXPECT_TRUE(file) << (file ? "" : Summarize(file.error()).message());
    return file ? *std::move(file) : RuleFile();
  }
  void Load(std::string_view text) { manager_->Update(options_, std::vector<RuleFile>{File(text)}); }

  // Moves to the next slot and evaluates; sets the metric `m` before.
  void Step() {
    const core::TimestampMs next_ms = manager_->NextDueMs();
    ASSERT_NE(next_ms, std::numeric_limits<core::TimestampMs>::max());
    clock_.Set(next_ms);
    manager_->Tick(next_ms);
  }
  void Set(std::string_view series, double value) { store_.Add(series, manager_->NextDueMs(), value); }

  RuleStatus Rule(size_t index = 0) {
    const auto groups = manager_->Status();
    return groups.empty() ? RuleStatus() : groups[0].rules.at(index);
  }
  double Metric(const std::string& line) {
    const std::string text = registry_.RenderText();
    const size_t at = text.find("\n" + line + " ");
    EXPECT_NE(at, std::string::npos) << line << "\n" << text;
    return at == std::string::npos ? -1 : std::stod(text.substr(at + line.size() + 2));
  }

  core::ManualClock clock_{kStart};
  core::Registry registry_;
  promql::Engine engine_{{}, clock_, nullptr};
  TestStore store_;
  RecordingSink sink_;
  RuleOptions options_{.external_url = "http://sextant:9090", .external_labels = {{"site", "s1"}}};
  std::unique_ptr<RuleManager> manager_;
};

TEST_F(RuleManagerTest, RecordsWithLabelsAndMarksVanishedSeriesStale) {
  Load(
      "groups:\n- name: g\n  rules:\n  - record: job:m:sum\n    expr: sum by (job) (m)\n    labels: {job2: "
      "x}\n");
  Set("m{job=\"a\"}", 1);
  Set("m{job=\"b\"}", 5);
  Step();
  const core::TimestampMs first_ms = clock_.NowMs();
  EXPECT_THAT(store_.Get("job:m:sum{job=\"a\",job2=\"x\"}"), ElementsAre(std::pair(first_ms, 1.0)));
  EXPECT_EQ(Rule().health, RuleHealth::kGood);
  EXPECT_EQ(Rule().last_evaluation_ms, first_ms);
  Set("m{job=\"a\"}", 2);
  Set("m{job=\"b\"}", model::StaleNan());
  Step();
  EXPECT_EQ(store_.Get("job:m:sum{job=\"a\",job2=\"x\"}").back().second, 2.0);
  const auto b = store_.Get("job:m:sum{job=\"b\",job2=\"x\"}");
  ASSERT_THAT(b, SizeIs(2));
  EXPECT_EQ(b[1].first, first_ms + kMinute);
  EXPECT_TRUE(model::IsStaleNan(b[1].second));
  EXPECT_EQ(Metric("prometheus_rule_evaluations_total{rule_group=\"r.yml;g\"}"), 2);
  EXPECT_EQ(Metric("prometheus_rule_group_last_evaluation_samples{rule_group=\"r.yml;g\"}"), 1);
}

TEST_F(RuleManagerTest, NativeHistogramsAreRecorded) {
  Load(
      "groups:\n- name: g\n  rules:\n  - {record: job:h:sum, expr: sum by (job) (h)}\n  - {record: n, expr: "
      "histogram_count(job:h:sum)}\n");
  const core::TimestampMs at_ms = manager_->NextDueMs();
  for (const char* instance : {"1", "2"}) {
    auto histogram = std::make_shared<model::FloatHistogram>();
    histogram->count = 3;
    histogram->sum = 6;
    histogram->zero_count = 3;
    store_.AddSample(model::Labels::Of({{"__name__", "h"}, {"instance", instance}, {"job", "a"}}), at_ms, 0,
                     histogram);
  }
  Step();
  EXPECT_EQ(Rule().health, RuleHealth::kGood) << Rule().last_error;
  EXPECT_THAT(store_.Get("n{job=\"a\"}"), ElementsAre(std::pair(at_ms, 6.0)));
}

TEST_F(RuleManagerTest, ScalarsAreRecordedAndStringsAreNot) {
  Load("groups:\n- name: g\n  rules:\n  - {record: one, expr: '1'}\n  - {record: text, expr: '\"x\"'}\n");
  Step();
  EXPECT_THAT(store_.Get("one"), ElementsAre(std::pair(clock_.NowMs(), 1.0)));
  EXPECT_EQ(Rule(1).health, RuleHealth::kBad);
  EXPECT_EQ(Rule(1).last_error, "rule result is not a vector or scalar");
}

TEST_F(RuleManagerTest, RulesSeeWhatEarlierRulesRecorded) {
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: '2'}\n  - {record: b, expr: a * 3}\n");
  Step();
  EXPECT_THAT(store_.Get("b"), ElementsAre(std::pair(clock_.NowMs(), 6.0)));
}

TEST_F(RuleManagerTest, RulesThatDependOnOthersSeeThemAlsoWhenRulesRunAtTheSameTime) {
  core::Executor executor({.threads = 4});
  ConcurrentEvals evals(executor, 3);
  RuleManager manager(
      RuleContext{engine_, store_, store_, &sink_, clock_, registry_, core::Logger::Discard(), &evals});
  std::string text = "groups:\n- name: g\n  rules:\n";
  for (int i = 0; i < 20; ++i) text += fmt::format("  - {{record: a{}, expr: '{}'}}\n", i, i);
  for (int i = 0; i < 20; ++i) text += fmt::format("  - {{record: b{}, expr: a{} + 100}}\n", i, i);
  text += "  - {record: c, expr: 'sum({__name__=~\"b.*\"})'}\n  - {record: d, expr: c + 1}\n";
  manager.Update(options_, std::vector<RuleFile>{File(text)});
  for (int i = 0; i < 3; ++i) {
    clock_.Set(manager.NextDueMs());
    manager.Tick(clock_.NowMs());
    EXPECT_THAT(store_.Get("d").back(), std::pair(clock_.NowMs(), 2'191.0));
  }
  EXPECT_EQ(Metric("prometheus_rule_evaluations_total{rule_group=\"r.yml;g\"}"), 3 * 42);
  EXPECT_EQ(Metric("prometheus_rule_group_last_evaluation_samples{rule_group=\"r.yml;g\"}"), 42);
  EXPECT_EQ(Metric("prometheus_rule_group_last_rule_duration_sum_seconds{rule_group=\"r.yml;g\"}"),
            0);  // time stands still
}

TEST_F(RuleManagerTest, QueryOffsetMovesQueryAndResult) {
  Load("groups:\n- name: g\n  query_offset: 1m\n  rules:\n  - {record: a, expr: m}\n");
  store_.Add("m", manager_->NextDueMs() - kMinute, 1);
  store_.Add("m", manager_->NextDueMs(), 2);
  Step();
  EXPECT_THAT(store_.Get("a"), ElementsAre(std::pair(clock_.NowMs() - kMinute, 1.0)));
}

TEST_F(RuleManagerTest, ErrorsOfEvaluationAreShownAndCounted) {
  Load(
      "groups:\n- name: g\n  limit: 1\n  rules:\n"
      "  - {record: many, expr: m}\n"
      "  - {record: same, expr: m, labels: {i: x}}\n"
      "  - {record: match, expr: 'm * on(none) m'}\n"
      "  - {alert: Many, expr: m}\n"
      "  - {alert: Same, expr: m, labels: {i: x}}\n");
  Set("m{i=\"1\"}", 1);
  Set("m{i=\"2\"}", 2);
  Step();
  EXPECT_EQ(Rule(0).last_error, "exceeded limit of 1 with 2 series");
  EXPECT_EQ(Rule(1).last_error, "vector contains metrics with the same labelset after applying rule labels");
  EXPECT_THAT(Rule(2).last_error, HasSubstr("many-to-many"));
  EXPECT_EQ(Rule(3).last_error, "exceeded limit of 1 with 2 alerts");
  EXPECT_EQ(Rule(4).last_error, "vector contains metrics with the same labelset after applying alert labels");
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(Rule(i).health, RuleHealth::kBad) << i;
  EXPECT_EQ(Metric("prometheus_rule_evaluation_failures_total{rule_group=\"r.yml;g\"}"), 5);
}

TEST_F(RuleManagerTest, StorageFailuresAreShownAndPass) {
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: '1'}\n");
  store_.FailCommits(true);
  Step();
  EXPECT_EQ(Rule().last_error, "writing the result: the disk is full");
  store_.FailCommits(false);
  Step();
  EXPECT_EQ(Rule().health, RuleHealth::kGood);
  EXPECT_EQ(Rule().last_error, "");
  // A result that the store refuses for its time.
  store_.Add("a", manager_->NextDueMs() + 1, 7);
  Step();
  EXPECT_EQ(Rule().last_error, "out of order sample: a");
}

TEST_F(RuleManagerTest, ABoundOfOursHoldsWithoutALimit) {
  options_.max_series_per_rule = 1;
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: m}\n  - {alert: B, expr: m}\n");
  Set("m{i=\"1\"}", 1);
  Set("m{i=\"2\"}", 1);
  Step();
  EXPECT_THAT(Rule(0).last_error, HasSubstr("more than the 1"));
  EXPECT_THAT(Rule(1).last_error, HasSubstr("more than the 1"));
}

constexpr std::string_view kDown = R"(
groups:
- name: g
  rules:
  - alert: Down
    expr: up == 0
    for: 2m
    labels:
      severity: page
      who: "{{ $labels.job }}-{{ $externalLabels.site }}"
    annotations:
      summary: "{{ $labels.instance }} is {{ $value }}"
      count: "{{ with query \"count(up)\" }}{{ . | first | value }}{{ end }}"
      url: "{{ $externalURL }}"
)";

TEST_F(RuleManagerTest, AnAlertLivesItsLife) {
  // The alert series are written only after the state was restored, at the second evaluation.
  Load(kDown);
  const std::string series = "instance=\"i1\",job=\"j\",severity=\"page\",who=\"j-s1\"}";
  Set("up{instance=\"i1\",job=\"j\"}", 1);
  Step();
  Set("up{instance=\"i1\",job=\"j\"}", 1);
  Step();
  EXPECT_EQ(Rule().state, AlertState::kInactive);

  Set("up{instance=\"i1\",job=\"j\"}", 0);
  Step();
  const core::TimestampMs active_ms = clock_.NowMs();
  EXPECT_EQ(Rule().state, AlertState::kPending);
  ASSERT_THAT(Rule().alerts, SizeIs(1));
  EXPECT_EQ(Rule().alerts[0].labels.ToString(),
            "{alertname=\"Down\", instance=\"i1\", job=\"j\", severity=\"page\", who=\"j-s1\"}");
  EXPECT_EQ(Rule().alerts[0].annotations.Get("summary"), "i1 is 0");
  EXPECT_EQ(Rule().alerts[0].annotations.Get("count"), "1");
  EXPECT_EQ(Rule().alerts[0].annotations.Get("url"), "http://sextant:9090");
  EXPECT_THAT(sink_.sent, IsEmpty());
  EXPECT_THAT(store_.Get("ALERTS{alertname=\"Down\",alertstate=\"pending\"," + series),
              ElementsAre(std::pair(active_ms, 1.0)));
  EXPECT_THAT(store_.Get("ALERTS_FOR_STATE{alertname=\"Down\"," + series),
              ElementsAre(std::pair(active_ms, static_cast<double>(active_ms / 1'000))));

  Set("up{instance=\"i1\",job=\"j\"}", 0);
  Step();
  Set("up{instance=\"i1\",job=\"j\"}", 0);
  Step();
  const core::TimestampMs fired_ms = clock_.NowMs();
  EXPECT_EQ(Rule().state, AlertState::kFiring);
  ASSERT_THAT(sink_.sent, SizeIs(1));
  EXPECT_EQ(sink_.sent[0].starts_at_ms, fired_ms);
  EXPECT_EQ(sink_.sent[0].ends_at_ms, fired_ms + 4 * kMinute);
  EXPECT_FALSE(sink_.sent[0].is_resolved);
  EXPECT_EQ(sink_.sent[0].generator_url, "http://sextant:9090/graph?g0.expr=up+%3D%3D+0&g0.tab=1");
  EXPECT_TRUE(model::IsStaleNan(
      store_.Get("ALERTS{alertname=\"Down\",alertstate=\"pending\"," + series).back().second));
  EXPECT_EQ(store_.Get("ALERTS{alertname=\"Down\",alertstate=\"firing\"," + series).back(),
            std::pair(fired_ms, 1.0));
  EXPECT_THAT(manager_->ActiveAlerts(), SizeIs(1));

  Set("up{instance=\"i1\",job=\"j\"}", 1);
  Step();
  EXPECT_EQ(Rule().state, AlertState::kInactive);
  EXPECT_THAT(Rule().alerts, IsEmpty());
  ASSERT_THAT(sink_.sent, SizeIs(2));
  EXPECT_TRUE(sink_.sent[1].is_resolved);
  EXPECT_EQ(sink_.sent[1].starts_at_ms, fired_ms);
  EXPECT_EQ(sink_.sent[1].ends_at_ms, clock_.NowMs());
  EXPECT_TRUE(model::IsStaleNan(
      store_.Get("ALERTS{alertname=\"Down\",alertstate=\"firing\"," + series).back().second));
  EXPECT_TRUE(model::IsStaleNan(store_.Get("ALERTS_FOR_STATE{alertname=\"Down\"," + series).back().second));
}

TEST_F(RuleManagerTest, ATemplateThatFailsIsShownInThePlace) {
  options_.max_text_bytes = 100;
  Load(R"(
groups:
- name: g
  rules:
  - alert: A
    expr: vector(1)
    annotations:
      bad: "{{ query \"(\" }}"
      long: "{{ printf \"%0200d\" 1 }}"
)");
  Step();
  ASSERT_THAT(Rule().alerts, SizeIs(1));
  EXPECT_THAT(std::string(Rule().alerts[0].annotations.Get("bad")), HasSubstr("<error expanding template: "));
  EXPECT_EQ(Rule().alerts[0].annotations.Get("long"),
            "<error expanding template: the text is longer than 100 bytes>");
  EXPECT_EQ(Rule().health, RuleHealth::kGood);
}

// Restoring `for` after a restart: how long it was pending before, how long we were down, and how long it
// must still wait.
TEST_F(RuleManagerTest, ForStateSurvivesARestart) {
  struct Case {
    core::DurationMs pending_ms;        // before the stop
    core::DurationMs down_ms;           // between the last sample and the restore
    core::DurationMs expected_wait_ms;  // from the restore until it fires; 0: at the next evaluation
  };
  const Case cases[] = {
      {30 * kMinute, 5 * kMinute, 30 * kMinute},  // half of the hour is left
      {55 * kMinute, 5 * kMinute, 10 * kMinute},  // less is left than the grace period
      {70 * kMinute, 5 * kMinute, 0},             // it fired before
  };
  for (const Case& c : cases) {
    store_.Reset();
    clock_.Set(kStart);
    MakeManager();
    Load("groups:\n- name: g\n  rules:\n  - {alert: Long, expr: up == 0, for: 1h}\n");
    const core::TimestampMs restore_ms = manager_->NextDueMs() + kMinute;  // at the second evaluation
    const core::TimestampMs down_at_ms = restore_ms - c.down_ms;
    const core::TimestampMs active_ms = down_at_ms - c.pending_ms;
    store_.Add("ALERTS_FOR_STATE{alertname=\"Long\",instance=\"a\"}", down_at_ms,
               static_cast<double>(active_ms / 1'000));
    Set("up{instance=\"a\"}", 0);
    Step();
    EXPECT_THAT(store_.Get("ALERTS_FOR_STATE{alertname=\"Long\",instance=\"a\"}"), SizeIs(1))
        << "must not be overwritten yet";
    Set("up{instance=\"a\"}", 0);
    Step();
    ASSERT_THAT(Rule().alerts, SizeIs(1));
    Set("up{instance=\"a\"}", 0);
    Step();
    // Slots are whole minutes of this group's phase; the restored time is cut to seconds.
    const core::TimestampMs fires_at_ms = Rule().alerts[0].active_at_ms + 60 * kMinute;
    if (c.expected_wait_ms == 0) {
      EXPECT_EQ(Rule().state, AlertState::kFiring);
    } else {
      EXPECT_EQ(Rule().state, AlertState::kPending);
      EXPECT_LE(std::abs(fires_at_ms - restore_ms - c.expected_wait_ms), 1'000) << c.pending_ms;
    }
  }
}

TEST_F(RuleManagerTest, AStaleForStateIsNotRestored) {
  Load("groups:\n- name: g\n  rules:\n  - {alert: Long, expr: up == 0, for: 1h}\n");
  store_.Add("ALERTS_FOR_STATE{alertname=\"Long\",instance=\"a\"}", kStart - 5 * kMinute,
             (kStart - 90 * kMinute) / 1'000);
  store_.Add("ALERTS_FOR_STATE{alertname=\"Long\",instance=\"a\"}", kStart - 4 * kMinute, model::StaleNan());
  for (int i = 0; i < 3; ++i) {
    Set("up{instance=\"a\"}", 0);
    Step();
  }
  EXPECT_EQ(Rule().state, AlertState::kPending);
}

TEST_F(RuleManagerTest, SlotsAreOneIntervalApartAndMissedOnesAreCounted) {
  Load("groups:\n- name: g\n  interval: 30s\n  rules:\n  - {record: a, expr: '1'}\n");
  const core::TimestampMs first_ms = manager_->NextDueMs();
  EXPECT_GT(first_ms, kStart);
  EXPECT_LE(first_ms, kStart + 30'000);
  manager_->Tick(first_ms - 1);
  EXPECT_THAT(store_.Get("a"), IsEmpty());
  manager_->Tick(first_ms);
  manager_->Tick(first_ms);
  EXPECT_THAT(store_.Get("a"), SizeIs(1));
  // Nobody asks for two and a half intervals: two slots have come since, of which the first is missed.
  manager_->Tick(first_ms + 75'000);
  EXPECT_THAT(store_.Get("a"), SizeIs(2));
  EXPECT_EQ(store_.Get("a").back().first, first_ms + 60'000);
  EXPECT_EQ(manager_->NextDueMs(), first_ms + 90'000);
  EXPECT_EQ(Metric("prometheus_rule_group_iterations_missed_total{rule_group=\"r.yml;g\"}"), 1);
  EXPECT_EQ(Metric("prometheus_rule_group_iterations_total{rule_group=\"r.yml;g\"}"), 3);
}

TEST_F(RuleManagerTest, AGroupUnderWayIsNotStartedAgain) {
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: '1'}\n");
  const core::TimestampMs first_ms = manager_->NextDueMs();
  auto taken = manager_->TakeDue(first_ms);
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_THAT(manager_->TakeDue(first_ms + kMinute), IsEmpty());
  taken[0]();
  taken.clear();
  EXPECT_THAT(manager_->TakeDue(first_ms + kMinute), SizeIs(1));  // and, destroyed unrun, gives the slot up
  EXPECT_THAT(manager_->TakeDue(first_ms + 2 * kMinute), SizeIs(1));
  EXPECT_THAT(store_.Get("a"), SizeIs(1));
}

TEST_F(RuleManagerTest, GroupsAreSpreadOverTheInterval) {
  std::string text = "groups:\n";
  for (int i = 0; i < 50; ++i)
    text += "- name: g" + std::to_string(i) + "\n  rules:\n  - {record: a, expr: '1'}\n";
  Load(text);
  size_t in_first_half = 0;
  for (core::TimestampMs time_ms = kStart; time_ms < kStart + 30'000; time_ms += 1'000) {
    in_first_half += manager_->TakeDue(time_ms).size();
  }
  EXPECT_GT(in_first_half, 10u);
  EXPECT_LT(in_first_half, 40u);
}

TEST_F(RuleManagerTest, AReloadKeepsStateOfEqualRulesAndEndsSeriesOfOthers) {
  Load(R"(
groups:
- name: g
  rules:
  - {alert: Down, expr: up == 0, for: 5m}
  - {record: old, expr: '1'}
)");
  for (int i = 0; i < 3; ++i) {
    Set("up", 0);
    Step();
  }
  const core::TimestampMs active_ms = Rule().alerts.at(0).active_at_ms;
  Load(R"(
groups:
- name: g
  rules:
  - {record: new, expr: '2'}
  - {alert: Down, expr: up == 0, for: 10m}
)");
  EXPECT_EQ(Rule(1).alerts.size(), 0u);  // shown from the next evaluation on
  Set("up", 0);
  Step();
  EXPECT_EQ(Rule(1).alerts.at(0).active_at_ms, active_ms);
  EXPECT_THAT(store_.Get("new"), SizeIs(1));
  EXPECT_TRUE(model::IsStaleNan(store_.Get("old").back().second));
  // The first two evaluations come before the state is restored and write nothing.
  EXPECT_THAT(store_.Get("ALERTS{alertname=\"Down\",alertstate=\"pending\"}"), SizeIs(2));
}

TEST_F(RuleManagerTest, AnUnchangedGroupGoesOnUntouched) {
  constexpr std::string_view kText = "groups:\n- name: g\n  rules:\n  - {record: a, expr: '1'}\n";
  Load(kText);
  Step();
  const core::TimestampMs next_ms = manager_->NextDueMs();
  const core::TimestampMs evaluated_ms = Rule().last_evaluation_ms;
  clock_.Advance(10'000);
  Load(kText);
  EXPECT_EQ(manager_->NextDueMs(), next_ms);
  EXPECT_EQ(Rule().last_evaluation_ms, evaluated_ms);
}

TEST_F(RuleManagerTest, ARemovedGroupsSeriesEndAfterTwoIntervals) {
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: '1'}\n");
  Step();
  const core::TimestampMs removed_ms = clock_.NowMs() + 10'000;
  clock_.Set(removed_ms);
  Load("groups: []\n");
  EXPECT_THAT(manager_->Status(), IsEmpty());
  EXPECT_THAT(registry_.RenderText(), Not(HasSubstr("r.yml;g")));
  EXPECT_EQ(manager_->NextDueMs(), removed_ms + 2 * kMinute);
  manager_->Tick(removed_ms + kMinute);
  EXPECT_THAT(store_.Get("a"), SizeIs(1));
  manager_->Tick(removed_ms + 2 * kMinute);
  ASSERT_THAT(store_.Get("a"), SizeIs(2));
  EXPECT_EQ(store_.Get("a")[1].first, removed_ms);
  EXPECT_TRUE(model::IsStaleNan(store_.Get("a")[1].second));
}

TEST_F(RuleManagerTest, UpdateWaitsForAnEvaluationUnderWay) {
  Load("groups:\n- name: g\n  rules:\n  - {record: a, expr: '1'}\n");
  auto taken = manager_->TakeDue(manager_->NextDueMs());
  ASSERT_THAT(taken, SizeIs(1));
  std::thread worker([&] {
    taken[0]();
    taken.clear();
  });
  Load("groups:\n- name: g\n  rules:\n  - {record: b, expr: '1'}\n");
  worker.join();
  Step();
  EXPECT_THAT(store_.Get("b"), SizeIs(1));
}

TEST_F(RuleManagerTest, StatusSaysWhatIsConfigured) {
  Load(
      "groups:\n- name: g\n  interval: 2m\n  limit: 7\n  rules:\n"
      "  - {alert: A, expr: 'sum( up )>1', for: 5m, keep_firing_for: 1m, labels: {x: '{{ $value }}'}, "
      "annotations: {s: t}}\n");
  const auto groups = manager_->Status();
  ASSERT_THAT(groups, SizeIs(1));
  EXPECT_EQ(groups[0].name, "g");
  EXPECT_EQ(groups[0].file, "r.yml");
  EXPECT_EQ(groups[0].interval_ms, 2 * kMinute);
  EXPECT_EQ(groups[0].limit, 7);
  EXPECT_EQ(groups[0].last_evaluation_ms, 0);
  const RuleStatus& rule = groups[0].rules.at(0);
  EXPECT_TRUE(rule.is_alert);
  EXPECT_EQ(rule.query, "sum(up) > 1");
  EXPECT_EQ(rule.for_ms, 5 * kMinute);
  EXPECT_EQ(rule.keep_firing_for_ms, kMinute);
  EXPECT_EQ(rule.labels.Get("x"), "{{ $value }}");
  EXPECT_EQ(rule.state, AlertState::kUnknown);
  EXPECT_EQ(rule.health, RuleHealth::kUnknown);
}

TEST_F(RuleManagerTest, BuiltinRulesFireForWhatTheyAreFor) {
  manager_->Update(options_, std::vector<RuleFile>{BuiltinRules()});
  const core::TimestampMs end_ms = kStart + 20 * kMinute;
  for (core::TimestampMs time_ms = kStart; time_ms < end_ms; time_ms += 15'000) {
    const double minutes = static_cast<double>(time_ms - kStart) / kMinute;
    store_.Add("up{instance=\"a\",job=\"j\"}", time_ms, 0);
    store_.Add("up{instance=\"b\",job=\"j\"}", time_ms, 1);
    for (const char* disk : {"full", "good"}) {
      const std::string labels = "{device=\"d\",instance=\"a\",mountpoint=\"/" + std::string(disk) + "\"}";
      store_.Add("node_filesystem_avail_bytes" + labels, time_ms, disk[0] == 'f' ? 3 : 90);
      store_.Add("node_filesystem_size_bytes" + labels, time_ms, 100);
      store_.Add("node_filesystem_readonly" + labels, time_ms, 0);
    }
    store_.Add("node_memory_MemAvailable_bytes{instance=\"a\"}", time_ms, 2);
    store_.Add("node_memory_MemTotal_bytes{instance=\"a\"}", time_ms, 100);
    store_.Add("node_time_seconds{instance=\"a\"}", time_ms, static_cast<double>(time_ms) / 1'000 + 10);
    store_.Add("node_time_seconds{instance=\"b\"}", time_ms, static_cast<double>(time_ms) / 1'000 + 0.1);
    store_.Add("prometheus_tsdb_wal_writes_failed_total{instance=\"a\"}", time_ms, minutes);
    store_.Add("sextant_tsdb_sync_failures_total{instance=\"a\"}", time_ms, 0);
    store_.Add("node_vmstat_oom_kill{instance=\"a\"}", time_ms, minutes);
    store_.Add("prometheus_target_scrapes_exceeded_sample_limit_total{instance=\"a\"}", time_ms, minutes);
    store_.Add("prometheus_target_scrapes_exceeded_body_size_limit_total{instance=\"a\"}", time_ms, 0);
    store_.Add("prometheus_target_scrapes_exceeded_native_histogram_bucket_limit_total{instance=\"a\"}",
               time_ms, 0);
    for (const char* reason : {"other", "serverError"}) {
      const std::string labels =
          std::string("{instance=\"a\",integration=\"slack\",reason=\"") + reason + "\"}";
      store_.Add("alertmanager_notifications_failed_total" + labels, time_ms, minutes);
    }
    for (const char* group : {"bad", "good"}) {
      const std::string labels = "{instance=\"a\",rule_group=\"" + std::string(group) + "\"}";
      store_.Add("prometheus_rule_evaluation_failures_total" + labels, time_ms,
                 group[0] == 'b' ? minutes : 0);
      store_.Add("prometheus_rule_group_iterations_missed_total" + labels, time_ms, 0);
    }
    store_.Add("prometheus_config_last_reload_successful{instance=\"a\"}", time_ms, 0);
    store_.Add("sextant_scrape_commit_failures_total{instance=\"a\"}", time_ms, 0);
    clock_.Set(time_ms);
    manager_->Tick(time_ms);
  }
  std::map<std::string, int> firing;
  for (const GroupStatus& group : manager_->Status()) {
    for (const RuleStatus& rule : group.rules) {
      EXPECT_EQ(rule.health, RuleHealth::kGood) << rule.name << ": " << rule.last_error;
      for (const ActiveAlert& alert : rule.alerts) {
        if (alert.state == AlertState::kFiring) ++firing[rule.name];
        EXPECT_THAT(alert.annotations.ToString(), Not(HasSubstr("error expanding"))) << rule.name;
      }
    }
  }
  EXPECT_EQ(firing, (std::map<std::string, int>{{"HostClockSkew", 1},
                                                {"HostDiskFilling", 1},
                                                {"HostMemoryShort", 1},
                                                {"HostOutOfMemory", 1},
                                                {"ScrapeRefused", 1},
                                                {"SextantIngestionFailing", 1},
                                                {"SextantNotificationsFailing", 1},
                                                {"SextantReloadFailing", 1},
                                                {"SextantRulesFailing", 1},
                                                {"TargetDown", 1}}));
}

TEST_F(RuleManagerTest, ManyThreadsMayAskAndEvaluate) {
  std::string text = "groups:\n";
  for (int i = 0; i < 8; ++i) {
    text += "- name: g" + std::to_string(i) + "\n  interval: 1s\n  rules:\n  - {alert: A" +
            std::to_string(i) + ", expr: '1'}\n";
  }
  Load(text);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) {
        clock_.Advance(500);
        manager_->Tick(clock_.NowMs());
        manager_->Status();
        manager_->NextDueMs();
      }
    });
  }
  for (int i = 0; i < 3; ++i) Load(text + "  - {record: r, expr: '" + std::to_string(i) + "'}\n");
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(manager_->Status(), SizeIs(8));
}

}  // namespace
}  // namespace sextant::rules
