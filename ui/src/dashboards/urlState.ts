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

export type InspectTab = 'data' | 'query' | 'json';

/** Which panel stands alone, under Grafana's name, and which is looked into. */
export function readPanelState(search: string): { viewPanel: string | undefined; inspect: string | undefined; tab: InspectTab } {
  const parameters = new URLSearchParams(search);
  const tab = parameters.get('inspectTab');
  return {
    viewPanel: parameters.get('viewPanel')?.replace(/^panel-/, '') ?? undefined, inspect: parameters.get('inspect') ?? undefined, tab: tab === 'query' || tab === 'json' ? tab : 'data',
  };
}

function changed(search: string, changes: Record<string, string | undefined>): URLSearchParams {
  const parameters = new URLSearchParams(search);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined) parameters.delete(name);
    else parameters.set(name, value);
  }
  return parameters;
}

export const withPanelView = (search: string, key: string | undefined) => changed(search, { viewPanel: key, inspect: undefined, inspectTab: undefined });
export const withInspect = (search: string, key: string | undefined, tab?: InspectTab) => changed(search, { inspect: key, inspectTab: key === undefined ? undefined : tab });

/** Annotations that the reader switched against what the document says. */
export function switchedAnnotations(search: string): ReadonlySet<string> {
  return new Set(new URLSearchParams(search).getAll('annotation'));
}

export function withAnnotationSwitched(search: string, name: string): URLSearchParams {
  const parameters = new URLSearchParams(search);
  const switched = parameters.getAll('annotation');
  parameters.delete('annotation');
  for (const one of switched.includes(name) ? switched.filter((other) => other !== name) : [...switched, name]) parameters.append('annotation', one);
  return parameters;
}
