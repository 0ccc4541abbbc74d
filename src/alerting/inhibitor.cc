#include "alerting/inhibitor.h"

namespace sextant::alerting {

Inhibitor::Inhibitor(const Config& config) {
  for (const InhibitRuleConfig& rule : config.inhibit_rules) {
    Rule made{rule.target_matchers, {}};
    if (rule.sources.empty()) made.sources.push_back({rule.source_matchers, rule.equal});
    for (const InhibitSourceConfig& source : rule.sources)
      made.sources.push_back({source.matchers_field.matchers, source.equal});
    rules_.push_back(std::move(made));
  }
}

std::string Inhibitor::Source::EqualKey(const model::Labels& labels) const {
  // A label that is absent equals one that is absent on the other side, as upstream has it.
  std::string key;
  for (const std::string& name : equal) {
    key += labels.Get(name);
    key += '\xFF';
  }
  return key;
}

void Inhibitor::Source::Remove(uint64_t fingerprint, const model::Labels& labels) {
  const auto found = sets.find(EqualKey(labels));
  if (found == sets.end()) return;
  found->second.only_sources.erase(fingerprint);
  found->second.targets_too.erase(fingerprint);
  if (found->second.only_sources.empty() && found->second.targets_too.empty()) sets.erase(found);
}

const Alert* Inhibitor::Source::FindFiring(const model::Labels& labels, core::TimestampMs now_ms,
                                           uint64_t& fingerprint) const {
  const auto found = sets.find(EqualKey(labels));
  if (found == sets.end()) return nullptr;
  const auto find = [&](const Alerts& alerts) -> const Alert* {
    for (const auto& [id, alert] : alerts) {
      if (alert->IsResolvedAt(now_ms)) continue;
      fingerprint = id;
      return alert.get();
    }
    return nullptr;
  };
  if (const Alert* alert = find(found->second.only_sources)) return alert;
  return MatchesAll(matchers, labels) ? nullptr : find(found->second.targets_too);
}

void Inhibitor::Update(uint64_t fingerprint, const AlertPtr& alert) {
  // One that has ended holds nothing back: whoever looks for a firing one need not pass it.
  if (alert->IsResolvedAt(alert->updated_at_ms)) return Remove(fingerprint, alert->labels);
  for (Rule& rule : rules_) {
    for (Source& source : rule.sources) {
      if (!MatchesAll(source.matchers, alert->labels)) continue;
      EqualSet& set = source.sets[source.EqualKey(alert->labels)];
      (MatchesAll(rule.target, alert->labels) ? set.targets_too : set.only_sources)[fingerprint] = alert;
    }
  }
}

void Inhibitor::Remove(uint64_t fingerprint, const model::Labels& labels) {
  for (Rule& rule : rules_) {
    for (Source& source : rule.sources) source.Remove(fingerprint, labels);
  }
}

std::vector<uint64_t> Inhibitor::InhibitedBy(const model::Labels& labels, core::TimestampMs now_ms,
                                             size_t* rule_index) const {
  std::vector<uint64_t> by;
  for (size_t i = 0; i < rules_.size(); ++i) {
    const Rule& rule = rules_[i];
    if (!MatchesAll(rule.target, labels)) continue;
    by.clear();
    for (const Source& source : rule.sources) {
      uint64_t fingerprint = 0;
      if (source.FindFiring(labels, now_ms, fingerprint) == nullptr) break;
      by.push_back(fingerprint);
    }
    if (by.size() != rule.sources.size()) continue;
    if (rule_index != nullptr) *rule_index = i;
    return by;
  }
  return {};
}

}  // namespace sextant::alerting
