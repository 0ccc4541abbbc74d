#include "metrics/rules/rule_manager.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace sextant::rules {

// A group and when it is due.
struct RuleManager::Entry {
  Entry(const RuleContext& context, const RuleOptions& rule_options, const std::string& file,
        const RuleGroupConfig& config, bool restores)
      : options(rule_options), group(context, rule_options, file, config, restores) {}

  const RuleOptions options;
  Group group;
  core::TimestampMs next_slot_ms = 0;
  bool is_running = false;
  int evaluations_before_restore = 2;
};

// Series of a group that is gone, to be marked stale once a renamed rule has had time to take them over.
struct RuleManager::Retired {
  std::shared_ptr<Entry> entry;
  std::vector<model::Labels> series;
  core::TimestampMs stale_at_ms = 0;
  core::TimestampMs due_ms = 0;
};

RuleManager::RuleManager(RuleContext context) : context_(std::move(context)) {}

RuleManager::~RuleManager() = default;

void RuleManager::Update(const RuleOptions& options, std::span<const RuleFile> files) {
  Entries former;
  bool restores = false;
  {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return !is_updating_; });
    is_updating_ = true;  // from here on, nothing new is started
    former = entries_;
    restores = !has_loaded_;
  }
  Entries entries;
  for (const RuleFile& file : files) {
    for (const RuleGroupConfig& config : file.groups) {
      const auto found = former.find(file.path + ";" + config.name);
      std::shared_ptr<Entry> before;
      if (found != former.end()) before = former.extract(found).mapped();
      std::shared_ptr<Entry> entry = Continue(before, options, file.path, config, restores);
      entries.insert_or_assign(entry->group.key(), std::move(entry));
    }
  }
  for (const auto& [key, entry] : former) Retire(entry);
  const std::lock_guard lock(mutex_);
  entries_ = std::move(entries);
  has_loaded_ = true;
  is_updating_ = false;
  idle_.notify_all();
}

std::shared_ptr<RuleManager::Entry> RuleManager::Continue(const std::shared_ptr<Entry>& before,
                                                          const RuleOptions& options, const std::string& path,
                                                          const RuleGroupConfig& config, bool restores) {
  if (before && before->group.config() == config && before->options == options) return before;
  auto entry = std::make_shared<Entry>(context_, options, path, config, restores);
  if (before) {
    WaitUntilIdle(*before);
    entry->group.TakeState(before->group);
    entry->evaluations_before_restore = before->evaluations_before_restore;
  }
  entry->next_slot_ms = entry->group.SlotBefore(context_.clock.NowMs()) + entry->group.interval_ms();
  return entry;
}

void RuleManager::Retire(const std::shared_ptr<Entry>& entry) {
  WaitUntilIdle(*entry);
  const core::TimestampMs now_ms = context_.clock.NowMs();
  std::vector<model::Labels> series = entry->group.TakeAllSeries();
  entry->group.RemoveMetrics();
  if (series.empty()) return;
  const std::lock_guard lock(mutex_);
  retired_.push_back({entry, std::move(series), now_ms, now_ms + 2 * entry->group.interval_ms()});
}

void RuleManager::WaitUntilIdle(const Entry& entry) {
  std::unique_lock lock(mutex_);
  idle_.wait(lock, [&] { return !entry.is_running; });
}

std::vector<RuleManager::Evaluation> RuleManager::TakeDue(core::TimestampMs now_ms) {
  std::vector<Evaluation> evaluations;
  {
    const std::lock_guard lock(mutex_);
    if (is_updating_) return {};
    for (auto& [key, entry] : entries_) {
      if (entry->is_running || entry->next_slot_ms > now_ms) continue;
      const core::DurationMs interval_ms = entry->group.interval_ms();
      const int64_t missed = (now_ms - entry->next_slot_ms) / interval_ms;
      if (missed > 0) entry->group.CountMissed(missed);
      const core::TimestampMs slot_ms = entry->next_slot_ms + missed * interval_ms;
      entry->next_slot_ms = slot_ms + interval_ms;
      entry->is_running = true;
      // Frees the group when the evaluation was run, and when nobody ever runs it.
      const std::shared_ptr<Entry> held(entry.get(),
                                        [this, keep = entry](Entry* running) { Release(*running); });
      evaluations.emplace_back([this, held, slot_ms] { RunGroup(held, slot_ms); });
    }
  }
  CleanUpRetired(now_ms);
  return evaluations;
}

void RuleManager::Release(Entry& entry) {
  const std::lock_guard lock(mutex_);
  entry.is_running = false;
  idle_.notify_all();
}

void RuleManager::RunGroup(const std::shared_ptr<Entry>& entry, core::TimestampMs slot_ms) {
  entry->group.Evaluate(slot_ms);
  if (!entry->group.needs_restore() || --entry->evaluations_before_restore > 0) return;
  entry->group.Restore(context_.clock.NowMs());
}

void RuleManager::CleanUpRetired(core::TimestampMs now_ms) {
  std::vector<Retired> due;
  {
    const std::lock_guard lock(mutex_);
    const auto is_waiting = [&](const Retired& retired) { return retired.due_ms > now_ms; };
    const auto first_due = std::stable_partition(retired_.begin(), retired_.end(), is_waiting);
    std::move(first_due, retired_.end(), std::back_inserter(due));
    retired_.erase(first_due, retired_.end());
  }
  for (const Retired& retired : due) retired.entry->group.MarkStale(retired.series, retired.stale_at_ms);
}

core::TimestampMs RuleManager::NextDueMs() const {
  const std::lock_guard lock(mutex_);
  core::TimestampMs next_ms = std::numeric_limits<core::TimestampMs>::max();
  for (const auto& [key, entry] : entries_) next_ms = std::min(next_ms, entry->next_slot_ms);
  for (const Retired& retired : retired_) next_ms = std::min(next_ms, retired.due_ms);
  return next_ms;
}

void RuleManager::Tick(core::TimestampMs now_ms) {
  for (Evaluation& evaluation : TakeDue(now_ms)) {
    evaluation();
    evaluation = nullptr;  // the group is free before the next one runs
  }
}

std::vector<GroupStatus> RuleManager::Status() const {
  const std::lock_guard lock(mutex_);
  std::vector<GroupStatus> groups;
  groups.reserve(entries_.size());
  for (const auto& [key, entry] : entries_) groups.push_back(entry->group.Status());
  return groups;
}

std::vector<ActiveAlert> RuleManager::ActiveAlerts() const {
  std::vector<ActiveAlert> alerts;
  for (GroupStatus& group : Status()) {
    for (RuleStatus& rule : group.rules) {
      std::move(rule.alerts.begin(), rule.alerts.end(), std::back_inserter(alerts));
    }
  }
  return alerts;
}

}  // namespace sextant::rules
