/**
 * The query page's state in the address. Expressions and tabs use the names that Prometheus' own page uses (g0.expr,
 * g0.tab), so that links from alerts and old bookmarks open here; the time range is shared by all queries of the page.
 */
import { parseDuration } from '../time/duration';
import { absoluteRange } from '../time/range';
import type { TimeRange } from '../time/range';

export type Tab = 'table' | 'graph' | 'heatmap';

export interface QueryState {
  expr: string;
  tab: Tab;
  stacked: boolean;
  /** Of a graph: with the exemplars of what it selects. */
  exemplars?: boolean;
}

export interface PageState {
  queries: QueryState[];
  range: TimeRange;
  /** A duration, or empty for automatic. */
  step: string;
}

/** More than a person would place, few enough to not hammer the server through a link. */
export const kQueriesMax = 20;

export const defaultRange: TimeRange = { from: 'now-1h', to: 'now' };

function readTab(value: string | null): Tab {
  return value === 'heatmap' ? 'heatmap' : value === 'graph' || value === '0' ? 'graph' : 'table';
}

/** Prometheus writes its range per query as a length and an end; the first one counts here. */
function readRange(parameters: URLSearchParams): TimeRange {
  const from = parameters.get('from');
  const to = parameters.get('to');
  if (from !== null && to !== null) return { from, to };
  const length = parameters.get('g0.range_input') ?? '';
  const lengthMs = parseDuration(length);
  if (lengthMs === undefined || lengthMs === 0) return defaultRange;
  const end = parameters.get('g0.end_input');
  const endMs = end === null ? NaN : Date.parse(end.includes('T') ? end : `${end.replace(' ', 'T')}Z`);
  return Number.isNaN(endMs) ? { from: `now-${length}`, to: 'now' } : absoluteRange(endMs - lengthMs, endMs);
}

export function readState(search: string): PageState {
  const parameters = new URLSearchParams(search);
  const queries: QueryState[] = [];
  for (let i = 0; i < kQueriesMax; i++) {
    const expr = parameters.get(`g${i}.expr`);
    if (expr === null) break;
    const stacked = parameters.get(`g${i}.display_mode`) === 'stacked' || parameters.get(`g${i}.stacked`) === '1';
    const exemplars = parameters.get(`g${i}.show_exemplars`) === '1';
    queries.push({ expr, tab: readTab(parameters.get(`g${i}.tab`)), stacked, ...(exemplars ? { exemplars } : {}) });
  }
  if (queries.length === 0) queries.push({ expr: '', tab: 'table', stacked: false });
  return { queries, range: readRange(parameters), step: parameters.get('step') ?? parameters.get('g0.step_input') ?? '' };
}

export function writeState({ queries, range, step }: PageState): URLSearchParams {
  const parameters = new URLSearchParams();
  queries.forEach(({ expr, tab, stacked, exemplars }, index) => {
    parameters.set(`g${index}.expr`, expr);
    parameters.set(`g${index}.tab`, tab);
    if (stacked) parameters.set(`g${index}.display_mode`, 'stacked');
    if (exemplars === true) parameters.set(`g${index}.show_exemplars`, '1');
  });
  if (range.from !== defaultRange.from || range.to !== defaultRange.to) {
    parameters.set('from', range.from);
    parameters.set('to', range.to);
  }
  if (step !== '') parameters.set('step', step);
  return parameters;
}

/** The address of the query page for one expression. */
export function queryAddress(expr: string, tab: Tab = 'table', range: TimeRange = defaultRange): string {
  return `/query?${writeState({ queries: [{ expr, tab, stacked: false }], range, step: '' }).toString()}`;
}
