#include "alerting/dispatcher.h"

#include <gmock/gmock.h>
#include <xxhash.h>

#include <algorithm>
#include <random>

#include "alerting/test_util.h"
#include "core/clock.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MustParse;
using ::testing::SizeIs;

constexpr core::TimestampMs kStart = 1'800'000'000'000;
constexpr core::DurationMs kSecond = 1'000;
constexpr core::DurationMs kMinute = 60 * kSecond;
constexpr core::DurationMs kHour = 60 * kMinute;

constexpr const char* kOneWebhook = R"(
route: {receiver: hook, group_by: [alertname], group_wait: 30s, group_interval: 5m, repeat_interval: 4h}
receivers:
- name: hook
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
)";

// A dispatcher, its clock, and what came out so far as "+12s hook first notification: a! b" (! firing, ~
// resolved).
class World {
 public:
  explicit World(const std::string& yaml, DispatcherLimits limits = {}, DispatcherTimes times = {})
      : clock_(kStart), dispatcher_(MustParse(yaml), limits, times) {}

  Dispatcher& dispatcher() { return dispatcher_; }
  core::TimestampMs now() const { return clock_.NowMs(); }
  void set_delivers(bool delivers) { delivers_ = delivers; }
  void JumpTo(core::TimestampMs now_ms) { clock_.Set(now_ms); }

  static Alert Make(const std::string& name, std::map<std::string, std::string> labels = {}) {
    labels.emplace("alertname", "A");
    labels.emplace("name", name);
    Alert alert;
    alert.labels = testing::LabelsOf(labels);
    return alert;
  }

  // An alert that fires until it is told otherwise.
  void Fire(const std::string& name, std::map<std::string, std::string> labels = {}) {
    Alert alert = Make(name, std::move(labels));
    alert.starts_at_ms = now();
    alert.ends_at_ms = now() + 1000 * kHour;
    Put({alert});
  }
  void Resolve(const std::string& name, std::map<std::string, std::string> labels = {}) {
    Alert alert = Make(name, std::move(labels));
    alert.starts_at_ms = now() - kSecond;
    alert.ends_at_ms = now();
    Put({alert});
  }
  void Put(const std::vector<Alert>& alerts) {
    EXPECT_THAT(dispatcher_.Put(alerts, now()).errors, IsEmpty());
  }

  // Lets time pass, doing what is due when it is due, and gives what was sent meanwhile.
  std::vector<std::string> Run(core::DurationMs for_ms) {
    const core::TimestampMs end = now() + for_ms;
    std::vector<std::string> sent;
    while (true) {
      for (Notification& notification : dispatcher_.Advance(now())) {
        sent.push_back(Describe(notification));
        if (holds_) {
          held_.push_back(notification.id);
        } else {
          dispatcher_.Finish(notification.id, delivers_, now());
        }
      }
      const core::TimestampMs next = dispatcher_.NextWakeup();
      if (next > end) break;
      clock_.Set(std::max(next, now() + 1));
    }
    clock_.Set(end);
    return sent;
  }

  void HoldAnswers() { holds_ = true; }
  void Answer(bool delivered) {
    for (const uint64_t id : held_) dispatcher_.Finish(id, delivered, now());
    held_.clear();
  }

 private:
  std::string Describe(const Notification& notification) const {
    std::string text = fmt::format("+{}s {} {}:", (now() - kStart) / kSecond, notification.receiver_name,
                                   ReasonText(notification.reason));
    for (const Alert& alert : notification.alerts) {
      text += fmt::format(" {}{}", alert.labels.Get("name"), alert.ends_at_ms == kZeroTimeMs ? '!' : '~');
    }
    return text;
  }

  core::ManualClock clock_;
  Dispatcher dispatcher_;
  bool delivers_ = true;
  bool holds_ = false;
  std::vector<uint64_t> held_;
};

TEST(Dispatcher, WaitsThenSpeaksThenRepeats) {
  World world(kOneWebhook);
  world.Fire("a");
  EXPECT_THAT(world.Run(29 * kSecond), IsEmpty());
  world.Fire("b");
  EXPECT_THAT(world.Run(kMinute), ElementsAre("+30s hook first notification: a! b!"));
  // The first flush after four hours have passed is at +14730s.
  EXPECT_THAT(world.Run(5 * kHour), ElementsAre("+14730s hook repeat interval elapsed: a! b!"));
}

TEST(Dispatcher, NewAlertsComeWithTheNextInterval) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.Fire("b");
  EXPECT_THAT(world.Run(10 * kMinute), ElementsAre("+330s hook new alerts added: a! b!"));
}

TEST(Dispatcher, ResolvedAlertsAreToldOnceAndForgotten) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Fire("b");
  world.Run(kMinute);
  world.Resolve("a");
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+330s hook some alerts resolved: a~ b!"));
  world.Resolve("b");
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+630s hook all alerts resolved: b~"));
  EXPECT_THAT(world.Run(24 * kHour), IsEmpty());
  EXPECT_EQ(world.dispatcher().Stats(world.now()).groups, 0);
  EXPECT_THAT(world.dispatcher().Alerts(world.now(), true), IsEmpty());
}

TEST(Dispatcher, WhatEndsBeforeItWasToldIsNotTold) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(10 * kSecond);
  world.Resolve("a");
  EXPECT_THAT(world.Run(kHour), IsEmpty());
}

TEST(Dispatcher, FlappingBetweenTwoFlushesIsSilent) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  for (int i = 0; i < 4; ++i) {
    world.Resolve("a");
    EXPECT_THAT(world.Run(10 * kSecond), IsEmpty());
    world.Fire("a");
    EXPECT_THAT(world.Run(10 * kSecond), IsEmpty());
  }
  EXPECT_THAT(world.Run(10 * kMinute), IsEmpty());
}

TEST(Dispatcher, FiringAgainAfterTheEndWasTold) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.Resolve("a");
  EXPECT_THAT(world.Run(5 * kMinute), SizeIs(1));
  world.Run(kMinute);
  world.Fire("a");
  EXPECT_THAT(world.Run(kMinute), ElementsAre("+450s hook new alerts added: a!"));
}

TEST(Dispatcher, AlertsWithoutEndTimeOutAfterResolveTimeout) {
  World world(std::string("global: {resolve_timeout: 5m}\n") + kOneWebhook);
  world.Put({World::Make("a")});
  EXPECT_THAT(world.Run(kMinute), ElementsAre("+30s hook first notification: a!"));
  world.Put({World::Make("a")});  // still there at +60s
  EXPECT_THAT(world.Run(5 * kMinute), IsEmpty());
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+630s hook all alerts resolved: a~"));
}

TEST(Dispatcher, OldAlertsDoNotWait) {
  World world(kOneWebhook);
  Alert alert = World::Make("a");
  alert.starts_at_ms = kStart - kHour;
  alert.ends_at_ms = kStart + kHour;
  world.Put({alert});
  EXPECT_THAT(world.Run(0), ElementsAre("+0s hook first notification: a!"));
}

TEST(Dispatcher, SendResolvedOffHidesEnds) {
  World world(R"(
route: {receiver: hook, group_by: [alertname]}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/', send_resolved: false}]}]
)");
  world.Fire("a");
  world.Fire("b");
  world.Run(kMinute);
  world.Resolve("a");
  EXPECT_THAT(world.Run(10 * kMinute), IsEmpty());
  world.Resolve("b");
  EXPECT_THAT(world.Run(10 * kMinute), IsEmpty());
  world.Fire("b");
  EXPECT_THAT(world.Run(10 * kMinute), SizeIs(1)) << "a new occurrence is told";
}

TEST(Dispatcher, FailedDeliveryIsTriedAtTheNextFlush) {
  World world(kOneWebhook);
  world.set_delivers(false);
  world.Fire("a");
  EXPECT_THAT(world.Run(6 * kMinute),
              ElementsAre("+30s hook first notification: a!", "+330s hook first notification: a!"));
  world.Resolve("a");
  world.set_delivers(true);
  // Nobody ever heard of it, so nobody needs to hear that it is over.
  EXPECT_THAT(world.Run(kHour), IsEmpty());
  EXPECT_EQ(world.dispatcher().Stats(world.now()).groups, 0);
}

TEST(Dispatcher, ResolutionIsKeptUntilDelivered) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.Resolve("a");
  world.set_delivers(false);
  EXPECT_THAT(world.Run(12 * kMinute), SizeIs(2));
  world.set_delivers(true);
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+930s hook all alerts resolved: a~"));
  EXPECT_THAT(world.Run(kHour), IsEmpty());
}

TEST(Dispatcher, SlowReceiverDoesNotHoldOthersUp) {
  World world(R"(
route: {receiver: both, group_by: [alertname], group_wait: 1s, group_interval: 1m}
receivers:
- name: both
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
  slack_configs: [{api_url: 'http://127.0.0.1:1/', channel: '#x'}]
)");
  world.HoldAnswers();
  world.Fire("a");
  EXPECT_THAT(world.Run(10 * kSecond), SizeIs(2));
  world.Fire("b");
  EXPECT_THAT(world.Run(kMinute), IsEmpty()) << "both are still at it";
  world.Answer(true);
  EXPECT_THAT(world.Run(kMinute), SizeIs(2));
  EXPECT_EQ(world.dispatcher().Stats(world.now()).pending_notifications, 2);
}

TEST(Dispatcher, ContinueReachesTheNextRoute) {
  World world(R"(
route:
  receiver: root
  group_wait: 1s
  routes:
  - {matchers: [team=a], receiver: first, continue: true}
  - {matchers: [team=~a|b], receiver: second}
  - {matchers: [team=a], receiver: never}
receivers:
- {name: root, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: first, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: second, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: never, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
)");
  world.Fire("x", {{"team", "a"}});
  world.Fire("y", {{"team", "c"}});
  EXPECT_THAT(world.Run(kMinute), ::testing::UnorderedElementsAre("+1s first first notification: x!",
                                                                  "+1s second first notification: x!",
                                                                  "+1s root first notification: y!"));
}

TEST(Dispatcher, GroupByDotsSeparatesEverything) {
  World world(R"(
route: {receiver: hook, group_by: ['...'], group_wait: 1s}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
)");
  world.Fire("a");
  world.Fire("b");
  EXPECT_THAT(world.Run(kMinute), SizeIs(2));
}

constexpr const char* kInhibiting = R"(
route: {receiver: hook, group_by: [alertname], group_wait: 10s, group_interval: 1m}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [host]}
)";

TEST(Dispatcher, InhibitedAlertsAreLeftOut) {
  World world(kInhibiting);
  world.Fire("warn", {{"severity", "warning"}, {"host", "1"}});
  world.Fire("other", {{"severity", "warning"}, {"host", "2"}});
  world.Fire("crit", {{"severity", "critical"}, {"host", "1"}});
  EXPECT_THAT(world.Run(30 * kSecond), ElementsAre("+10s hook first notification: crit! other!"));
  const auto views = world.dispatcher().Alerts(world.now());
  const auto suppressed = std::find_if(views.begin(), views.end(), [](const AlertView& view) {
    return view.alert->labels.Get("name") == "warn";
  });
  ASSERT_NE(suppressed, views.end());
  EXPECT_EQ(suppressed->state, AlertState::kSuppressed);
  EXPECT_THAT(suppressed->inhibited_by, SizeIs(1));
  world.Resolve("crit", {{"severity", "critical"}, {"host", "1"}});
  EXPECT_THAT(world.Run(2 * kMinute), ElementsAre("+70s hook new alerts added: crit~ warn! other!"));
}

TEST(Dispatcher, OneOfTwoSourcesIsEnough) {
  World world(kInhibiting);
  world.Fire("warn", {{"severity", "warning"}, {"host", "1"}});
  world.Fire("c1", {{"severity", "critical"}, {"host", "1"}, {"alertname", "X"}});
  world.Fire("c2", {{"severity", "critical"}, {"host", "1"}, {"alertname", "X"}});
  world.Run(30 * kSecond);
  world.Resolve("c2", {{"severity", "critical"}, {"host", "1"}, {"alertname", "X"}});
  for (const std::string& line : world.Run(5 * kMinute))
    EXPECT_EQ(line.find("warn"), std::string::npos) << line;
}

TEST(Dispatcher, BatchIsAppliedBeforeAnyFlush) {
  World world(kInhibiting);
  Alert warn = World::Make("warn", {{"severity", "warning"}, {"host", "1"}});
  Alert crit = World::Make("crit", {{"severity", "critical"}, {"host", "1"}, {"alertname", "B"}});
  for (Alert* alert : {&warn, &crit}) {
    alert->starts_at_ms = kStart - kHour;  // both are due at once
    alert->ends_at_ms = kStart + kHour;
  }
  world.Put({warn, crit});
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+0s hook first notification: crit!"));
}

TEST(Dispatcher, AlertIsNotItsOwnInhibitor) {
  World world(R"(
route: {receiver: hook, group_wait: 1s}
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
inhibit_rules: [{target_matchers: [alertname = InfoInhibitor]}]
)");
  world.Fire("i", {{"alertname", "InfoInhibitor"}});
  EXPECT_THAT(world.Run(kMinute), SizeIs(1));
  world.Fire("x", {{"alertname", "X"}});
  world.Run(kMinute);
  EXPECT_EQ(world.dispatcher().Stats(world.now()).alerts_suppressed, 1);
}

TEST(Dispatcher, MutedRoutesAreSilentAndCatchUp) {
  World world(R"(
route:
  receiver: hook
  group_wait: 1s
  group_interval: 10m
  routes: [{matchers: [alertname=A], mute_time_intervals: [always_odd_hours]}]
receivers: [{name: hook, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}]
time_intervals:
- name: always_odd_hours
  time_intervals: [{times: [{start_time: '08:00', end_time: '09:00'}]}]
)");
  // kStart is 08:00:00 UTC.
  world.Fire("a");
  EXPECT_THAT(world.Run(59 * kMinute), IsEmpty());
  EXPECT_THAT(world.Run(11 * kMinute), SizeIs(1));
}

TEST(Dispatcher, ReloadKeepsWhatWasSaid) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.dispatcher().SetConfig(MustParse(kOneWebhook), world.now());
  EXPECT_THAT(world.Run(kHour), IsEmpty());
  world.Resolve("a");
  EXPECT_THAT(world.Run(kHour), SizeIs(1));
}

TEST(Dispatcher, ReloadWhileDelivering) {
  World world(kOneWebhook);
  world.HoldAnswers();
  world.Fire("a");
  EXPECT_THAT(world.Run(kMinute), SizeIs(1));
  world.dispatcher().SetConfig(MustParse(kOneWebhook), world.now());
  world.Answer(true);
  EXPECT_THAT(world.Run(kHour), IsEmpty());
}

TEST(Dispatcher, RestartDoesNotRepeat) {
  World before(kOneWebhook);
  before.Fire("a");
  before.Run(kMinute);
  const std::string saved = before.dispatcher().log().Serialize();

  World after(kOneWebhook);
  ASSERT_TRUE(after.dispatcher().log().Restore(saved));
  after.Fire("a");
  EXPECT_THAT(after.Run(kHour), IsEmpty());
  after.Resolve("a");
  EXPECT_THAT(after.Run(kHour), SizeIs(1)) << "the end of what was told before the restart is told";
}

TEST(Dispatcher, ClockGoingBackDoesNotSilence) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.JumpTo(kStart - 10 * kHour);
  world.Fire("b");
  const auto sent = world.Run(6 * kMinute);
  ASSERT_THAT(sent, SizeIs(1));
  EXPECT_NE(sent[0].find("new alerts added"), std::string::npos) << sent[0];
}

TEST(Dispatcher, ClockGoingAheadIsOneFlush) {
  World world(kOneWebhook);
  world.Fire("a");
  world.Run(kMinute);
  world.JumpTo(kStart + 48 * kHour);
  EXPECT_THAT(world.Run(kMinute), SizeIs(1));
}

TEST(Dispatcher, WeekOfAlertsPlaysInASecond) {
  World world(kOneWebhook);
  for (int i = 0; i < 100; ++i)
    world.Fire("a" + std::to_string(i), {{"alertname", "N" + std::to_string(i % 10)}});
  // Ten groups, each first and then every four hours plus at most one interval.
  EXPECT_THAT(world.Run(7 * 24 * kHour), SizeIs(10 * 42));
}

// --- silences, several sources, what is configured ---

Silence SilenceOf(const std::string& matchers, core::TimestampMs starts, core::TimestampMs ends) {
  return {.matcher_sets = {ParseMatchers(matchers, MatcherSyntax::kFallback).value()},
          .starts_at_ms = starts,
          .ends_at_ms = ends};
}

TEST(Dispatcher, SilencedAlertsAreLeftOut) {
  World world(kOneWebhook);
  const auto id = world.dispatcher().silences().Set(SilenceOf("name=a", kStart, kStart + kHour), kStart);
  ASSERT_TRUE(id);
  world.Fire("a");
  world.Fire("b");
  EXPECT_THAT(world.Run(kMinute), ElementsAre("+30s hook first notification: b!"));
  const auto views = world.dispatcher().Alerts(world.now());
  ASSERT_THAT(views, SizeIs(2));
  for (const AlertView& view : views) {
    const bool is_silenced = view.alert->labels.Get("name") == "a";
    EXPECT_EQ(view.state, is_silenced ? AlertState::kSuppressed : AlertState::kActive);
    EXPECT_EQ(view.silenced_by, is_silenced ? std::vector<std::string>{*id} : std::vector<std::string>{});
  }
  EXPECT_EQ(world.dispatcher().Stats(world.now()).alerts_suppressed, 1);
  EXPECT_GE(world.dispatcher().Stats(world.now()).notifications_suppressed[1], 1);
  ASSERT_TRUE(world.dispatcher().silences().Expire(*id, world.now()));
  EXPECT_THAT(world.Run(5 * kMinute), ElementsAre("+330s hook new alerts added: a! b!"));
}

TEST(Dispatcher, AllSourcesMustFire) {
  World world(std::string(kOneWebhook) + R"(
inhibit_rules:
- target_matchers: [name=t]
  sources:
  - {matchers: [kind=one], equal: [cluster]}
  - {matchers: [kind=two]}
)");
  world.Fire("t", {{"cluster", "x"}});
  world.Fire("s1", {{"alertname", "S"}, {"kind", "one"}, {"cluster", "x"}});
  EXPECT_THAT(world.dispatcher().Alerts(world.now()).back().inhibited_by, IsEmpty());
  world.Fire("other", {{"alertname", "S"}, {"kind", "two"}, {"cluster", "y"}});
  const auto inhibited = [&] {
    for (const AlertView& view : world.dispatcher().Alerts(world.now())) {
      if (view.alert->labels.Get("name") == "t") return view.inhibited_by.size();
    }
    return size_t{99};
  };
  EXPECT_EQ(inhibited(), 2) << "one alert of each source";
  world.Resolve("s1", {{"alertname", "S"}, {"kind", "one"}, {"cluster", "x"}});
  EXPECT_EQ(inhibited(), 0);
}

TEST(Dispatcher, StartDelayHoldsTheFirstFlushBack) {
  World world(kOneWebhook, {}, {.dispatch_after_ms = kStart + 2 * kMinute});
  world.Fire("a");
  EXPECT_THAT(world.Run(10 * kMinute), ElementsAre("+120s hook first notification: a!"));
}

TEST(Dispatcher, ResolvedAlertsAreCollectedAfterTheInterval) {
  World world(kOneWebhook, {}, {.collection_ms = kMinute});
  world.Fire("a");
  world.Run(kMinute);
  world.Resolve("a");
  EXPECT_THAT(world.dispatcher().Alerts(world.now(), true), SizeIs(1));
  world.Run(3 * kMinute);
  EXPECT_THAT(world.dispatcher().Alerts(world.now(), true), IsEmpty());
}

TEST(Dispatcher, ExplainsWhatHoldsAnAlertBack) {
  World world(R"(
route:
  receiver: hook
  group_wait: 30s
  routes:
  - {matchers: [team=x], mute_time_intervals: [always], continue: true}
  - {matchers: ['team=~".+"']}
receivers:
- name: hook
  webhook_configs: [{url: 'http://127.0.0.1:1/'}]
time_intervals:
- {name: always, time_intervals: [{}]}
)");
  world.Fire("a", {{"team", "x"}});
  world.Run(kMinute);
  const model::Labels labels = World::Make("a", {{"team", "x"}}).labels;
  Explanation why = world.dispatcher().Explain(labels, world.now());
  ASSERT_NE(why.alert, nullptr);
  ASSERT_THAT(why.routes, SizeIs(2));
  EXPECT_EQ(why.routes[0].route, "{}/{team=\"x\"}");
  EXPECT_THAT(why.routes[0].muted_by, ElementsAre("always"));
  ASSERT_THAT(why.routes[0].integrations, SizeIs(1));
  EXPECT_EQ(why.routes[0].integrations[0].last_sent_ms, kZeroTimeMs);
  EXPECT_EQ(why.routes[1].integrations[0].last_sent_ms, kStart + 30 * kSecond);
  EXPECT_TRUE(why.routes[1].integrations[0].knows_as_firing);
  why = world.dispatcher().Explain(World::Make("unknown").labels, world.now());
  EXPECT_EQ(why.alert, nullptr);
  ASSERT_THAT(why.routes, SizeIs(1));
  EXPECT_FALSE(why.routes[0].has_group);
}

TEST(Limits, PerAlertname) {
  World world(kOneWebhook, {.alerts_per_alertname = 2});
  world.Fire("a");
  world.Fire("b");
  Alert third = World::Make("c");
  third.starts_at_ms = world.now();
  const PutReport report = world.dispatcher().Put(std::span(&third, 1), world.now());
  EXPECT_EQ(report.limited, 1);
  EXPECT_THAT(report.errors, IsEmpty());
  world.Fire("a");  // known already
  world.Fire("d", {{"alertname", "Other"}});
  EXPECT_THAT(world.dispatcher().Alerts(world.now()), SizeIs(3));
  EXPECT_EQ(world.dispatcher().Stats(world.now()).alerts_limited, 1);
  world.Resolve("b");
  world.Run(kSecond);
  world.Fire("c");
  EXPECT_THAT(world.dispatcher().Alerts(world.now()), SizeIs(3)) << "what is over makes room";
}

TEST(Limits, TooManyAlertsAreRefusedAndCounted) {
  DispatcherLimits limits;
  limits.max_alerts = 2;
  World world(kOneWebhook, limits);
  const std::vector<Alert> alerts = {World::Make("a"), World::Make("b"), World::Make("c"), World::Make("a")};
  const PutReport report = world.dispatcher().Put(alerts, world.now());
  EXPECT_EQ(report.accepted, 3);
  EXPECT_THAT(report.limit_errors, ElementsAre("too many alerts: the limit is 2"));
  EXPECT_EQ(world.dispatcher().Stats(world.now()).alerts_limited, 1);
}

TEST(Limits, GroupsAndPendingNotifications) {
  DispatcherLimits limits;
  limits.max_groups = 2;
  limits.max_pending_notifications = 1;
  World world(kOneWebhook, limits);
  world.HoldAnswers();
  for (const char* name : {"A", "B", "C"}) {
    const std::vector<Alert> one = {World::Make("x", {{"alertname", name}})};
    static_cast<void>(world.dispatcher().Put(one, world.now()));
  }
  EXPECT_EQ(world.dispatcher().Stats(world.now()).groups, 2);
  EXPECT_THAT(world.Run(kMinute), SizeIs(1));
  EXPECT_EQ(world.dispatcher().Stats(world.now()).notifications_limited, 1);
  world.Answer(true);
  EXPECT_THAT(world.Run(5 * kMinute), ::testing::SizeIs(::testing::Ge(1)));
}

TEST(Limits, MalformedAlertsAreNamed) {
  World world(kOneWebhook);
  Alert no_labels;
  Alert backwards = World::Make("a");
  backwards.starts_at_ms = kStart;
  backwards.ends_at_ms = kStart - 1;
  Alert huge = World::Make("b");
  huge.annotations["x"] = std::string(1 << 20, 'x');
  Alert many = World::Make("c");
  model::LabelsBuilder builder;
  for (int i = 0; i < 10'000; ++i) builder.Set("l" + std::to_string(i), "v");
  many.labels = builder.Build();
  Alert binary = World::Make("d");
  binary.annotations["x"] = "\xff";
  const std::vector<Alert> alerts = {no_labels, backwards, huge, many, binary, World::Make("good")};
  const PutReport report = world.dispatcher().Put(alerts, world.now());
  EXPECT_EQ(report.accepted, 1);
  EXPECT_THAT(report.errors, SizeIs(5));
  EXPECT_EQ(report.errors[0], "at least one label pair required");
  EXPECT_EQ(report.errors[1], "start time must be before end time");
}

TEST(NotificationLog, UpstreamsTable) {
  const AlertSet none;
  const LogEntry entry{kStart - 9 * kMinute, kStart + kHour, {1, 2}, {3}};
  const auto decide = [&](const LogEntry* last, AlertSet firing, AlertSet resolved, bool send_resolved) {
    return DecideNotification(last, firing, resolved, send_resolved, 10 * kMinute, kStart);
  };
  EXPECT_EQ(decide(nullptr, {2, 3, 4}, none, true), Reason::kFirst);
  EXPECT_EQ(decide(nullptr, none, {2, 3, 4}, true), Reason::kNothingNew);
  EXPECT_EQ(decide(&entry, {2, 3, 4}, none, true), Reason::kNewAlerts);
  EXPECT_EQ(decide(&entry, {1, 2}, none, true), Reason::kNothingNew);
  EXPECT_EQ(decide(&entry, {1}, {2, 3}, false), Reason::kNothingNew);
  EXPECT_EQ(decide(&entry, {1}, {2, 3}, true), Reason::kSomeResolved);
  EXPECT_EQ(decide(&entry, none, {1, 2, 3}, false), Reason::kAllResolved);
  LogEntry old = entry;
  old.time_ms = kStart - 11 * kMinute;
  EXPECT_EQ(decide(&old, {1, 2}, none, true), Reason::kRepeat);
}

constexpr const char* kKey = "{}:{alertname=\"A\"}\nteam/x/webhook/2";

TEST(NotificationLog, SerializedAndJournalGiveTheSame) {
  EXPECT_EQ(LogKey("{}:{alertname=\"A\"}", "team/x", "webhook", 2), kKey);
  NotificationLog log(100);
  log.Put(kKey, {1'000, 2'000, {3, 4}, {5}, {{"ts", std::string("9")}}});
  log.Put(LogKey("{}:{}", "r", "slack", 0), {1'000, 2'000, {}, {5}});
  NotificationLog from_snapshot(100);
  ASSERT_TRUE(from_snapshot.Restore(log.Serialize()));
  NotificationLog from_journal(100);
  for (const std::string& record : log.TakeRecords()) ASSERT_TRUE(from_journal.Restore(record));
  for (NotificationLog* other : {&from_snapshot, &from_journal}) {
    EXPECT_EQ(other->size(), 2);
    ASSERT_NE(other->Find(kKey, 1), nullptr);
    EXPECT_EQ(*other->Find(kKey, 1), *log.Find(kKey, 1));
    EXPECT_EQ(other->Find(kKey, 2'000), nullptr) << "expired";
  }
  EXPECT_EQ(from_snapshot.Collect(2'000), 2);
}

TEST(NotificationLog, EntriesAreKeptForTheRetentionAtMost) {
  NotificationLog log(100, kHour);
  log.Put(kKey, {kStart, kStart + 10 * kHour, {1}, {}});
  EXPECT_NE(log.Find(kKey, kStart + kHour - 1), nullptr);
  EXPECT_EQ(log.Find(kKey, kStart + kHour), nullptr);
}

TEST(NotificationLog, CutBytesChangeNothing) {
  NotificationLog log(100);
  log.Put(kKey, {1, 2, {3, 4}, {5}});
  const std::string saved = log.Serialize();
  for (size_t i = 1; i < saved.size(); ++i) {
    NotificationLog other(100);
    EXPECT_FALSE(other.Restore(saved.substr(0, i))) << i;
    EXPECT_EQ(other.size(), 0);
  }
}

// Written by an earlier version of ours: one entry of a key "k", [1, 2, firing {3}, resolved {}].
TEST(NotificationLog, OldFormatIsRead) {
  std::string bytes = "SXNL";
  const auto put = [&bytes](uint64_t value, int size) {
    for (int i = 0; i < size; ++i) bytes += static_cast<char>(value >> (8 * i) & 0xFF);
  };
  put(1, 4);
  put(1, 8);
  put(1, 4);
  bytes += 'k';
  put(1, 8);
  put(2, 8);
  put(1, 4);
  put(3, 8);
  put(0, 4);
  NotificationLog damaged(100);
  EXPECT_EQ(damaged.Restore(bytes + "12345678").error().code(), core::Code::kCorruption);
  put(XXH64(bytes.data(), bytes.size(), 0), 8);
  NotificationLog log(100);
  ASSERT_TRUE(log.Restore(bytes));
  EXPECT_THAT(log.Find("k", 1)->firing, ElementsAre(3));
}

// Instances that see the same entries in any order agree.
TEST(NotificationLog, MergeIsCommutative) {
  std::mt19937_64 random(20261129);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::pair<std::string, LogEntry>> entries;
    for (int i = 0; i < 10; ++i) {
      entries.push_back(
          {LogKey("{}:{}", std::string(1, static_cast<char>('a' + random() % 3)), "webhook", 0),
           {kStart + static_cast<core::DurationMs>(random() % 3), kStart + kHour, {random() % 3}, {}}});
    }
    std::map<std::string, LogEntry> expected;
    for (int order = 0; order < 5; ++order) {
      std::shuffle(entries.begin(), entries.end(), random);
      NotificationLog log(100);
      for (const auto& [key, entry] : entries) log.Put(key, entry);
      NotificationLog other(100);
      for (const std::string& record : log.TakeRecords()) ASSERT_TRUE(other.Restore(record));
      std::map<std::string, LogEntry> got;
      for (const auto& [key, entry] : entries) {
        got[key] = *log.Find(key, kStart);
        EXPECT_EQ(*other.Find(key, kStart), got[key]);
      }
      if (order == 0) expected = got;
      EXPECT_EQ(got, expected);
    }
  }
}

TEST(Hashes, OracleOfFingerprintsAndGroupKeys) {
  const auto path = testing::ConformanceDir() / "alertmanager/oracle/hashes.json";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path;
  simdjson::dom::parser parser;
  for (const simdjson::dom::element c : simdjson::dom::array(parser.load(path.string()))) {
    const auto map = testing::StringMap(c["labels"]);
    if (map.contains("a") && map.at("a").empty()) continue;  // our label sets never hold empty values
    const model::Labels labels = testing::LabelsOf(map);
    EXPECT_EQ(FingerprintText(Fingerprint(labels)), testing::Text(c, "fingerprint_fnv1a64"));
    EXPECT_EQ(FingerprintText(AlertHash(labels)), testing::Text(c, "nflog_alert_hash_hex"));
    EXPECT_EQ(LabelSetText(labels), testing::Text(c, "labelset_string"));
    EXPECT_EQ("{}:" + LabelSetText(labels), testing::Text(c, "group_key_root_route"));
  }
}

// The message that an integration goes on changing is known after a restart, too.
TEST(DispatcherTest, WhatAReceiverKeepsComesWithItsNextNotification) {
  const std::shared_ptr<const Config> config = MustParse(kOneWebhook);
  const ReceiverData data = {{"threadTs", std::string("12.5")}};
  std::string saved;
  core::TimestampMs now_ms = kStart;
  const auto put = [&](Dispatcher& dispatcher, const char* name) {
    Alert alert = World::Make(name);
    alert.starts_at_ms = now_ms;
    alert.ends_at_ms = now_ms + 1000 * kHour;
    dispatcher.Put(std::span(&alert, 1), now_ms);
  };
  const auto next = [&](Dispatcher& dispatcher, ReceiverData keeps) {
    now_ms += 5 * kMinute;
    const std::vector<Notification> sent = dispatcher.Advance(now_ms);
    EXPECT_THAT(sent, SizeIs(1));
    if (sent.empty()) return ReceiverData();
    dispatcher.Finish(sent[0].id, true, now_ms, std::move(keeps));
    return sent[0].receiver_data;
  };
  {
    Dispatcher dispatcher(config, {});
    put(dispatcher, "a");
    EXPECT_THAT(next(dispatcher, data), IsEmpty());
    put(dispatcher, "b");
    EXPECT_EQ(next(dispatcher, {}), data);
    saved = dispatcher.log().Serialize();
  }
  Dispatcher dispatcher(config, {});
  ASSERT_TRUE(dispatcher.log().Restore(saved));
  put(dispatcher, "a");
  put(dispatcher, "b");
  put(dispatcher, "c");
  EXPECT_EQ(next(dispatcher, {}), data);
}

}  // namespace
}  // namespace sextant::alerting
