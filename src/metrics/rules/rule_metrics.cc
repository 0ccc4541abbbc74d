#include "metrics/rules/rule_metrics.h"

#include <utility>
#include <vector>

namespace sextant::rules {
namespace {

constexpr const char* kGroupFamilies[] = {
    "prometheus_rule_group_iterations_total",
    "prometheus_rule_group_iterations_missed_total",
    "prometheus_rule_evaluations_total",
    "prometheus_rule_evaluation_failures_total",
    "prometheus_rule_group_interval_seconds",
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    "prometheus_rule_group_last_duration_seconds",
    "prometheus_rule_group_last_rule_duration_sum_seconds",
    "prometheus_rule_group_last_restore_duration_seconds",
    "prometheus_rule_group_rules",
    "prometheus_rule_group_last_evaluation_samples",
};

std::vector<double> DurationBounds() { return {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}; }

core::MetricLabels GroupLabels(const std::string& key) { return {{"rule_group", key}}; }

}  // namespace

RuleGroupMetrics::RuleGroupMetrics(core::Registry& registry, std::string group_key)
    : rule_seconds(registry.AddHistogram("prometheus_rule_evaluation_duration_seconds",
                                         "The duration for a rule to execute.", DurationBounds())),
      group_seconds(registry.AddHistogram("prometheus_rule_group_duration_seconds",
                                          "The duration of rule group evaluations.", DurationBounds())),
      iterations(registry.AddCounter(
          "prometheus_rule_group_iterations_total",
          "The total number of scheduled rule group evaluations, whether executed or missed.",
          GroupLabels(group_key))),
      iterations_missed(registry.AddCounter(
          "prometheus_rule_group_iterations_missed_total",
          "The total number of rule group evaluations missed due to slow rule group evaluation.",
          GroupLabels(group_key))),
      evaluations(registry.AddCounter("prometheus_rule_evaluations_total",
                                      "The total number of rule evaluations.", GroupLabels(group_key))),
      failures(registry.AddCounter("prometheus_rule_evaluation_failures_total",
                                   "The total number of rule evaluation failures.", GroupLabels(group_key))),
      interval_seconds(registry.AddGauge("prometheus_rule_group_interval_seconds",
                                         "The interval of a rule group.", GroupLabels(group_key))),
      last_evaluation_time_seconds(registry.AddGauge(
          "prometheus_rule_group_last_evaluation_timestamp_seconds",
          "The timestamp of the last rule group evaluation in seconds.", GroupLabels(group_key))),
      last_duration_seconds(registry.AddGauge("prometheus_rule_group_last_duration_seconds",
                                              "The duration of the last rule group evaluation.",
                                              GroupLabels(group_key))),
      last_rule_seconds_sum(registry.AddGauge(
          "prometheus_rule_group_last_rule_duration_sum_seconds",
          "What the rules of the group took in its last evaluation, added up; more than the evaluation took "
          "when rules ran at the same time.",
          GroupLabels(group_key))),
      last_restore_seconds(registry.AddGauge(
          "prometheus_rule_group_last_restore_duration_seconds",
          "The duration of the last alert rules alerts restoration using the `ALERTS_FOR_STATE` series.",
          GroupLabels(group_key))),
      rules(registry.AddGauge("prometheus_rule_group_rules", "The number of rules.", GroupLabels(group_key))),
      samples(registry.AddGauge("prometheus_rule_group_last_evaluation_samples",
                                "The number of samples returned during the last rule group evaluation.",
                                GroupLabels(group_key))),
      registry_(registry),
      group_key_(std::move(group_key)) {}

void RuleGroupMetrics::Remove() {
  for (const char* family : kGroupFamilies) registry_.Remove(family, GroupLabels(group_key_));
}

}  // namespace sextant::rules
