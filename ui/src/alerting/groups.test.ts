import { expect, test } from 'vitest';
import type { AlertState, Rule, RuleGroup } from '../api/types';
import { countStates, filterGroups } from './groups';

const alerting = (name: string, state: AlertState, severity: string): Rule => ({
  type: 'alerting', name, query: `${name} > 1`, duration: 60, labels: { severity }, annotations: {}, health: 'ok', evaluationTime: 0, lastEvaluation: '', state,
  alerts: state === 'inactive' ? [] : [{ labels: { alertname: name, instance: `${name}:9100` }, annotations: {}, state, value: '1' }],
});
const groups: RuleGroup[] = [
  { name: 'g', file: 'f', interval: 15, evaluationTime: 0, lastEvaluation: '', rules: [alerting('quiet', 'inactive', 'low'), alerting('loud', 'firing', 'high'), alerting('soon', 'pending', 'high')] },
  { name: 'r', file: 'f', interval: 15, evaluationTime: 0, lastEvaluation: '', rules: [{ type: 'recording', name: 'a:b', query: 'sum(b)', health: 'ok', evaluationTime: 0, lastEvaluation: '' }] },
];

test('the worst comes first', () => {
  expect(filterGroups(groups, 'all', '')[0]?.rules.map((rule) => rule.name)).toEqual(['loud', 'soon', 'quiet']);
  expect(countStates(groups)).toEqual({ all: 4, firing: 1, pending: 1, inactive: 1, unknown: 0, recording: 1 });
});

test('filters by state and by any word of a rule or its alerts', () => {
  expect(filterGroups(groups, 'recording', '').map((group) => group.name)).toEqual(['r']);
  expect(filterGroups(groups, 'all', 'severity=high pending')).toEqual([]);
  expect(filterGroups(groups, 'all', 'severity=high')[0]?.rules).toHaveLength(2);
  expect(filterGroups(groups, 'all', 'instance=loud:9100')[0]?.rules.map((rule) => rule.name)).toEqual(['loud']);
});
