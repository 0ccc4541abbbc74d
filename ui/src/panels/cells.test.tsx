// @vitest-environment happy-dom
import { renderToStaticMarkup } from 'react-dom/server';
import { describe, expect, test } from 'vitest';
import { loadDashboard } from '../dashboards/load';
import { createDataFrame, FieldType, grafanaTheme, prepareFrames } from '../grafana';
import { columnsFor } from './fit';
import type { PanelProps } from './panel';
import { panelKinds } from './registry';

const theme = grafanaTheme('light');
const steps = [{ value: null, color: 'rgb(0, 128, 0)' }, { value: 50, color: 'rgb(255, 0, 0)' }];

interface Column {
  name: string;
  values: unknown[];
  type?: FieldType;
}

/** The panel's HTML for one table of data. */
function draw(type: string, columns: Column[], document: Record<string, unknown> = {}): HTMLElement {
  const [panel] = loadDashboard({ panels: [{ type, ...document }] }).panels;
  const kind = panelKinds.get(type);
  if (panel === undefined || kind === undefined) throw new Error('no such panel');
  const frame = createDataFrame({ fields: columns.map(({ name, values, type: of = FieldType.number }) => ({ name, type: of, values, config: {} })) });
  const frames = prepareFrames([frame], { ...panel.fieldConfig, colorMode: kind.colorMode }, theme, true, (text) => text);
  const { Component } = kind;
  const props: PanelProps = { panel, frames, theme, range: { fromMs: 0, toMs: 1 }, utc: true, syncKey: undefined, onZoom: () => undefined, replace: (text) => text, marks: [], exemplars: [] };
  return Object.assign(globalThis.document.createElement('div'), { innerHTML: renderToStaticMarkup(<Component {...props} />) });
}

const texts = (element: HTMLElement, selector: string) => [...element.querySelectorAll(selector)].map((one) => one.textContent);
const field = (name: string, properties: Record<string, unknown>) => ({ matcher: { id: 'byName', options: name }, properties: Object.entries(properties).map(([id, value]) => ({ id, value })) });
const people: Column[] = [{ name: 'who', type: FieldType.string, values: ['b', 'a', 'a'] }, { name: 'n', values: [60, 40, 30] }];
const rules = (overrides: unknown[], defaults: Record<string, unknown> = {}) => ({ fieldConfig: { defaults: { thresholds: { mode: 'absolute', steps }, ...defaults }, overrides } });

describe('tables', () => {
  test('one cell colours its row', () => {
    const rows = draw('table', people, rules([field('n', { 'custom.cellOptions': { type: 'color-background', applyToRow: true } })]));
    const backgrounds = [...rows.querySelectorAll<HTMLElement>('tbody td')].map((cell) => cell.style.background);
    expect(backgrounds.slice(0, 4)).toEqual(['#ff0000', '#ff0000', '#008000', '#008000']);
  });
  test('sorted by several columns, from the table that is named', () => {
    expect(texts(draw('table', people, { options: { sortBy: [{ displayName: 'who', desc: false }, { displayName: 'n', desc: false }] } }), 'tbody td')).toEqual(['a', '30', 'a', '40', 'b', '60']);
  });
  test('a footer has a line per reducer, of the panel or the field', () => {
    expect(texts(draw('table', people, { options: { footer: { show: true, reducer: ['sum', 'max'] } } }), 'tfoot td')).toEqual(['Total', '130', 'Max', '60']);
    expect(texts(draw('table', people, rules([field('n', { 'custom.footer': { reducers: ['min'] } })])), 'tfoot td')).toEqual(['Min', '30']);
    expect(texts(draw('table', people, { options: { footer: { show: true, reducer: ['count'], countRows: true } } }), 'tfoot td')).toEqual(['Count: 3', '']);
    expect(texts(draw('table', people), 'tfoot td')).toEqual([]);
  });
  test('cells of other kinds', () => {
    const cell = (value: unknown, options: Record<string, unknown>) => draw('table', [{ name: 'x', type: FieldType.string, values: [value] }], rules([field('x', { 'custom.cellOptions': options })])).querySelector('tbody td');
    expect(cell('{"a":[1]}', { type: 'json-view' })?.textContent).toBe('{\n  "a": [\n    1\n  ]\n}');
    expect(cell('{"a"', { type: 'json-view' })?.textContent).toBe('{"a"');
    expect([...(cell('["a","b"]', { type: 'pill' })?.children ?? [])].map((one) => one.textContent)).toEqual(['a', 'b']);
    expect(cell('https://example.com/a.png', { type: 'image' })?.innerHTML).toContain('<a href="https://example.com/a.png"');
    expect(cell('javascript:alert(1)', { type: 'image' })?.innerHTML).toBe('javascript:alert(1)');
    expect(cell('data:image/png;base64,AA==', { type: 'image' })?.querySelector('img')?.getAttribute('src')).toBe('data:image/png;base64,AA==');
  });
  test('hidden columns are not there', () => {
    expect(texts(draw('table', people, rules([field('n', { 'custom.hidden': true })])), 'th')).toEqual(['who']);
    expect(texts(draw('table', people, rules([field('n', { 'custom.hideFrom': { viz: true } })])), 'th')).toEqual(['who']);
  });
  test('more rows than a page holds are reached by turning it', () => {
    const many = draw('table', [{ name: 'n', values: Array.from({ length: 600 }, (_, index) => index) }]);
    expect(many.querySelectorAll('tbody tr')).toHaveLength(500);
    expect(texts(many, 'span').at(-1)).toBe('1 to 500 of 600 rows');
  });
});

describe('tiles', () => {
  test.each([[1, 400, 100, 1], [4, 400, 100, 4], [4, 100, 400, 1], [4, 200, 200, 2], [7, 400, 200, 4]])('%d in %d x %d: %d columns', (count, width, height, columns) => expect(columnsFor(count, width, height)).toBe(columns));
});
