/** Rules as the page shows them: groups with the rules that pass the filters, worst first. */
import type { AlertState, Rule, RuleGroup } from '../api/types';

export type StateFilter = 'all' | AlertState | 'recording';

/** A recording rule has no alert state. */
export function ruleState(rule: Rule): Exclude<StateFilter, 'all'> {
  return rule.type === 'alerting' ? rule.state : 'recording';
}

export function countStates(groups: RuleGroup[]): Record<StateFilter, number> {
  const counts = { all: 0, firing: 0, pending: 0, inactive: 0, unknown: 0, recording: 0 };
  for (const { rules } of groups) {
    for (const rule of rules) {
      counts.all++;
      counts[ruleState(rule)]++;
    }
  }
  return counts;
}

export function matchesSearch(rule: Rule, search: string): boolean {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  if (words.length === 0) return true;
  const pairs = (labels: Record<string, string> = {}) => Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const alerts = rule.type === 'alerting' ? rule.alerts.flatMap((alert) => pairs(alert.labels)) : [];
  const text = [rule.name, rule.query, ...pairs(rule.labels), ...alerts].join('\n').toLowerCase();
  return words.every((word) => text.includes(word));
}

const rank: Record<Exclude<StateFilter, 'all'>, number> = { firing: 0, pending: 1, inactive: 2, unknown: 3, recording: 4 };

/** Groups keep the server's order; their rules are sorted by state. Groups without a shown rule are left out. */
export function filterGroups(groups: RuleGroup[], state: StateFilter, search: string): RuleGroup[] {
  return groups
    .map((group) => ({
      ...group,
      rules: group.rules
        .filter((rule) => (state === 'all' || ruleState(rule) === state) && matchesSearch(rule, search))
        .sort((a, b) => rank[ruleState(a)] - rank[ruleState(b)]),
    }))
    .filter((group) => group.rules.length > 0);
}
