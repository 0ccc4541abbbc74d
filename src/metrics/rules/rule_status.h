// What is known of groups, rules and alerts right now, as plain data: /api/v1/rules, /api/v1/alerts and the
// pages show it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "metrics/rules/alert_states.h"
#include "model/labels.h"

namespace sextant::rules {

enum class RuleHealth : uint8_t { kUnknown, kGood, kBad };

// "unknown", "ok", "err": the API's words.
inline std::string_view RuleHealthText(RuleHealth health) {
  constexpr std::string_view kTexts[] = {"unknown", "ok", "err"};
  return kTexts[static_cast<size_t>(health)];
}

// An alert that is pending or firing.
struct ActiveAlert {
  model::Labels labels;
  model::Labels annotations;
  AlertState state = AlertState::kPending;
  core::TimestampMs active_at_ms = 0;
  core::TimestampMs keep_firing_since_ms = 0;  // 0: the expression still returns it
  double value = 0;
};

struct RuleStatus {
  bool is_alert = false;
  std::string name;
  std::string query;  // in the printer's normal form
  core::DurationMs for_ms = 0;
  core::DurationMs keep_firing_for_ms = 0;
  model::Labels labels;       // as configured, templates unexpanded
  model::Labels annotations;  // as configured
  std::vector<ActiveAlert> alerts;
  AlertState state =
      AlertState::kUnknown;  // the most alarming of the alerts; unknown before the first evaluation
  RuleHealth health = RuleHealth::kUnknown;
  std::string last_error;
  core::TimestampMs last_evaluation_ms = 0;  // 0: never
  double evaluation_seconds = 0;
};

struct GroupStatus {
  std::string name;
  std::string file;
  core::DurationMs interval_ms = 0;
  int64_t limit = 0;
  std::vector<RuleStatus> rules;
  core::TimestampMs last_evaluation_ms = 0;  // 0: never
  double evaluation_seconds = 0;
};

}  // namespace sextant::rules
