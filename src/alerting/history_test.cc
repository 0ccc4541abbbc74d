#include "alerting/history.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "alerting/history_codec.h"
#include "alerting/history_statistics.h"
#include "alerting/state_keeper.h"
#include "alerting/test_util.h"
#include "core/fault_file.h"

namespace sextant::alerting {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr core::TimestampMs kStart = 1'700'000'000'000;
constexpr size_t kAll = 1'000'000;
constexpr core::DurationMs kMinute = 60'000;

AlertPtr Report(const std::string& name, core::TimestampMs ends_at_ms) {
  Alert alert;
  alert.labels = testing::LabelsOf({{"alertname", name}});
  alert.starts_at_ms = kStart;
  alert.ends_at_ms = ends_at_ms;
  return std::make_shared<const Alert>(std::move(alert));
}

uint64_t IdOf(const std::string& name) { return Fingerprint(testing::LabelsOf({{"alertname", name}})); }

std::vector<std::string> Texts(const AlertHistory& history) {
  std::vector<std::string> out;
  for (const HistoryEvent& event : history.EventsAfter(0, kAll)) {
    std::string text = fmt::format("{}m {} {}", (event.time_ms - kStart) / kMinute,
                                   HistoryKindName(event.kind), event.alert->labels.Get("alertname"));
    if (!event.context->receiver.empty()) text += " " + event.context->receiver;
    if (!event.context->detail.empty()) text += " (" + event.context->detail + ")";
    out.push_back(std::move(text));
  }
  return out;
}

class AlertHistoryTest : public ::testing::Test {
 protected:
  void Fire(AlertHistory& history, const std::string& name, int minute) {
    const core::TimestampMs now_ms = kStart + minute * kMinute;
    history.OnAlert(IdOf(name), Report(name, now_ms + 5 * kMinute), now_ms);
  }
  void Resolve(AlertHistory& history, const std::string& name, int minute) {
    const core::TimestampMs now_ms = kStart + minute * kMinute;
    history.OnAlert(IdOf(name), Report(name, now_ms), now_ms);
  }
  void Hold(AlertHistory& history, SuppressReason reason, int minute) {
    const std::vector<std::string> causes = {"cause"};
    history.OnLeftOut(IdOf("A"), reason, "r", causes, kStart + minute * kMinute);
  }
  void Tell(AlertHistory& history, const std::string& name, int minute, bool delivered = true) {
    Notification notification;
    notification.receiver_name = "r";
    notification.integration.kind = IntegrationKind::kSlack;
    Alert alert;
    alert.labels = testing::LabelsOf({{"alertname", name}});
    notification.alerts.push_back(alert);
    history.Notified(notification, delivered, "no answer", kStart + minute * kMinute);
  }

  core::Registry registry_;
};

TEST_F(AlertHistoryTest, BeginsAndEndsOnce) {
  AlertHistory history(registry_, {});
  Fire(history, "A", 0);
  Fire(history, "A", 1);
  Resolve(history, "A", 2);
  Resolve(history, "A", 3);
  Resolve(history, "Unknown", 3);
  EXPECT_THAT(Texts(history), ElementsAre("0m firing A", "2m resolved A"));
}

TEST_F(AlertHistoryTest, EndsByTimeoutWhenItsTimeWasOver) {
  AlertHistory history(registry_, {});
  Fire(history, "A", 0);
  history.Collect(kStart + 4 * kMinute);
  EXPECT_THAT(Texts(history), SizeIs(1));
  history.Collect(kStart + 60 * kMinute);
  EXPECT_THAT(Texts(history), ElementsAre("0m firing A", "5m resolved A"));
}

TEST_F(AlertHistoryTest, WhatHoldsAnAlertBackIsNotedOnceUntilItIsTold) {
  AlertHistory history(registry_, {});
  Hold(history, SuppressReason::kSilence, 0);  // nothing is firing
  Fire(history, "A", 1);
  Hold(history, SuppressReason::kSilence, 2);
  Hold(history, SuppressReason::kSilence, 3);
  Hold(history, SuppressReason::kMuteInterval, 3);
  Tell(history, "A", 4);
  Hold(history, SuppressReason::kInhibition, 4);
  Hold(history, SuppressReason::kSilence, 5);
  Tell(history, "A", 5, false);
  EXPECT_THAT(Texts(history), ElementsAre("1m firing A", "2m silenced A (cause)", "3m muted A r (cause)",
                                          "4m notified A r (first notification)", "4m inhibited A (cause)",
                                          "5m silenced A (cause)", "5m notification_failed A r (no answer)"));
}

TEST_F(AlertHistoryTest, IsBoundedInAgeNumberAndBytes) {
  AlertHistory by_number(registry_, {.max_events = 2});
  for (int i = 0; i < 3; ++i) Fire(by_number, std::string(1, static_cast<char>('A' + i)), i);
  EXPECT_THAT(Texts(by_number), ElementsAre("1m firing B", "2m firing C"));
  AlertHistory by_age(registry_, {.retention_ms = 10 * kMinute});
  Fire(by_age, "A", 0);
  Fire(by_age, "B", 9);
  by_age.Collect(kStart + 11 * kMinute);
  EXPECT_THAT(Texts(by_age), ElementsAre("9m firing B", "5m resolved A"));
  AlertHistory by_bytes(registry_, {.max_bytes = 1'000});
  Fire(by_bytes, "A", 0);
  Fire(by_bytes, std::string(900, 'b'), 0);
  EXPECT_THAT(Texts(by_bytes), SizeIs(1));
  for (const char* reason : {"age", "number", "bytes"}) {
    EXPECT_THAT(registry_.RenderText(),
                HasSubstr(fmt::format("sextant_alerting_history_dropped_total{{reason=\"{}\"}} 1", reason)));
  }
}

TEST_F(AlertHistoryTest, ComesBackFromRecordsAndSnapshotsInAnyMixture) {
  AlertHistory history(registry_, {});
  Fire(history, "A", 0);
  Fire(history, "B", 0);
  Tell(history, "A", 1);
  const std::vector<std::string> first = history.TakeRecords();
  Resolve(history, "B", 2);
  const std::string all = history.Serialize();
  const std::vector<std::string> second = history.TakeRecords();
  EXPECT_THAT(first, SizeIs(1));
  EXPECT_THAT(second, SizeIs(1));
  EXPECT_THAT(history.TakeRecords(), IsEmpty());

  AlertHistory restored(registry_, {});
  for (const std::string& bytes : {first[0], all, first[0], second[0]}) ASSERT_TRUE(restored.Restore(bytes));
  EXPECT_EQ(Texts(restored), Texts(history));
  EXPECT_FALSE(restored.has_records());
  // A is firing still: another report is no beginning, and without one it ends.
  Fire(restored, "B", 3);
  restored.Collect(kStart + 3 * kMinute);
  restored.Collect(kStart + 7 * kMinute);
  EXPECT_EQ(Texts(restored).back(), "3m firing B");
  restored.Collect(kStart + 8 * kMinute);
  EXPECT_THAT(Texts(restored), ::testing::Contains("8m resolved A"));
}

TEST_F(AlertHistoryTest, DamagedBytesChangeNothing) {
  AlertHistory history(registry_, {});
  Fire(history, "A", 0);
  Tell(history, "A", 1);
  const std::string all = history.Serialize();
  for (size_t size = 0; size < all.size(); ++size) {
    AlertHistory restored(registry_, {});
    EXPECT_FALSE(restored.Restore(std::string_view(all).substr(0, size))) << size;
    EXPECT_THAT(Texts(restored), IsEmpty());
  }
  EXPECT_FALSE(DecodeHistory(all + "x"));
  for (size_t at = 0; at < all.size(); ++at) {
    std::string changed = all;
    changed[at] = static_cast<char>(0xFF);
    static_cast<void>(DecodeHistory(changed));  // no more than an error
  }
}

// Whatever write fails, in whatever way: everything is there after the next one that works, once.
TEST_F(AlertHistoryTest, EveryWriteMayFail) {
  const std::string dir = ::testing::TempDir() + "sextant_alert_history";
  core::PosixFileSystem posix;
  for (const core::Fault fault : {core::Fault::kFail, core::Fault::kTorn, core::Fault::kGarbled}) {
    for (uint64_t n = 1; n < 100; ++n) {
      std::filesystem::remove_all(dir);
      core::FaultFileSystem files(posix);
      core::ManualClock clock(kStart);
      const auto keep = [&](AlertHistory& history) {
        return std::make_unique<StateKeeper>(
            files, clock, dir, "history", "sextant_alerting_history", false, core::Logger::Discard(),
            registry_, [&history] { return history.TakeRecords(); },
            [&history] { return history.Serialize(); });
      };
      const auto load = [](StateKeeper& keeper, AlertHistory& history) {
        const auto take = [&history](std::string_view bytes) { return history.Restore(bytes); };
        return keeper.Load(take, take);
      };
      AlertHistory history(registry_, {});
      {
        const auto keeper = keep(history);
        ASSERT_TRUE(load(*keeper, history));
        files.FailOperation(n, fault, false, core::Code::kResourceExhausted);
        for (int minute = 0; minute < 4; ++minute) {
          Fire(history, "A", 2 * minute);
          Resolve(history, "A", 2 * minute + 1);
          keeper->Write();
          if (minute == 1) keeper->WriteSnapshot();
        }
        clock.Advance(11'000);
        keeper->Write();
      }
      AlertHistory restored(registry_, {});
      const auto keeper = keep(restored);
      const bool ran_through = files.operations() < n;
      files.Heal();
      ASSERT_TRUE(load(*keeper, restored));
      EXPECT_EQ(Texts(restored), Texts(history)) << n << " " << files.failed_operation();
      if (ran_through) break;
    }
  }
  std::filesystem::remove_all(dir);
}

TEST_F(AlertHistoryTest, StatisticsTellNoiseFromWork) {
  AlertHistory history(registry_, {});
  for (int i = 0; i < 3; ++i) {
    Fire(history, "Flaps", 10 * i);
    Resolve(history, "Flaps", 10 * i + 2);
  }
  Fire(history, "A", 0);
  Tell(history, "A", 1);
  Hold(history, SuppressReason::kSilence, 2);
  Resolve(history, "A", 40);
  Fire(history, "Ignored", 0);
  Tell(history, "Ignored", 1);
  Tell(history, "Ignored", 2, false);
  Resolve(history, "Ignored", 30);
  const auto events = history.EventsAfter(0, kAll);
  const HistoryStatistics all = CountHistory(events, 0);
  ASSERT_THAT(all.alertnames, SizeIs(3));
  const AlertnameStatistics& flaps = all.alertnames[0];
  EXPECT_EQ(flaps.alertname, "Flaps");
  EXPECT_EQ(std::tie(flaps.firings, flaps.changes, flaps.ended, flaps.flapping_alerts),
            std::make_tuple(3u, 6u, 3u, 1u));
  EXPECT_EQ(flaps.total_duration_ms, 6 * kMinute);
  EXPECT_EQ(flaps.told_and_ended, 0u);
  const AlertnameStatistics& worked_on = all.alertnames[1];
  EXPECT_EQ(worked_on.alertname, "A");
  EXPECT_EQ(std::tie(worked_on.told_and_ended, worked_on.never_acted_on, worked_on.flapping_alerts),
            std::make_tuple(1u, 0u, 0u));
  const AlertnameStatistics& ignored = all.alertnames[2];
  EXPECT_EQ(std::tie(ignored.told_and_ended, ignored.never_acted_on, ignored.notifications,
                     ignored.notifications_failed),
            std::make_tuple(1u, 1u, 1u, 1u));
  EXPECT_THAT(ignored.notifications_by_receiver, ElementsAre(::testing::Pair("r", 1u)));
  ASSERT_THAT(all.receivers, SizeIs(1));
  EXPECT_EQ(std::tie(all.receivers[0].notifications, all.receivers[0].notifications_failed,
                     all.receivers[0].alerts_told),
            std::make_tuple(2u, 1u, 2u));
  // From the 35th minute: only A's end, whose beginning is known.
  const HistoryStatistics late = CountHistory(events, kStart + 35 * kMinute);
  ASSERT_THAT(late.alertnames, SizeIs(1));
  EXPECT_EQ(late.alertnames[0].total_duration_ms, 40 * kMinute);
}

// Whoever looks at the history does not copy it as a whole.
TEST_F(AlertHistoryTest, IsReadInPages) {
  AlertHistory history(registry_, {});
  for (int i = 0; i < 10; ++i) Fire(history, "A" + std::to_string(i), i);
  const auto ids = [](const std::vector<HistoryEvent>& events) {
    std::vector<uint64_t> all;
    for (const HistoryEvent& event : events) all.push_back(event.id);
    return all;
  };
  const std::vector<uint64_t> all = ids(history.EventsAfter(0, kAll));
  ASSERT_GE(all.size(), 2u);
  EXPECT_EQ(ids(history.EventsAfter(0, 1)), std::vector<uint64_t>({all.front()}));
  EXPECT_EQ(ids(history.EventsAfter(all.front(), 1'000)), std::vector<uint64_t>(all.begin() + 1, all.end()));
  EXPECT_EQ(ids(history.EventsBefore(UINT64_MAX, 1'000)), std::vector<uint64_t>(all.rbegin(), all.rend()));
  EXPECT_EQ(ids(history.EventsBefore(all.back(), 1)), std::vector<uint64_t>({all[all.size() - 2]}));
  EXPECT_TRUE(history.EventsBefore(all.front(), 10).empty());
  EXPECT_TRUE(history.EventsAfter(all.back(), 10).empty());
}

}  // namespace
}  // namespace sextant::alerting
