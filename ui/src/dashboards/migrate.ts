/**
 * Old forms of the model turned into today's, before anything is read: rows with spans become a grid, the panels of the
 * Angular days become their successors, numbers become names. Works on plain JSON and returns new objects.
 */
import { asList, asNumber, asObject, asObjects, asText, isObject } from './read';
import type { Json } from './read';

const kOldColumns = 12;
const kOldRowHeightPx = 250;
const kCellPx = 38; // 30 of a cell and 8 between two

function heightInCells(height: unknown): number {
  const pixels = typeof height === 'string' ? Number.parseInt(height, 10) : asNumber(height, kOldRowHeightPx);
  return Math.max(3, Math.ceil((Number.isFinite(pixels) ? pixels : kOldRowHeightPx) / kCellPx));
}

/** `rows: [{title, height, collapse, panels: [{span}]}]` to panels with positions, with row panels where the old rows had titles. */
export function rowsToPanels(rows: Json[]): Json[] {
  const panels: Json[] = [];
  const withHeads = rows.some((row) => row['collapse'] === true || row['showTitle'] === true || asText(row['repeat']) !== '');
  let y = 0;
  for (const row of rows) {
    const height = heightInCells(row['height']);
    const inside: Json[] = [];
    let head: Json | undefined;
    if (withHeads) {
      const collapsed = row['collapse'] === true;
      head = {
        type: 'row', title: asText(row['title']), collapsed, repeat: row['repeat'], gridPos: { x: 0, y, w: 24, h: 1 }, panels: collapsed ? inside : [],
      };
      panels.push(head);
      y += 1;
    }
    let x = 0;
    let lineHeight = height;
    for (const panel of asObjects(row['panels'])) {
      const w = Math.min(24, Math.max(1, Math.round((asNumber(panel['span'], 4) * 24) / kOldColumns)));
      if (x + w > 24) {
        x = 0;
        y += lineHeight;
        lineHeight = height;
      }
      const h = panel['height'] === undefined ? height : heightInCells(panel['height']);
      lineHeight = Math.max(lineHeight, h);
      inside.push({ ...panel, gridPos: { x, y, w, h } });
      x += w;
    }
    if (inside.length > 0) y += lineHeight;
    if (head?.['collapsed'] !== true) panels.push(...inside);
  }
  return panels;
}

function mapping(old: Json, index: number): Json | undefined {
  const result = { text: asText(old['text']), index };
  if (old['type'] === 1 || old['type'] === '1') return { type: 'value', options: { [asText(old['value'])]: result } };
  if (old['type'] === 2 || old['type'] === '2') {
    return { type: 'range', options: { from: asNumber(old['from'], -Infinity), to: asNumber(old['to'], Infinity), result } };
  }
  return isObject(old['options']) ? old : undefined;
}

/** Mappings by number (1: value, 2: range) to mappings by name; a `null` among the values is its own kind now. */
export function migrateMappings(mappings: unknown): Json[] {
  return asObjects(mappings).flatMap((old, index) => {
    if (typeof old['type'] === 'string' && Number.isNaN(Number(old['type']))) return [old];
    if (asText(old['value']) === 'null' && (old['type'] === 1 || old['type'] === '1')) {
      return [{ type: 'special', options: { match: 'null', result: { text: asText(old['text']), index } } }];
    }
    const migrated = mapping(old, index);
    return migrated === undefined ? [] : [migrated];
  });
}

/** JSON has no infinity: the first step's `null` stands for minus infinity. */
export function migrateThresholds(thresholds: unknown): Json | undefined {
  if (!isObject(thresholds)) return undefined;
  const steps = asObjects(thresholds['steps']).map((step, index) => ({
    ...step,
    color: asText(step['color'], 'green'),
    value: index === 0 || step['value'] === null || step['value'] === undefined ? -Infinity : asNumber(step['value'], -Infinity),
  }));
  return steps.length === 0 ? undefined : { mode: asText(thresholds['mode'], 'absolute'), steps };
}

const reducerOfStat: Record<string, string> = { avg: 'mean', current: 'lastNotNull', total: 'sum', name: 'lastNotNull' };

/** What a legacy graph says about some of its series, by name or pattern, as an override of today. */
function seriesOverride(rule: Json, axes: Json[]): Json {
  const alias = asText(rule['alias']);
  const properties: Json[] = [];
  const add = (id: string, value: unknown) => properties.push({ id, value });
  if (asText(rule['color']) !== '') add('color', { mode: 'fixed', fixedColor: rule['color'] });
  if (rule['fill'] !== undefined) add('custom.fillOpacity', asNumber(rule['fill'], 0) * 10);
  if (rule['linewidth'] !== undefined) add('custom.lineWidth', asNumber(rule['linewidth'], 1));
  if (rule['dashes'] === true) add('custom.lineStyle', { fill: 'dash', dash: [asNumber(rule['dashLength'], 10), asNumber(rule['spaceLength'], 10)] });
  if (rule['bars'] === true) add('custom.drawStyle', 'bars');
  else if (rule['lines'] === true) add('custom.drawStyle', 'line');
  else if (rule['lines'] === false) add('custom.lineWidth', 0);
  if (rule['points'] !== undefined) add('custom.showPoints', rule['points'] === true ? 'always' : 'never');
  if (rule['nullPointMode'] !== undefined) add('custom.spanNulls', rule['nullPointMode'] === 'connected');
  if (rule['steppedLine'] === true) add('custom.lineInterpolation', 'stepAfter');
  if (rule['transform'] === 'negative-Y') add('custom.transform', 'negative-Y');
  if (rule['stack'] !== undefined) add('custom.stacking', { mode: rule['stack'] === false ? 'none' : 'normal', group: typeof rule['stack'] === 'string' ? rule['stack'] : 'A' });
  if (rule['legend'] === false || rule['hiddenSeries'] === true) add('custom.hideFrom', { legend: rule['legend'] === false, tooltip: false, viz: rule['hiddenSeries'] === true });
  if (rule['yaxis'] === 2) {
    const [, right = {}] = axes;
    add('custom.axisPlacement', 'right');
    if (asText(right['format']) !== '') add('unit', right['format']);
    if (asText(right['label']) !== '') add('custom.axisLabel', right['label']);
    for (const limit of ['min', 'max']) if (right[limit] !== null && right[limit] !== undefined && right[limit] !== '') add(limit, asNumber(right[limit], 0));
  }
  return { matcher: { id: /^\/.*\/[gimsuy]*$/.test(alias) ? 'byRegexp' : 'byName', options: alias }, properties };
}

/** A legacy `graph` as the time series panel it would be today. */
function graphToTimeseries(panel: Json): Json {
  const legend = asObject(panel['legend']);
  const tooltip = asObject(panel['tooltip']);
  const axis = asObjects(panel['yaxes'])[0] ?? {};
  const lines = panel['lines'] !== false;
  const bars = panel['bars'] === true;
  const calcs = legend['values'] === false ? [] : ['min', 'max', 'avg', 'current', 'total'].filter((name) => legend[name] === true).map((name) => reducerOfStat[name] ?? name);
  const sortBy = asText(legend['sort']);
  const stacking = panel['stack'] === true ? (panel['percentage'] === true ? 'percent' : 'normal') : 'none';
  const limit = (name: string) => (axis[name] === null || axis[name] === undefined || axis[name] === '' ? {} : { [name]: asNumber(axis[name], 0) });
  const overrides = [
    ...Object.entries(asObject(panel['aliasColors'])).map(([name, color]) => ({ matcher: { id: 'byName', options: name }, properties: [{ id: 'color', value: { mode: 'fixed', fixedColor: color } }] })),
    ...asObjects(panel['seriesOverrides']).filter((rule) => asText(rule['alias']) !== '').map((rule) => seriesOverride(rule, asObjects(panel['yaxes']))),
  ];
  return {
    ...panel,
    type: 'timeseries',
    fieldConfig: {
      defaults: {
        unit: axis['format'], decimals: panel['decimals'], ...limit('min'), ...limit('max'),
        custom: {
          drawStyle: bars && !lines ? 'bars' : lines ? 'line' : 'points', lineWidth: asNumber(panel['linewidth'], 1), fillOpacity: asNumber(panel['fill'], 1) * 10,
          lineInterpolation: panel['steppedLine'] === true ? 'stepAfter' : 'linear', showPoints: panel['points'] === true ? 'always' : 'never',
          pointSize: asNumber(panel['pointradius'], 2) * 2, spanNulls: panel['nullPointMode'] === 'connected', stacking: { mode: stacking, group: 'A' },
          axisLabel: asText(axis['label']), scaleDistribution: asNumber(axis['logBase'], 1) > 1 ? { type: 'log', log: axis['logBase'] } : { type: 'linear' },
        },
      },
      overrides,
    },
    options: {
      legend: { showLegend: legend['show'] !== false, displayMode: legend['alignAsTable'] === true ? 'table' : 'list', placement: legend['rightSide'] === true ? 'right' : 'bottom', calcs,
        ...(sortBy === '' ? {} : { sortBy: reducerOfStat[sortBy] ?? sortBy, sortDesc: legend['sortDesc'] === true }),
      },
      tooltip: { mode: tooltip['shared'] === false ? 'single' : 'multi', sort: tooltip['sort'] === 1 ? 'asc' : tooltip['sort'] === 2 ? 'desc' : 'none' },
    },
  };
}

function singlestatToStat(panel: Json): Json {
  const gauge = asObject(panel['gauge']);
  const limits = asText(panel['thresholds']).split(',').map((limit) => limit.trim()).filter((limit) => limit !== '');
  const colors = asList(panel['colors']).map((color) => asText(color));
  const steps = [-Infinity, ...limits.map(Number)].map((value, index) => ({ value, color: colors[index] ?? 'green' }));
  const reducer = asText(panel['valueName'], 'avg');
  return {
    ...panel,
    type: gauge['show'] === true ? 'gauge' : 'stat',
    fieldConfig: {
      defaults: {
        unit: panel['format'], decimals: panel['decimals'], mappings: panel['valueMaps'] === undefined ? [] : asObjects(panel['valueMaps']).map((one) => ({ ...one, type: 1 })),
        thresholds: { mode: 'absolute', steps }, ...(gauge['show'] === true ? { min: gauge['minValue'], max: gauge['maxValue'] } : {}),
      },
      overrides: [],
    },
    options: {
      reduceOptions: { calcs: [reducerOfStat[reducer] ?? reducer] }, graphMode: asObject(panel['sparkline'])['show'] === true ? 'area' : 'none',
      colorMode: panel['colorBackground'] === true ? 'background' : panel['colorValue'] === true ? 'value' : 'none',
    },
  };
}

/** `$__cell_2` and `$__cell` of the Angular table are parts of the row now. */
export function migrateCellLink(url: string): string {
  return url.replace(/\$__cell_(\d+)(?::raw)?|\$\{__cell_(\d+)(?::raw)?\}/g, (_, plain?: string, braced?: string) => `\${__data.fields[${plain ?? braced ?? '0'}]}`).replace(/\$__cell(?::raw)?(?!\w)|\$\{__cell(?::raw)?\}/g, '${__value.text}');
}

/** The Angular table: its column styles become overrides by name. */
function oldTableToTable(panel: Json): Json {
  const overrides = asObjects(panel['styles']).flatMap((style) => {
    const pattern = asText(style['pattern']);
    if (pattern === '' || pattern === '/.*/') return [];
    const properties: Json[] = [];
    if (style['type'] === 'hidden') properties.push({ id: 'custom.hidden', value: true });
    if (asText(style['alias']) !== '') properties.push({ id: 'displayName', value: style['alias'] });
    if (asText(style['unit']) !== '') properties.push({ id: 'unit', value: style['unit'] });
    if (typeof style['decimals'] === 'number') properties.push({ id: 'decimals', value: style['decimals'] });
    if (style['link'] === true) properties.push({ id: 'links', value: [{ title: style['linkTooltip'], url: migrateCellLink(asText(style['linkUrl'])), targetBlank: style['linkTargetBlank'] }] });
    return [{ matcher: { id: pattern.startsWith('/') ? 'byRegexp' : 'byName', options: pattern }, properties }];
  });
  const targets = asObjects(panel['targets']);
  const transformations = panel['transformations'] ?? (targets.length > 1 ? [{ id: 'merge', options: {} }] : []);
  return { ...panel, type: 'table', targets, transformations, fieldConfig: { defaults: {}, overrides }, options: {} };
}

function migrateFieldConfig(value: unknown): Json {
  const config = asObject(value);
  const defaults = { ...asObject(config['defaults']) };
  if (defaults['mappings'] !== undefined) defaults['mappings'] = migrateMappings(defaults['mappings']);
  if (defaults['links'] !== undefined) defaults['links'] = asObjects(defaults['links']);
  if (defaults['thresholds'] !== undefined) defaults['thresholds'] = migrateThresholds(defaults['thresholds']);
  const overrides = asObjects(config['overrides']).filter((rule) => isObject(rule['matcher'])).map((rule) => ({
    ...rule,
    properties: asObjects(rule['properties']).map((property) => {
      if (property['id'] === 'thresholds') return { ...property, value: migrateThresholds(property['value']) };
      if (property['id'] === 'links') return { ...property, value: asObjects(property['value']) };
      if (property['id'] === 'mappings') return { ...property, value: migrateMappings(property['value']) };
      return property;
    }),
  }));
  return { ...config, defaults, overrides };
}

function migrateLegend(options: Json): Json {
  const legend = options['legend'];
  if (!isObject(legend)) return options;
  const hidden = legend['displayMode'] === 'hidden' || legend['showLegend'] === false;
  return { ...options, legend: { ...legend, showLegend: !hidden, displayMode: legend['asTable'] === true || legend['displayMode'] === 'table' ? 'table' : 'list' } };
}

/** One panel in today's form; unknown types pass as they are. */
export function migratePanel(panel: Json): Json {
  let current = panel;
  const xMode = asText(asObject(panel['xaxis'])['mode'], 'time');
  // A graph over names or buckets instead of time keeps its type, and says that it is not drawn.
  if ((panel['type'] === 'graph' || panel['type'] === 'graph-old') && xMode === 'time') current = graphToTimeseries(panel);
  else if (panel['type'] === 'singlestat' || panel['type'] === 'grafana-singlestat-panel') current = singlestatToStat(panel);
  else if (panel['type'] === 'table-old' || (panel['type'] === 'table' && Array.isArray(panel['styles']))) current = oldTableToTable(panel);
  if (current['type'] === 'text' && current['options'] === undefined) current = { ...current, options: { mode: current['mode'] ?? 'markdown', content: current['content'] ?? '' } };
  return { ...current, fieldConfig: migrateFieldConfig(current['fieldConfig']), options: migrateLegend(asObject(current['options'])) };
}
