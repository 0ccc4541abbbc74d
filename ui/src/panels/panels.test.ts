/** What panels make of frames, without their drawing. */
import { describe, expect, test } from 'vitest';
import type { MatrixSeries } from '../api/types';
import { schemeColors } from '../charts/schemes';
import { holdsHistograms, splitBuckets, toFrames } from '../dashboards/frames';
import { loadDashboard } from '../dashboards/load';
import type { Target } from '../dashboards/model';
import { migrateCellLink } from '../dashboards/migrate';
import { whyNotDrawn } from '../dashboards/support';
import { createDataFrame, FieldType, getFieldDisplayName, grafanaTheme, prepareFrames, renderMarkdown, textUtil } from '../grafana';
import type { DataFrame, Field } from '../grafana';
import { chooseAlerts, readAlertOptions } from './alertChoice';
import { readBars, readHistogram } from './bars';
import { placeNodes, readGraph } from './graphLayout';
import { painter, readHeat } from './heatmapData';
import { levelOf, readLines } from './logLines';
import { slicePath, slicesOf } from './slices';
import { distinctStates, readStates } from './states';
import { contrast, readable } from './readable';
import { toContent } from './text';

const theme = grafanaTheme('dark');
const target: Target = { refId: 'A', expr: 'x', legendFormat: '', format: 'heatmap', instant: false, range: true, interval: '', intervalFactor: 1, hide: false, exemplar: false, ofPanel: undefined, datasource: undefined };
const step = { startMs: 0, endMs: 20_000, stepMs: 10_000 };
const nameOf = (field: Field, frame: DataFrame) => getFieldDisplayName(field, frame, [frame]);
const prepare = (frames: DataFrame[], defaults: Record<string, unknown> = {}) => prepareFrames(frames, { defaults, overrides: [], colorMode: 'palette-classic' }, theme, true, (text) => text);
const buckets: MatrixSeries[] = [
  { metric: { le: '+Inf' }, values: [[0, '10'], [10, '20']] },
  { metric: { le: '0.5' }, values: [[0, '4'], [10, '5']] },
  { metric: { le: '1' }, values: [[0, '7'], [10, '5']] },
];

describe('heatmap', () => {
  test('classic buckets come apart in order of their boundaries', () => {
    expect(splitBuckets(buckets).map(({ metric, values }) => [metric['le'], values])).toEqual([
      ['0.5', [[0, '4'], [10, '5']]], ['1', [[0, '3'], [10, '0']]], ['+Inf', [[0, '3'], [10, '15']]],
    ]);
  });
  test('buckets of one boundary add up; a bucket never counts below nothing', () => {
    const two = splitBuckets([{ metric: { le: '1', a: 'x' }, values: [[0, '1']] }, { metric: { le: '1', a: 'y' }, values: [[0, '2']] }, { metric: { le: '2' }, values: [[0, '1']] }]);
    expect(two.map(({ values }) => values)).toEqual([[[0, '3']], [[0, '0']]]);
  });
  test('rows lie between boundaries, cells end at their sample', () => {
    const frames = toFrames({ resultType: 'matrix', result: buckets }, target, 'x', step, false);
    const heat = readHeat(prepare(frames), {}, 0, 20_000, nameOf);
    expect(heat.boundaries).toEqual([0, 0.5, 1, Infinity]);
    expect(heat.cells.filter((cell) => cell.row === 2)).toEqual([{ fromMs: -10_000, toMs: 0, row: 2, rowEnd: 3, count: 3 }, { fromMs: 0, toMs: 10_000, row: 2, rowEnd: 3, count: 15 }]);
  });
  test('native histograms of several resolutions share one axis', () => {
    const result: MatrixSeries[] = [
      { metric: { a: 'x' }, histograms: [[10, { count: '3', sum: '3', buckets: [[0, '1', '2', '1'], [0, '2', '4', '2']] }]] },
      { metric: { a: 'y' }, histograms: [[10, { count: '5', sum: '3', buckets: [[0, '1', '4', '5']] }]] },
    ];
    const frames = toFrames({ resultType: 'matrix', result }, target, 'x', step, false);
    expect(holdsHistograms(frames)).toBe(true);
    const heat = readHeat(prepare(frames), {}, 0, 20_000, nameOf);
    expect(heat.boundaries).toEqual([1, 2, 4]);
    expect(heat.cells.map(({ row, rowEnd, count }) => [row, rowEnd, count])).toEqual([[0, 1, 1], [1, 2, 2], [0, 2, 5]]);
  });
  test('plain values are counted; too many rows are refused with the number', () => {
    const frames = toFrames({ resultType: 'matrix', result: [{ metric: {}, values: [[0, '1'], [10, '9'], [20, '9.5']] }] }, { ...target, format: 'time_series' }, 'x', step, false);
    const heat = readHeat(prepare(frames), { calculate: true, calculation: { yBuckets: { mode: 'size', value: '5' }, xBuckets: { mode: 'count', value: '1' } } }, 0, 30_000, nameOf);
    expect(heat.boundaries).toEqual([0, 5, 10]);
    expect(heat.cells.map(({ row, count }) => [row, count])).toEqual([[0, 1], [1, 2]]);
    expect(readHeat(prepare(frames), { calculate: true, calculation: { yBuckets: { mode: 'size', value: '0.001' } } }, 0, 30_000, nameOf).note).toMatch(/more than 400 rows/);
  });
  test('colours follow the counts, what is not above the filter stays empty', () => {
    const paint = painter([0, 1, 10], ['a', 'b', 'c'], {}, 1e-9);
    expect([0, 1, 5, 10].map(paint.colorOf)).toEqual([undefined, 'a', 'b', 'c']);
    expect(schemeColors('Spectral', 2, false, true)).toEqual(['rgb(94, 79, 162)', 'rgb(158, 1, 66)']);
    expect(schemeColors('no such scheme', 2, false, false)).toEqual(schemeColors('Oranges', 2, false, false));
  });
});

describe('state timeline', () => {
  const frame = createDataFrame({ fields: [
    { name: 'Time', type: FieldType.time, config: { interval: 10 }, values: [0, 10, 20, 30, 40] },
    { name: 'up', type: FieldType.number, config: {}, values: [1, 1, null, 0, 0] },
  ] });
  const mappings = [{ type: 'value', options: { 1: { text: 'up', color: 'green' }, 0: { text: 'down', color: 'red' } } }];
  test('equal neighbours become one stretch, a gap stays a gap, the last one lasts to the end', () => {
    const { rows } = readStates(prepare([frame], { mappings }), nameOf, theme, 60, { merge: true, each: false });
    expect(rows[0]?.stretches.map(({ fromMs, toMs, text }) => [fromMs, toMs, text])).toEqual([[0, 20, 'up'], [30, 60, 'down']]);
    expect(distinctStates(rows, 10).map(({ text }) => text)).toEqual(['up', 'down']);
  });
  test('a status history keeps every sample', () => {
    const { rows } = readStates(prepare([frame], { mappings }), nameOf, theme, 60, { merge: true, each: true });
    expect(rows[0]?.stretches).toHaveLength(4);
  });
  test('numbers without mappings are named by the range they fall into', () => {
    const thresholds = { mode: 'absolute', steps: [{ color: 'green', value: -Infinity }, { color: 'red', value: 1 }] };
    const { rows } = readStates(prepare([frame], { color: { mode: 'thresholds' }, thresholds }), nameOf, theme, 60, { merge: true, each: false });
    expect(rows[0]?.stretches.map(({ text }) => text)).toEqual(['≥ 1', '< 1']);
  });
});

describe('pie', () => {
  test('slices are shares of what is above zero, the largest first', () => {
    const slices = slicesOf([{ item: 'a', value: 1 }, { item: 'b', value: 3 }, { item: 'c', value: 0 }, { item: 'd', value: NaN }], 'desc');
    expect(slices.map(({ item, share, start }) => [item, share, start])).toEqual([['b', 0.75, 0], ['a', 0.25, 0.75]]);
  });
  test('a whole circle is two halves', () => {
    expect(slicePath(0, 1, 10, 0).match(/A/g)).toHaveLength(2);
    expect(slicePath(0, 0.25, 10, 5)).toBe('M0.00 -10.00A10 10 0 0 1 10.00 -0.00L5.00 -0.00A5 5 0 0 0 0.00 -5.00Z');
  });
});

describe('bars', () => {
  const theFrame = (values: number[]) => createDataFrame({ fields: [{ name: 'who', type: FieldType.string, config: {}, values: values.map((_, index) => `w${index}`) }, { name: 'n', type: FieldType.number, config: {}, values }] });
  test('a text column makes the categories; single samples are one category each', () => {
    const bars = readBars(prepare([theFrame([1, 2])]), {}, theme);
    expect([bars.categories, bars.series.map(({ name, values }) => [name, values])]).toEqual([['w0', 'w1'], [['n', [1, 2]]]]);
    expect(readBars(prepare([theFrame([1]), theFrame([2])]), {}, theme).series[0]?.values).toEqual([1, 2]);
  });
  test('a histogram counts', () => {
    const bars = readHistogram(prepare([theFrame([1, 2, 11])]), { bucketSize: 5 }, theme);
    expect([bars.categories, bars.series[0]?.values]).toEqual([['0 – 5', '5 – 10', '10 – 15'], [2, 0, 1]]);
  });
});

describe('node graph', () => {
  const nodes = createDataFrame({ fields: [{ name: 'id', type: FieldType.string, config: {}, values: ['a', 'b'] }, { name: 'title', type: FieldType.string, config: {}, values: ['A', 'B'] }, { name: 'arc__ok', type: FieldType.number, config: {}, values: [0.5, 0] }] });
  const edges = createDataFrame({ fields: [{ name: 'id', type: FieldType.string, config: {}, values: ['1', '2'] }, { name: 'source', type: FieldType.string, config: {}, values: ['a', 'b'] }, { name: 'target', type: FieldType.string, config: {}, values: ['b', 'c'] }] });
  test('ends of edges are nodes too, and all stand apart', () => {
    const graph = readGraph([nodes, edges]);
    expect(graph.nodes.map(({ id, title, arcs }) => [id, title, arcs.length])).toEqual([['a', 'A', 1], ['b', 'B', 0], ['c', 'c', 0]]);
    const [a, b] = [placeNodes(graph).get('a'), placeNodes(graph).get('b')];
    expect(Math.hypot((a?.x ?? 0) - (b?.x ?? 0), (a?.y ?? 0) - (b?.y ?? 0))).toBeGreaterThan(0.5);
  });
  test('an answer without an id has no nodes', () => expect(readGraph([createDataFrame({ fields: [{ name: 'x', values: [1] }] })]).nodes).toEqual([]));
});

describe('logs', () => {
  test('lines come newest first with their labels and level', () => {
    const frame = createDataFrame({ fields: [{ name: 'Time', type: FieldType.time, values: [1, 2] }, { name: 'Line', type: FieldType.string, values: ['level=warn a', 'ERROR b'], labels: { app: 'x' } }] });
    const lines = readLines([frame], false);
    expect(lines.map(({ text, labels }) => [text, labels['app']])).toEqual([['ERROR b', 'x'], ['level=warn a', 'x']]);
    expect(lines.map(levelOf)).toEqual(['error', 'warning']);
  });
});

describe('alert list', () => {
  const alert = (name: string, state: 'firing' | 'pending', job: string) => ({ labels: { alertname: name, job }, annotations: {}, state, value: '1' });
  const alerts = [alert('b', 'pending', 'x'), alert('a', 'firing', 'y'), alert('c', 'firing', 'x')];
  test('worst first, by state, name and labels', () => {
    const chosen = (options: Record<string, unknown>) => chooseAlerts(alerts, readAlertOptions(options, (text) => text)).shown.map(({ labels }) => labels['alertname']);
    expect(chosen({})).toEqual(['a', 'c', 'b']);
    expect(chosen({ stateFilter: { firing: true, pending: false } })).toEqual(['a', 'c']);
    expect(chosen({ alertInstanceLabelFilter: '{job=~"x|z"}' })).toEqual(['c', 'b']);
    expect(chosen({ alertName: 'A' })).toEqual(['a']);
  });
  test('what is not honoured is named', () => expect(readAlertOptions({ folder: { id: 1 } }, (text) => text).ignored).toEqual(['folder']));
});

describe('hostile documents', () => {
  test.each([[{ panels: [{ type: 'heatmap', options: 'x', fieldConfig: 7, targets: { a: 1 } }] }], [{ panels: [{ type: 'row', panels: 'x' }], annotations: { list: 'x' }, links: 5, templating: [] }]])('wrong types give defaults', (document) => {
    expect(loadDashboard(document).panels).toHaveLength(1);
  });
});

describe('old forms', () => {
  const [panel] = loadDashboard({ panels: [{ type: 'graph', yaxes: [{ format: 'short' }, { format: 'bytes' }], aliasColors: { a: '#fff' }, seriesOverrides: [{ alias: '/lim.*/', fill: 0, color: '#f00', dashes: true, yaxis: 2 }, { alias: 'b', transform: 'negative-Y' }] }] }).panels;
  test('what a graph says about its series becomes overrides', () => {
    expect(panel?.fieldConfig.overrides.map(({ matcher, properties }) => [matcher.id, matcher.options, properties.map(({ id }) => id)])).toEqual([
      ['byName', 'a', ['color']], ['byRegexp', '/lim.*/', ['color', 'custom.fillOpacity', 'custom.lineStyle', 'custom.axisPlacement', 'unit']], ['byName', 'b', ['custom.transform']],
    ]);
  });
  test('a graph over names is not drawn as one over time', () => {
    expect(loadDashboard({ panels: [{ type: 'graph', xaxis: { mode: 'series' } }] }).panels[0]?.type).toBe('graph');
  });
  test('links of table cells name the row', () => expect(migrateCellLink('/d/x?a=$__cell_2&b=$__cell&c=${__cell_1:raw}')).toBe('/d/x?a=${__data.fields[2]}&b=${__value.text}&c=${__data.fields[1]}'));
});

describe('what is not drawn', () => {
  const why = (panel: Record<string, unknown>) => { const [one] = loadDashboard({ templating: { list: [{ type: 'datasource', name: 'logs', query: 'loki' }] }, panels: [panel] }).panels; return one === undefined ? '' : (whyNotDrawn(one) ?? 'drawn'); };
  test.each([
    [{ type: 'timeseries', targets: [{ expr: 'up' }] }, /^drawn$/],
    [{ type: 'news' }, /internet/], [{ type: 'some-plugin' }, /“some-plugin”/], [{ type: 'library panel' }, /library/],
    [{ type: 'stat', targets: [{ expr: 'up' }], transformations: [{ id: 'noSuchThing' }] }, /“noSuchThing”/],
    [{ type: 'stat', targets: [{ expr: 'up' }], transformations: [{ id: 'noSuchThing', disabled: true }] }, /^drawn$/],
    [{ type: 'stat', targets: [{ expr: 'up' }], fieldConfig: { overrides: [{ matcher: { id: 'byMagic' }, properties: [] }] } }, /“byMagic”/],
    [{ type: 'logs', datasource: { uid: '$logs' }, targets: [{ expr: '{a="b"}' }] }, /“loki”/],
    [{ type: 'timeseries', datasource: { type: 'datasource', uid: '-- Mixed --' }, targets: [{ expr: 'up', datasource: { type: 'prometheus' } }, { expr: 'x', datasource: { type: 'mysql' } }] }, /“mysql”/],
    [{ type: 'timeseries', targets: [{ expr: 'up' }, { refId: 'B', type: 'math', datasource: { type: '__expr__', uid: '__expr__' } }] }, /server-side expression/],
    [{ type: 'timeseries', datasource: { uid: '-- Dashboard --' }, targets: [{ panelId: 7 }] }, /panel 7, which the dashboard does not have/],
    [{ type: 'timeseries', datasource: { uid: '-- Dashboard --' }, targets: [{}] }, /does not say which/],
    [{ id: 1, type: 'timeseries', datasource: { uid: '-- Dashboard --' }, targets: [{ panelId: 1 }] }, /shows that of another itself/],
    [{ id: 1, type: 'timeseries', datasource: { uid: '-- Dashboard --' }, targets: [{ panelId: 1, topic: 'annotations' }] }, /annotations of another panel/],
    [{ id: 1, type: 'timeseries', datasource: { uid: '-- Mixed --' }, targets: [{ expr: 'up' }, { panelId: 1, datasource: { uid: '-- Dashboard --' } }] }, /beside that of other queries/],
  ])('%o', (panel, reason) => expect(why(panel)).toMatch(reason));
});

test('text panels keep nothing that could run', () => {
  const html = textUtil.sanitizeTextPanelContent('<b onclick="x()">a</b><script>x()</script><a href="javascript:x()">b</a><img src=x onerror=x()>');
  for (const text of [html, renderMarkdown('# a <script>x()</script><b onclick="x()">')]) expect(text).not.toMatch(/<script|<[^>]*on(click|error)|href="?javascript/);
});

test('styles in a text are set by code, which the content security policy allows', () => {
  const paragraph = toContent('<p style="color: red; background: url(javascript:x)">a</p><b>c</b>', 2).querySelector('p');
  expect(paragraph?.style.color).toBe('red');
  expect(toContent('<p title="style=x" style="color: red">style="a"</p>', 2).querySelector('p')?.outerHTML).toMatch(/^<p title="style=x" style="color: red;?">style="a"<\/p>$/);
  for (const clean of [textUtil.sanitizeTextPanelContent, renderMarkdown]) expect(clean('<p data-cleaned-style="position:fixed">a</p>')).not.toContain('data-cleaned-style="');
});

test('pages of other servers become links', () => {
  const box = document.createElement('div');
  box.append(toContent('<iframe src="https://x.example/" title="map"></iframe><iframe src="/d/y"></iframe>', 2));
  expect(box.innerHTML).toBe('<a href="https://x.example/">map</a><iframe src="/d/y"></iframe>');
});

test('images of other servers become links', () => {
  const box = document.createElement('div');
  box.append(toContent('<img src="https://x.example/a.png" alt="logo"><img src="/a.png">', 2));
  expect(box.innerHTML).toBe('<a href="https://x.example/a.png">logo</a><img src="/a.png">');
});

test('headings of a text stand below that of its panel, without gaps', () => {
  const levels = (html: string, level: number) => [...toContent(html, level).querySelectorAll('[aria-level]')].map((heading) => heading.getAttribute('aria-level'));
  expect(levels('<h1>a</h1><h3>b</h3><h1>c</h1>', 2)).toEqual(['3', '4', '3']);
  expect(levels('<h4>a</h4>', 1)).toEqual(['2']);
  expect(levels('<h3>a</h3><h1>b</h1>', 2)).toEqual(['3', '3']);
});

test('a text in a colour is as far from the panel as a text must be', () => {
  const light = grafanaTheme('light');
  expect(readable('rgb(86, 166, 75)', light)).not.toBe('rgb(86, 166, 75)');
  for (const color of ['rgb(86, 166, 75)', 'rgb(250, 222, 42)', 'rgb(255, 255, 255)', 'rgb(0, 0, 0)']) {
    for (const [theme, surface] of [[light, [255, 255, 255]], [grafanaTheme('dark'), [20, 24, 29]]] as const) {
      const shade = readable(color, theme).match(/\d+/g)?.map(Number) as [number, number, number];
      expect(contrast(shade, surface)).toBeGreaterThanOrEqual(4.5);
    }
  }
  expect(readable('rgb(31, 96, 196)', light)).toBe('rgb(31, 96, 196)');
});
