// What the groups of one manager share: where they ask, write and send, and the settings that hold for all of
// them.
#pragma once

#include <map>
#include <string>

#include "core/clock.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/trace.h"
#include "metrics/promql/engine.h"
#include "metrics/rules/alert.h"
#include "metrics/rules/concurrent_evals.h"
#include "model/storage.h"

namespace sextant::rules {

struct RuleOptions {
  core::DurationMs default_interval_ms = 60'000;       // global.evaluation_interval
  core::DurationMs default_query_offset_ms = 0;        // global.rule_query_offset
  core::DurationMs resend_delay_ms = 60'000;           // --rules.alert.resend-delay
  core::DurationMs outage_tolerance_ms = 60 * 60'000;  // --rules.alert.for-outage-tolerance
  core::DurationMs for_grace_period_ms = 10 * 60'000;  // --rules.alert.for-grace-period
  std::string external_url;                            // of the pages, without a trailing slash
  std::map<std::string, std::string> external_labels;  // for templates
  int64_t max_series_per_rule = 100'000;  // bound of ours on series and alerts, on top of `limit`
  size_t max_text_bytes = 64 << 10;       // bound on an expanded label or annotation

  friend bool operator==(const RuleOptions&, const RuleOptions&) = default;
};

// What the groups work with. Everything outlives the groups; all of it may be used from several threads.
struct RuleContext {
  const promql::Engine& engine;
  const model::Queryable& queryable;
  model::Appendable& appendable;
  AlertSink* sink = nullptr;  // null: alerts are tracked, but told to nobody
  const core::Clock& clock;
  core::Registry& registry;
  core::Logger logger;
  // Null: the rules of a group are evaluated one after the other, in the order of the file.
  ConcurrentEvals* concurrent = nullptr;
  // Makes a span of every evaluation of a rule; null: none.
  core::Tracer* tracer = nullptr;
};

}  // namespace sextant::rules
