#include "alerting/firing_alerts.h"

#include <gmock/gmock.h>

#include "alerting/dispatcher.h"
#include "alerting/test_util.h"

namespace sextant::alerting {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr core::TimestampMs kNow = 1'700'000'000'000;

Alert Firing(const std::string& name, core::DurationMs valid_for_ms = 240'000) {
  Alert alert;
  alert.labels = testing::LabelsOf({{"alertname", name}, {"job", "j"}});
  alert.annotations = {{"summary", "about " + name}, {"empty", ""}};
  alert.starts_at_ms = kNow - 60'000;
  alert.updated_at_ms = kNow;
  alert.ends_at_ms = kNow + valid_for_ms;
  alert.generator_url = "http://rules/" + name;
  return alert;
}

std::string Record(const Alert& alert) { return FiringAlerts().Serialize(alert, Fingerprint(alert.labels)); }

TEST(FiringAlerts, OnesThatNobodyRepeatsEndWhenTheirTimeIsOver) {
  FiringAlerts before;
  before.StartRecording();
  before.Add(Firing("A"));
  before.Add(Firing("B"));
  before.Add(Firing("C"));
  before.Remove(Fingerprint(Firing("C").labels));
  FiringAlerts after;
  for (const std::string& record : before.TakeRecords()) ASSERT_TRUE(after.Restore(record));
  EXPECT_THAT(before.TakeRecords(), IsEmpty());
  const core::TimestampMs restart = kNow + 1'000'000;
  after.BeginWaiting(restart);
  EXPECT_EQ(after.next_due_ms(), restart + 240'000);
  after.Confirm(Fingerprint(Firing("B").labels));
  EXPECT_THAT(after.TakeDue(restart + 239'999), IsEmpty());
  const auto due = after.TakeDue(restart + 240'000);
  ASSERT_THAT(due, SizeIs(1));
  const Alert expected = Firing("A");
  EXPECT_EQ(due[0].alert.labels, expected.labels);
  EXPECT_EQ(due[0].alert.annotations, expected.annotations);
  EXPECT_EQ(due[0].alert.generator_url, expected.generator_url);
  EXPECT_EQ(due[0].alert.starts_at_ms, expected.starts_at_ms);
  EXPECT_EQ(due[0].alert.ends_at_ms, restart + 240'000);
  EXPECT_GT(after.next_due_ms(), restart + 1'000'000'000);
}

TEST(FiringAlerts, AnEndThatLiesAheadHolds) {
  FiringAlerts after;
  ASSERT_TRUE(after.Restore(Record(Firing("A", 86'400'000))));
  after.BeginWaiting(kNow + 60'000);
  const auto due = after.TakeDue(kNow + 60'000);
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].alert.ends_at_ms, kNow + 86'400'000);
}

TEST(FiringAlerts, SnapshotsAreRecordsOneAfterTheOther) {
  FiringAlerts first;
  ASSERT_TRUE(first.Restore(Record(Firing("A")) + Record(Firing("B"))));
  FiringAlerts second;
  ASSERT_TRUE(second.Restore(first.SerializeRestored()));
  second.BeginWaiting(kNow);
  EXPECT_THAT(second.TakeDue(kNow + 240'000), SizeIs(2));
}

// Killed between a request and the entry of the log: the end is told all the same; once.
TEST(FiringAlerts, TheEndIsToldOfWhatMayHaveBeenTold) {
  const auto config = testing::MustParse(
      "route: {receiver: r, group_by: [job], group_wait: 10s, group_interval: 1m}\n"
      "receivers: [{name: r, webhook_configs: [{url: 'http://h/'}]}]\n");
  const core::TimestampMs restart = kNow + 1'000'000;
  for (const bool was_sent : {true, false}) {
    Dispatcher first(config, {});
    first.firing_alerts().StartRecording();
    Alert alert = Firing("A");
    alert.starts_at_ms = kNow;
    first.Put(std::span(&alert, 1), kNow);
    if (was_sent) {
      ASSERT_THAT(first.Advance(kNow + 10'000), SizeIs(1));
    }
    Dispatcher second(config, {});
    for (const std::string& record : first.firing_alerts().TakeRecords())
      ASSERT_TRUE(second.firing_alerts().Restore(record));
    second.firing_alerts().StartRecording();
    second.firing_alerts().BeginWaiting(restart);
    EXPECT_THAT(second.Advance(restart + 239'000), IsEmpty());
    const auto told = second.Advance(restart + 240'000);
    ASSERT_THAT(told, SizeIs(was_sent ? 1 : 0));
    if (!was_sent) continue;
    EXPECT_EQ(told[0].reason, Reason::kAllResolved);
    second.Finish(told[0].id, true, restart + 241'000);
    for (int i = 0; i < 10; ++i) EXPECT_THAT(second.Advance(restart + 300'000 + i * 60'000), IsEmpty());
    EXPECT_EQ(second.SerializeFiringAlerts(), "");
  }
}

TEST(FiringAlerts, EveryDamageIsAnError) {
  const std::string record = Record(Firing("A"));
  for (size_t size = 1; size < record.size(); ++size)
    EXPECT_FALSE(FiringAlerts().Restore(record.substr(0, size))) << size;
  for (size_t i = 4; i < record.size(); ++i) {
    std::string damaged = record;
    damaged[i] = static_cast<char>(damaged[i] ^ 0xFF);
    FiringAlerts alerts;
    static_cast<void>(alerts.Restore(damaged));  // must only not crash
  }
  EXPECT_FALSE(FiringAlerts().Restore(std::string("\x01\0\0\0\x07", 5)));
}

// Two dispatchers, the second with what the first has kept: its log and its alerts.
TEST(FiringAlerts, TheEndIsToldAfterARestart) {
  const auto config = testing::MustParse(
      "route: {receiver: r, group_by: [job], group_wait: 10s, group_interval: 1m}\n"
      "receivers: [{name: r, webhook_configs: [{url: 'http://h/'}]}]\n");
  Dispatcher first(config, {});
  first.firing_alerts().StartRecording();
  const std::vector<Alert> alerts = {Firing("A"), Firing("B")};
  first.Put(alerts, kNow);
  auto told = first.Advance(kNow + 10'000);
  ASSERT_THAT(told, SizeIs(1));
  first.Finish(told[0].id, true, kNow + 10'000);

  Dispatcher second(config, {});
  ASSERT_TRUE(second.log().Restore(first.log().Serialize()));
  ASSERT_TRUE(second.firing_alerts().Restore(first.SerializeFiringAlerts()));
  second.firing_alerts().StartRecording();
  const core::TimestampMs restart = kNow + 1'000'000;
  second.firing_alerts().BeginWaiting(restart);
  // A goes on, nobody reports B any more.
  Alert again = Firing("A");
  again.ends_at_ms = restart + 1'000'000;
  second.Put(std::span(&again, 1), restart + 5'000);
  for (core::TimestampMs now = restart + 5'000; now < restart + 230'000; now += 5'000)
    EXPECT_THAT(second.Advance(now), IsEmpty()) << now - restart;
  EXPECT_LE(second.NextWakeup(), restart + 240'000);
  std::vector<Notification> more;
  for (core::TimestampMs now = restart + 240'000; now < restart + 310'000 && more.empty(); now += 5'000)
    more = second.Advance(now);
  ASSERT_THAT(more, SizeIs(1));
  EXPECT_EQ(more[0].reason, Reason::kSomeResolved);
  ASSERT_THAT(more[0].alerts, SizeIs(2));
  EXPECT_EQ(more[0].alerts[1].labels.Get("alertname"), "B");
  EXPECT_NE(more[0].alerts[1].ends_at_ms, kZeroTimeMs);
  // It is kept until that was delivered, and no longer.
  FiringAlerts kept;
  for (const std::string& record : second.firing_alerts().TakeRecords()) ASSERT_TRUE(kept.Restore(record));
  kept.BeginWaiting(0);
  EXPECT_THAT(kept.TakeDue(kNow * 2), SizeIs(2));
  second.Finish(more[0].id, true, restart + 310'000);
  FiringAlerts rest;
  ASSERT_TRUE(rest.Restore(second.SerializeFiringAlerts()));
  rest.BeginWaiting(0);
  EXPECT_THAT(rest.TakeDue(kNow * 2), SizeIs(1));
}

}  // namespace
}  // namespace sextant::alerting
