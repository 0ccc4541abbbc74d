import { describe, expect, test } from 'vitest';
import { seriesText } from './SeriesName';
import { toGrid, toRows } from './results';
import { defaultRange, kQueriesMax, queryAddress, readState, writeState } from './urlState';

describe('address', () => {
  test('a state survives being written and read', () => {
    const state = {
      queries: [{ expr: 'up{job="a&b"} > 1', tab: 'graph' as const, stacked: true }, { expr: '', tab: 'table' as const, stacked: false }],
      range: { from: 'now-15m', to: 'now' }, step: '30s',
    };
    expect(readState(`?${writeState(state).toString()}`)).toEqual(state);
  });
  test('nothing is one empty query over the last hour', () => {
    expect(readState('')).toEqual({ queries: [{ expr: '', tab: 'table', stacked: false }], range: defaultRange, step: '' });
  });
  test("Prometheus' own addresses open: tab numbers, range and end", () => {
    const state = readState('?g0.expr=up&g0.tab=0&g0.stacked=1&g0.range_input=2h&g0.end_input=2026-11-22 12:00:00&g1.expr=1&g1.tab=1');
    expect(state.queries).toEqual([{ expr: 'up', tab: 'graph', stacked: true }, { expr: '1', tab: 'table', stacked: false }]);
    expect(state.range).toEqual({ from: String(Date.UTC(2026, 10, 22, 10)), to: String(Date.UTC(2026, 10, 22, 12)) });
    expect(readState('?g0.expr=up&g0.range_input=6h').range).toEqual({ from: 'now-6h', to: 'now' });
  });
  test('a link cannot ask for endless queries', () => {
    const many = Array.from({ length: 100 }, (_, i) => `g${i}.expr=up`).join('&');
    expect(readState(`?${many}`).queries).toHaveLength(kQueriesMax);
  });
  test('the address of one expression', () => {
    expect(readState(queryAddress('rate(a[5m])', 'graph').slice('/query'.length)).queries[0]?.expr).toBe('rate(a[5m])');
  });
});

describe('answers', () => {
  test('rows of every kind of result', () => {
    expect(toRows({ resultType: 'scalar', result: [1, '4'] })).toEqual([{ labels: {}, values: [{ value: '4' }], sortValue: 4 }]);
    expect(toRows({ resultType: 'vector', result: [{ metric: { a: 'b' }, value: [1, 'NaN'] }] })[0]?.values).toEqual([{ value: 'NaN' }]);
    expect(toRows({ resultType: 'matrix', result: [{ metric: {}, values: [[1, '2'], [3, '4']] }] })[0]?.values).toEqual([{ value: '2', timeMs: 1000 }, { value: '4', timeMs: 3000 }]);
    const histogram = toRows({ resultType: 'vector', result: [{ metric: {}, histogram: [1, { count: '3', sum: '1.5', buckets: [[0, '0.5', '1', '3']] }] }] });
    expect(histogram[0]?.values[0]?.value).toBe('count 3, sum 1.5, 0.5…1: 3');
  });
  test('samples find their place on the grid; what is missing or infinite is a gap', () => {
    const { times, columns } = toGrid([{ metric: {}, values: [[10, '1'], [30, '3'], [40, '+Inf']] }], 10_000, 40_000, 10_000);
    expect(times).toEqual([10_000, 20_000, 30_000, 40_000]);
    expect(columns).toEqual([[1, null, 3, null]]);
  });
  test('a series as PromQL writes it', () => {
    expect(seriesText({ __name__: 'up', job: 'a"b' })).toBe('up{job="a\\"b"}');
    expect(seriesText({ __name__: 'up' })).toBe('up');
    expect(seriesText({})).toBe('{}');
  });
});
