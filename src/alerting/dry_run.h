// What a configuration would have told whom, had it been in force while the alerts of the history fired: the
// state machine plays the time again with it. Every message counts as delivered at once.
//
//   DryRunInput input{.config = proposed,
//                     .pages = [&](uint64_t id) { return history.EventsAfter(id, 1'000); },
//                     .silences = silences.Serialize()};
//   SEXTANT_ASSIGN(DryRun run, PlayAgain(input, {.start_ms = …, .end_ms = …}));
//
// The history knows when alerts fired and what their labels were, not what else was in them: it answers who
// is told and when, not with which words. The play begins with the oldest event that there is, so that alerts
// that are told already at the start of the asked time are not told again; one that fired before that event
// counts as having begun with it. Events are read page by page, twice; what is kept of them is which alerts
// fire.
//
// Pure functions of what they are given; any thread may call.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "alerting/config.h"
#include "alerting/dispatcher.h"
#include "alerting/history.h"
#include "core/result.h"
#include "model/storage.h"

namespace sextant::alerting {

// The next events with ids above one, oldest first; an empty page ends them. Asked from 0 on for each
// reading.
using HistoryPages = std::function<std::vector<HistoryEvent>(uint64_t after_id)>;

struct DryRunInput {
  std::shared_ptr<const Config> config;
  HistoryPages pages;
  std::string_view silences;  // SilenceStore::Serialize
  DispatcherLimits limits = {};
};

struct DryRunOptions {
  core::TimestampMs start_ms = 0;  // what counts
  core::TimestampMs end_ms = 0;
  size_t max_notifications = 100;  // kept as a list, the first ones; all are counted
  // Asked at every step of time. Null: nobody minds.
  const model::StopCheck* check = nullptr;
};

struct DryRunNotification {
  core::TimestampMs time_ms = 0;
  std::string receiver;
  std::string integration;
  model::Labels group_labels;
  Reason reason = Reason::kFirst;
  std::vector<model::Labels> firing;
  std::vector<model::Labels> resolved;
};

struct DryRunReceiver {
  uint64_t notifications = 0;
  uint64_t alerts_told = 0;  // over all of them
};

struct DryRun {
  std::vector<DryRunNotification> notifications;
  uint64_t notifications_total = 0;
  std::map<std::string, DryRunReceiver> receivers;  // all of the configuration, also those without any
  // How often an alert was left out of a flush, by SuppressReason.
  std::array<uint64_t, kSuppressReasons> left_out = {};
  std::map<uint64_t, std::set<std::string>> told;  // fingerprints of alerts, and the receivers told of each
};

// Fails only when the check does.
core::Result<DryRun> PlayAgain(const DryRunInput& input, const DryRunOptions& options);

// An alert that other receivers are told of by one configuration than by another.
struct DryRunChange {
  model::Labels labels;
  std::set<std::string> before;
  std::set<std::string> after;
};
// In the order of fingerprints; labels are those of the events.
std::vector<DryRunChange> Compare(const DryRun& before, const DryRun& after, const HistoryPages& pages);

}  // namespace sextant::alerting
