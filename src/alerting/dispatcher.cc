#include "alerting/dispatcher.h"

#include <algorithm>
#include <limits>

#include "config/text.h"

namespace sextant::alerting {
namespace {

using core::DurationMs;
using core::TimestampMs;

// A short group_interval must not make slow receivers impossible.
constexpr DurationMs kMinDeadlineMs = 10'000;
// Smaller steps back are the clock being disciplined.
constexpr DurationMs kJumpMs = 1'000;

AlertSet HashesOf(const std::vector<Alert>& alerts, bool resolved) {
  AlertSet set;
  for (const Alert& alert : alerts) {
    if ((alert.ends_at_ms != kZeroTimeMs) == resolved) set.push_back(AlertHash(alert.labels));
  }
  std::sort(set.begin(), set.end());
  return set;
}

}  // namespace

std::string_view SuppressReasonName(SuppressReason reason) {
  switch (reason) {
    case SuppressReason::kInhibition:
      return "inhibition";
    case SuppressReason::kSilence:
      return "silence";
    case SuppressReason::kActiveInterval:
      return "active_time_interval";
    case SuppressReason::kMuteInterval:
      return "mute_time_interval";
  }
  return "";
}

bool Notification::IsFiring() const {
  return std::any_of(alerts.begin(), alerts.end(),
                     [](const Alert& a) { return a.ends_at_ms == kZeroTimeMs; });
}

struct Dispatcher::Group {
  GroupId id;
  std::string key;
  std::map<uint64_t, AlertPtr> alerts;
  TimestampMs next_flush_ms = 0;
  bool has_flushed = false;
  std::string uuid;                         // made when somebody records it
  uint64_t flush_id = 0;                    // of the last flush
  std::shared_ptr<const FlushFacts> flush;  // null: nobody records it

  // Of the flush under way: what it knew to be resolved, and how many integrations have not answered.
  std::map<uint64_t, AlertPtr> flushed_resolved;
  size_t waiting_for = 0;
  bool flush_failed = false;
  // Somebody may know of an alert that ended while nobody was running, although the log does not say so.
  bool may_have_been_told = false;
  std::set<size_t> busy;  // integrations that still work on an earlier flush
};

Dispatcher::Dispatcher(std::shared_ptr<const Config> config, DispatcherLimits limits, DispatcherTimes times)
    : limits_(limits),
      times_(times),
      config_(std::move(config)),
      integrations_(ListIntegrations(*config_)),
      root_(BuildRoutes(*config_)),
      inhibitor_(*config_),
      log_(limits.max_log_entries, times.log_retention_ms),
      silences_(limits.silences),
      alertname_limit_(limits.alerts_per_alertname) {}

Dispatcher::~Dispatcher() = default;

void Dispatcher::SetConfig(std::shared_ptr<const Config> config, TimestampMs now_ms) {
  timers_.clear();
  for (auto& [id, flight] : flights_) flight.group = nullptr;
  groups_.clear();
  config_ = std::move(config);
  integrations_ = ListIntegrations(*config_);
  root_ = BuildRoutes(*config_);
  inhibitor_ = Inhibitor(*config_);
  for (auto& [fingerprint, record] : alerts_) {
    inhibitor_.Update(fingerprint, record.alert);
    record.groups.clear();
    for (const Route* route : MatchRoutes(*root_, record.alert->labels)) {
      record.groups.push_back({route, route->GroupLabels(record.alert->labels)});
    }
    for (GroupId& id : record.groups) static_cast<void>(Join(id, fingerprint, record.alert, now_ms));
  }
}

// --- alerts coming in ---

core::Status Dispatcher::Check(const Alert& alert) const {
  const auto invalid = [](std::string_view what) {
    return core::Fail(core::Code::kInvalidArgument, "{}", what);
  };
  if (alert.labels.empty()) return invalid("at least one label pair required");
  size_t bytes = alert.generator_url.size();
  for (const model::LabelView label : alert.labels) {
    if (!IsValidLabelName(label.name, MatcherSyntax::kFallback)) {
      return core::Fail(core::Code::kInvalidArgument, "invalid label set: invalid name {}",
                        config::Quote(label.name));
    }
    if (!config::IsUtf8(label.value)) {
      return core::Fail(core::Code::kInvalidArgument, "invalid label set: invalid value {}",
                        config::Quote(label.value));
    }
    bytes += label.name.size() + label.value.size();
  }
  for (const auto& [name, value] : alert.annotations) {
    if (!IsValidLabelName(name, MatcherSyntax::kFallback) || !config::IsUtf8(value)) {
      return core::Fail(core::Code::kInvalidArgument, "invalid annotations: invalid name or value of {}",
                        config::Quote(name));
    }
    bytes += name.size() + value.size();
  }
  if (alert.labels.size() > limits_.max_labels || alert.annotations.size() > limits_.max_labels) {
    return core::Fail(core::Code::kInvalidArgument, "alert has more than {} labels or annotations",
                      limits_.max_labels);
  }
  if (bytes > limits_.max_alert_bytes) {
    return core::Fail(core::Code::kInvalidArgument, "alert of {} bytes exceeds {}", bytes,
                      limits_.max_alert_bytes);
  }
  if (alert.starts_at_ms != kZeroTimeMs && alert.ends_at_ms != kZeroTimeMs &&
      alert.ends_at_ms < alert.starts_at_ms) {
    return invalid("start time must be before end time");
  }
  return {};
}

Alert Dispatcher::Normalized(const Alert& alert, TimestampMs now_ms) const {
  Alert out = alert;
  out.updated_at_ms = now_ms;
  out.has_timeout = false;
  if (out.starts_at_ms == kZeroTimeMs) {
    out.starts_at_ms = out.ends_at_ms == kZeroTimeMs ? now_ms : out.ends_at_ms;
  }
  if (out.ends_at_ms == kZeroTimeMs) {
    out.has_timeout = true;
    out.ends_at_ms = now_ms + config_->global.resolve_timeout_ms;
  }
  return out;
}

PutReport Dispatcher::Put(std::span<const Alert> alerts, TimestampMs now_ms) {
  FollowTime(now_ms);
  PutReport report;
  for (const Alert& alert : alerts) {
    const core::Status status = PutOne(alert, now_ms);
    if (status) {
      ++report.accepted;
    } else if (status.error().code() == core::Code::kInvalidArgument) {
      report.errors.push_back(status.error().message());
    } else {
      ++alerts_limited_;
      if (status.error().code() == core::Code::kUnavailable) {
        ++report.limited;
        report.limited_names.emplace_back(alert.labels.Get("alertname"));
      } else {
        report.limit_errors.push_back(status.error().message());
      }
    }
  }
  return report;
}

core::Status Dispatcher::PutOne(const Alert& alert, TimestampMs now_ms) {
  SEXTANT_TRY(Check(alert));
  const uint64_t fingerprint = Fingerprint(alert.labels);
  auto found = alerts_.find(fingerprint);
  if (found == alerts_.end() && alerts_.size() >= limits_.max_alerts) {
    return core::Fail(core::Code::kResourceExhausted, "too many alerts: the limit is {}", limits_.max_alerts);
  }
  Alert fresh = Normalized(alert, now_ms);
  if (!alertname_limit_.Admit(fresh.labels.Get("alertname"), fingerprint, fresh.ends_at_ms, now_ms)) {
    return core::Fail(core::Code::kUnavailable, "the limit of alerts with this alertname is reached");
  }
  if (found == alerts_.end()) {
    Record record;
    for (const Route* route : MatchRoutes(*root_, fresh.labels)) {
      record.groups.push_back({route, route->GroupLabels(fresh.labels)});
    }
    found = alerts_.emplace(fingerprint, std::move(record)).first;
    if (steps_ != nullptr) steps_->OnCreated(fresh, now_ms);
  } else if (Overlaps(*found->second.alert, fresh)) {
    fresh = Merge(*found->second.alert, fresh, now_ms);
  }
  Record& record = found->second;
  const bool has_ended =
      record.alert != nullptr && !record.alert->IsResolvedAt(now_ms) && fresh.IsResolvedAt(now_ms);
  record.alert = std::make_shared<const Alert>(std::move(fresh));
  inhibitor_.Update(fingerprint, record.alert);
  firing_.Confirm(fingerprint);
  if (observer_ != nullptr) observer_->OnAlert(fingerprint, record.alert, now_ms);
  core::Status status;
  bool is_new = false;
  for (GroupId& id : record.groups) {
    const core::Result<bool> joined = Join(id, fingerprint, record.alert, now_ms);
    if (!joined) status = tl::unexpected(joined.error());
    is_new = is_new || (joined && *joined);
  }
  if (is_new || has_ended) firing_.Add(*record.alert);
  return status;
}

core::Result<bool> Dispatcher::Join(GroupId& id, uint64_t fingerprint, const AlertPtr& alert,
                                    TimestampMs now_ms) {
  auto found = groups_.find(id);
  if (found == groups_.end()) {
    if (groups_.size() >= limits_.max_groups) {
      return core::Fail(core::Code::kResourceExhausted, "too many groups: the limit is {}",
                        limits_.max_groups);
    }
    auto group = std::make_unique<Group>();
    group->id = id;
    group->key = id.route->key + ":" + LabelSetText(id.labels);
    group->next_flush_ms = now_ms + id.route->group_wait_ms;
    timers_.insert({group->next_flush_ms, group.get()});
    found = groups_.emplace(id, std::move(group)).first;
  }
  id.labels = found->first.labels;
  Group& group = *found->second;
  const bool is_new = group.alerts.insert_or_assign(fingerprint, alert).second;
  if (is_new && steps_ != nullptr) steps_->OnGrouped(*alert, Describe(group), now_ms);
  // An alert that has waited long enough elsewhere does not wait again.
  if (!group.has_flushed && alert->starts_at_ms + id.route->group_wait_ms < now_ms) Schedule(group, now_ms);
  return is_new;
}

bool Dispatcher::IsInGroup(uint64_t fingerprint, const model::Labels& labels) const {
  const std::vector<const Route*> routes = MatchRoutes(*root_, labels);
  return std::any_of(routes.begin(), routes.end(), [&](const Route* route) {
    const auto group = groups_.find(GroupId{route, route->GroupLabels(labels)});
    return group != groups_.end() && group->second->alerts.contains(fingerprint);
  });
}

std::string Dispatcher::SerializeFiringAlerts() const {
  std::map<uint64_t, const Alert*> alerts;  // each once
  for (const auto& [id, group] : groups_) {
    for (const auto& [fingerprint, alert] : group->alerts) alerts[fingerprint] = alert.get();
  }
  std::string out = firing_.SerializeRestored();
  for (const auto& [fingerprint, alert] : alerts) out += firing_.Serialize(*alert, fingerprint);
  return out;
}

// --- time ---

void Dispatcher::Schedule(Group& group, TimestampMs at_ms) {
  timers_.erase({group.next_flush_ms, &group});
  group.next_flush_ms = at_ms;
  timers_.insert({at_ms, &group});
}

void Dispatcher::FollowTime(TimestampMs now_ms) {
  if (last_now_ms_ != kZeroTimeMs && now_ms < last_now_ms_ - kJumpMs) {
    const DurationMs by_ms = now_ms - last_now_ms_;
    timers_.clear();
    for (auto& [id, group] : groups_) {
      group->next_flush_ms += by_ms;
      timers_.insert({group->next_flush_ms, group.get()});
    }
    next_maintenance_ms_ = now_ms;
    next_collection_ms_ = now_ms;
  }
  last_now_ms_ = now_ms;
}

TimestampMs Dispatcher::NextWakeup() const {
  TimestampMs next_ms = std::numeric_limits<TimestampMs>::max();
  if (!timers_.empty()) {
    next_ms = std::min(std::max(timers_.begin()->first, times_.dispatch_after_ms), next_maintenance_ms_);
  }
  if (!alerts_.empty()) next_ms = std::min(next_ms, next_collection_ms_);
  return std::min(next_ms, firing_.next_due_ms());
}

void Dispatcher::Maintain(TimestampMs now_ms) {
  if (now_ms >= next_maintenance_ms_) {
    next_maintenance_ms_ = now_ms + times_.maintenance_ms;
    std::erase_if(groups_, [this](const auto& item) {
      Group& group = *item.second;
      if (!group.alerts.empty() || group.waiting_for > 0) return false;
      timers_.erase({group.next_flush_ms, &group});
      for (auto& [id, flight] : flights_) {
        if (flight.group == &group) flight.group = nullptr;
      }
      return true;
    });
  }
  if (now_ms >= next_collection_ms_) {
    next_collection_ms_ = now_ms + times_.collection_ms;
    CollectAlerts(now_ms);
  }
}

void Dispatcher::CollectAlerts(TimestampMs now_ms) {
  std::erase_if(alerts_, [this, now_ms](const auto& item) {
    const auto& [fingerprint, record] = item;
    if (!record.alert->IsResolvedAt(now_ms)) return false;
    inhibitor_.Remove(fingerprint, record.alert->labels);
    alertname_limit_.Remove(record.alert->labels.Get("alertname"), fingerprint);
    silences_.ForgetAlert(fingerprint);
    return true;
  });
}

// --- flushing ---

std::vector<Notification> Dispatcher::Advance(TimestampMs now_ms) {
  FollowTime(now_ms);
  std::vector<Notification> out;
  PutRestored(now_ms);
  while (now_ms >= times_.dispatch_after_ms && !timers_.empty() && timers_.begin()->first <= now_ms) {
    Group& group = *timers_.begin()->second;
    // Keep the rhythm; after a long sleep begin a new one.
    const TimestampMs next_ms = group.next_flush_ms + group.id.route->group_interval_ms;
    Schedule(group, next_ms > now_ms ? next_ms : now_ms + group.id.route->group_interval_ms);
    group.has_flushed = true;
    Flush(group, now_ms, out);
  }
  Maintain(now_ms);
  return out;
}

// Alerts of before a restart that nobody has repeated.
void Dispatcher::PutRestored(TimestampMs now_ms) {
  for (const auto& [alert, may_be_told] : firing_.TakeDue(now_ms)) {
    Put(std::span(&alert, 1), now_ms);
    if (!may_be_told) continue;
    firing_.NoteTold(Fingerprint(alert.labels));
    for (const Route* route : MatchRoutes(*root_, alert.labels)) {
      const auto group = groups_.find(GroupId{route, route->GroupLabels(alert.labels)});
      if (group != groups_.end()) group->second->may_have_been_told = true;
    }
  }
}

std::vector<Alert> Dispatcher::Snapshot(const Group& group, TimestampMs now_ms) {
  std::vector<Alert> alerts;
  const std::string& receiver = config_->receivers[group.id.route->receiver].name;
  const auto leave_out = [&](uint64_t fingerprint, SuppressReason reason,
                             std::span<const std::string> causes) {
    Suppress(reason, 1);
    if (steps_ != nullptr) TellWhatHeldBack(fingerprint, *group.alerts.at(fingerprint), reason, now_ms);
    if (observer_ != nullptr) observer_->OnLeftOut(fingerprint, reason, receiver, causes, now_ms);
  };
  for (const auto& [fingerprint, alert] : group.alerts) {
    if (const auto sources = inhibitor_.InhibitedBy(alert->labels, now_ms); !sources.empty()) {
      std::vector<std::string> causes(sources.size());
      std::transform(sources.begin(), sources.end(), causes.begin(), FingerprintText);
      leave_out(fingerprint, SuppressReason::kInhibition, causes);
      continue;
    }
    alerts.push_back(*alert);
    // An end in the future is only an expectation.
    if (!alert->IsResolvedAt(now_ms)) alerts.back().ends_at_ms = kZeroTimeMs;
  }
  if (alerts.empty()) return alerts;
  if (const Mute mute = group.id.route->MutedAt(now_ms)) {
    const SuppressReason reason = mute.reason == MuteReason::kMuteInterval ? SuppressReason::kMuteInterval
                                                                           : SuppressReason::kActiveInterval;
    for (const Alert& alert : alerts) leave_out(Fingerprint(alert.labels), reason, mute.intervals);
    return {};
  }
  std::erase_if(alerts, [&](const Alert& alert) {
    const uint64_t fingerprint = Fingerprint(alert.labels);
    const std::vector<std::string> ids = silences_.Silencing(fingerprint, alert.labels, now_ms);
    if (!ids.empty()) leave_out(fingerprint, SuppressReason::kSilence, ids);
    return !ids.empty();
  });
  std::stable_sort(alerts.begin(), alerts.end(), ComesBefore);
  return alerts;
}

void Dispatcher::Flush(Group& group, TimestampMs now_ms, std::vector<Notification>& out) {
  if (group.alerts.empty()) return;
  group.flush_failed = false;
  group.flushed_resolved.clear();
  for (const auto& [fingerprint, alert] : group.alerts) {
    if (alert->IsResolvedAt(now_ms)) group.flushed_resolved.emplace(fingerprint, alert);
  }
  const std::vector<Alert> alerts = Snapshot(group, now_ms);
  if (steps_ != nullptr && !alerts.empty()) {
    auto flush = std::make_shared<FlushFacts>();
    flush->group = Describe(group);
    flush->id = ++group.flush_id;
    flush->repeat_interval_ms = group.id.route->repeat_interval_ms;
    std::set<uint64_t> told;
    for (const Alert& alert : alerts) told.insert(Fingerprint(alert.labels));
    for (const auto& [fingerprint, alert] : group.alerts) {
      if (!told.contains(fingerprint)) flush->muted.push_back(*alert);
    }
    group.flush = std::move(flush);
  }
  if (!alerts.empty()) {
    for (size_t i = 0; i < integrations_.size(); ++i) {
      if (integrations_[i].receiver != group.id.route->receiver) continue;
      if (!NotifyIntegration(group, i, alerts, now_ms, out)) group.flush_failed = true;
    }
  }
  if (group.waiting_for == 0) ForgetResolved(group, now_ms);
}

GroupFacts Dispatcher::Describe(Group& group) const {
  if (group.uuid.empty()) group.uuid = RandomUuid();
  const Route& route = *group.id.route;
  return {group.key, group.id.labels, config_->receivers[route.receiver].name, route.matchers, group.uuid};
}

void Dispatcher::TellWhatHeldBack(uint64_t fingerprint, const Alert& alert, SuppressReason reason,
                                  TimestampMs now_ms) {
  if (reason == SuppressReason::kInhibition) {
    size_t rule = 0;
    const std::vector<uint64_t> sources = inhibitor_.InhibitedBy(alert.labels, now_ms, &rule);
    steps_->OnInhibited(fingerprint, alert.labels, config_->inhibit_rules[rule], sources);
  } else if (reason == SuppressReason::kSilence) {
    for (const std::string& id : silences_.Silencing(fingerprint, alert.labels, now_ms)) {
      if (const Silence* silence = silences_.Find(id))
        steps_->OnSilenced(fingerprint, alert.labels, *silence);
    }
  }
}

// False when the integration could not be asked now.
bool Dispatcher::NotifyIntegration(Group& group, size_t integration, const std::vector<Alert>& alerts,
                                   TimestampMs now_ms, std::vector<Notification>& out) {
  // Whoever still tries to deliver the last one will not be given another.
  if (group.busy.contains(integration)) return false;
  const Integration& target = integrations_[integration];
  const Route& route = *group.id.route;
  const std::string& receiver_name = config_->receivers[target.receiver].name;
  const std::string log_key = LogKey(group.key, receiver_name, IntegrationName(target.kind), target.index);
  const LogEntry* last = log_.Find(log_key, now_ms);
  Flight flight{log_key,
                HashesOf(alerts, false),
                HashesOf(alerts, true),
                route.repeat_interval_ms,
                &group,
                integration,
                last == nullptr ? ReceiverData() : last->receiver_data};
  Reason reason = DecideNotification(last, flight.firing, flight.resolved, target.send_resolved,
                                     route.repeat_interval_ms, now_ms);
  if (reason == Reason::kNothingNew && flight.firing.empty() && group.may_have_been_told)
    reason = Reason::kAllResolved;
  if (reason == Reason::kNothingNew) return true;

  Notification notification{next_id_,     config_,
                            target,       receiver_name,
                            group.key,    group.id.labels,
                            reason,       {},
                            now_ms,       now_ms + std::max(route.group_interval_ms, kMinDeadlineMs),
                            route.labels, flight.receiver_data,
                            group.flush};
  for (const Alert& alert : alerts) {
    if (target.send_resolved || alert.ends_at_ms == kZeroTimeMs) notification.alerts.push_back(alert);
  }
  if (notification.alerts.empty()) {
    // All resolved, and the receiver does not want to hear it: only the log changes.
    log_.Put(log_key, {now_ms,
                       now_ms + 2 * route.repeat_interval_ms,
                       {},
                       std::move(flight.resolved),
                       std::move(flight.receiver_data)});
    return true;
  }
  if (flights_.size() >= limits_.max_pending_notifications) {
    ++notifications_limited_;
    return false;
  }
  for (const Alert& alert : notification.alerts) {
    if (alert.ends_at_ms == kZeroTimeMs) firing_.NoteTold(Fingerprint(alert.labels));
  }
  flights_.emplace(next_id_++, std::move(flight));
  group.busy.insert(integration);
  ++group.waiting_for;
  out.push_back(std::move(notification));
  return true;
}

void Dispatcher::Finish(uint64_t notification_id, bool delivered, TimestampMs now_ms,
                        ReceiverData receiver_data) {
  const auto found = flights_.find(notification_id);
  if (found == flights_.end()) return;
  Flight flight = std::move(found->second);
  flights_.erase(found);
  if (delivered) {
    if (receiver_data.empty()) receiver_data = std::move(flight.receiver_data);
    log_.Put(std::move(flight.log_key),
             {now_ms, now_ms + 2 * flight.repeat_interval_ms, std::move(flight.firing),
              std::move(flight.resolved), std::move(receiver_data)});
  }
  if (flight.group == nullptr) return;
  Group& group = *flight.group;
  group.busy.erase(flight.integration);
  --group.waiting_for;
  if (!delivered) group.flush_failed = true;
  if (group.waiting_for == 0) ForgetResolved(group, now_ms);
}

// Drops the alerts that the last flush reported as resolved, unless somebody was not told or they came back.
void Dispatcher::ForgetResolved(Group& group, TimestampMs now_ms) {
  if (!group.flush_failed) {
    for (const auto& [fingerprint, alert] : group.flushed_resolved) {
      const auto current = group.alerts.find(fingerprint);
      if (current == group.alerts.end() || current->second != alert) continue;
      if (steps_ != nullptr) steps_->OnForgotten(*alert, Describe(group), now_ms);
      group.alerts.erase(current);
      if (!IsInGroup(fingerprint, alert->labels)) firing_.Remove(fingerprint);
    }
    group.may_have_been_told = false;
  }
  group.flushed_resolved.clear();
}

// --- views ---

AlertView Dispatcher::View(uint64_t fingerprint, const Record& record, TimestampMs now_ms) {
  AlertView view{record.alert, fingerprint, AlertState::kActive, {}, {}, {}};
  for (const GroupId& id : record.groups)
    view.receivers.push_back(config_->receivers[id.route->receiver].name);
  if (record.alert->IsResolvedAt(now_ms)) {
    view.state = AlertState::kResolved;
    return view;
  }
  view.inhibited_by = inhibitor_.InhibitedBy(record.alert->labels, now_ms);
  view.silenced_by = silences_.Silencing(fingerprint, record.alert->labels, now_ms);
  if (!view.inhibited_by.empty() || !view.silenced_by.empty()) view.state = AlertState::kSuppressed;
  return view;
}

std::vector<AlertView> Dispatcher::Alerts(TimestampMs now_ms, bool with_resolved) {
  std::vector<AlertView> out;
  for (const auto& [fingerprint, record] : alerts_) {
    if (with_resolved || !record.alert->IsResolvedAt(now_ms))
      out.push_back(View(fingerprint, record, now_ms));
  }
  return out;
}

std::vector<GroupView> Dispatcher::Groups(TimestampMs now_ms) {
  std::vector<GroupView> out;
  for (const auto& [id, group] : groups_) {
    GroupView view{.labels = id.labels,
                   .receiver = config_->receivers[id.route->receiver].name,
                   .key = group->key,
                   .next_flush_ms = group->next_flush_ms,
                   .muted_by = id.route->MutedAt(now_ms).intervals,
                   .route_labels = id.route->labels,
                   .alerts = {}};
    for (const auto& [fingerprint, alert] : group->alerts) {
      const auto record = alerts_.find(fingerprint);
      if (record == alerts_.end() || record->second.alert->IsResolvedAt(now_ms)) continue;
      view.alerts.push_back(View(fingerprint, record->second, now_ms));
    }
    if (view.alerts.empty()) continue;
    std::stable_sort(view.alerts.begin(), view.alerts.end(),
                     [](const AlertView& a, const AlertView& b) { return ComesBefore(*a.alert, *b.alert); });
    out.push_back(std::move(view));
  }
  std::sort(out.begin(), out.end(), [](const GroupView& a, const GroupView& b) {
    if (a.labels != b.labels) return LabelSetComesBefore(a.labels, b.labels);
    return std::tie(a.receiver, a.key) < std::tie(b.receiver, b.key);
  });
  return out;
}

bool Dispatcher::IsSuppressed(uint64_t fingerprint, const Alert& alert, TimestampMs now_ms) {
  return !inhibitor_.InhibitedBy(alert.labels, now_ms).empty() ||
         !silences_.Silencing(fingerprint, alert.labels, now_ms).empty();
}

std::map<std::string, GroupCount> Dispatcher::CountByGroup(TimestampMs now_ms) {
  std::map<std::string, GroupCount> out;
  for (const auto& [id, group] : groups_) {
    GroupCount& count = out[group->key];
    for (const auto& [fingerprint, alert] : group->alerts) {
      const auto record = alerts_.find(fingerprint);
      if (record == alerts_.end() || record->second.alert->IsResolvedAt(now_ms)) continue;
      ++(IsSuppressed(fingerprint, *record->second.alert, now_ms) ? count.suppressed : count.active);
    }
  }
  return out;
}

DispatcherStats Dispatcher::Stats(TimestampMs now_ms) {
  DispatcherStats stats;
  for (const auto& [fingerprint, record] : alerts_) {
    if (record.alert->IsResolvedAt(now_ms)) continue;
    ++(IsSuppressed(fingerprint, *record.alert, now_ms) ? stats.alerts_suppressed : stats.alerts_active);
  }
  stats.groups = groups_.size();
  stats.pending_notifications = flights_.size();
  stats.log_entries = log_.size();
  stats.alerts_limited = alerts_limited_;
  stats.notifications_suppressed = notifications_suppressed_;
  stats.notifications_limited = notifications_limited_;
  stats.silences_active = silences_.Count(SilenceState::kActive, now_ms);
  stats.silences_pending = silences_.Count(SilenceState::kPending, now_ms);
  stats.silences_expired = silences_.Count(SilenceState::kExpired, now_ms);
  return stats;
}

Explanation Dispatcher::Explain(const model::Labels& labels, TimestampMs now_ms) {
  const uint64_t fingerprint = Fingerprint(labels);
  const auto known = alerts_.find(fingerprint);
  Explanation out{known == alerts_.end() ? nullptr : known->second.alert,
                  inhibitor_.InhibitedBy(labels, now_ms),
                  silences_.Silencing(fingerprint, labels, now_ms),
                  {}};
  // Labels that no alert has must not be remembered for ever.
  if (known == alerts_.end()) silences_.ForgetAlert(fingerprint);
  for (const Route* route : MatchRoutes(*root_, labels)) {
    const GroupId id{route, route->GroupLabels(labels)};
    const auto group = groups_.find(id);
    Mute mute = route->MutedAt(now_ms);
    RouteExplanation on_route{.route = route->key,
                              .receiver = config_->receivers[route->receiver].name,
                              .group_key = route->key + ":" + LabelSetText(id.labels),
                              .has_group = group != groups_.end(),
                              .mute_reason = mute.reason,
                              .muted_by = std::move(mute.intervals),
                              .integrations = {}};
    if (on_route.has_group) on_route.next_flush_ms = group->second->next_flush_ms;
    for (size_t i = 0; i < integrations_.size(); ++i) {
      const Integration& target = integrations_[i];
      if (target.receiver != route->receiver) continue;
      IntegrationView view{.integration = std::string(IntegrationName(target.kind)), .index = target.index};
      view.is_sending = on_route.has_group && group->second->busy.contains(i);
      if (const LogEntry* last = log_.Find(
              LogKey(on_route.group_key, on_route.receiver, view.integration, view.index), now_ms)) {
        const uint64_t hash = AlertHash(labels);
        view.last_sent_ms = last->time_ms;
        view.knows_as_firing = std::binary_search(last->firing.begin(), last->firing.end(), hash);
        view.knows_as_resolved = std::binary_search(last->resolved.begin(), last->resolved.end(), hash);
        view.repeats_after_ms = last->time_ms + route->repeat_interval_ms;
      }
      on_route.integrations.push_back(std::move(view));
    }
    out.routes.push_back(std::move(on_route));
  }
  return out;
}

std::vector<std::string> Dispatcher::ReceiversOf(const model::Labels& labels) const {
  std::vector<std::string> names;
  for (const Route* route : MatchRoutes(*root_, labels))
    names.push_back(config_->receivers[route->receiver].name);
  return names;
}

}  // namespace sextant::alerting
