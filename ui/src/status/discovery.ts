/** What service discovery found, and what each relabelling rule did to it. */
import type { Labels, RelabelStep, TargetsAnswer } from '../api/types';

export interface FoundTarget {
  active: boolean;
  discovered: Labels;
  /** What it is scraped with; empty when it was dropped. */
  labels: Labels;
}

export function foundTargets({ activeTargets, droppedTargets }: TargetsAnswer): FoundTarget[] {
  return [
    ...activeTargets.map((target) => ({ active: true, discovered: target.discoveredLabels, labels: target.labels })),
    ...(droppedTargets ?? []).map((target) => ({ active: false, discovered: target.discoveredLabels, labels: {} })),
  ];
}

export function changedLabels(before: Labels, after: Labels): { name: string; from: string | undefined; to: string | undefined }[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return names.filter((name) => before[name] !== after[name]).map((name) => ({ name, from: before[name], to: after[name] }));
}

/** A rule as the configuration writes it. */
export function ruleText(rule: RelabelStep['rule']): string {
  return Object.entries(rule).map(([name, value]) => `${name}: ${Array.isArray(value) ? `[${value.join(', ')}]` : typeof value === 'string' && /^$|[:#'"{}[\]&*?|>%@`,\s]|^-/.test(value) ? JSON.stringify(value) : value}`).join('\n');
}
