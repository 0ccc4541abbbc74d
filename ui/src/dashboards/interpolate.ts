/**
 * Variables inside texts: $name, [[name]], [[name:format]], ${name}, ${name:format} and ${name.part}. Unknown names stay as
 * they are written, so that a `$1` of label_replace() or a literal dollar survives.
 */
import { dateTimeFormat } from '../grafana';
import { formatDuration } from '../time/duration';
import type { Filter } from './adhoc';
import { kAll } from './model';

export interface VariableValue {
  /** The chosen values; several only for multi-value variables. */
  values: string[];
  /** What people read for them. */
  texts: string[];
  /** Several values are possible, so that a query must be ready for a regular expression. */
  several: boolean;
  /** Everything is chosen. */
  all?: boolean | undefined;
  /** Stands in for everything when all is chosen, taken literally by every format that does not name what is chosen. */
  allValue?: string | undefined;
  /** Of a variable that filters queries, and those of which source. */
  filters?: { list: Filter[]; sourceUid: string | undefined } | undefined;
  /** What people read for each of `values`, where `texts` says it in one word. */
  names?: string[] | undefined;
}

export type Values = ReadonlyMap<string, VariableValue>;

export const single = (value: string): VariableValue => ({ values: [value], texts: [value], several: false });

const escapeRegex = (text: string) => text.replace(/[\\^$*+?.()|[\]{}/]/g, '\\$&');

/** For a value inside a quoted matcher: the regular expression's escapes must survive PromQL's own. */
const escapePromRegex = (text: string) => text.replace(/\\/g, '\\\\\\\\').replace(/[$^*{}[\]+?.()|]/g, '\\\\$&').replace(/"/g, '\\"');
const escapePromText = (text: string) => text.replace(/\\/g, '\\\\').replace(/"/g, '\\"');

export type Format = (value: VariableValue, name: string) => string;

/** How a PromQL expression wants its values: alternatives of a regular expression, or the plain text. */
export const forPromql: Format = ({ values, several, allValue }) => {
  if (allValue !== undefined) return allValue;
  if (!several) return escapePromText(values[0] ?? '');
  const escaped = values.map(escapePromRegex);
  return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.join('|')})`;
};

/** How a regular expression of ours wants them. */
export const forRegex: Format = ({ values }) => (values.length === 1 ? escapeRegex(values[0] ?? '') : `(${values.map(escapeRegex).join('|')})`);

/** How a title wants them. */
export const forReading: Format = ({ texts }) => texts.join(' + ');

const joined = (mark: string, quote: (text: string) => string = (text) => text): Format => ({ values }) => values.map(quote).join(mark);
const glob: Format = ({ values }) => (values.length === 1 ? (values[0] ?? '') : `{${values.join(',')}}`);

/** Keeps what structures an address; everything else is escaped. */
export const encodeUri = (text: string) => encodeURI(text).replace(/[!'()*"]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

/** How an address wants them. */
export const forAddress: Format = (value) => encodeUri(value.allValue ?? glob(value, ''));

const named: Record<string, Format> = {
  glob,
  raw: joined(','),
  csv: joined(','),
  pipe: joined('|'),
  text: forReading,
  regex: forRegex,
  json: ({ values, several }) => JSON.stringify(several ? values : values[0]),
  singlequote: joined(',', (text) => `'${text.replace(/'/g, "\\'")}'`),
  doublequote: joined(',', (text) => `"${text.replace(/"/g, '\\"')}"`),
  sqlstring: joined(',', (text) => `'${text.replace(/'/g, "''")}'`),
  uriencode: (value) => encodeUri(glob(value, '')),
  percentencode: (value) => encodeURIComponent(value.allValue ?? glob(value, '')),
  urlencode: joined(',', encodeURIComponent),
  lucene: ({ values }) => {
    const escaped = values.map((text) => text.replace(/([!*+\-=<>\s&|()[\]{}^~?:\\/"])/g, '\\$1'));
    return escaped.length === 1 ? (escaped[0] ?? '') : `(${escaped.map((text) => `"${text}"`).join(' OR ')})`;
  },
  queryparam: ({ values, all }, name) =>
    (all === true ? [kAll] : values).map((text) => `var-${encodeURIComponent(name)}=${encodeURIComponent(text)}`).join('&'),
  distributed: ({ values }, name) => values.map((text, index) => (index === 0 ? text : `${name}=${text}`)).join(','),
};

/** Formats that a custom value for everything does not stand in for. */
const kNamesWhatIsChosen = new Set(['text', 'queryparam', 'percentencode']);

/** `date`, `date:iso`, `date:seconds`, and any pattern of the library's: `date:YYYY-MM-DD HH:mm`. */
function formatOfDate(format: string): Format | undefined {
  if (format !== 'date' && !format.startsWith('date:')) return undefined;
  const pattern = format.slice('date:'.length);
  return ({ values }) => {
    const ms = Number(values[0]);
    if (!Number.isFinite(ms) || Math.abs(ms) > 8.64e15) return 'NaN';
    if (pattern === '' || pattern === 'iso') return new Date(ms).toISOString();
    return pattern === 'seconds' ? String(Math.floor(ms / 1000)) : dateTimeFormat(ms, { format: pattern });
  };
}

/** The format that a reference names; for one that nobody knows, the one that stands where none is named. */
function formatted(format: string, value: VariableValue, name: string, otherwise: Format): string {
  if (value.allValue !== undefined && !kNamesWhatIsChosen.has(format)) return value.allValue;
  return (named[format] ?? formatOfDate(format) ?? otherwise)(value, name);
}

const kReference = /\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:}]+))?(?::([^}]+))?\}/g;

/** Replaces every known reference; `otherwise` is the format where the text names none. */
export function interpolate(text: string, values: Values, otherwise: Format, parts?: (name: string, part: string) => string | undefined): string {
  if (!text.includes('$') && !text.includes('[[')) return text;
  return text.replace(kReference, (whole, plain?: string, square?: string, squareFormat?: string, braced?: string, part?: string, bracedFormat?: string) => {
    const name = plain ?? square ?? braced ?? '';
    if (part !== undefined) return parts?.(name, part) ?? values.get(`${name}.${part}`)?.values[0] ?? whole;
    const value = values.get(name);
    if (value === undefined) return parts?.(name, '') ?? whole;
    const format = squareFormat ?? bracedFormat;
    if (format === undefined) return otherwise(value, name);
    return formatted(format, value, name, otherwise);
  });
}

/** Names that a text refers to. */
export function references(text: string): Set<string> {
  return new Set([...text.matchAll(kReference)].map(([, plain, square, , braced]) => plain ?? square ?? braced ?? ''));
}

/** The variables that every dashboard has: the range, and for a query its step. */
export function builtins(fromMs: number, toMs: number, step?: { intervalMs: number; rateIntervalMs: number }): [string, VariableValue][] {
  const rangeMs = toMs - fromMs;
  const rangeS = Math.max(1, Math.round(rangeMs / 1000));
  const known: [string, string][] = [
    ['__from', String(fromMs)], ['__to', String(toMs)], ['__range', `${rangeS}s`], ['__range_s', String(rangeS)], ['__range_ms', String(Math.round(rangeMs))],
  ];
  if (step !== undefined) {
    known.push(
      ['__interval', formatDuration(step.intervalMs)], ['__interval_ms', String(step.intervalMs)],
      ['__rate_interval', formatDuration(step.rateIntervalMs)], ['__rate_interval_ms', String(step.rateIntervalMs)],
    );
  }
  return known.map(([name, value]) => [name, single(value)]);
}
