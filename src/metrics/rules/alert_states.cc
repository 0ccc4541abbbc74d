#include "metrics/rules/alert_states.h"

#include <algorithm>
#include <set>
#include <utility>

namespace sextant::rules {

std::string_view AlertStateText(AlertState state) {
  constexpr std::string_view kTexts[] = {"unknown", "inactive", "pending", "firing"};
  return kTexts[static_cast<size_t>(state)];
}

core::Status AlertStates::Update(std::vector<AlertInstance> instances, const AlertRuleTiming& timing,
                                 int64_t limit, core::TimestampMs now_ms) {
  std::set<model::Labels> returned;
  for (const AlertInstance& instance : instances) {
    if (returned.insert(instance.labels).second) continue;
    return core::Fail(core::Code::kInvalidArgument,
                      "vector contains metrics with the same labelset after applying alert labels");
  }
  for (AlertInstance& instance : instances) {
    const auto [entry, is_new] = alerts_.try_emplace(instance.labels);
    TrackedAlert& alert = entry->second;
    if (is_new || alert.state == AlertState::kInactive) {
      alert = TrackedAlert{};
      alert.active_at_ms = now_ms;
    }
    // What is equal stays: others share it.
    if (alert.annotations != instance.annotations) alert.annotations = std::move(instance.annotations);
    alert.value = instance.value;
  }

  int64_t active = 0;
  for (auto it = alerts_.begin(); it != alerts_.end();) {
    TrackedAlert& alert = it->second;
    if (returned.contains(it->first)) {
      alert.keep_firing_since_ms = 0;
    } else if (!KeepsFiring(alert, timing, now_ms)) {
      const bool is_forgotten =
          alert.state == AlertState::kPending ||
          (alert.resolved_at_ms != 0 && now_ms - alert.resolved_at_ms > kResolvedRetentionMs);
      if (alert.state != AlertState::kInactive) {
        alert.state = AlertState::kInactive;
        alert.resolved_at_ms = now_ms;
      }
      it = is_forgotten ? alerts_.erase(it) : std::next(it);
      continue;
    }
    if (alert.state == AlertState::kPending && now_ms - alert.active_at_ms >= timing.for_ms) {
      alert.state = AlertState::kFiring;
      alert.fired_at_ms = now_ms;
    }
    ++active;
    ++it;
  }
  if (limit > 0 && active > limit) {
    alerts_.clear();
    return core::Fail(core::Code::kResourceExhausted, "exceeded limit of {} with {} alerts", limit, active);
  }
  return {};
}

bool AlertStates::KeepsFiring(TrackedAlert& alert, const AlertRuleTiming& timing, core::TimestampMs now_ms) {
  if (alert.state != AlertState::kFiring || timing.keep_firing_for_ms <= 0) return false;
  if (alert.keep_firing_since_ms == 0) alert.keep_firing_since_ms = now_ms;
  return now_ms - alert.keep_firing_since_ms < timing.keep_firing_for_ms;
}

std::vector<AlertStates::Alerts::const_pointer> AlertStates::TakeDue(core::TimestampMs now_ms,
                                                                     core::DurationMs resend_delay_ms,
                                                                     core::DurationMs interval_ms) {
  std::vector<Alerts::const_pointer> due;
  for (auto& entry : alerts_) {
    TrackedAlert& alert = entry.second;
    if (alert.state == AlertState::kPending) continue;
    const bool has_news = alert.resolved_at_ms > alert.last_sent_at_ms;
    if (!has_news && alert.last_sent_at_ms + resend_delay_ms >= now_ms) continue;
    alert.last_sent_at_ms = now_ms;
    // Leaves room for two evaluations or sendings that fail.
    alert.valid_until_ms = now_ms + 4 * std::max(interval_ms, resend_delay_ms);
    due.push_back(&entry);
  }
  return due;
}

void AlertStates::SetActiveAt(const model::Labels& labels, core::TimestampMs active_at_ms) {
  if (const auto found = alerts_.find(labels); found != alerts_.end())
    found->second.active_at_ms = active_at_ms;
}

}  // namespace sextant::rules
