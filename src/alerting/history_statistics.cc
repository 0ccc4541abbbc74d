#include "alerting/history_statistics.h"

#include <algorithm>
#include <deque>
#include <set>
#include <unordered_map>

namespace sextant::alerting {
namespace {

using core::TimestampMs;

// One label set on its way through the events.
struct Course {
  bool is_open = false;
  TimestampMs began_ms = 0;
  bool was_told = false;
  bool was_silenced = false;
  bool counts = false;  // among the name's alerts
  bool flapped = false;
  std::deque<TimestampMs> changes = {};  // the last ones, within kFlappingWithinMs
};

}  // namespace

class HistoryCounter::Counting {
 public:
  explicit Counting(TimestampMs start_ms) : start_ms_(start_ms) {}

  void Take(const HistoryEvent& event) {
    Course& course = courses_[event.alert->fingerprint];
    const bool counts = event.time_ms >= start_ms_;
    AlertnameStatistics* name = nullptr;
    if (counts) {
      name = &alertnames_[std::string(event.alert->labels.Get("alertname"))];
      if (!std::exchange(course.counts, true)) ++name->alerts;
    }
    switch (event.kind) {
      case HistoryKind::kFiring:
        course.is_open = true;
        course.was_told = course.was_silenced = false;
        course.began_ms = event.time_ms;
        if (name != nullptr) ++name->firings;
        return Change(course, name, event.time_ms);
      case HistoryKind::kResolved:
        if (name != nullptr) End(course, *name, event.time_ms);
        course.is_open = false;
        return Change(course, name, event.time_ms);
      case HistoryKind::kSilenced:
        course.was_silenced = true;
        return;
      case HistoryKind::kNotified:
      case HistoryKind::kNotificationFailed:
        if (event.kind == HistoryKind::kNotified && !event.is_about_end) course.was_told = true;
        if (name != nullptr) Notification(*name, event);
        return;
      case HistoryKind::kInhibited:
      case HistoryKind::kMuted:
        return;
    }
  }

  HistoryStatistics Finish() && {
    HistoryStatistics out;
    for (auto& [name, counts] : alertnames_) {
      counts.alertname = name;
      out.alertnames.push_back(std::move(counts));
    }
    for (auto& [name, counts] : receivers_) {
      counts.receiver = name;
      out.receivers.push_back(std::move(counts));
    }
    std::stable_sort(out.alertnames.begin(), out.alertnames.end(),
                     [](const auto& a, const auto& b) { return a.changes > b.changes; });
    std::stable_sort(out.receivers.begin(), out.receivers.end(),
                     [](const auto& a, const auto& b) { return a.notifications > b.notifications; });
    return out;
  }

 private:
  static void End(const Course& course, AlertnameStatistics& name, TimestampMs time_ms) {
    if (!course.is_open) return;
    ++name.ended;
    name.total_duration_ms += std::max<core::DurationMs>(time_ms - course.began_ms, 0);
    if (!course.was_told) return;
    ++name.told_and_ended;
    if (!course.was_silenced) ++name.never_acted_on;
  }

  static void Change(Course& course, AlertnameStatistics* name, TimestampMs time_ms) {
    course.changes.push_back(time_ms);
    while (course.changes.front() < time_ms - kFlappingWithinMs) course.changes.pop_front();
    if (course.changes.size() > kFlappingChanges) course.changes.pop_front();
    if (name == nullptr) return;
    ++name->changes;
    if (course.changes.size() >= kFlappingChanges && !std::exchange(course.flapped, true))
      ++name->flapping_alerts;
  }

  void Notification(AlertnameStatistics& name, const HistoryEvent& event) {
    const HistoryContext& context = *event.context;
    ReceiverStatistics& receiver = receivers_[context.receiver];
    const bool delivered = event.kind == HistoryKind::kNotified;
    if (delivered) ++receiver.alerts_told;
    if (notifications_.insert(context.notification).second)
      ++(delivered ? receiver.notifications : receiver.notifications_failed);
    if (!by_name_.insert({context.notification, &name}).second) return;
    ++(delivered ? name.notifications : name.notifications_failed);
    if (delivered) ++name.notifications_by_receiver[context.receiver];
  }

  const TimestampMs start_ms_;
  std::unordered_map<uint64_t, Course> courses_;
  std::map<std::string, AlertnameStatistics> alertnames_;
  std::map<std::string, ReceiverStatistics> receivers_;
  std::set<uint64_t> notifications_;
  std::set<std::pair<uint64_t, const AlertnameStatistics*>> by_name_;
};

HistoryCounter::HistoryCounter(TimestampMs start_ms) : counting_(std::make_unique<Counting>(start_ms)) {}

HistoryCounter::~HistoryCounter() = default;

void HistoryCounter::Take(const HistoryEvent& event) { counting_->Take(event); }

HistoryStatistics HistoryCounter::Finish() && { return std::move(*counting_).Finish(); }

HistoryStatistics CountHistory(std::span<const HistoryEvent> events, TimestampMs start_ms) {
  HistoryCounter counter(start_ms);
  for (const HistoryEvent& event : events) counter.Take(event);
  return std::move(counter).Finish();
}

}  // namespace sextant::alerting
