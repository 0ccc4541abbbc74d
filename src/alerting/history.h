// What happened to alerts: when they began and ended, what held them back, who was told. It is kept for a
// while, so that people can look back, and find out which alerts are noise.
//
//   AlertHistory history(registry, limits);
//   dispatcher.SetObserver(&history);            // beginnings, ends, what was left out of flushes
//   history.Notified(notification, ...);         // by whoever delivers
//   history.Collect(now_ms);                     // now and then: ends by timeout, what is too old
//
// An alert that is reported as firing begins once and ends once; reports between change nothing. It ends when
// it is reported as resolved, or when its time is over without another report; after a restart, when it was
// not reported for five minutes. What holds it back (a silence, an inhibition, a time interval) is noted the
// first time, and again after it was told in spite of it.
//
// Bounded by HistoryLimits: the oldest events are dropped and counted. No I/O: TakeRecords gives what a
// journal must keep, Serialize the whole (docs/formats/alert-history.md). All methods may be called from any
// thread.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "alerting/alert.h"
#include "alerting/dispatcher.h"
#include "core/metrics.h"
#include "core/result.h"

namespace sextant::alerting {

// The numbers are those of the file.
enum class HistoryKind : uint8_t {
  kFiring = 1,
  kResolved = 2,
  kInhibited = 3,
  kSilenced = 4,
  kMuted = 5,  // by a mute interval, or outside of the active ones
  kNotified = 6,
  kNotificationFailed = 7,  // given up until the next flush
};
// "firing", "resolved", "inhibited", "silenced", "muted", "notified", "notification_failed".
std::string_view HistoryKindName(HistoryKind kind);

struct HistoryAlert {
  model::Labels labels;
  uint64_t fingerprint = 0;
  size_t bytes = 0;  // of names and values
};

// What the events of one notification, or of one cause, share.
struct HistoryContext {
  uint64_t notification = 0;  // the same for all alerts of a notification; 0: none
  std::string receiver;
  std::string integration;
  std::string detail;  // ids of silences, fingerprints, names of intervals, the reason, the error

  friend bool operator==(const HistoryContext&, const HistoryContext&) = default;
};

struct HistoryEvent {
  uint64_t id = 0;  // grows by one with each event, over restarts too
  core::TimestampMs time_ms = 0;
  HistoryKind kind = HistoryKind::kFiring;
  bool is_about_end = false;  // of notifications: they told the end of the alert
  std::shared_ptr<const HistoryAlert> alert;
  std::shared_ptr<const HistoryContext> context;  // never null
};

struct HistoryLimits {
  core::DurationMs retention_ms = 120LL * 3'600'000;
  size_t max_events = 200'000;
  size_t max_bytes = 64 << 20;  // as if each event had its own copy of the labels
};

class AlertHistory final : public AlertObserver {
 public:
  AlertHistory(core::Registry& registry, HistoryLimits limits);

  void OnAlert(uint64_t fingerprint, const AlertPtr& alert, core::TimestampMs now_ms) override;
  void OnLeftOut(uint64_t fingerprint, SuppressReason reason, std::string_view receiver,
                 std::span<const std::string> causes, core::TimestampMs now_ms) override;
  // A notification was delivered, or given up because of `error`.
  void Notified(const Notification& notification, bool delivered, const std::string& error,
                core::TimestampMs now_ms);
  // Notes the ends of alerts that are not reported any more, drops what is too old.
  void Collect(core::TimestampMs now_ms);

  // A page for those who go through them one by one: at most `most` events with ids below `id`, newest first,
  // or above `id`, oldest first.
  std::vector<HistoryEvent> EventsBefore(uint64_t id, size_t most) const;
  std::vector<HistoryEvent> EventsAfter(uint64_t id, size_t most) const;

  std::string Serialize() const;
  // One record with all events since the last call; none when there are none.
  std::vector<std::string> TakeRecords();
  bool has_records() const;
  // Adds the events of a record or a serialized history that are later than those known. kCorruption when the
  // bytes are none; then nothing changes. Before anything else.
  core::Status Restore(std::string_view bytes);

 private:
  // What an alert was held back by; `receiver` is the hash of its name, 0 when it counts for all.
  struct Hold {
    SuppressReason reason;
    uint64_t receiver;
  };
  struct Open {
    std::shared_ptr<const HistoryAlert> alert;
    AlertPtr report;  // the last one; null: none since the restart
    core::TimestampMs began_ms = 0;
    core::TimestampMs waits_until_ms = kZeroTimeMs;  // without a report
    std::vector<Hold> holds;
  };

  void Add(core::TimestampMs time_ms, HistoryKind kind, bool is_about_end,
           std::shared_ptr<const HistoryAlert> alert, std::shared_ptr<const HistoryContext> context);
  void Keep(HistoryEvent event);
  void DropFirst(core::Counter& counter);
  void Replay(const HistoryEvent& event);

  const HistoryLimits limits_;
  core::Counter& cut_by_age_;
  core::Counter& cut_by_number_;
  core::Counter& cut_by_bytes_;
  core::Gauge& events_count_;
  core::Gauge& events_bytes_;
  const std::shared_ptr<const HistoryContext> no_context_ = std::make_shared<const HistoryContext>();

  mutable std::mutex mutex_;
  std::deque<HistoryEvent> events_;
  std::unordered_map<uint64_t, Open> open_;  // firing alerts by fingerprint
  size_t bytes_ = 0;
  uint64_t last_id_ = 0;
  uint64_t saved_id_ = 0;
};

}  // namespace sextant::alerting
