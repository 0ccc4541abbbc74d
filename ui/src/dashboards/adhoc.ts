/**
 * Ad hoc filters: label, operator and value that hold for every query of their data source. An address writes one as
 * `label|operator|value`, as Grafana does; in an expression each becomes a matcher of every selector.
 */
import type { Values } from './interpolate';

export interface Filter {
  label: string;
  operator: string;
  value: string;
}

export const filterOperators = ['=', '!=', '=~', '!~'] as const;

const kPipe = '__gfp__'; // how addresses write a | that is part of a label or value
const escapePipe = (text: string) => text.replaceAll('|', kPipe);

export const writeFilter = ({ label, operator, value }: Filter) => [label, operator, value].map((part) => (part === operator ? part : escapePipe(part))).join('|');

/** `=|` and `!=|` mean one, or none, of several values. */
export function readFilter(text: string): Filter | undefined {
  const parts = /^([^|]+)\|(=\||!=\||!=|=~|!~|=)\|(.*)$/s.exec(text);
  if (parts === null) return undefined;
  const [label = '', operator = '', value = ''] = parts.slice(1).map((part) => part.replaceAll(kPipe, '|'));
  return { label, operator, value };
}

const quoted = (text: string) => `"${text.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n')}"`;
const literal = (text: string) => text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');

function matcherOf({ label, operator, value }: Filter): string {
  const name = /^[A-Za-z_]\w*$/.test(label) ? label : quoted(label);
  if (operator === '=|' || operator === '!=|') return `${name}${operator === '=|' ? '=~' : '!~'}${quoted(value.split('|').map(literal).join('|'))}`;
  return `${name}${operator}${quoted(value)}`;
}

const kToken = /#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[A-Za-z_:][\w:.]*|0[xX][\da-fA-F]+|\d[\w.]*(?:(?<=[eE])[+-]\d+)?|\s+|[^]/g;
const isIdentifier = (token: string | undefined) => token !== undefined && /^[A-Za-z_:]/.test(token);
const withLabelList = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right']);
const words = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'inf', 'nan', 'fill', 'fill_left', 'fill_right']);

/** The expression with the filters as matchers of all its selectors. */
export function withFilters(expr: string, filters: readonly Filter[]): string {
  const matchers = filters.map(matcherOf).join(',');
  if (matchers === '') return expr;
  const tokens = expr.match(kToken) ?? [];
  const isSpace = (token: string | undefined) => token !== undefined && (token.startsWith('#') || token.trim() === '');
  const next = (from: number) => {
    let at = from + 1;
    while (isSpace(tokens[at])) at++;
    return at;
  };
  let out = '';
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at] ?? '';
    out += token;
    if (token === '[') { // a range: durations, no selectors
      while (at + 1 < tokens.length && tokens[at] !== ']') out += tokens[++at] ?? '';
      continue;
    }
    let brace = at;
    if (isIdentifier(token)) {
      const after = next(at);
      const following = tokens[after];
      const word = token.toLowerCase();
      if (withLabelList.has(word)) {
        if (following === '(') for (; at < tokens.length - 1 && tokens[at] !== ')';) out += tokens[++at] ?? '';
        continue;
      }
      if (words.has(word) || following === '(' || (isIdentifier(following) && /^(by|without)$/i.test(following ?? ''))) continue;
      if (following !== '{') {
        out += `{${matchers}}`;
        continue;
      }
      brace = after;
    } else if (token !== '{') continue;
    while (at < brace) out += tokens[++at] ?? '';
    let inside = '';
    for (at++; at < tokens.length && tokens[at] !== '}'; at++) inside += tokens[at] ?? '';
    const bare = inside.trim();
    out += `${inside}${bare === '' || bare.endsWith(',') ? '' : ','}${matchers}}`;
  }
  return out;
}

/** Those that hold for queries to the source of this uid. */
export function filtersFor(values: Values, sourceUid: string | undefined): Filter[] {
  return [...values.values()].flatMap(({ filters }) => (filters !== undefined && (filters.sourceUid === undefined || sourceUid === undefined || filters.sourceUid === sourceUid) ? filters.list : []));
}
