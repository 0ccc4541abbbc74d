// The rules' own metrics, under Prometheus' names. Prometheus' two summaries are histograms here.
#pragma once

#include <string>

#include "core/metrics.h"

namespace sextant::rules {

// The metrics of one group (label rule_group), and those that all groups share. `registry` outlives it.
class RuleGroupMetrics {
 public:
  RuleGroupMetrics(core::Registry& registry, std::string group_key);
  // Forgets the metrics of this group; after that, nothing here may be used.
  void Remove();

  core::Histogram& rule_seconds;
  core::Histogram& group_seconds;
  core::Counter& iterations;
  core::Counter& iterations_missed;
  core::Counter& evaluations;
  core::Counter& failures;
  core::Gauge& interval_seconds;
  core::Gauge& last_evaluation_time_seconds;
  core::Gauge& last_duration_seconds;
  core::Gauge& last_rule_seconds_sum;
  core::Gauge& last_restore_seconds;
  core::Gauge& rules;
  core::Gauge& samples;

 private:
  core::Registry& registry_;
  const std::string group_key_;
};

}  // namespace sextant::rules
