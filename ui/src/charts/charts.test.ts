import { describe, expect, test } from 'vitest';
import { lonePoints } from './lonePoints';
import { formatExact, formatShort, formatTicks } from './numbers';
import { shortened } from './TimeChart';
import { stackSeries } from './stack';
import type { ChartSeries } from './types';

const series = (values: (number | null)[], stack?: ChartSeries['stack'], hidden = false): ChartSeries => ({
  name: '', color: '', values, axis: 'y', style: 'line', interpolation: 'linear', lineWidth: 1, fillOpacity: 0, gradient: 'none', points: 'auto', pointSize: 4,
  spanNullsMs: 0, stack, hidden, inTooltip: true, format: String,
});

describe('numbers', () => {
  test.each([[0, '0'], [1234567, '1.235M'], [0.5, '0.5'], [-2500, '-2.5k'], [0.00012, '1.2e-4'], [NaN, 'NaN'], [-Infinity, '-Inf']])('%d', (value, text) => {
    expect(formatShort(value)).toBe(text);
  });
  test('neighbouring ticks differ and share a scale', () => {
    expect(formatTicks([0, 500, 1000, 1500])).toEqual(['0', '0.5k', '1.0k', '1.5k']);
    expect(formatTicks([0, 0.25, 0.5])).toEqual(['0', '0.25', '0.50']);
    expect(new Set(formatTicks([1e9, 1e9 + 1e6, 1e9 + 2e6])).size).toBe(3);
  });
  test('exact values stay exact', () => {
    expect(formatExact('0.963777804749715')).toBe('0.963777804749715');
    expect(formatExact('25233002496').replace(/\s/g, '')).toBe('25233002496');
    expect(formatExact('+Inf')).toBe('+Inf');
  });
});

describe('values that stand alone', () => {
  test('are those with nothing on either side', () => {
    expect(lonePoints([1, null, 2, 3, null, null, 4, undefined, 5])).toEqual([0, 6, 8]);
    expect(lonePoints([null, 7, null], [])).toEqual([1]);
    expect(lonePoints([7], [])).toEqual([0]);
  });
  test('are not looked for where the line has no gap', () => {
    expect(lonePoints([null, 1, 2, 3], [])).toBeNull();
    expect(lonePoints([1, 2, null, 3], [[10, 20]])).toEqual([3]);
  });
});

describe('stacking', () => {
  const group = { group: 'a', percent: false };
  test('series stand on each other; a gap stays a gap and carries the sum on', () => {
    const { values, bands } = stackSeries([series([1, 2, 3], group), series([1, null, 1], group), series([1, 1, 1], group)], 3);
    expect(values).toEqual([[1, 2, 3], [2, null, 4], [3, 3, 5]]);
    expect(bands).toEqual([{ outer: 1, inner: 0, upwards: false }, { outer: 2, inner: 1, upwards: false }]);
  });
  test('hidden and unstacked series take no part', () => {
    const { values, bands } = stackSeries([series([1], group), series([5], group, true), series([7]), series([1], group)], 1);
    expect(values).toEqual([[1], [5], [7], [2]]);
    expect(bands).toEqual([{ outer: 3, inner: 0, upwards: false }]);
  });
  test('below zero they are filled upwards', () => {
    expect(stackSeries([series([0, -1], group), series([0, -2], group)], 2).bands).toEqual([{ outer: 1, inner: 0, upwards: true }]);
  });
  test('percent makes the whole one, and of nothing nothing', () => {
    const percent = { group: 'a', percent: true };
    expect(stackSeries([series([1, 0], percent), series([3, 0], percent)], 2).values).toEqual([[0.25, 0], [1, 0]]);
  });
});

test('a name that is too long is cut at its end', () => {
  const width = (text: string) => text.length;
  expect(['abc', 'abcdef', ''].map((text) => shortened(text, 4, width))).toEqual(['abc', 'abc…', '']);
  expect(shortened('abc', 0, width)).toBe('…');
});
