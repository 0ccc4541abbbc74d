import { describe, expect, test } from 'vitest';
import { formattedValueToString, getFieldDisplayName, grafanaTheme, prepareFrames, transformFrames } from '../grafana';
import { prepareTarget } from './ask';
import { toFrames } from './frames';
import { loadDashboard } from './load';
import type { Target } from './model';

function target(more: Record<string, unknown> = {}): Target {
  const [panel] = loadDashboard({ panels: [{ type: 'timeseries', targets: [{ refId: 'A', expr: 'up', ...more }] }] }).panels;
  const found = panel?.targets[0];
  if (found === undefined) throw new Error('no target');
  return found;
}
const step = { startMs: 0, endMs: 30_000, stepMs: 10_000 };
const name = (text: string) => text;

describe('answers', () => {
  test('a range becomes a frame per series, with gaps where nothing was', () => {
    const [frame] = toFrames({ resultType: 'matrix', result: [{ metric: { __name__: 'up', job: 'a' }, values: [[0, '1'], [20, 'NaN'], [30, '+Inf']] }] }, target({ legendFormat: 'job {{job}}' }), 'up', step, false);
    expect(frame?.fields[0]?.values).toEqual([0, 10_000, 20_000, 30_000]);
    expect(frame?.fields[1]?.values).toEqual([1, null, NaN, Infinity]);
    expect(frame === undefined ? '' : getFieldDisplayName(frame.fields[1]!, frame, [frame])).toBe('job a');
  });
  test('a column stands on the grid from where it begins', () => {
    const column = (more: object) => toFrames({ resultType: 'matrix', result: [{ metric: {}, column: { from: 0, values: [], ...more } }] }, target(), 'up', step, false)[0]?.fields[1]?.values;
    expect(column({ values: [1, null, 2.5, 3] })).toEqual([1, null, 2.5, 3]);
    expect(column({ from: 1, values: [7, 8] })).toEqual([null, 7, 8, null]);
    expect(column({ values: [1, 'NaN', '+Inf', '-Inf'], hasTexts: true })).toEqual([1, NaN, Infinity, -Infinity]);
    expect(column({ values: [1, 2, 3, 4, 5] })).toEqual([1, 2, 3, 4]);
  });
  test('columns and buckets of one answer both become frames', () => {
    const histogram: [number, { count: string; sum: string; buckets: [number, string, string, string][] }] = [10, { count: '1', sum: '1', buckets: [[0, '0', '1', '1']] }];
    const frames = toFrames({ resultType: 'matrix', result: [{ metric: { a: '1' }, histograms: [histogram] }, { metric: { a: '2' }, column: { from: 0, values: [1, 2, 3, 4] } }] }, target(), 'up', step, false);
    expect(frames.map((frame) => frame.length)).toEqual([1, 4]);
  });
  test('series are called by what distinguishes them', () => {
    const result = { resultType: 'vector' as const, result: [{ metric: { __name__: 'up', job: 'a' }, value: [1, '1'] as [number, string] }, { metric: { __name__: 'up', job: 'b' }, value: [1, '0'] as [number, string] }] };
    const names = (legendFormat: string) => { const frames = toFrames(result, target({ legendFormat }), 'up', step, false); return frames.map((frame) => getFieldDisplayName(frame.fields[1]!, frame, frames)); };
    expect(names('')).toEqual(['up{job="a"}', 'up{job="b"}']);
    expect(names('__auto')).toEqual(['a', 'b']);
    const single = toFrames({ resultType: 'vector', result: [{ metric: {}, value: [1, '1'] }] }, target(), 'sum(up)', step, false);
    expect(getFieldDisplayName(single[0]!.fields[1]!, single[0]!, single)).toBe('sum(up)');
  });
  test('a table has a column per label', () => {
    const [frame] = toFrames({ resultType: 'vector', result: [{ metric: { b: '1', a: '2' }, value: [1, '5'] }, { metric: { c: '3' }, value: [1, '6'] }] }, target({ format: 'table' }), 'up', step, true);
    expect(frame?.fields.map((field) => field.name)).toEqual(['Time', 'a', 'b', 'c', 'Value #A']);
    expect(frame?.fields[3]?.values).toEqual(['', '3']);
  });
});

describe('the step', () => {
  const [panel] = loadDashboard({ panels: [{ type: 'timeseries', targets: [{ expr: 'rate(a[$__rate_interval])' }] }] }).panels;
  if (panel === undefined) throw new Error('no panel');
  test('grows with the range and respects what the target asks for', () => {
    const range = { fromMs: 0, toMs: 3_600_000 };
    expect(prepareTarget(target({ expr: 'rate(a[$__rate_interval])' }), panel, range, 1000, new Map())).toEqual({ expr: 'rate(a[1m])', stepMs: 15_000 });
    expect(prepareTarget(target({ expr: 'a', interval: '1m', intervalFactor: 2 }), panel, range, 1000, new Map()).stepMs).toBe(120_000);
    expect(prepareTarget(target({ expr: 'a' }), panel, { fromMs: 0, toMs: 365 * 86_400_000 }, 100_000, new Map()).stepMs).toBeGreaterThanOrEqual(2_867_000);
  });
});

describe('field rules', () => {
  const frames = () => toFrames({ resultType: 'vector', result: [{ metric: { job: 'a' }, value: [1, '1536'] }] }, target({ legendFormat: '{{job}}' }), 'up', step, false);
  const shown = (defaults: Record<string, unknown>, overrides: never[] | object[] = []) => {
    const [frame] = prepareFrames(frames(), { defaults, overrides: overrides as never[], colorMode: 'thresholds' }, grafanaTheme('light'), true, name);
    const field = frame?.fields[1];
    return { text: formattedValueToString(field?.display?.(1536) ?? { text: '' }), color: field?.display?.(1536).color, config: field?.config, time: frame?.fields[0]?.config };
  };
  test('units, decimals, mappings', () => {
    expect(shown({ unit: 'bytes' }).text).toBe('1.50 KiB');
    expect(shown({ unit: 'bytes', decimals: 0 }).text).toBe('2 KiB');
    expect(shown({ mappings: [{ type: 'value', options: { 1536: { text: 'full', color: 'red' } } }] }).text).toBe('full');
    expect(shown({ unit: 'parsecs' }).text).toBe('1536 parsecs');
  });
  test('a missing threshold is green, then red from 80 on', () => {
    expect(shown({}).color).toBe(shown({ thresholds: { mode: 'absolute', steps: [{ value: -Infinity, color: 'red' }] } }).color);
  });
  test('overrides win, by name and by pattern, and drawing properties spare the time', () => {
    const byName = [{ matcher: { id: 'byName', options: 'a' }, properties: [{ id: 'unit', value: 'percent' }, { id: 'custom.fillOpacity', value: 30 }] }];
    const { text, config, time } = shown({ unit: 'bytes', custom: { lineWidth: 2 } }, byName);
    expect(text).toBe('1536%');
    expect(config?.custom).toEqual({ lineWidth: 2, fillOpacity: 30 });
    expect(time?.custom ?? {}).toEqual({});
    expect(shown({}, [{ matcher: { id: 'byRegexp', options: '/^a$/' }, properties: [{ id: 'unit', value: 's' }] }]).text).toBe('25.6 mins');
    expect(shown({}, [{ matcher: { id: 'unheard-of' }, properties: [] }]).text).toBe('1536');
  });
});

test('transformations run in order and unknown ones pass', async () => {
  const vector = (refId: string, value: string) => toFrames({ resultType: 'vector', result: [{ metric: { disk: 'x' }, value: [1, value] }] }, target({ format: 'table', refId }), 'a', step, true);
  const steps = [{ id: 'unheard-of' }, { id: 'merge', options: {} }, { id: 'organize', options: { excludeByName: { Time: true }, renameByName: { 'Value #A': 'Size', 'Value #B': 'Free' } } }];
  const [frame] = await transformFrames(steps, [...vector('A', '10'), ...vector('B', '4')], name);
  const [prepared] = prepareFrames(frame === undefined ? [] : [frame], { defaults: {}, overrides: [], colorMode: 'thresholds' }, grafanaTheme('dark'), true, name);
  expect(prepared?.fields.map((field) => [getFieldDisplayName(field, prepared, [prepared]), field.values])).toEqual([['disk', ['x']], ['Size', [10]], ['Free', [4]]]);
});
