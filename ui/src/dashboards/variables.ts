/** What a dashboard's variables can be and what they are: options from the server or the document, and the selection. */
import { getLabelNames, getLabelValues, getSeries, queryInstant } from '../api/prometheus';
import { intervalFor, rateInterval } from '../time/interval';
import { formatDuration, parseDuration } from '../time/duration';
import { readFilter } from './adhoc';
import { builtins, forPromql, forRegex, interpolate, references } from './interpolate';
import type { Values, VariableValue } from './interpolate';
import { foreignDataSource } from './dataSources';
import { kAll } from './model';
import type { Variable } from './model';
import { apiOf, kScrapeIntervalMs, sourceOf, sourcesOfType } from './sources';
import type { DataSource } from './sources';

export interface Option {
  value: string;
  text: string;
}

interface Span {
  startMs: number;
  endMs: number;
}

export interface Resolved {
  variable: Variable;
  options: Option[];
  /** `[$__all]` when everything is chosen. */
  selected: string[];
  error?: string | undefined;
  /** Of a variable that filters: its source, and where that is asked for labels. */
  source?: { uid: string | undefined; api: string; span: Span } | undefined;
}

/** More options than a person picks from; the rest is left out. */
const kOptionsMax = 2000;

/** "a, b\, c, d : 4" → options; a backslash keeps a comma, " : " parts text from value. */
export function parseCustom(query: string): Option[] {
  return query
    .split(/(?<!\\),/)
    .map((part) => part.replace(/\\,/g, ',').trim())
    .filter((part) => part !== '')
    .map((part) => {
      const parted = /^(.*\S)\s+:\s+(\S.*)$/.exec(part);
      return parted === null ? { value: part, text: part } : { value: parted[2] ?? '', text: parted[1] ?? '' };
    });
}

function toRegex(pattern: string): RegExp | undefined {
  const slashed = /^\/(.*)\/([gimsuy]*)$/s.exec(pattern);
  try {
    return slashed === null ? new RegExp(`^${pattern}$`) : new RegExp(slashed[1] ?? '', (slashed[2] ?? '').replace('g', ''));
  } catch {
    return undefined;
  }
}

/** Keeps what the pattern matches; a group, or groups named `value` and `text`, choose a part of it. */
export function applyRegex(found: string[], pattern: string): Option[] {
  const regex = pattern === '' ? undefined : toRegex(pattern);
  const seen = new Set<string>();
  const options: Option[] = [];
  for (const one of found) {
    const match = regex?.exec(one);
    if (regex !== undefined && match === null) continue;
    const value = match?.groups?.['value'] ?? match?.groups?.['text'] ?? match?.[1] ?? one;
    const text = match?.groups?.['text'] ?? value;
    if (seen.has(value)) continue;
    seen.add(value);
    options.push({ value, text });
  }
  return options;
}

/** Grafana's orders: 1, 2 by letters, 3, 4 by the first number, 5, 6 by letters without case, 7, 8 naturally; even ones are backwards. */
export function sortOptions(options: Option[], order: number): Option[] {
  if (order <= 0 || order > 8) return options;
  const number = ({ text }: Option) => Number(/(\d+(\.\d+)?)/.exec(text)?.[1] ?? -1);
  const compare: Record<number, (a: Option, b: Option) => number> = {
    1: (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0),
    3: (a, b) => number(a) - number(b),
    5: (a, b) => a.text.toLowerCase().localeCompare(b.text.toLowerCase()),
    7: (a, b) => a.text.localeCompare(b.text, undefined, { numeric: true }),
  };
  const sorted = [...options].sort(compare[order % 2 === 1 ? order : order - 1]);
  return order % 2 === 1 ? sorted : sorted.reverse();
}

/** Asks the server what a query variable's question asks; each form is one function call. */
async function ask(question: string, span: Span, signal: AbortSignal, api: string): Promise<string[]> {
  const text = question.trim();
  const inside = /^(\w+)\((.*)\)$/s.exec(text);
  const [name, argument = ''] = inside === null ? ['', ''] : [inside[1] ?? '', (inside[2] ?? '').trim()];
  if (name === 'label_names') return getLabelNames({ ...span, ...(argument === '' ? {} : { match: [argument] }) }, signal, api);
  if (name === 'label_values') {
    const parted = /^(?:(.+),\s*)?([\w.]+|"[^"]+")\s*$/s.exec(argument);
    const label = (parted?.[2] ?? '').replace(/"/g, '');
    const selector = parted?.[1]?.trim() ?? '';
    if (label === '') throw new Error(`${text} names no label.`);
    return getLabelValues(label, { ...span, ...(selector === '' ? {} : { match: [selector] }) }, signal, api);
  }
  if (name === 'metrics') {
    const pattern = new RegExp(argument === '' ? '' : argument);
    return (await getLabelValues('__name__', span, signal, api)).filter((metric) => pattern.test(metric));
  }
  if (name === 'query_result') {
    const { data } = await queryInstant(argument, span.endMs, signal, api);
    if (data.resultType !== 'vector') return [];
    return data.result.map(({ metric, value }) => {
      const { __name__: metricName = '', ...labels } = metric;
      const inner = Object.entries(labels).map(([label, text_]) => `${label}="${text_}"`).join(',');
      return `${metricName}{${inner}} ${value?.[1] ?? ''} ${(value?.[0] ?? 0) * 1000}`;
    });
  }
  if (text === '') return [];
  const series = await getSeries({ ...span, match: [text] }, signal, api);
  return series.map(({ __name__: metricName = '', ...labels }) => `${metricName}{${Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(',')}}`);
}

async function findOptions(variable: Variable, known: Values, span: Span, sources: readonly DataSource[], signal: AbortSignal): Promise<Option[]> {
  switch (variable.type) {
    case 'custom':
      return parseCustom(interpolate(variable.query, known, forPromql));
    case 'interval':
      return [...(variable.auto === undefined ? [] : [{ value: `$__auto_interval_${variable.name}`, text: 'auto' }]), ...parseCustom(variable.query)];
    case 'constant':
      return [{ value: variable.query, text: variable.query }];
    case 'datasource': {
      if (foreignDataSource({ type: variable.query }) !== undefined) throw new Error(`This server has no data source of type ${variable.query}.`);
      const pattern = variable.regex === '' ? undefined : toRegex(interpolate(variable.regex, known, forRegex));
      const options = sourcesOfType(sources, variable.query).filter(({ name }) => pattern === undefined || pattern.test(name)).map(({ uid, name }) => ({ value: uid, text: name }));
      return options.length > 0 || pattern !== undefined ? options : [{ value: 'sextant', text: 'Sextant' }];
    }
    case 'adhoc':
      return (await getLabelNames(span, signal, apiOf(variable.datasource, sources, known))).map((name) => ({ value: name, text: name }));
    case 'textbox':
    case 'unknown':
      return [];
    case 'query': {
      const foreign = foreignDataSource(variable.datasource);
      if (foreign !== undefined) throw new Error(`This server has no data source of type ${foreign}.`);
      return sortOptions(applyRegex(await ask(interpolate(variable.query, known, forPromql), span, signal, apiOf(variable.datasource, sources, known)), interpolate(variable.regex, known, forRegex)), variable.sort).slice(0, kOptionsMax);
    }
  }
}

/** Data sources are named by uid or by name, the choice that follows the range by `$__auto` too. */
function toOption(variable: Variable, options: Option[], value: string): string {
  if (variable.type === 'interval' && value.startsWith('$__auto')) return options.find((option) => option.value.startsWith('$__auto'))?.value ?? value;
  return variable.type === 'datasource' && !options.some((option) => option.value === value) ? (options.find(({ text }) => text === value)?.value ?? value) : value;
}

/**
 * The wish, as far as it is possible: what the address says, else what the document saved, else the first option. What the
 * address says is taken at its word: a pod that is gone from the options must not become another one. It has to be one of
 * them where `mustFit`, as after a change of what the options depend on, and where a source is meant.
 */
export function select(variable: Variable, options: Option[], wished: string[] | undefined, mustFit = false): string[] {
  if (variable.type === 'textbox') return wished ?? (variable.current.length > 0 ? variable.current : [variable.query]);
  if (variable.type === 'constant') return [variable.query];
  if (variable.type === 'adhoc') return (wished ?? variable.current).filter((one) => readFilter(one) !== undefined);
  const possible = new Set(options.map((option) => option.value));
  for (const written of [wished, variable.current]) {
    const candidate = written?.filter((value) => value !== '' || possible.has('')).map((value) => toOption(variable, options, value));
    if (candidate === undefined || candidate.length === 0) continue;
    if (candidate.includes(kAll) || (variable.includeAll && candidate.includes('All') && !possible.has('All'))) {
      if (variable.includeAll) return [kAll];
      continue;
    }
    const isFree = written === wished && !mustFit && (variable.type === 'query' || variable.type === 'custom');
    const kept = isFree ? candidate : candidate.filter((value) => possible.has(value));
    if (kept.length > 0) return variable.multi ? kept : kept.slice(0, 1);
  }
  const first = options[0]?.value;
  if (first !== undefined && !(variable.includeAll && variable.current.length === 0 && variable.multi)) return [first];
  return variable.includeAll ? [kAll] : [];
}

/** The variable's value as texts and queries use it. */
export function valueOf({ variable, options, selected, source }: Resolved, rangeMs = 0): VariableValue {
  if (variable.type === 'adhoc') {
    const list = selected.map(readFilter).filter((one) => one !== undefined);
    return { values: selected, texts: selected, several: true, filters: { list, sourceUid: source?.uid } };
  }
  const several = variable.multi || variable.includeAll;
  if (selected.includes(kAll)) {
    return {
      values: options.map((option) => option.value), texts: ['All'], several: true, all: true, allValue: variable.allValue === '' ? undefined : variable.allValue, names: options.map((option) => option.text),
    };
  }
  if (variable.type === 'interval' && (selected[0] ?? '').startsWith('$__auto')) {
    const auto = formatDuration(intervalFor(rangeMs, variable.auto?.count ?? 30, parseDuration(variable.auto?.min ?? '10s') ?? 10_000));
    return { values: [auto], texts: [auto], several: false };
  }
  const text = new Map(options.map((option) => [option.value, option.text]));
  return { values: selected, texts: selected.map((value) => text.get(value) ?? value), several };
}

/** The values of all, each by its name; a value for everything may name other variables. */
export function valuesOf(resolved: Resolved[], rangeMs: number): Map<string, VariableValue> {
  const values = new Map(resolved.map((one): [string, VariableValue] => [one.variable.name, valueOf(one, rangeMs)]));
  for (const [name, value] of values) if (value.allValue !== undefined) values.set(name, { ...value, allValue: interpolate(value.allValue, values, forPromql) });
  return values;
}

/** Before the server has answered: what the document saved, so that a page has its shape at once. */
export function unresolved(variables: Variable[]): Resolved[] {
  return variables.map((variable) => ({ variable, options: [], selected: variable.current }));
}

/** Names of the variables that its options follow. */
export const dependencies = ({ query, regex, datasource }: Variable): Set<string> => references([query, regex, datasource?.uid ?? ''].join('\n'));

/** All whose options follow those of `name`, directly or through others. */
export function dependents(variables: Variable[], name: string): Set<string> {
  const found = new Set([name]);
  for (let before = 0; before !== found.size;) {
    before = found.size;
    for (const variable of variables) if ([...dependencies(variable)].some((one) => found.has(one))) found.add(variable.name);
  }
  found.delete(name);
  return found;
}

/** Variables in an order in which each comes after those its question names. A circle keeps the document's order. */
export function inOrder(variables: Variable[]): Variable[] {
  const byName = new Map(variables.map((variable) => [variable.name, variable]));
  const ordered: Variable[] = [];
  const visited = new Set<string>();
  const visit = (variable: Variable) => {
    if (visited.has(variable.name)) return;
    visited.add(variable.name);
    for (const name of dependencies(variable)) {
      const needed = byName.get(name);
      if (needed !== undefined) visit(needed);
    }
    ordered.push(variable);
  };
  variables.forEach(visit);
  return ordered;
}

/**
 * Options and selections of all variables, in the document's order. A question that fails leaves its variable what it was
 * `before`, else what the document saved, with the reason: a server that is away for a moment must not blank the panels.
 */
export async function resolveVariables(
  variables: Variable[],
  wishes: ReadonlyMap<string, string[]>,
  span: Span,
  sources: readonly DataSource[],
  signal: AbortSignal,
  mustFit: ReadonlySet<string> = new Set(),
  before: readonly Resolved[] = [],
): Promise<Resolved[]> {
  const step = { intervalMs: kScrapeIntervalMs, rateIntervalMs: rateInterval(kScrapeIntervalMs, kScrapeIntervalMs) };
  const known = new Map<string, VariableValue>(builtins(span.startMs, span.endMs, step));
  const done = new Map<string, Resolved>();
  for (const variable of inOrder(variables)) {
    const resolved: Resolved = { variable, options: [], selected: [] };
    try {
      resolved.options = await findOptions(variable, known, span, sources, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      resolved.error = error instanceof Error ? error.message : String(error);
      resolved.options = before.find((one) => one.variable === variable)?.options ?? [];
    }
    if (variable.type === 'adhoc') resolved.source = { uid: sourceOf(variable.datasource, sources, known)?.uid, api: apiOf(variable.datasource, sources, known), span };
    resolved.selected = select(variable, resolved.options, wishes.get(variable.name), mustFit.has(variable.name));
    if (resolved.error !== undefined && resolved.options.length === 0 && resolved.selected.length === 0 && !variable.current.includes(kAll)) resolved.selected = variable.current.filter((value) => value !== '');
    done.set(variable.name, resolved);
    for (const [name, value] of valuesOf([...done.values()], span.endMs - span.startMs)) known.set(name, value);
  }
  return variables.map((variable) => done.get(variable.name) ?? { variable, options: [], selected: [] });
}
