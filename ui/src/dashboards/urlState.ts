/** A dashboard's state in the address, under Grafana's names: from, to, refresh, var-<name>. */
import type { TimeRange } from '../time/range';
import type { Dashboard } from './model';

export interface ViewState {
  range: TimeRange;
  refresh: string;
  wishes: ReadonlyMap<string, string[]>;
}

export function readView(search: string, dashboard: Dashboard): ViewState {
  const parameters = new URLSearchParams(search);
  const wishes = new Map<string, string[]>();
  for (const { name, skipUrlSync } of dashboard.variables) {
    const values = parameters.getAll(`var-${name}`);
    if (values.length > 0 && !skipUrlSync) wishes.set(name, values);
  }
  return {
    range: { from: parameters.get('from') ?? dashboard.time.from, to: parameters.get('to') ?? dashboard.time.to },
    refresh: parameters.get('refresh') ?? dashboard.refresh,
    wishes,
  };
}

export function withRange(search: string, range: TimeRange): URLSearchParams {
  const parameters = new URLSearchParams(search);
  parameters.set('from', range.from);
  parameters.set('to', range.to);
  return parameters;
}

export function withRefresh(search: string, refresh: string): URLSearchParams {
  const parameters = new URLSearchParams(search);
  parameters.set('refresh', refresh);
  return parameters;
}

export function withVariable(search: string, name: string, values: string[]): URLSearchParams {
  const parameters = new URLSearchParams(search);
  parameters.delete(`var-${name}`);
  for (const value of values) parameters.append(`var-${name}`, value);
  return parameters;
}
