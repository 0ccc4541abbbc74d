import { afterEach, describe, expect, test, vi } from 'vitest';
import { builtins, forPromql, forReading, interpolate, references, single } from './interpolate';
import type { VariableValue } from './interpolate';
import { loadDashboard } from './load';
import { kAll } from './model';
import type { Variable } from './model';
import type { Resolved } from './variables';
import { applyRegex, dependents, inOrder, parseCustom, resolveVariables, select, sortOptions, valueOf, valuesOf } from './variables';

const multi = (...values: string[]): VariableValue => ({ values, texts: values, several: true });
const values = new Map<string, VariableValue>([
  ['job', single('node')], ['host', multi('a.b', 'c')], ['one', multi('a.b')], ['all', { values: ['x', 'y'], texts: ['All'], several: true, all: true, allValue: '.*' }],
  ...builtins(0, 3_600_000, { intervalMs: 15_000, rateIntervalMs: 60_000 }),
]);
const variables = (...list: Record<string, unknown>[]): Variable[] => loadDashboard({ templating: { list } }).variables;

afterEach(() => vi.unstubAllGlobals());

describe('references in texts', () => {
  test.each([
    ['up{job="$job"}', 'up{job="node"}'],
    ['up{job="${job}", x="[[job]]"}', 'up{job="node", x="node"}'],
    ['a{i=~"$host"}', 'a{i=~"(a\\\\.b|c)"}'],
    ['a{i=~"$one"}', 'a{i=~"a\\\\.b"}'],
    ['a{i=~"$all"}', 'a{i=~".*"}'],
    ['rate(a[$__rate_interval]) + rate(a[${__interval}]) [$__range]', 'rate(a[1m]) + rate(a[15s]) [3600s]'],
    ['label_replace(a, "x", "$1", "y", "(.*)$unknown")', 'label_replace(a, "x", "$1", "y", "(.*)$unknown")'],
  ])('%s', (text, expected) => expect(interpolate(text, values, forPromql)).toBe(expected));

  test.each([
    ['${host:csv}', 'a.b,c'], ['${host:pipe}', 'a.b|c'], ['${host:regex}', '(a\\.b|c)'], ['${host:json}', '["a.b","c"]'], ['${host:glob}', '{a.b,c}'],
    ['${host:singlequote}', "'a.b','c'"], ['${host:doublequote}', '"a.b","c"'], ['${host:queryparam}', 'var-host=a.b&var-host=c'], ['[[host:raw]]', 'a.b,c'],
    ['${host:lucene}', '("a.b" OR "c")'], ['${__from:date:iso}', '1970-01-01T00:00:00.000Z'], ['${__to:date:seconds}', '3600'], ['${host:text}', 'a.b + c'],
    ['${all:regex}', '.*'], ['${all:csv}', '.*'], ['${all:text}', 'All'], ['${all:queryparam}', 'var-all=%24__all'],
    ['${__to:date:YYYY-MM-DD}', '1970-01-01'], ['${__to:date:[at] mm}', 'at 00'], ['${host:date}', 'NaN'],
  ])('%s', (text, expected) => expect(interpolate(text, values, forReading)).toBe(expected));

  test('quotes and backslashes of a value cannot leave their string', () => {
    const odd = new Map([['v', single('a"b\\c')], ['m', multi('a"b\\c')]]);
    expect(interpolate('x{l="$v"}', odd, forPromql)).toBe('x{l="a\\"b\\\\c"}');
    expect(interpolate('x{l=~"$m"}', odd, forPromql)).toBe('x{l=~"a\\"b\\\\\\\\c"}');
  });
  test('names that a text refers to', () => expect([...references('$a ${b:csv} [[c]] $1')]).toEqual(['a', 'b', 'c', '1']));
});

describe('options', () => {
  test('custom lists', () => {
    expect(parseCustom('a, b\\,c, Long name : short')).toEqual([{ value: 'a', text: 'a' }, { value: 'b,c', text: 'b,c' }, { value: 'short', text: 'Long name' }]);
  });
  test('a pattern filters, and its groups choose', () => {
    expect(applyRegex(['web-1', 'db-2', 'web-1'], '/web-(.*)/')).toEqual([{ value: '1', text: '1' }]);
    expect(applyRegex(['n|7'], '/(?<text>\\w+)\\|(?<value>\\d+)/')).toEqual([{ value: '7', text: 'n' }]);
    expect(applyRegex(['a', 'b'], '(')).toEqual([{ value: 'a', text: 'a' }, { value: 'b', text: 'b' }]);
  });
  test('orders', () => {
    const options = ['b10', 'B2', 'a1'].map((text) => ({ text, value: text }));
    const sorted = (order: number) => sortOptions(options, order).map((option) => option.text).join(' ');
    expect([sorted(0), sorted(1), sorted(3), sorted(4), sorted(5), sorted(7)]).toEqual(['b10 B2 a1', 'B2 a1 b10', 'a1 B2 b10', 'b10 B2 a1', 'a1 b10 B2', 'a1 B2 b10']);
  });
  test('the selection: the address, then the document, then the first', () => {
    const [plain, all] = variables({ name: 'p', type: 'query', current: { value: 'b' } }, { name: 'a', type: 'query', includeAll: true, multi: true, current: { text: 'All', value: ['$__all'] } });
    const options = ['a', 'b', 'c'].map((value) => ({ value, text: value }));
    if (plain === undefined || all === undefined) throw new Error('no variables');
    expect(select(plain, options, ['c'])).toEqual(['c']);
    expect(select(plain, options, ['gone'])).toEqual(['gone']);
    expect(select(plain, options, ['gone'], true)).toEqual(['b']);
    expect(select({ ...plain, current: [] }, options, undefined)).toEqual(['a']);
    expect(select(plain, [], ['c'], true)).toEqual([]);
    expect(select(all, options, undefined)).toEqual([kAll]);
    expect(select(all, options, ['a', 'c', 'gone'], true)).toEqual(['a', 'c']);
    expect(select(all, options, [''])).toEqual([kAll]);
    expect(valueOf({ variable: all, options, selected: [kAll] }).values).toEqual(['a', 'b', 'c']);
  });
});

describe('data source variables', () => {
  const source = (uid: string, name: string, isDefault = false) => ({ uid, name, type: 'prometheus', isDefault, own: false, unsupported: undefined, scrapeIntervalMs: 15_000, traceLinks: [], tracesInSources: [] });
  const resolve = async (variable: Record<string, unknown>, wish?: string) => {
    const wishes = new Map(wish === undefined ? [] : [['ds', [wish]]]);
    return (await resolveVariables(variables({ name: 'ds', type: 'datasource', query: 'prometheus', ...variable }), wishes, { startMs: 0, endMs: 1000 }, [source('a', 'Prod A'), source('b', 'Prod B', true), source('c', 'Lab')], new AbortController().signal))[0];
  };
  test('a pattern chooses by name', async () => expect((await resolve({ regex: '/^Prod/' }))?.options.map(({ text }) => text)).toEqual(['Prod B', 'Prod A']));
  test('a pattern that no source fits leaves none', async () => expect((await resolve({ regex: '/^Test/' }))?.options).toEqual([]));
  test('sources are named by uid or name; one that is not here is the default', async () => {
    expect([(await resolve({}, 'c'))?.selected, (await resolve({ current: { value: 'Prod A' } }))?.selected, (await resolve({ current: { value: 'elsewhere' } }))?.selected]).toEqual([['c'], ['a'], ['b']]);
  });
});

describe('what follows what', () => {
  const list = variables({ name: 'ns', type: 'query', query: 'label_values(ns)' }, { name: 'pod', type: 'query', query: 'label_values(up{ns="$ns"}, pod)' }, { name: 'box', type: 'query', query: 'label_values(box)', regex: '/^${pod}/' }, { name: 'free', type: 'custom', query: 'a,b' });
  test('options follow questions, patterns and sources', () => expect([...dependents(list, 'ns')]).toEqual(['pod', 'box']));
  test('the value for everything may name others', () => {
    const [ns, all] = variables({ name: 'ns', type: 'custom', query: 'x' }, { name: 'all', type: 'custom', query: 'a,b', includeAll: true, allValue: '$ns-.*' });
    if (ns === undefined || all === undefined) throw new Error('no variables');
    expect(interpolate('$all', valuesOf([{ variable: all, options: [], selected: [kAll] }, { variable: ns, options: [], selected: ['x'] }], 0), forPromql)).toBe('x-.*');
  });
});

describe('resolving', () => {
  test('a question may name other variables, whatever the order; a failing one says why and stops nobody', async () => {
    const asked: string[] = [];
    vi.stubGlobal('fetch', (address: string) => {
      asked.push(decodeURIComponent(address).replaceAll('+', ' '));
      if (address.includes('broken')) return Promise.resolve(Response.json({ status: 'error', errorType: 'bad_data', error: 'no such thing' }, { status: 400 }));
      return Promise.resolve(Response.json({ status: 'success', data: address.includes('/label/job/') ? ['node', 'web'] : ['h1', 'h2'] }));
    });
    const list = variables(
      { name: 'instance', type: 'query', query: { query: 'label_values(up{job="$job"}, instance)' } },
      { name: 'job', type: 'query', query: 'label_values(job)' },
      { name: 'bad', type: 'query', query: 'label_values(broken{, x)' },
      { name: 'top', type: 'query', query: 'query_result(topk(1, rate(x[$__range])))' },
    );
    expect(inOrder(list).map((variable) => variable.name)).toEqual(['job', 'instance', 'bad', 'top']);
    const resolved = await resolveVariables(list, new Map([['job', ['web']]]), { startMs: 0, endMs: 7000 }, [], new AbortController().signal);
    expect(resolved.slice(0, 3).map((one) => one.selected)).toEqual([['h1'], ['web'], []]);
    expect(asked.find((address) => address.includes('topk'))).toContain('rate(x[7s])');
    expect(resolved[2]?.error).toBe('no such thing');
    expect(asked.find((address) => address.includes('/label/instance/'))).toContain('match[]=up{job="web"}');
  });
});

test('a server that is away leaves options and selections as they were, or as the document has them', async () => {
  let away = false;
  vi.stubGlobal('fetch', () => (away ? Promise.reject(new TypeError('failed')) : Promise.resolve(Response.json({ status: 'success', data: ['h1', 'h2'] }))));
  const list = variables({ name: 'host', type: 'query', query: 'label_values(host)', current: { value: 'h2' } });
  const resolve = (before: Resolved[]) => resolveVariables(list, new Map(), { startMs: 0, endMs: 1000 }, [], new AbortController().signal, new Set(), before);
  const known = await resolve([]);
  away = true;
  const kept = await resolve(known);
  expect(kept[0]).toMatchObject({ selected: ['h2'], options: [{ value: 'h1' }, { value: 'h2' }], error: expect.stringContaining('cannot be reached') as string });
  expect((await resolve([]))[0]).toMatchObject({ selected: ['h2'], options: [] });
});
