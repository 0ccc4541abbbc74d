#include "metrics/rules/rule_order.h"

#include <algorithm>
#include <string_view>

#include "metrics/promql/ast.h"
#include "model/matcher.h"

namespace sextant::rules {
namespace {

// Whether a rule depends on others, and others on it.
struct Ties {
  bool has_dependencies = false;
  bool has_dependents = false;
};

// The matcher of the metric name, or null.
const model::Matcher* NameMatcher(const promql::VectorSelector& selector) {
  const auto found = std::ranges::find(selector.matchers, model::kMetricName, &model::Matcher::name);
  return found == selector.matchers.end() ? nullptr : &*found;
}

bool MatchesAlertName(const promql::VectorSelector& selector, std::string_view alert) {
  return std::ranges::all_of(selector.matchers, [&](const model::Matcher& matcher) {
    return matcher.name() != "alertname" || matcher.Matches(alert);
  });
}

// Notes what the rule at `index` needs by this selector; false when that may be anything.
bool Tie(std::span<const RuleConfig> rules, size_t index, const promql::VectorSelector& selector,
         std::vector<Ties>& ties) {
  const model::Matcher* name = NameMatcher(selector);
  if (name == nullptr) return false;
  const bool selects_alerts = name->Matches("ALERTS") || name->Matches("ALERTS_FOR_STATE");
  for (size_t other = 0; other < rules.size(); ++other) {
    if (other == index) continue;
    const bool is_needed =
        name->Matches(rules[other].name()) || (selects_alerts && other < index && rules[other].IsAlert() &&
                                               MatchesAlertName(selector, rules[other].alert));
    if (!is_needed) continue;
    ties[index].has_dependencies = true;
    ties[other].has_dependents = true;
  }
  return true;
}

}  // namespace

std::vector<RuleBatch> OrderRules(std::span<const RuleConfig> rules) {
  std::vector<Ties> ties(rules.size());
  bool is_known = true;
  for (size_t i = 0; i < rules.size() && is_known; ++i) {
    promql::Walk(*rules[i].parsed, [&](const promql::Expr& node) {
      if (node.kind == promql::NodeKind::kVectorSelector && rules.size() > 1)
        is_known = is_known && Tie(rules, i, static_cast<const promql::VectorSelector&>(node), ties);
    });
  }
  RuleBatch first;
  std::vector<RuleBatch> batches;
  RuleBatch last;
  for (size_t i = 0; i < rules.size(); ++i) {
    if (!is_known || (ties[i].has_dependencies && ties[i].has_dependents)) {
      batches.push_back({i});
    } else {
      (ties[i].has_dependencies ? last : first).push_back(i);
    }
  }
  if (!first.empty()) batches.insert(batches.begin(), std::move(first));
  if (!last.empty()) batches.push_back(std::move(last));
  return batches;
}

}  // namespace sextant::rules
