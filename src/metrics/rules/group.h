// One rule group: evaluates its rules one after the other, or at the same time those that do not depend on
// each other (rule_order.h), writes what they record, tracks and sends their alerts.
//
// Evaluate, Restore and TakeState belong to one thread at a time (RuleManager sees to it); Status may be
// called from any thread at any time.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "metrics/promql/query_result.h"
#include "metrics/rules/alert_states.h"
#include "metrics/rules/rule_context.h"
#include "metrics/rules/rule_file.h"
#include "metrics/rules/rule_metrics.h"
#include "metrics/rules/rule_order.h"
#include "metrics/rules/rule_status.h"
#include "model/labels.h"
#include "model/storage.h"

namespace sextant::rules {

// Series that a rule wrote, with their place in the store.
using SeriesRefs = std::unordered_map<model::Labels, model::SeriesRef>;

// A sample on its way to the store.
struct RuleSample {
  model::Labels labels;
  double value = 0;
  std::shared_ptr<const model::FloatHistogram> histogram = nullptr;  // in place of the value
};

class Group {
 public:
  // `context` outlives the group. `config` has been checked. With `restores`, alerts are not written to the
  // store before Restore was called.
  Group(const RuleContext& context, const RuleOptions& options, std::string file, RuleGroupConfig config,
        bool restores);
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;

  const std::string& key() const { return key_; }  // "file;name"
  const RuleGroupConfig& config() const { return config_; }
  core::DurationMs interval_ms() const { return interval_ms_; }
  // The latest slot at or before a time: slots are one interval apart, at a phase of this group's own.
  core::TimestampMs SlotBefore(core::TimestampMs time_ms) const;

  // Evaluates all rules for the time of a slot, and counts the iteration.
  void Evaluate(core::TimestampMs slot_ms);
  void CountMissed(int64_t iterations);

  // Takes `for` state of alerts from ALERTS_FOR_STATE, as it was before a restart. Call after the second
  // evaluation: by then scrapes and recording rules have provided what the alerts look at.
  void Restore(core::TimestampMs now_ms);
  bool needs_restore() const { return needs_restore_; }

  // Carries over the state of a group that this one replaces. The other group must not be used any more.
  void TakeState(Group& from);
  // Marks series stale at a time: of rules that are gone after TakeState, or all of them when the group
  // itself goes.
  void MarkStale(const std::vector<model::Labels>& series, core::TimestampMs time_ms);
  std::vector<model::Labels> TakeAllSeries();
  // Forgets the group's own metrics.
  void RemoveMetrics() { metrics_.Remove(); }

  GroupStatus Status() const;

 private:
  struct Rule {
    RuleConfig config;
    model::Labels labels;
    model::Labels annotations;
    std::string query;
    AlertStates alerts;
    SeriesRefs series;        // written by the last evaluation
    core::SpanContext trace;  // the evaluation under way
  };

  core::DurationMs query_offset_ms() const {
    return config_.query_offset_ms.value_or(options_.default_query_offset_ms);
  }
  // What evaluations have taken and made.
  struct Evaluated {
    size_t samples = 0;
    double seconds = 0;
  };
  // Of all rules, in order.
  Evaluated EvaluateRules(core::TimestampMs slot_ms);
  Evaluated EvaluateRule(size_t index, core::TimestampMs slot_ms);
  core::Status RunRule(Rule& rule, core::TimestampMs slot_ms, size_t& sample_count);
  core::Result<promql::VectorResult> Query(const Rule& rule, core::TimestampMs time_ms) const;
  core::Result<std::vector<RuleSample>> Record(const Rule& rule, core::TimestampMs slot_ms) const;
  core::Result<std::vector<RuleSample>> UpdateAlerts(Rule& rule, core::TimestampMs slot_ms);
  core::Status CheckLimit(size_t series) const;
  void AddAlertSamples(const Rule& rule, std::vector<RuleSample>& samples) const;
  void SendAlerts(Rule& rule, core::TimestampMs slot_ms);
  core::Status Write(Rule& rule, const std::vector<RuleSample>& samples, core::TimestampMs time_ms);
  core::Status RestoreRule(Rule& rule, const model::Querier& querier, core::TimestampMs from_ms,
                           core::TimestampMs now_ms);
  void Publish(size_t index, core::Status outcome, core::TimestampMs started_at_ms, double seconds);

  const RuleContext& context_;
  const RuleOptions options_;
  const std::string file_;
  const RuleGroupConfig config_;
  const core::DurationMs interval_ms_;
  const std::string key_;
  const std::string query_origin_;  // for the query log
  const core::Logger logger_;
  RuleGroupMetrics metrics_;
  std::vector<Rule> rules_;
  const std::vector<RuleBatch> batches_;  // empty: all are evaluated in order
  bool needs_restore_;
  std::vector<model::Labels> stale_series_;  // of rules that this group no longer has

  mutable std::mutex status_mutex_;
  GroupStatus status_;  // guarded by status_mutex_
};

}  // namespace sextant::rules
