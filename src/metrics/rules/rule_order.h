// In which order the rules of a group may be evaluated so that those that do not need each other can run at
// the same time, decided as Prometheus does.
//
// A rule depends on another of its group when one of its selectors may select what the other records: by its
// metric name, or, for `ALERTS` and `ALERTS_FOR_STATE`, by the names of the alerts that come before it. What
// it selects of its own results of the last time is no dependency. A selector without a metric name may
// select anything: then nothing is known of the whole group.
//
// Behaviour: Prometheus' rules/group.go (dependencies) and rules/manager.go (batches).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "metrics/rules/rule_file.h"

namespace sextant::rules {

// Places of rules in their group that may be evaluated at the same time.
using RuleBatch = std::vector<size_t>;

// The batches of a group, each to be finished before the next begins: first all rules that depend on none,
// then one by one those that depend on some and have dependents, last the others. When dependencies cannot
// be known, every rule is a batch of its own. A pure function; rules must have been parsed.
std::vector<RuleBatch> OrderRules(std::span<const RuleConfig> rules);

}  // namespace sextant::rules
