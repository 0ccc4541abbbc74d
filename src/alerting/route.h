// The routing tree with everything inherited filled in: which receivers an alert goes to, and how it is
// grouped.
//
// Built once from a Config (which must outlive it), then immutable: any thread may ask.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "alerting/config.h"
#include "core/clock.h"
#include "model/labels.h"

namespace sextant::alerting {

enum class MuteReason : uint8_t { kNone, kOutsideActiveIntervals, kMuteInterval };

struct Mute {
  MuteReason reason = MuteReason::kNone;
  // The intervals that mute: the mute intervals that hold, or the active ones of which none does.
  std::vector<std::string> intervals = {};

  explicit operator bool() const { return reason != MuteReason::kNone; }
};

struct Route {
  size_t index = 0;     // in depth-first order; the root is 0
  size_t receiver = 0;  // in Config::receivers
  Matchers matchers;
  std::vector<std::string> group_by;  // sorted
  bool group_by_all = false;
  core::DurationMs group_wait_ms = 30'000;
  core::DurationMs group_interval_ms = 300'000;
  core::DurationMs repeat_interval_ms = 14'400'000;
  std::vector<const NamedIntervals*> mute_intervals;
  std::vector<const NamedIntervals*> active_intervals;
  bool continues = false;
  std::map<std::string, std::string> labels;  // templates; the parents' too
  std::string key;                            // `{}/{severity="critical"}`: part of group keys
  std::vector<std::unique_ptr<Route>> routes;

  // The labels that an alert is grouped by here.
  model::Labels GroupLabels(const model::Labels& labels) const;
  // Why this route must not notify now.
  Mute MutedAt(core::TimestampMs now_ms) const;
};

std::unique_ptr<Route> BuildRoutes(const Config& config);

// The routes that want an alert, at least one, in order.
std::vector<const Route*> MatchRoutes(const Route& root, const model::Labels& labels);

}  // namespace sextant::alerting
