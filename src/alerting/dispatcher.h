// The state machine of alerting: alerts, configuration and time in, notifications out. No threads, no I/O, no
// clock of its own, so that a test can play a week in a second.
//
//   dispatcher.Put(alerts, now);
//   for (Notification& n : dispatcher.Advance(now)) send(n);   // and sleep until dispatcher.NextWakeup()
//   dispatcher.Finish(n.id, true, now);                        // when it has been delivered, or given up
//
// An alert goes to the groups of the routes that match it. A group speaks first when group_wait is over, then
// every group_interval if something changed (an alert came or went) or repeat_interval has passed. Inhibited
// and silenced alerts are left out; muted routes stay silent. What has been delivered is in the notification
// log; what failed is tried again at the next flush. Resolved alerts leave their group once every integration
// has been told.
//
// Time that jumps back shifts the groups' timers with it; time that jumps ahead makes them due.
//
// Owned and called by one thread at a time (the runner holds a lock). Everything is bounded by
// DispatcherLimits.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "alerting/alert.h"
#include "alerting/alertname_limit.h"
#include "alerting/config.h"
#include "alerting/firing_alerts.h"
#include "alerting/inhibitor.h"
#include "alerting/integration.h"
#include "alerting/notification_log.h"
#include "alerting/route.h"
#include "alerting/silences.h"

namespace sextant::alerting {

// Why alerts of a flush were left out, as the label `reason` of alertmanager_notifications_suppressed_total.
enum class SuppressReason : uint8_t { kInhibition, kSilence, kActiveInterval, kMuteInterval };
inline constexpr size_t kSuppressReasons = 4;
// "inhibition", "silence", "active_time_interval", "mute_time_interval".
std::string_view SuppressReasonName(SuppressReason reason);

// Learns what happens to alerts, as it happens; called by the thread that owns the dispatcher.
class AlertObserver {
 public:
  virtual ~AlertObserver() = default;
  // An alert was taken in, as it is now.
  virtual void OnAlert(uint64_t fingerprint, const AlertPtr& alert, core::TimestampMs now_ms) = 0;
  // A firing or resolved alert was left out of a flush for this receiver. `causes`: fingerprints, ids of
  // silences or names of time intervals.
  virtual void OnLeftOut(uint64_t fingerprint, SuppressReason reason, std::string_view receiver,
                         std::span<const std::string> causes, core::TimestampMs now_ms) = 0;
};

// What a group is, for those who record it; views into the state machine.
struct GroupFacts {
  std::string key;
  model::Labels labels;
  std::string receiver;
  Matchers matchers;  // of its route
  std::string uuid;   // of this instance of the group
};

// What a flush was, besides its notifications.
struct FlushFacts {
  GroupFacts group;
  uint64_t id = 0;  // grows with each flush of the group
  core::DurationMs repeat_interval_ms = 0;
  std::vector<Alert> muted;  // left out by a silence, an inhibition or a time interval
};

// Learns every step that an alert takes, as it takes it; called by the thread that owns the dispatcher. For
// recorders: what it is told costs something.
class AlertSteps {
 public:
  virtual ~AlertSteps() = default;
  // An alert that was not known.
  virtual void OnCreated(const Alert& alert, core::TimestampMs now_ms) = 0;
  // It came to a group that did not have it.
  virtual void OnGrouped(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) = 0;
  // It left its group: resolved, and everybody was told.
  virtual void OnForgotten(const Alert& alert, const GroupFacts& group, core::TimestampMs now_ms) = 0;
  // It was left out of a flush, by the alerts `sources` or a silence.
  virtual void OnInhibited(uint64_t fingerprint, const model::Labels& labels, const InhibitRuleConfig& rule,
                           const std::vector<uint64_t>& sources) = 0;
  virtual void OnSilenced(uint64_t fingerprint, const model::Labels& labels, const Silence& silence) = 0;
};

// When things are done; as upstream by default.
struct DispatcherTimes {
  core::DurationMs maintenance_ms = 30'000;    // between clearings of empty groups
  core::DurationMs collection_ms = 1'800'000;  // between removals of resolved alerts
  core::DurationMs log_retention_ms = 120LL * 3'600'000;
  core::TimestampMs dispatch_after_ms = kZeroTimeMs;  // nothing is sent before
};

struct DispatcherLimits {
  size_t max_alerts = 500'000;
  size_t max_groups = 200'000;
  size_t max_pending_notifications = 20'000;  // handed out and not finished
  size_t max_labels = 256;                    // of an alert; annotations likewise
  size_t max_alert_bytes = 256 << 10;         // labels, annotations and URL together
  size_t max_log_entries = 1'000'000;
  size_t alerts_per_alertname = 0;  // further ones are dropped; 0: no limit
  SilenceLimits silences = {};
};

struct Notification {
  uint64_t id = 0;
  std::shared_ptr<const Config> config;  // that it was made under
  Integration integration;
  std::string receiver_name;
  std::string group_key;
  model::Labels group_labels;
  Reason reason = Reason::kFirst;
  // In the order of the message. Firing ones have no end.
  std::vector<Alert> alerts;
  core::TimestampMs flushed_at_ms = 0;
  core::TimestampMs deadline_ms = 0;  // when trying again ends: the next flush takes over
  // Labels of the route, filled in; templates until whoever sends it has done so.
  std::map<std::string, std::string> route_labels;
  ReceiverData receiver_data;               // kept of the integration's last message to the group
  std::shared_ptr<const FlushFacts> flush;  // null: nobody records steps

  bool IsFiring() const;  // at least one alert is
};

enum class AlertState : uint8_t { kActive, kSuppressed, kResolved };

// For the API and pages; copies, so that they may be used after the lock is gone.
struct AlertView {
  AlertPtr alert;
  uint64_t fingerprint = 0;
  AlertState state = AlertState::kActive;
  std::vector<std::string> receivers;  // one per route, in the tree's order
  std::vector<uint64_t> inhibited_by;
  std::vector<std::string> silenced_by;
};

struct GroupView {
  model::Labels labels;
  std::string receiver;
  std::string key;
  core::TimestampMs next_flush_ms = 0;
  std::vector<std::string> muted_by;                // names of time intervals
  std::map<std::string, std::string> route_labels;  // templates until somebody fills them in
  std::vector<AlertView> alerts;                    // in the order of a message
};

// What was last told to one integration of a group.
struct IntegrationView {
  std::string integration;
  size_t index = 0;
  bool is_sending = false;
  core::TimestampMs last_sent_ms = kZeroTimeMs;  // unset: never, or forgotten
  bool knows_as_firing = false;                  // the last message had this alert as firing
  bool knows_as_resolved = false;
  core::TimestampMs repeats_after_ms = kZeroTimeMs;
};

// Where an alert goes by one route, and what holds it back there.
struct RouteExplanation {
  std::string route;  // its key
  std::string receiver;
  std::string group_key;
  bool has_group = false;
  core::TimestampMs next_flush_ms = kZeroTimeMs;
  MuteReason mute_reason = MuteReason::kNone;
  std::vector<std::string> muted_by;
  std::vector<IntegrationView> integrations;
};

struct Explanation {
  AlertPtr alert;  // null: no alert with these labels is known
  std::vector<uint64_t> inhibited_by;
  std::vector<std::string> silenced_by;
  std::vector<RouteExplanation> routes;
};

// Alerts of one group that are not over.
struct GroupCount {
  size_t active = 0;
  size_t suppressed = 0;
};

struct DispatcherStats {
  size_t alerts_active = 0;
  size_t alerts_suppressed = 0;
  size_t groups = 0;
  size_t pending_notifications = 0;
  size_t log_entries = 0;
  uint64_t alerts_limited = 0;  // refused by a limit since the start
  // Alerts left out of flushes, by SuppressReason.
  std::array<uint64_t, kSuppressReasons> notifications_suppressed = {};
  size_t silences_active = 0;
  size_t silences_pending = 0;
  size_t silences_expired = 0;
  uint64_t notifications_limited = 0;  // put off because too many were pending
};

class Dispatcher {
 public:
  Dispatcher(std::shared_ptr<const Config> config, DispatcherLimits limits, DispatcherTimes times = {});
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Tells `observer` (null: nobody) from now on; it must outlive this.
  void SetObserver(AlertObserver* observer) { observer_ = observer; }

  // Tells `steps` (null: nobody) every step from now on; it must outlive this.
  void SetSteps(AlertSteps* steps) { steps_ = steps; }

  // Changes the configuration: alerts are grouped anew, what was said stays known. Groups whose alerts began
  // longer ago than their group_wait are due at once; the notification log keeps them from repeating
  // themselves.
  void SetConfig(std::shared_ptr<const Config> config, core::TimestampMs now_ms);

  // Takes alerts, all of a call before anything is decided.
  PutReport Put(std::span<const Alert> alerts, core::TimestampMs now_ms);

  // What must be sent now.
  std::vector<Notification> Advance(core::TimestampMs now_ms);
  // When Advance has something to do next.
  core::TimestampMs NextWakeup() const;
  // A notification was delivered, or will not be in time. Unknown ids are ignored. `receiver_data` is to be
  // kept of it; when empty, what was kept before stays.
  void Finish(uint64_t notification_id, bool delivered, core::TimestampMs now_ms,
              ReceiverData receiver_data = {});

  NotificationLog& log() { return log_; }
  SilenceStore& silences() { return silences_; }
  FiringAlerts& firing_alerts() { return firing_; }
  // All alerts of groups and those that wait after a restart, as a snapshot of firing_alerts.h.
  std::string SerializeFiringAlerts() const;
  const std::shared_ptr<const Config>& config() const { return config_; }

  // Alerts that are not over, in the order of their fingerprints; with `with_resolved` also those not
  // forgotten yet.
  std::vector<AlertView> Alerts(core::TimestampMs now_ms, bool with_resolved = false);
  // Groups that have alerts, by labels and receiver.
  std::vector<GroupView> Groups(core::TimestampMs now_ms);
  DispatcherStats Stats(core::TimestampMs now_ms);
  // Alerts of each group by its key, also of groups that have none left.
  std::map<std::string, GroupCount> CountByGroup(core::TimestampMs now_ms);
  // What an alert with these labels would meet, or meets, on its way to people.
  Explanation Explain(const model::Labels& labels, core::TimestampMs now_ms);
  // Receivers that an alert with these labels would go to.
  std::vector<std::string> ReceiversOf(const model::Labels& labels) const;

 private:
  struct Group;
  struct GroupId {
    const Route* route;
    model::Labels labels;
    friend bool operator==(const GroupId&, const GroupId&) = default;
  };
  struct GroupIdHash {
    size_t operator()(const GroupId& id) const { return id.labels.Hash() * 31 + id.route->index; }
  };
  struct Record {
    AlertPtr alert;
    std::vector<GroupId> groups;
  };
  struct Flight {
    std::string log_key;
    AlertSet firing;
    AlertSet resolved;
    core::DurationMs repeat_interval_ms = 0;
    Group* group = nullptr;  // null once the group is gone
    size_t integration = 0;
    ReceiverData receiver_data;
  };

  core::Status Check(const Alert& alert) const;
  Alert Normalized(const Alert& alert, core::TimestampMs now_ms) const;
  core::Status PutOne(const Alert& alert, core::TimestampMs now_ms);
  // Whether it was not in the group before. `id` shares the group's labels afterwards.
  core::Result<bool> Join(GroupId& id, uint64_t fingerprint, const AlertPtr& alert, core::TimestampMs now_ms);
  // Whether any group still has it.
  bool IsInGroup(uint64_t fingerprint, const model::Labels& labels) const;
  void Schedule(Group& group, core::TimestampMs at_ms);
  void FollowTime(core::TimestampMs now_ms);
  void Maintain(core::TimestampMs now_ms);
  void PutRestored(core::TimestampMs now_ms);
  void Flush(Group& group, core::TimestampMs now_ms, std::vector<Notification>& out);
  std::vector<Alert> Snapshot(const Group& group, core::TimestampMs now_ms);
  void TellWhatHeldBack(uint64_t fingerprint, const Alert& alert, SuppressReason reason,
                        core::TimestampMs now_ms);
  bool NotifyIntegration(Group& group, size_t integration, const std::vector<Alert>& alerts,
                         core::TimestampMs now_ms, std::vector<Notification>& out);
  void ForgetResolved(Group& group, core::TimestampMs now_ms);
  GroupFacts Describe(Group& group) const;
  void Suppress(SuppressReason reason, size_t alerts) {
    notifications_suppressed_[static_cast<size_t>(reason)] += alerts;
  }
  bool IsSuppressed(uint64_t fingerprint, const Alert& alert, core::TimestampMs now_ms);
  AlertView View(uint64_t fingerprint, const Record& record, core::TimestampMs now_ms);
  void CollectAlerts(core::TimestampMs now_ms);

  const DispatcherLimits limits_;
  const DispatcherTimes times_;
  std::shared_ptr<const Config> config_;
  std::vector<Integration> integrations_;
  std::unique_ptr<Route> root_;
  Inhibitor inhibitor_;
  NotificationLog log_;
  SilenceStore silences_;
  AlertnameLimit alertname_limit_;
  FiringAlerts firing_;
  AlertObserver* observer_ = nullptr;
  AlertSteps* steps_ = nullptr;

  std::map<uint64_t, Record> alerts_;  // by fingerprint
  std::unordered_map<GroupId, std::unique_ptr<Group>, GroupIdHash> groups_;
  std::set<std::pair<core::TimestampMs, Group*>> timers_;
  std::unordered_map<uint64_t, Flight> flights_;
  uint64_t next_id_ = 1;
  core::TimestampMs last_now_ms_ = kZeroTimeMs;
  core::TimestampMs next_maintenance_ms_ = kZeroTimeMs;
  core::TimestampMs next_collection_ms_ = kZeroTimeMs;
  uint64_t alerts_limited_ = 0;
  std::array<uint64_t, kSuppressReasons> notifications_suppressed_ = {};
  uint64_t notifications_limited_ = 0;
};

}  // namespace sextant::alerting
