import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { grafanaTheme, prepareFrames } from '../grafana';
import { panelKinds } from '../panels/registry';
import { prepareTarget } from './ask';
import { toFrames } from './frames';
import { layout } from './layout';
import { loadDashboard } from './load';
import { migrateMappings, migrateThresholds } from './migrate';
import type { Panel } from './model';
import { repeatAll } from './repeat';

describe('old forms', () => {
  test('rows with spans become a grid', () => {
    const { panels } = loadDashboard({ rows: [{ title: 'A', height: 250, panels: [{ type: 'graph', span: 6 }, { type: 'graph', span: 6 }, { type: 'graph', span: 12 }] }, { height: '100px', panels: [{ type: 'text', span: 12 }] }] });
    expect(panels.map(({ type, gridPos }) => [type, gridPos.x, gridPos.y, gridPos.w, gridPos.h])).toEqual([['timeseries', 0, 0, 12, 7], ['timeseries', 12, 0, 12, 7], ['timeseries', 0, 7, 24, 7], ['text', 0, 14, 24, 3]]);
  });
  test('a collapsed old row keeps its panels', () => {
    const { panels } = loadDashboard({ rows: [{ title: 'A', collapse: true, panels: [{ type: 'graph', span: 12 }] }, { title: 'B', panels: [{ type: 'graph', span: 12 }] }] });
    expect(panels.map((panel) => [panel.type, panel.title, panel.panels.length])).toEqual([['row', 'A', 1], ['row', 'B', 0], ['timeseries', '', 0]]);
  });
  test('a graph keeps unit, stacking, legend and colours', () => {
    const [panel] = loadDashboard({ panels: [{ type: 'graph', stack: true, percentage: true, yaxes: [{ format: 'bytes', min: 0 }], legend: { show: true, alignAsTable: true, rightSide: true, avg: true }, aliasColors: { a: '#f00' } }] }).panels;
    expect(panel?.type).toBe('timeseries');
    expect(panel?.fieldConfig.defaults).toMatchObject({ unit: 'bytes', min: 0, custom: { stacking: { mode: 'percent' } } });
    expect(panel?.options['legend']).toMatchObject({ displayMode: 'table', placement: 'right', calcs: ['mean'] });
    expect(panel?.fieldConfig.overrides).toHaveLength(1);
  });
  test('single stats, mappings by number, thresholds without infinity', () => {
    const [panel] = loadDashboard({ panels: [{ type: 'singlestat', valueName: 'current', format: 'percent', thresholds: '50,80', colors: ['green', 'orange', 'red'], gauge: { show: true, minValue: 0, maxValue: 100 } }] }).panels;
    expect(panel?.type).toBe('gauge');
    expect(panel?.fieldConfig.defaults['thresholds']).toEqual({ mode: 'absolute', steps: [{ value: -Infinity, color: 'green' }, { value: 50, color: 'orange' }, { value: 80, color: 'red' }] });
    expect(migrateMappings([{ type: 1, value: '1', text: 'up' }, { type: 2, from: '2', to: '5', text: 'some' }, { type: 1, value: 'null', text: 'none' }])).toEqual([
      { type: 'value', options: { 1: { text: 'up', index: 0 } } }, { type: 'range', options: { from: 2, to: 5, result: { text: 'some', index: 1 } } }, { type: 'special', options: { match: 'null', result: { text: 'none', index: 2 } } },
    ]);
    expect(migrateThresholds({ steps: [{ value: null, color: 'a' }, { value: 3, color: 'b' }] })).toEqual({ mode: 'absolute', steps: [{ value: -Infinity, color: 'a' }, { value: 3, color: 'b' }] });
  });
});

describe('bad documents', () => {
  test.each([[null], [1], ['x'], [[]]])('%j is refused', (document) => expect(() => loadDashboard(document)).toThrow('not a dashboard'));
  test('wrong types give defaults', () => {
    const dashboard = loadDashboard({ title: 7, panels: [{ type: 3, gridPos: 'x', targets: 'y', fieldConfig: [], options: null, id: {} }, null, 4], templating: { list: [{}, { name: 'v', query: 5, current: null }] }, time: 'now', tags: {} });
    expect(dashboard).toMatchObject({ title: '7', time: { from: 'now-6h', to: 'now' }, tags: [] });
    expect(dashboard.panels).toHaveLength(1);
    expect(dashboard.variables).toHaveLength(1);
  });
  test('too many panels are refused by number', () => {
    expect(() => loadDashboard({ panels: Array.from({ length: 3000 }, () => ({})) })).toThrow('3000 panels');
  });
});

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? filesUnder(join(folder, entry.name)) : entry.name.endsWith('.json') ? [join(folder, entry.name)] : []));
}

/** Everything that stands on the page when all rows are open must lie on the grid and overlap nothing. */
function checkLayout(panels: Panel[]): number {
  const taken = new Set<string>();
  const placed = layout(panels, () => false, false);
  for (const { panel, at } of placed) {
    expect(at.x >= 0 && at.x + at.w <= 24 && at.h >= 1, panel.title).toBe(true);
    for (let x = at.x; x < at.x + at.w; x++) {
      for (let y = at.y; y < at.y + at.h; y++) {
        expect(taken.has(`${x} ${y}`), `${panel.title} at ${x},${y}`).toBe(false);
        taken.add(`${x} ${y}`);
      }
    }
  }
  return placed.length;
}

const range = { fromMs: 0, toMs: 3_600_000 };

/** Every target becomes an expression, and every panel's field rules apply to an answer of that target. */
function checkPanel(panel: Panel): void {
  for (const inner of panel.panels) checkPanel(inner);
  const frames = panel.targets.flatMap((target) => {
    const { expr, stepMs } = prepareTarget(target, panel, range, 500, new Map());
    expect(expr).not.toContain('$__rate_interval');
    expect(stepMs).toBeGreaterThan(0);
    return toFrames({ resultType: 'matrix', result: [{ metric: { job: 'a' }, values: [[0, '1']] }] }, target, expr, { startMs: 0, endMs: stepMs, stepMs }, panel.targets.length > 1);
  });
  const kind = panelKinds.get(panel.type);
  if (kind === undefined) return;
  const prepared = prepareFrames(frames, { ...panel.fieldConfig, colorMode: kind.colorMode }, grafanaTheme('dark'), false, (text) => text);
  for (const frame of prepared) for (const field of frame.fields) expect(typeof field.display?.(field.values[0]).text).toBe('string');
}

const home = join(import.meta.dirname, '../../../dashboards/home.json');
const conformance = join(process.env['SEXTANT_CONFORMANCE_DIR'] ?? join(import.meta.dirname, '../../../../shared/conformance'), 'dashboards');
const staged = existsSync(conformance) ? filesUnder(conformance).filter((file) => !file.endsWith('_gallery.json')) : [];

describe.each([home, ...staged].map((file) => [file.split('/').slice(-2).join('/'), file]))('%s', (_name, file) => {
  test('loads, migrates, lays out', () => {
    const dashboard = loadDashboard(JSON.parse(readFileSync(file, 'utf8')));
    const flat = (panels: Panel[]): number => panels.reduce((sum, panel) => sum + 1 + flat(panel.panels), 0);
    expect(checkLayout(dashboard.panels)).toBe(flat(dashboard.panels));
    checkLayout(repeatAll(dashboard.panels, new Map(dashboard.variables.map((variable) => [variable.name, { values: ['a', 'b', 'c'], texts: [], several: true }]))));
    dashboard.panels.forEach(checkPanel);
  });
});

test.skipIf(staged.length === 0)('the staged dashboards are all there', () => expect(staged.length).toBe(69));

test('filters, switches, zones and what ranges end before now', () => {
  const { variables, utc, otherZone, nowDelayMs } = loadDashboard({
    timezone: 'Europe/Berlin', timepicker: { nowDelay: '1m' },
    templating: { list: [{ name: 'f', type: 'adhoc', filters: [{ key: 'job', operator: '=~', value: 'a|b' }] }, { name: 's', type: 'switch', enabledValue: 'on', current: { value: 'false' } }] },
  });
  expect(variables.map(({ type, current, query }) => [type, current, query])).toEqual([['adhoc', ['job|=~|a__gfp__b'], ''], ['custom', ['false'], 'on,false']]);
  expect([utc, otherZone, nowDelayMs]).toEqual([false, 'Europe/Berlin', 60_000]);
  expect([loadDashboard({ timezone: 'UTC' }).otherZone, loadDashboard({ timezone: 'browser' }).otherZone, loadDashboard({ timezone: 5 }).otherZone]).toEqual([undefined, undefined, '5']);
});

test('colours of thresholds that are no text', () => {
  const [panel] = loadDashboard({ panels: [{ type: 'stat', fieldConfig: { defaults: { thresholds: { steps: [{ value: null, color: 5 }, { value: 3, color: {} }] } } } }] }).panels;
  expect(panel?.fieldConfig.defaults['thresholds']).toMatchObject({ steps: [{ color: '5' }, { color: 'green' }] });
});

test('an old legend is sorted as it was, and shows values only where it did', () => {
  const legend = (own: Record<string, unknown>) => (loadDashboard({ panels: [{ type: 'graph', legend: { avg: true, current: true, ...own } }] }).panels[0]?.options['legend']);
  expect(legend({ values: true, sort: 'current', sortDesc: true })).toMatchObject({ calcs: ['mean', 'lastNotNull'], sortBy: 'lastNotNull', sortDesc: true });
  expect(legend({ values: false })).toMatchObject({ calcs: [] });
});
