#include "alerting/history.h"

#include <algorithm>
#include <iterator>

#include "alerting/history_codec.h"

namespace sextant::alerting {
namespace {

using core::TimestampMs;

// Senders repeat what is firing more often than this.
constexpr core::DurationMs kRestoredGraceMs = 300'000;
constexpr size_t kMaxHolds = 64;
constexpr size_t kMaxDetailBytes = 1'024;

std::shared_ptr<const HistoryAlert> Describe(const model::Labels& labels, uint64_t fingerprint) {
  size_t bytes = 0;
  for (const model::LabelView label : labels) bytes += label.name.size() + label.value.size();
  return std::make_shared<const HistoryAlert>(HistoryAlert{labels, fingerprint, bytes});
}

// Of one event, on the safe side.
size_t Cost(const HistoryEvent& event) {
  const HistoryContext& context = *event.context;
  return sizeof(HistoryEvent) + event.alert->bytes + context.receiver.size() + context.integration.size() +
         context.detail.size();
}

std::string Cut(std::string text) {
  if (text.size() <= kMaxDetailBytes) return text;
  size_t end = kMaxDetailBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text + "…";
}

bool IsOfRoute(SuppressReason reason) {
  return reason == SuppressReason::kActiveInterval || reason == SuppressReason::kMuteInterval;
}

HistoryKind KindOf(SuppressReason reason) {
  switch (reason) {
    case SuppressReason::kInhibition:
      return HistoryKind::kInhibited;
    case SuppressReason::kSilence:
      return HistoryKind::kSilenced;
    case SuppressReason::kActiveInterval:
    case SuppressReason::kMuteInterval:
      break;
  }
  return HistoryKind::kMuted;
}

}  // namespace

std::string_view HistoryKindName(HistoryKind kind) {
  switch (kind) {
    case HistoryKind::kFiring:
      return "firing";
    case HistoryKind::kResolved:
      return "resolved";
    case HistoryKind::kInhibited:
      return "inhibited";
    case HistoryKind::kSilenced:
      return "silenced";
    case HistoryKind::kMuted:
      return "muted";
    case HistoryKind::kNotified:
      return "notified";
    case HistoryKind::kNotificationFailed:
      return "notification_failed";
  }
  return "";
}

AlertHistory::AlertHistory(core::Registry& registry, HistoryLimits limits)
    : limits_(limits),
      cut_by_age_(registry.AddCounter("sextant_alerting_history_dropped_total",
                                      "Events dropped from the alert history.", {{"reason", "age"}})),
      cut_by_number_(registry.AddCounter("sextant_alerting_history_dropped_total",
                                         "Events dropped from the alert history.", {{"reason", "number"}})),
      cut_by_bytes_(registry.AddCounter("sextant_alerting_history_dropped_total",
                                        "Events dropped from the alert history.", {{"reason", "bytes"}})),
      events_count_(registry.AddGauge("sextant_alerting_history_events", "Events in the alert history.")),
      events_bytes_(registry.AddGauge("sextant_alerting_history_bytes",
                                      "What the alert history counts against its limit of bytes.")) {}

void AlertHistory::OnAlert(uint64_t fingerprint, const AlertPtr& alert, TimestampMs now_ms) {
  std::lock_guard lock(mutex_);
  const auto found = open_.find(fingerprint);
  if (!alert->IsResolvedAt(now_ms)) {
    if (found != open_.end()) {
      found->second.report = alert;
      return;
    }
    const auto described = Describe(alert->labels, fingerprint);
    open_.emplace(fingerprint, Open{described, alert, now_ms, kZeroTimeMs, {}});
    return Add(now_ms, HistoryKind::kFiring, false, described, no_context_);
  }
  if (found == open_.end()) return;
  const auto described = found->second.alert;
  open_.erase(found);
  Add(now_ms, HistoryKind::kResolved, false, described, no_context_);
}

void AlertHistory::OnLeftOut(uint64_t fingerprint, SuppressReason reason, std::string_view receiver,
                             std::span<const std::string> causes, TimestampMs now_ms) {
  std::lock_guard lock(mutex_);
  const auto found = open_.find(fingerprint);
  if (found == open_.end()) return;
  std::vector<Hold>& holds = found->second.holds;
  const uint64_t receiver_hash = IsOfRoute(reason) ? std::hash<std::string_view>()(receiver) : 0;
  for (const Hold& hold : holds) {
    if (hold.reason == reason && hold.receiver == receiver_hash) return;
  }
  if (holds.size() >= kMaxHolds) return;
  holds.push_back({reason, receiver_hash});
  auto context = std::make_shared<HistoryContext>();
  if (IsOfRoute(reason)) context->receiver = receiver;
  for (const std::string& cause : causes) context->detail += (context->detail.empty() ? "" : " ") + cause;
  context->detail = Cut(std::move(context->detail));
  Add(now_ms, KindOf(reason), false, found->second.alert, std::move(context));
}

void AlertHistory::Notified(const Notification& notification, bool delivered, const std::string& error,
                            TimestampMs now_ms) {
  auto context = std::make_shared<HistoryContext>();
  context->receiver = notification.receiver_name;
  context->integration = IntegrationName(notification.integration.kind);
  context->detail = delivered ? std::string(ReasonText(notification.reason)) : Cut(error);
  const uint64_t receiver_hash = std::hash<std::string_view>()(notification.receiver_name);
  std::lock_guard lock(mutex_);
  context->notification = last_id_ + 1;
  for (const Alert& alert : notification.alerts) {
    const uint64_t fingerprint = Fingerprint(alert.labels);
    const auto found = open_.find(fingerprint);
    if (found != open_.end() && delivered) {
      std::erase_if(found->second.holds, [receiver_hash](const Hold& hold) {
        return hold.receiver == 0 || hold.receiver == receiver_hash;
      });
    }
    Add(now_ms, delivered ? HistoryKind::kNotified : HistoryKind::kNotificationFailed,
        alert.ends_at_ms != kZeroTimeMs,
        found != open_.end() ? found->second.alert : Describe(alert.labels, fingerprint), context);
  }
}

void AlertHistory::Collect(TimestampMs now_ms) {
  std::lock_guard lock(mutex_);
  for (auto at = open_.begin(); at != open_.end();) {
    Open& open = at->second;
    TimestampMs end_ms = kZeroTimeMs;
    if (open.report != nullptr) {
      if (open.report->IsResolvedAt(now_ms)) end_ms = std::max(open.report->ends_at_ms, open.began_ms);
    } else if (open.waits_until_ms == kZeroTimeMs || open.waits_until_ms > now_ms + kRestoredGraceMs) {
      open.waits_until_ms = now_ms + kRestoredGraceMs;
    } else if (open.waits_until_ms <= now_ms) {
      end_ms = now_ms;
    }
    if (end_ms == kZeroTimeMs) {
      ++at;
      continue;
    }
    const auto described = open.alert;
    at = open_.erase(at);
    Add(end_ms, HistoryKind::kResolved, false, described, no_context_);
  }
  while (!events_.empty() && events_.front().time_ms < now_ms - limits_.retention_ms) DropFirst(cut_by_age_);
}

void AlertHistory::Add(TimestampMs time_ms, HistoryKind kind, bool is_about_end,
                       std::shared_ptr<const HistoryAlert> alert,
                       std::shared_ptr<const HistoryContext> context) {
  Keep({last_id_ + 1, time_ms, kind, is_about_end, std::move(alert), std::move(context)});
}

void AlertHistory::Keep(HistoryEvent event) {
  last_id_ = event.id;
  bytes_ += Cost(event);
  events_.push_back(std::move(event));
  while (events_.size() > limits_.max_events) DropFirst(cut_by_number_);
  while (bytes_ > limits_.max_bytes && !events_.empty()) DropFirst(cut_by_bytes_);
  events_count_.Set(static_cast<double>(events_.size()));
  events_bytes_.Set(static_cast<double>(bytes_));
}

void AlertHistory::DropFirst(core::Counter& counter) {
  bytes_ -= Cost(events_.front());
  events_.pop_front();
  counter.Increment();
  events_count_.Set(static_cast<double>(events_.size()));
  events_bytes_.Set(static_cast<double>(bytes_));
}

// Ids grow along the history.
std::vector<HistoryEvent> AlertHistory::EventsBefore(uint64_t id, size_t most) const {
  std::lock_guard lock(mutex_);
  const auto end = std::ranges::lower_bound(events_, id, {}, &HistoryEvent::id);
  const auto size = std::min(most, static_cast<size_t>(end - events_.begin()));
  return {std::make_reverse_iterator(end), std::make_reverse_iterator(end - static_cast<ptrdiff_t>(size))};
}

std::vector<HistoryEvent> AlertHistory::EventsAfter(uint64_t id, size_t most) const {
  std::lock_guard lock(mutex_);
  const auto begin = std::ranges::upper_bound(events_, id, {}, &HistoryEvent::id);
  const auto size = std::min(most, static_cast<size_t>(events_.end() - begin));
  return {begin, begin + static_cast<ptrdiff_t>(size)};
}

std::string AlertHistory::Serialize() const {
  std::vector<HistoryEvent> events;
  {
    std::lock_guard lock(mutex_);
    events.assign(events_.begin(), events_.end());
  }
  std::vector<const HistoryEvent*> pointers;
  for (const HistoryEvent& event : events) pointers.push_back(&event);
  return EncodeHistory(pointers);
}

std::vector<std::string> AlertHistory::TakeRecords() {
  std::lock_guard lock(mutex_);
  std::vector<const HistoryEvent*> fresh;
  for (auto at = events_.rbegin(); at != events_.rend() && at->id > saved_id_; ++at) fresh.push_back(&*at);
  saved_id_ = last_id_;
  if (fresh.empty()) return {};
  std::reverse(fresh.begin(), fresh.end());
  return {EncodeHistory(fresh)};
}

bool AlertHistory::has_records() const {
  std::lock_guard lock(mutex_);
  return saved_id_ < last_id_;
}

core::Status AlertHistory::Restore(std::string_view bytes) {
  SEXTANT_ASSIGN(std::vector<HistoryEvent> events, DecodeHistory(bytes));
  std::lock_guard lock(mutex_);
  for (HistoryEvent& event : events) {
    if (event.id <= last_id_) continue;
    Replay(event);
    Keep(std::move(event));
  }
  saved_id_ = last_id_;
  return {};
}

// What was firing when the event was kept is firing until we learn otherwise.
void AlertHistory::Replay(const HistoryEvent& event) {
  const uint64_t fingerprint = event.alert->fingerprint;
  if (event.kind == HistoryKind::kFiring) {
    open_.insert_or_assign(fingerprint, Open{event.alert, nullptr, event.time_ms, kZeroTimeMs, {}});
  } else if (event.kind == HistoryKind::kResolved) {
    open_.erase(fingerprint);
  }
}

}  // namespace sextant::alerting
