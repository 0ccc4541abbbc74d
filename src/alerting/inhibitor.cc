#include "alerting/inhibitor.h"

namespace sextant::alerting {

Inhibitor::Inhibitor(const Config& config) {
  for (const InhibitRuleConfig& rule : config.inhibit_rules) {
    rules_.push_back({rule.source_matchers, rule.target_matchers, rule.equal, {}});
  }
}

std::string Inhibitor::Rule::EqualKey(const model::Labels& labels) const {
  // A label that is absent equals one that is absent on the other side, as upstream has it.
  std::string key;
  for (const std::string& name : equal) {
    key += labels.Get(name);
    key += '\xFF';
  }
  return key;
}

void Inhibitor::Update(uint64_t fingerprint, const AlertPtr& alert) {
  for (Rule& rule : rules_) {
    if (MatchesAll(rule.source, alert->labels))
      rule.sources[rule.EqualKey(alert->labels)][fingerprint] = alert;
  }
}

void Inhibitor::Remove(uint64_t fingerprint, const model::Labels& labels) {
  for (Rule& rule : rules_) {
    const auto found = rule.sources.find(rule.EqualKey(labels));
    if (found == rule.sources.end()) continue;
    found->second.erase(fingerprint);
    if (found->second.empty()) rule.sources.erase(found);
  }
}

std::optional<uint64_t> Inhibitor::InhibitedBy(const model::Labels& labels, core::TimestampMs now_ms) const {
  for (const Rule& rule : rules_) {
    if (!MatchesAll(rule.target, labels)) continue;
    const auto found = rule.sources.find(rule.EqualKey(labels));
    if (found == rule.sources.end()) continue;
    // What is source and target at once must not silence others like it, nor itself.
    const bool is_source_too = MatchesAll(rule.source, labels);
    for (const auto& [fingerprint, source] : found->second) {
      if (source->IsResolvedAt(now_ms)) continue;
      if (is_source_too && MatchesAll(rule.target, source->labels)) continue;
      return fingerprint;
    }
  }
  return std::nullopt;
}

}  // namespace sextant::alerting
