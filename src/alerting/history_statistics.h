// Which alerts are noise: counts over the alert history of a while.
//
// An occurrence is the time from an alert's beginning to its end. Values only, no lock.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "alerting/history.h"

namespace sextant::alerting {

// An alert flaps when it changes between firing and resolved this often within this time.
inline constexpr size_t kFlappingChanges = 6;
inline constexpr core::DurationMs kFlappingWithinMs = 3'600'000;

struct AlertnameStatistics {
  std::string alertname;
  size_t alerts = 0;                       // different label sets
  size_t firings = 0;                      // beginnings
  size_t changes = 0;                      // beginnings and ends
  size_t ended = 0;                        // occurrences that ended in the time and whose beginning is known
  core::DurationMs total_duration_ms = 0;  // of those
  size_t flapping_alerts = 0;              // label sets that flapped at some moment
  size_t notifications = 0;                // delivered, with an alert of this name; each counts once
  size_t notifications_failed = 0;
  std::map<std::string, size_t> notifications_by_receiver;  // delivered
  size_t told_and_ended = 0;  // occurrences of `ended` that somebody was told of
  size_t never_acted_on = 0;  // of those: no silence held them back at any time
};

struct ReceiverStatistics {
  std::string receiver;
  size_t notifications = 0;
  size_t notifications_failed = 0;
  size_t alerts_told = 0;  // alerts in delivered notifications, each time
};

struct HistoryStatistics {
  std::vector<AlertnameStatistics> alertnames;  // most changes first, then by name
  std::vector<ReceiverStatistics> receivers;    // most notifications first, then by name
};

// Counts events that come one by one, as CountHistory does.
class HistoryCounter {
 public:
  // What happens from `start_ms` on counts.
  explicit HistoryCounter(core::TimestampMs start_ms);
  ~HistoryCounter();
  HistoryCounter(const HistoryCounter&) = delete;
  HistoryCounter& operator=(const HistoryCounter&) = delete;

  // Oldest first, and from before the start, so that beginnings are known.
  void Take(const HistoryEvent& event);
  HistoryStatistics Finish() &&;

 private:
  class Counting;
  std::unique_ptr<Counting> counting_;
};

// `events` oldest first and from before `start_ms`, so that beginnings are known; what happens from
// `start_ms` on counts.
HistoryStatistics CountHistory(std::span<const HistoryEvent> events, core::TimestampMs start_ms);

}  // namespace sextant::alerting
