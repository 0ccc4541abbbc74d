#include "alerting/dry_run.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sextant::alerting {

namespace {

using core::TimestampMs;

// An alert that the history does not see ending is still firing when the play is over.
constexpr core::DurationMs kBeyondEndMs = 3'600'000;

// Counts what is left out in the time that counts.
class LeftOutCounter final : public AlertObserver {
 public:
  LeftOutCounter(const DryRunOptions& options, DryRun& run) : options_(options), run_(run) {}

  void OnAlert(uint64_t, const AlertPtr&, TimestampMs) override {}
  void OnLeftOut(uint64_t, SuppressReason reason, std::string_view, std::span<const std::string>,
                 TimestampMs now_ms) override {
    if (now_ms >= options_.start_ms) ++run_.left_out[static_cast<size_t>(reason)];
  }

 private:
  const DryRunOptions& options_;
  DryRun& run_;
};

// Goes through the events, of which it has one page at a time.
class EventReader {
 public:
  explicit EventReader(const HistoryPages& pages) : pages_(pages), page_(pages(0)) {}

  // The next event; null after the last.
  const HistoryEvent* Peek() const { return at_ < page_.size() ? &page_[at_] : nullptr; }
  void Next() {
    const uint64_t id = page_[at_].id;
    if (++at_ < page_.size()) return;
    page_ = pages_(id);
    at_ = 0;
  }

 private:
  const HistoryPages& pages_;
  std::vector<HistoryEvent> page_;
  size_t at_ = 0;
};

// Turns events into reports of alerts, as their senders made them.
class Reports {
 public:
  explicit Reports(TimestampMs end_ms) : end_ms_(end_ms) {}

  void Begin(const HistoryAlert& alert, TimestampMs at_ms) {
    if (!open_.try_emplace(alert.fingerprint, at_ms).second) return;
    Add(alert, at_ms, end_ms_ + kBeyondEndMs);
  }
  void End(const HistoryAlert& alert, TimestampMs at_ms) {
    const auto open = open_.find(alert.fingerprint);
    if (open == open_.end()) return;
    Add(alert, open->second, at_ms);
    open_.erase(open);
  }
  // Those since the last call.
  std::vector<Alert> Take() { return std::exchange(alerts_, {}); }

 private:
  void Add(const HistoryAlert& of, TimestampMs starts_at_ms, TimestampMs ends_at_ms) {
    Alert& alert = alerts_.emplace_back();
    alert.labels = of.labels;
    alert.starts_at_ms = starts_at_ms;
    alert.ends_at_ms = ends_at_ms;
  }

  const TimestampMs end_ms_;
  std::unordered_map<uint64_t, TimestampMs> open_;  // beginnings, by fingerprint
  std::vector<Alert> alerts_;
};

// Alerts whose beginnings are older than the history: their first events say that they were firing already.
core::Result<std::vector<std::shared_ptr<const HistoryAlert>>> FiringBefore(const HistoryPages& pages,
                                                                            const DryRunOptions& options) {
  std::vector<std::shared_ptr<const HistoryAlert>> alerts;
  std::unordered_set<uint64_t> seen;
  uint64_t read = 0;
  for (EventReader events(pages); events.Peek() != nullptr; events.Next()) {
    const HistoryEvent& event = *events.Peek();
    if (event.time_ms > options.end_ms) break;
    if (options.check != nullptr && ++read % 1'000 == 0) SEXTANT_TRY((*options.check)());
    if (event.is_about_end || !seen.insert(event.alert->fingerprint).second) continue;
    if (event.kind != HistoryKind::kFiring) alerts.push_back(event.alert);
  }
  return alerts;
}

void Note(const Notification& notification, TimestampMs now_ms, const DryRunOptions& options, DryRun& run) {
  ++run.notifications_total;
  DryRunReceiver& receiver = run.receivers[notification.receiver_name];
  ++receiver.notifications;
  receiver.alerts_told += notification.alerts.size();
  for (const Alert& alert : notification.alerts) {
    run.told[Fingerprint(alert.labels)].insert(notification.receiver_name);
  }
  if (run.notifications.size() >= options.max_notifications) return;
  DryRunNotification& kept = run.notifications.emplace_back();
  kept.time_ms = now_ms;
  kept.receiver = notification.receiver_name;
  kept.integration = IntegrationName(notification.integration.kind);
  kept.group_labels = notification.group_labels;
  kept.reason = notification.reason;
  for (const Alert& alert : notification.alerts) {
    (alert.ends_at_ms == kZeroTimeMs ? kept.firing : kept.resolved).push_back(alert.labels);
  }
}

}  // namespace

core::Result<DryRun> PlayAgain(const DryRunInput& input, const DryRunOptions& options) {
  DryRun run;
  for (const ReceiverConfig& receiver : input.config->receivers) run.receivers[receiver.name];
  SEXTANT_ASSIGN(const auto firing_before, FiringBefore(input.pages, options));
  EventReader events(input.pages);
  if (events.Peek() == nullptr) return run;
  LeftOutCounter observer(options, run);
  Dispatcher dispatcher(input.config, input.limits);
  dispatcher.SetObserver(&observer);
  TimestampMs now_ms = events.Peek()->time_ms;
  // What cannot be read of them was said when they were loaded.
  static_cast<void>(dispatcher.silences().MergeBytes(input.silences, now_ms));
  Reports reports(options.end_ms);
  if (now_ms <= options.end_ms) {
    for (const auto& alert : firing_before) reports.Begin(*alert, now_ms);
    dispatcher.Put(reports.Take(), now_ms);
  }
  while (true) {
    TimestampMs wakeup_ms = dispatcher.NextWakeup();
    if (events.Peek() != nullptr) wakeup_ms = std::min(wakeup_ms, events.Peek()->time_ms);
    now_ms = std::max(now_ms, wakeup_ms);
    if (wakeup_ms > options.end_ms) return run;
    if (options.check != nullptr) SEXTANT_TRY((*options.check)());
    for (; events.Peek() != nullptr && events.Peek()->time_ms <= now_ms; events.Next()) {
      const HistoryEvent& event = *events.Peek();
      if (event.kind == HistoryKind::kFiring) reports.Begin(*event.alert, event.time_ms);
      if (event.kind == HistoryKind::kResolved) reports.End(*event.alert, event.time_ms);
    }
    if (const std::vector<Alert> alerts = reports.Take(); !alerts.empty()) dispatcher.Put(alerts, now_ms);
    for (const Notification& notification : dispatcher.Advance(now_ms)) {
      if (now_ms >= options.start_ms) Note(notification, now_ms, options, run);
      dispatcher.Finish(notification.id, /*delivered=*/true, now_ms);
    }
  }
}

std::vector<DryRunChange> Compare(const DryRun& before, const DryRun& after, const HistoryPages& pages) {
  std::map<uint64_t, DryRunChange> changes;
  for (const auto& [fingerprint, receivers] : before.told) changes[fingerprint].before = receivers;
  for (const auto& [fingerprint, receivers] : after.told) changes[fingerprint].after = receivers;
  std::erase_if(changes, [](const auto& item) { return item.second.before == item.second.after; });
  for (EventReader events(pages); events.Peek() != nullptr && !changes.empty(); events.Next()) {
    const HistoryAlert& alert = *events.Peek()->alert;
    const auto found = changes.find(alert.fingerprint);
    if (found != changes.end()) found->second.labels = alert.labels;
  }
  std::vector<DryRunChange> out;
  for (auto& [fingerprint, change] : changes) out.push_back(std::move(change));
  return out;
}

}  // namespace sextant::alerting
