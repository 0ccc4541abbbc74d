#include "alerting/dry_run.h"

#include <gmock/gmock.h>

#include "alerting/test_util.h"
#include "core/clock.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::MustParse;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr core::TimestampMs kStart = 1'800'000'000'000;
constexpr size_t kAll = 1'000'000;
constexpr core::DurationMs kMinute = 60'000;

constexpr const char* kCurrent = R"(
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
inhibit_rules:
- {source_matchers: [severity=critical], target_matchers: [severity=warning], equal: [host]}
receivers:
- {name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
)";

constexpr const char* kProposed = R"(
route:
  receiver: team
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
  routes:
  - {receiver: pager, matchers: [severity=critical]}
receivers:
- {name: team, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
- {name: pager, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}
)";

// By threes, so that there is more than one page.
HistoryPages PagesOf(std::vector<HistoryEvent> events) {
  return [events = std::move(events)](uint64_t after_id) {
    std::vector<HistoryEvent> page;
    for (const HistoryEvent& event : events) {
      if (event.id > after_id && page.size() < 3) page.push_back(event);
    }
    return page;
  };
}

// Some hours with a configuration, written down by a history.
class PastTime {
 public:
  PastTime() : history_(registry_, {}), dispatcher_(MustParse(kCurrent), {}) {
    dispatcher_.SetObserver(&history_);
  }

  void Fire(const std::string& name, const std::string& severity, const std::string& host = "h") {
    Put(name, severity, host, now_ms_ + 100'000 * kMinute);
  }
  void Resolve(const std::string& name, const std::string& severity, const std::string& host = "h") {
    Put(name, severity, host, now_ms_);
  }
  void SilenceHost(const std::string& host, core::DurationMs for_ms) {
    Silence silence;
    silence.matcher_sets = {{*Matcher::Make(MatcherType::kEqual, "host", host)}};
    silence.starts_at_ms = now_ms_;
    silence.ends_at_ms = now_ms_ + for_ms;
    silence.created_by = "x";
    silence.comment = "x";
    ASSERT_TRUE(dispatcher_.silences().Set(silence, now_ms_));
  }
  void Pass(core::DurationMs for_ms) {
    const core::TimestampMs end_ms = now_ms_ + for_ms;
    while (true) {
      for (const Notification& notification : dispatcher_.Advance(now_ms_)) {
        sent_.push_back(
            Text(now_ms_, notification.receiver_name, notification.reason, notification.alerts.size()));
        dispatcher_.Finish(notification.id, true, now_ms_);
        history_.Notified(notification, true, "", now_ms_);
      }
      now_ms_ = std::max(now_ms_, std::min(end_ms, dispatcher_.NextWakeup()));
      if (now_ms_ == end_ms) return;
    }
  }

  std::vector<HistoryEvent> Events() const { return history_.EventsAfter(0, kAll); }
  DryRun Play(const char* config, const DryRunOptions& options) {
    const std::string silences = dispatcher_.silences().Serialize();
    auto run =
        PlayAgain({.config = MustParse(config), .pages = PagesOf(Events()), .silences = silences}, options);
    EXPECT_TRUE(run.has_value());
    return std::move(run).value_or(DryRun());
  }
  DryRun Play(const char* config) { return Play(config, {.end_ms = now_ms_, .max_notifications = 1'000}); }
  static std::vector<std::string> Texts(const DryRun& run) {
    std::vector<std::string> out;
    for (const DryRunNotification& one : run.notifications)
      out.push_back(Text(one.time_ms, one.receiver, one.reason, one.firing.size() + one.resolved.size()));
    return out;
  }
  const std::vector<std::string>& sent() const { return sent_; }
  core::TimestampMs now_ms() const { return now_ms_; }

 private:
  static std::string Text(core::TimestampMs time_ms, const std::string& receiver, Reason reason,
                          size_t alerts) {
    return fmt::format("{}s {} {}: {}", (time_ms - kStart) / 1'000, receiver, ReasonText(reason), alerts);
  }
  void Put(const std::string& name, const std::string& severity, const std::string& host,
           core::TimestampMs ends_at_ms) {
    Alert alert;
    alert.labels = testing::LabelsOf({{"alertname", name}, {"severity", severity}, {"host", host}});
    alert.starts_at_ms = now_ms_ - 1;
    alert.ends_at_ms = ends_at_ms;
    EXPECT_THAT(dispatcher_.Put(std::span(&alert, 1), now_ms_).errors, IsEmpty());
  }

  core::Registry registry_;
  AlertHistory history_;
  Dispatcher dispatcher_;
  core::TimestampMs now_ms_ = kStart;
  std::vector<std::string> sent_;
};

void PlayADay(PastTime& time) {
  time.Fire("Disk", "critical");
  time.Fire("Load", "warning");  // inhibited
  time.Pass(7 * kMinute);
  time.Fire("Disk", "critical", "other");
  time.SilenceHost("quiet", 60 * kMinute);
  time.Fire("Disk", "critical", "quiet");
  time.Pass(90 * kMinute);
  time.Resolve("Disk", "critical");
  time.Pass(60 * kMinute);
  time.Resolve("Load", "warning");
  time.Pass(10 * kMinute);
  time.Resolve("Disk", "critical", "quiet");
  time.Fire("Load", "warning");
  time.Pass(600 * kMinute);
}

TEST(DryRunTest, TheConfigurationThatWasInForceGivesWhatWasSent) {
  PastTime time;
  PlayADay(time);
  const DryRun run = time.Play(kCurrent);
  EXPECT_GT(time.sent().size(), 8u);
  // Groups that are due at the same moment come in any order.
  EXPECT_THAT(PastTime::Texts(run), ::testing::UnorderedElementsAreArray(time.sent()));
  EXPECT_EQ(run.notifications_total, time.sent().size());
  EXPECT_GT(run.left_out[static_cast<size_t>(SuppressReason::kInhibition)], 0u);
  EXPECT_GT(run.left_out[static_cast<size_t>(SuppressReason::kSilence)], 0u);
}

TEST(DryRunTest, TellsWhoElseWouldBeTold) {
  PastTime time;
  PlayADay(time);
  const DryRun current = time.Play(kCurrent);
  const DryRun proposed = time.Play(kProposed);
  EXPECT_EQ(proposed.receivers.at("team").notifications + proposed.receivers.at("pager").notifications,
            proposed.notifications_total);
  EXPECT_GT(proposed.receivers.at("pager").notifications, 0u);
  EXPECT_EQ(proposed.left_out[static_cast<size_t>(SuppressReason::kInhibition)], 0u);
  std::map<std::string, std::string> changes;
  for (const DryRunChange& change : Compare(current, proposed, PagesOf(time.Events()))) {
    EXPECT_THAT(change.before, ElementsAre("team"));
    changes[LabelSetText(change.labels)] = *change.after.begin();
  }
  EXPECT_THAT(changes,
              ElementsAre(Pair(R"({alertname="Disk", host="h", severity="critical"})", "pager"),
                          Pair(R"({alertname="Disk", host="other", severity="critical"})", "pager"),
                          Pair(R"({alertname="Disk", host="quiet", severity="critical"})", "pager")));
  EXPECT_THAT(Compare(current, current, PagesOf(time.Events())), IsEmpty());
}

TEST(DryRunTest, CountsOnlyTheAskedTimeAndKeepsOnlySoMany) {
  PastTime time;
  time.Fire("Disk", "critical");
  time.Pass(600 * kMinute);  // repeated every four hours
  DryRunOptions options{.start_ms = kStart + 120 * kMinute, .end_ms = kStart + 300 * kMinute};
  EXPECT_EQ(time.Play(kCurrent, options).notifications_total, 1u);
  options = {.end_ms = time.now_ms(), .max_notifications = 2};
  const DryRun run = time.Play(kCurrent, options);
  EXPECT_EQ(run.notifications_total, 3u);
  EXPECT_THAT(run.notifications, SizeIs(2));
  EXPECT_EQ(run.receivers.at("team").alerts_told, 3u);
}

// Older events are forgotten: what is left says that the alert was firing.
TEST(DryRunTest, KnowsAlertsWhoseBeginningIsForgotten) {
  PastTime time;
  time.Fire("Disk", "critical");
  time.Fire("Other", "critical", "x");
  time.Pass(10 * kMinute);
  time.Resolve("Disk", "critical");
  time.Pass(10 * kMinute);
  std::vector<HistoryEvent> events = time.Events();
  events.erase(events.begin(), events.begin() + 2);
  ASSERT_EQ(events.front().kind, HistoryKind::kNotified);
  auto run = PlayAgain({.config = MustParse(kCurrent), .pages = PagesOf(events), .silences = {}},
                       {.end_ms = time.now_ms()});
  ASSERT_TRUE(run);
  std::vector<std::string> all;
  for (const DryRunNotification& one : run->notifications) {
    all.push_back(
        fmt::format("{} {} {}", one.group_labels.Get("alertname"), one.firing.size(), one.resolved.size()));
  }
  EXPECT_THAT(all, ::testing::UnorderedElementsAre("Disk 1 0", "Other 1 0", "Disk 0 1"));
}

TEST(DryRunTest, StopsWhenItMust) {
  PastTime time;
  PlayADay(time);
  int questions = 0;
  const model::StopCheck check = [&]() -> core::Status {
    if (++questions == 3) return core::Fail(core::Code::kCancelled, "enough");
    return {};
  };
  const std::vector<HistoryEvent> events = time.Events();
  auto run = PlayAgain({.config = MustParse(kCurrent), .pages = PagesOf(events), .silences = {}},
                       {.end_ms = time.now_ms(), .check = &check});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().message(), "enough");
  EXPECT_EQ(questions, 3);
}

TEST(DryRunTest, NothingHappenedMeansNothingToSay) {
  auto run =
      PlayAgain({.config = MustParse(kProposed), .pages = PagesOf({}), .silences = {}}, {.end_ms = kStart});
  ASSERT_TRUE(run);
  EXPECT_EQ(run->notifications_total, 0u);
  EXPECT_THAT(run->receivers, SizeIs(2));
}

}  // namespace
}  // namespace sextant::alerting
