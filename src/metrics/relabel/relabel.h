// Relabelling: rules that rewrite or drop label sets, for targets, samples and alerts, with the meaning they
// have in Prometheus 3
// (https://prometheus.io/docs/prometheus/latest/configuration/configuration/#relabel_config).
//
//   SEXTANT_ASSIGN(Rules rules, Rules::Compile(scrape.metric_relabel_configs));
//   std::optional<model::Labels> labels = rules.Relabel(scraped);   // nothing: dropped
//
// Regular expressions are Go's, matched against the whole value; `$1`, `${1}` and `${name}` are replaced as
// Go's Regexp.Expand does. Rules run in order, each seeing what the ones before it made.
//
// Rules are immutable once compiled: copies share them, and any thread may use them.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "config/relabel_config.h"
#include "core/result.h"
#include "model/labels.h"

namespace sextant::relabel {

class Rules {
 public:
  // No rules: everything is kept as it is.
  Rules() = default;

  // kInvalidArgument for a regular expression that does not compile. The rest was checked when the
  // configuration was decoded.
  static core::Result<Rules> Compile(const std::vector<config::RelabelRuleConfig>& configs);

  bool empty() const { return rules_ == nullptr; }

  // The label set after all rules, or nothing when a rule drops it. A set that no rule changes is returned as
  // it is, sharing its memory, without allocation.
  std::optional<model::Labels> Relabel(const model::Labels& labels) const;

  // The same in place; false when a rule drops the set (which is then in an intermediate state).
  bool Apply(model::LabelsBuilder& labels) const;

 private:
  class Rule;
  class Subject;

  std::shared_ptr<const std::vector<Rule>> rules_;
};

}  // namespace sextant::relabel
