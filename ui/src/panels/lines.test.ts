import { describe, expect, test } from 'vitest';
import { stackSeries } from '../charts/stack';
import { createDataFrame, FieldType, getFieldDisplayName, grafanaTheme, prepareFrames } from '../grafana';
import { axesOf, joinTimes, linesOf, seriesOf, thresholdsOf } from './lines';

const theme = grafanaTheme('light');

interface Given {
  times?: number[];
  values: (number | null)[];
  name?: string;
}

/** The panel's series and axes, as its rules make them. */
function drawn(given: Given[], defaults: Record<string, unknown> = {}, overrides: [string, Record<string, unknown>][] = []) {
  const frames = given.map(({ times, values, name = 'a' }) => createDataFrame({ name, fields: [{ name: 'Time', type: FieldType.time, values: times ?? values.map((_, index) => index * 1000) }, { name: 'Value', type: FieldType.number, values, config: { displayNameFromDS: name } }] }));
  const rules = overrides.map(([name, properties]) => ({ matcher: { id: 'byName', options: name }, properties: Object.entries(properties).map(([id, value]) => ({ id, value })) }));
  const prepared = prepareFrames(frames, { defaults, overrides: rules, colorMode: 'palette-classic' }, theme, true, (text) => text);
  const lines = linesOf(prepared);
  const { times, columns } = joinTimes(lines);
  const series = lines.map((line, index) => seriesOf(line, columns[index] ?? [], times, getFieldDisplayName(line.field, line.frame, prepared), false, theme));
  return { series, axes: axesOf(lines, theme), thresholds: thresholdsOf(lines, theme), times };
}

describe('gaps', () => {
  test('times of other queries are no gaps of a line, its own missing values are', () => {
    const { series, times } = drawn([{ times: [0, 1000, 2000, 3000, 4000], values: [1, 2, 3, 4, 5], name: 'fine' }, { times: [0, 2000, 4000], values: [1, null, 3], name: 'coarse' }]);
    expect(times).toEqual([0, 1000, 2000, 3000, 4000]);
    expect(series[1]?.values).toEqual([1, undefined, null, undefined, 3]);
  });
  test('gaps are bridged always, never, or up to a length', () => {
    const values = [1, null, 3, null, null, 6];
    expect(drawn([{ values }], { custom: { spanNulls: 2000 } }).series[0]).toMatchObject({ values: [1, undefined, 3, null, null, 6], spanNullsMs: 2000 });
    expect(drawn([{ values }], { custom: { spanNulls: true } }).series[0]).toMatchObject({ values, spanNullsMs: Infinity });
    expect(drawn([{ values }], { custom: { spanNulls: false } }).series[0]).toMatchObject({ values, spanNullsMs: 0 });
  });
});

describe('transforms', () => {
  test('negative-Y turns the line and not what is told of it', () => {
    const [one] = drawn([{ values: [1, null, 3] }], { unit: 'short', custom: { transform: 'negative-Y' } }).series;
    expect(one?.values).toEqual([-1, null, -3]);
    expect(one?.format(3)).toBe('-3');
  });
  test('constant draws the last value', () => expect(drawn([{ values: [1, 2, null] }], { custom: { transform: 'constant' } }).series[0]?.values).toEqual([2, 2, 2]));
});

describe('stacks', () => {
  const stacking = (mode: string) => ({ unit: 'bytes', custom: { stacking: { mode, group: 'A' } } });
  test('what is below zero stands on its own stack', () => {
    const { series } = drawn([{ values: [1, 2], name: 'in' }, { values: [-1, -2], name: 'out' }, { values: [1, 1], name: 'in 2' }], stacking('normal'));
    expect(stackSeries(series, 2).values).toEqual([[1, 2], [-1, -2], [2, 3]]);
  });
  test('percent has an axis of percent, whatever the unit', () => expect(drawn([{ values: [1, 2] }], stacking('percent')).axes[0]?.format([0, 0.5, 1])).toEqual(['0%', '50%', '100%']));
});

describe('axes', () => {
  const two = (own: Record<string, unknown>) => drawn([{ values: [1], name: 'a' }, { values: [2], name: 'b' }], { unit: 'short' }, [['b', own]]).axes;
  test('fields that agree share one', () => expect(two({})).toHaveLength(1));
  test.each([[{ unit: 'bytes' }], [{ max: 10 }], [{ 'custom.axisLabel': 'other' }], [{ 'custom.axisSoftMin': 0 }], [{ 'custom.scaleDistribution': { type: 'log', log: 2 } }]])('another one for %j, at the right', (own) => {
    expect(two(own).map(({ side }) => side)).toEqual(['left', 'right']);
  });
  test('scales', () => {
    const scale = (scaleDistribution: Record<string, unknown>) => drawn([{ values: [1] }], { custom: { scaleDistribution } }).axes[0];
    expect(scale({ type: 'log', log: 2 })).toMatchObject({ log: 2, symlog: undefined });
    expect(scale({ type: 'symlog', log: 10, linearThreshold: 5 })).toMatchObject({ log: 10, symlog: 5 });
  });
  test("labels in the series' colour where that is wanted", () => {
    const axis = (axisColorMode: string) => drawn([{ values: [1] }], { color: { mode: 'fixed', fixedColor: '#ff0000' }, custom: { axisColorMode } }).axes[0]?.color;
    expect([axis('series'), axis('text')]).toEqual(['#ff0000', undefined]);
  });
});

describe('colours', () => {
  const steps = [{ value: -Infinity, color: '#00ff00' }, { value: 80, color: '#ff0000' }];
  test('a scheme by thresholds has hard borders, at values or shares', () => {
    const scheme = (mode: string) => drawn([{ values: [1] }], { color: { mode: 'thresholds' }, thresholds: { mode, steps }, custom: { gradientMode: 'scheme' } }).series[0]?.scheme;
    expect(scheme('absolute')).toEqual({ stops: [{ value: -Infinity, color: '#00ff00' }, { value: 80, color: '#ff0000' }], shares: false, blend: false });
    expect(scheme('percentage')).toMatchObject({ stops: [{ value: -Infinity }, { value: 0.8 }], shares: true });
  });
  test('a continuous one flows from the smallest to the largest value of the field', () => {
    const scheme = drawn([{ values: [1] }], { min: 0, max: 10, color: { mode: 'continuous-GrYlRd' }, custom: { gradientMode: 'scheme' } }).series[0]?.scheme;
    expect(scheme).toMatchObject({ shares: false, blend: true });
    expect([scheme?.stops[0]?.value, scheme?.stops.at(-1)?.value]).toEqual([0, 10]);
  });
  test('thresholds in percent are shares of the axis', () => {
    expect(drawn([{ values: [1] }], { thresholds: { mode: 'percentage', steps }, custom: { thresholdsStyle: { mode: 'dashed+area' } } }).thresholds).toMatchObject({ percent: true, lines: true, dashed: true, areas: true });
    expect(drawn([{ values: [1] }], { thresholds: { mode: 'absolute', steps }, custom: { thresholdsStyle: { mode: 'off' } } }).thresholds).toBeUndefined();
  });
});

test('the area down to another series', () => {
  const { series } = drawn([{ values: [1], name: 'low' }, { values: [3], name: 'high' }], {}, [['high', { 'custom.fillBelowTo': 'low', 'custom.fillOpacity': 20 }]]);
  expect(stackSeries(series, 1).bands).toEqual([{ outer: 1, inner: 0, upwards: false }]);
});

test('dots have an end that can be seen', () => {
  expect(drawn([{ values: [1] }], { custom: { lineStyle: { fill: 'dot' } } }).series[0]).toMatchObject({ dash: [0, 10], round: true });
});
