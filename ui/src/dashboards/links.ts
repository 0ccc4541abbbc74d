/** Addresses that dashboards lead to: what a link carries along of the range and the variables, and where it points. */
import { forAddress, interpolate } from './interpolate';
import type { Values } from './interpolate';
import { kAll } from './model';
import type { DashboardLink } from './model';
import type { Resolved } from './variables';
import type { TimeRange } from '../time/range';

/** The selections as an address writes them: var-name=value, "All" by its own sign. */
export function variableParameters(variables: Resolved[]): URLSearchParams {
  const parameters = new URLSearchParams();
  for (const { variable, selected } of variables) {
    if (variable.skipUrlSync || variable.type === 'constant') continue;
    for (const value of selected.length > 0 ? selected : ['']) parameters.append(`var-${variable.name}`, value === kAll ? kAll : value);
  }
  return parameters;
}

export const timeParameters = (range: TimeRange) => new URLSearchParams({ from: range.from, to: range.to });

/** What stays of this page's address when another dashboard is opened. */
export function carryOver(search: string, { keepTime, includeVars }: { keepTime: boolean; includeVars: boolean }): string {
  const kept = new URLSearchParams();
  for (const [name, value] of new URLSearchParams(search)) {
    if ((keepTime && (name === 'from' || name === 'to')) || (includeVars && name.startsWith('var-'))) kept.append(name, value);
  }
  return kept.toString();
}

/** Variables that only links use: the range and all selections, ready to be put after a question mark. */
export function linkValues(range: TimeRange, variables: Resolved[]): [string, { values: string[]; texts: string[]; several: boolean }][] {
  const ready = (text: string) => ({ values: [text], texts: [text], several: false });
  return [['__url_time_range', ready(timeParameters(range).toString())], ['__all_variables', ready(variableParameters(variables).toString())]];
}

/** A link's address with its variables filled in and, where it asks for them, the range and the selections added. */
export function linkAddress(link: DashboardLink, values: Values, range: TimeRange, variables: Resolved[]): string {
  const url = interpolate(link.url, values, forAddress);
  const added = new URLSearchParams([...(link.keepTime ? timeParameters(range) : []), ...(link.includeVars ? variableParameters(variables) : [])]).toString();
  if (added === '') return url;
  const [head = '', hash] = url.split('#', 2);
  return `${head}${head.includes('?') ? '&' : '?'}${added}${hash === undefined ? '' : `#${hash}`}`;
}
