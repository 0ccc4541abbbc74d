// The life of the alerts of one rule: inactive → pending → firing → inactive (resolved). A pure state machine
// over (results of the expression, time): no I/O, no clock, no threads; owned by one thread.
//
//   pending   since the expression first returned the label set, until `for` has passed
//   firing    from then on while it is returned, and for `keep_firing_for` after it is not any more
//   inactive  firing has ended: kept for kResolvedRetentionMs so that receivers hear of it, then forgotten
//
// Behaviour: Prometheus' rules/alerting.go.
#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "model/labels.h"

namespace sextant::rules {

// In rising order of alarm.
enum class AlertState : uint8_t { kUnknown, kInactive, kPending, kFiring };

// "unknown", "inactive", "pending", "firing".
std::string_view AlertStateText(AlertState state);

inline constexpr core::DurationMs kResolvedRetentionMs = 15 * 60'000;

// Times are 0 when the thing has not happened.
struct TrackedAlert {
  AlertState state = AlertState::kPending;
  model::Labels annotations;
  double value = 0;  // of the last evaluation that returned it
  core::TimestampMs active_at_ms = 0;
  core::TimestampMs fired_at_ms = 0;
  core::TimestampMs resolved_at_ms = 0;
  core::TimestampMs keep_firing_since_ms = 0;
  core::TimestampMs last_sent_at_ms = 0;
  core::TimestampMs valid_until_ms = 0;  // what was last sent as the end of a firing alert
};

// One element of the expression's result, as an alert.
struct AlertInstance {
  model::Labels labels;  // with rule labels and alertname, without the metric name
  model::Labels annotations;
  double value = 0;
};

struct AlertRuleTiming {
  core::DurationMs for_ms = 0;
  core::DurationMs keep_firing_for_ms = 0;
};

class AlertStates {
 public:
  using Alerts = std::map<model::Labels, TrackedAlert>;

  // Applies a result. Errors leave the states as they were, except the limit (upstream's behaviour), which
  // forgets all alerts:
  //   kInvalidArgument   two instances have the same labels
  //   kResourceExhausted more than `limit` alerts are pending or firing (0: no limit)
  core::Status Update(std::vector<AlertInstance> instances, const AlertRuleTiming& timing, int64_t limit,
                      core::TimestampMs now_ms);

  // Alerts that are due to be sent now; marks them as sent. A firing alert is valid for four times the longer
  // of `interval_ms` and `resend_delay_ms`. The pointers live until the next call that changes the states.
  std::vector<Alerts::const_pointer> TakeDue(core::TimestampMs now_ms, core::DurationMs resend_delay_ms,
                                             core::DurationMs interval_ms);

  // All tracked alerts, resolved ones included, ordered by labels.
  const Alerts& alerts() const { return alerts_; }
  // Moves the start of an alert, when `for` is restored after a restart.
  void SetActiveAt(const model::Labels& labels, core::TimestampMs active_at_ms);

 private:
  // Whether a firing alert that the expression no longer returns goes on firing.
  static bool KeepsFiring(TrackedAlert& alert, const AlertRuleTiming& timing, core::TimestampMs now_ms);

  Alerts alerts_;
};

}  // namespace sextant::rules
