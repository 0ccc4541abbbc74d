#include "alerting/dry_run.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

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

// The times during which alerts fired, in the order of their beginnings.
std::vector<Alert> Occurrences(std::span<const HistoryEvent> events, TimestampMs end_ms) {
  std::vector<Alert> alerts;
  std::unordered_map<uint64_t, size_t> open;  // fingerprints, and the places of what has not ended
  std::unordered_set<uint64_t> seen;          // fingerprints of all events so far
  const auto begin = [&](const HistoryEvent& event, TimestampMs at_ms) {
    const auto [place, is_new] = open.try_emplace(event.alert->fingerprint, alerts.size());
    if (!is_new) return;
    Alert& alert = alerts.emplace_back();
    alert.labels = event.alert->labels;
    alert.starts_at_ms = at_ms;
    alert.ends_at_ms = end_ms + kBeyondEndMs;
  };
  for (const HistoryEvent& event : events) {
    if (event.time_ms > end_ms) break;
    const bool is_first = seen.insert(event.alert->fingerprint).second;
    switch (event.kind) {
      case HistoryKind::kFiring:
        begin(event, event.time_ms);
        break;
      case HistoryKind::kResolved: {
        begin(event, events.front().time_ms);  // the beginning is older than the history
        const auto found = open.find(event.alert->fingerprint);
        alerts[found->second].ends_at_ms = event.time_ms;
        open.erase(found);
        break;
      }
      default:
        // That something was done about it says that it was firing already.
        if (is_first && !event.is_about_end) begin(event, events.front().time_ms);
        break;
    }
  }
  std::stable_sort(alerts.begin(), alerts.end(),
                   [](const Alert& a, const Alert& b) { return a.starts_at_ms < b.starts_at_ms; });
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
  if (input.events.empty()) return run;
  LeftOutCounter observer(options, run);
  Dispatcher dispatcher(input.config, input.limits);
  dispatcher.SetObserver(&observer);
  TimestampMs now_ms = input.events.front().time_ms;
  // What cannot be read of them was said when they were loaded.
  static_cast<void>(dispatcher.silences().MergeBytes(input.silences, now_ms));
  const std::vector<Alert> alerts = Occurrences(input.events, options.end_ms);
  size_t next = 0;
  while (true) {
    TimestampMs wakeup_ms = dispatcher.NextWakeup();
    if (next < alerts.size()) wakeup_ms = std::min(wakeup_ms, alerts[next].starts_at_ms);
    now_ms = std::max(now_ms, wakeup_ms);
    if (wakeup_ms > options.end_ms) return run;
    if (options.check != nullptr) SEXTANT_TRY((*options.check)());
    const size_t first = next;
    while (next < alerts.size() && alerts[next].starts_at_ms <= now_ms) ++next;
    if (next > first) dispatcher.Put(std::span(alerts).subspan(first, next - first), now_ms);
    for (const Notification& notification : dispatcher.Advance(now_ms)) {
      if (now_ms >= options.start_ms) Note(notification, now_ms, options, run);
      dispatcher.Finish(notification.id, /*delivered=*/true, now_ms);
    }
  }
}

std::vector<DryRunChange> Compare(const DryRun& before, const DryRun& after,
                                  std::span<const HistoryEvent> events) {
  std::map<uint64_t, DryRunChange> changes;
  for (const auto& [fingerprint, receivers] : before.told) changes[fingerprint].before = receivers;
  for (const auto& [fingerprint, receivers] : after.told) changes[fingerprint].after = receivers;
  std::erase_if(changes, [](const auto& item) { return item.second.before == item.second.after; });
  for (const HistoryEvent& event : events) {
    const auto found = changes.find(event.alert->fingerprint);
    if (found != changes.end()) found->second.labels = event.alert->labels;
  }
  std::vector<DryRunChange> out;
  for (auto& [fingerprint, change] : changes) out.push_back(std::move(change));
  return out;
}

}  // namespace sextant::alerting
