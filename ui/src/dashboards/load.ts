/** From a JSON document, as the server or a file gives it, to the Dashboard that the page draws. */
import { prefersUtc } from '../app/preferences';
import { parseDuration } from '../time/duration';
import type { TimeRange } from '../time/range';
import { migratePanel, rowsToPanels } from './migrate';
import { kColumns } from './model';
import { writeFilter } from './adhoc';
import { withDataOfOthers } from './dataOfOthers';
import { foreignDataSource } from './dataSources';
import type { Annotation, Dashboard, DashboardLink, DataSourceRef, GridPos, Link, Panel, Target, Variable, VariableType } from './model';
import { asBoolean, asList, asNumber, asObject, asObjects, asOptionalNumber, asText, isObject } from './read';
import type { Json } from './read';

/** Far more than anybody places on one page; a bound because the document comes from outside. */
const kPanelsMax = 2000;

/** The kinds of the data source variables, by name: references through them say no kind of their own. */
type Kinds = ReadonlyMap<string, string>;

function readDataSource(value: unknown, kinds: Kinds): DataSourceRef | undefined {
  if (typeof value !== 'string' && !isObject(value)) return undefined;
  const uid = typeof value === 'string' ? value : asText(value['uid']);
  const type = typeof value === 'string' ? '' : asText(value['type']);
  const variable = /^(?:\$(\w+)|\$\{(\w+)(?::\w+)?\})$/.exec(uid);
  return { type: type === '' ? (kinds.get(variable?.[1] ?? variable?.[2] ?? '') ?? '') : type, uid };
}

function readTarget(json: Json, index: number, kinds: Kinds): Target {
  const format = asText(json['format'], 'time_series');
  const instant = asBoolean(json['instant']);
  return {
    refId: asText(json['refId'], String.fromCharCode(65 + (index % 26))),
    expr: asText(json['expr']),
    legendFormat: asText(json['legendFormat']),
    format: format === 'table' || format === 'heatmap' ? format : 'time_series',
    instant,
    range: asBoolean(json['range'], !instant),
    interval: asText(json['interval']),
    intervalFactor: Math.max(1, asNumber(json['intervalFactor'], 1)),
    hide: asBoolean(json['hide']),
    exemplar: asBoolean(json['exemplar']),
    ofPanel: typeof json['panelId'] === 'number' ? { id: json['panelId'], transformed: asBoolean(json['withTransforms']), onlyAnnotations: json['topic'] === 'annotations' } : undefined,
    datasource: readDataSource(json['datasource'], kinds),
  };
}

function readLinks(value: unknown): Link[] {
  return asObjects(value)
    .filter((link) => asText(link['url']) !== '')
    .map((link) => ({ title: asText(link['title'], asText(link['url'])), url: asText(link['url']), targetBlank: asBoolean(link['targetBlank']) }));
}

function readGridPos(value: unknown, isRow: boolean): GridPos | undefined {
  if (!isObject(value)) return undefined;
  const w = isRow ? kColumns : Math.min(kColumns, Math.max(1, Math.round(asNumber(value['w'], 12))));
  return {
    w,
    h: isRow ? 1 : Math.min(200, Math.max(1, Math.round(asNumber(value['h'], 8)))),
    x: Math.min(kColumns - w, Math.max(0, Math.round(asNumber(value['x'], 0)))),
    y: Math.max(0, Math.round(asNumber(value['y'], 0))),
  };
}

interface Reading {
  nextId: () => number;
  nextY: (height: number) => number;
  kinds: Kinds;
  /** Library panels that the document brings along, by uid. */
  elements: Json;
}

/** A library panel's own place and title, and the rest from the library where the document carries it. */
function fromLibrary(raw: Json, elements: Json): Json {
  if (!isObject(raw['libraryPanel'])) return raw;
  const model = raw['libraryPanel']['model'] ?? asObject(elements[asText(raw['libraryPanel']['uid'])])['model'];
  return isObject(model) ? { ...model, id: raw['id'], gridPos: raw['gridPos'], ...(asText(raw['title']) === '' ? {} : { title: raw['title'] }) } : raw;
}

function readPanel(document: Json, reading: Reading): Panel {
  const { nextId, nextY, kinds, elements } = reading;
  const raw = fromLibrary(document, elements);
  const json = migratePanel(raw);
  const type = asText(json['type'], isObject(json['libraryPanel']) ? 'library panel' : 'unknown');
  const isRow = type === 'row';
  const height = isRow ? 1 : 8;
  const fieldConfig = asObject(json['fieldConfig']);
  return {
    id: asNumber(json['id'], 0) || nextId(),
    type,
    title: asText(json['title'], asText(asObject(json['libraryPanel'])['name'])),
    description: asText(json['description']),
    gridPos: readGridPos(json['gridPos'], isRow) ?? { x: 0, y: nextY(height), w: isRow ? kColumns : 12, h: height },
    datasource: readDataSource(json['datasource'], kinds),
    targets: asObjects(json['targets']).map((target, index) => readTarget(target, index, kinds)),
    options: asObject(json['options']),
    fieldConfig: { defaults: asObject(fieldConfig['defaults']), overrides: asObjects(fieldConfig['overrides']) as unknown as Panel['fieldConfig']['overrides'] },
    transformations: asObjects(json['transformations']).filter((one) => typeof one['id'] === 'string') as unknown as Panel['transformations'],
    links: readLinks(json['links']),
    transparent: asBoolean(json['transparent']),
    interval: asText(json['interval']),
    maxDataPoints: asOptionalNumber(json['maxDataPoints']),
    timeFrom: asText(json['timeFrom']),
    timeShift: asText(json['timeShift']),
    repeat: asText(json['repeat']),
    repeatDirection: json['repeatDirection'] === 'v' ? 'v' : 'h',
    maxPerRow: Math.max(1, asNumber(json['maxPerRow'], 4)),
    collapsed: isRow && asBoolean(json['collapsed']),
    panels: isRow ? asObjects(json['panels']).map((inner) => readPanel(inner, reading)) : [],
    hideTimeOverride: asBoolean(json['hideTimeOverride']),
    scope: {},
    problem: undefined,
    source: raw,
  };
}

const variableTypes: readonly string[] = ['query', 'custom', 'constant', 'interval', 'datasource', 'textbox', 'adhoc'];

/** Query variables keep their question as text or inside an object, depending on the version that wrote it. */
function readQuery(json: Json): string {
  const query = json['query'];
  if (typeof query === 'string') return query;
  const inner = asObject(query);
  return asText(inner['query'], asText(inner['expr'], asText(json['definition'])));
}

function readVariable(json: Json, kinds: Kinds): Variable {
  const isSwitch = json['type'] === 'switch';
  const type = isSwitch ? 'custom' : asText(json['type'], 'unknown');
  const current = type === 'adhoc'
    ? asObjects(json['filters']).map((one) => writeFilter({ label: asText(one['key']), operator: asText(one['operator'], '='), value: asText(one['value']) }))
    : asObject(json['current'])['value'];
  return {
    name: asText(json['name']),
    type: (variableTypes.includes(type) ? type : 'unknown') as VariableType,
    label: asText(json['label']),
    description: asText(json['description']),
    hide: json['hide'] === 2 || json['hide'] === 'hideVariable' ? 2 : json['hide'] === 1 ? 1 : 0,
    query: isSwitch ? `${asText(json['enabledValue'], 'true')},${asText(json['disabledValue'], 'false')}` : readQuery(json),
    regex: asText(json['regex']),
    sort: asNumber(json['sort'], 0),
    multi: asBoolean(json['multi']),
    includeAll: asBoolean(json['includeAll']),
    allValue: asText(json['allValue']),
    current: (Array.isArray(current) ? current : [current]).filter((one) => one !== undefined && one !== null).map((one) => asText(one)),
    skipUrlSync: asBoolean(json['skipUrlSync']),
    datasource: readDataSource(json['datasource'], kinds),
    auto: type === 'interval' && asBoolean(json['auto']) ? { count: Math.max(1, asNumber(json['auto_count'], 30)), min: asText(json['auto_min'], '10s') } : undefined,
  };
}

function readDashboardLinks(value: unknown): DashboardLink[] {
  return asObjects(value)
    .map((link): DashboardLink => ({
      type: link['type'] === 'dashboards' ? 'dashboards' : 'link', title: asText(link['title']), url: asText(link['url']), targetBlank: asBoolean(link['targetBlank']),
      tags: asList(link['tags']).map((tag) => asText(tag)).filter((tag) => tag !== ''), asDropdown: asBoolean(link['asDropdown']), includeVars: asBoolean(link['includeVars']),
      keepTime: asBoolean(link['keepTime']), tooltip: asText(link['tooltip']),
    }))
    .filter((link) => link.type === 'dashboards' || link.url !== '');
}

function readAnnotations(value: unknown, kinds: Kinds): Annotation[] {
  return asObjects(asObject(value)['list']).map((json): Annotation => {
    const isBuiltIn = json['builtIn'] === 1 || json['builtIn'] === true;
    const target = asObject(json['target']);
    const datasource = readDataSource(json['datasource'], kinds);
    const foreign = foreignDataSource(datasource);
    const expr = asText(json['expr'], asText(asObject(json['target'])['expr']));
    const kind = asText(target['type'], asText(json['type']));
    const tags = asList(target['tags'] ?? json['tags']).map((tag) => asText(tag)).filter((tag) => tag !== '');
    const isStored = expr === '' && (isBuiltIn || datasource?.uid === 'grafana' || datasource?.uid === '-- Grafana --' || kind === 'tags' || kind === 'dashboard' || tags.length > 0);
    const isRegion = asText(asObject(json['target'])['queryType']) === 'timeRegions';
    const filter = asObject(json['filter']);
    return {
      name: asText(json['name'], 'Annotations'), enabled: asBoolean(json['enable'], true), hidden: isBuiltIn || asBoolean(json['hide']), color: asText(json['iconColor'], 'red'), expr, step: asText(json['step'], '60s'),
      titleFormat: asText(json['titleFormat']), textFormat: asText(json['textFormat']), tagKeys: asText(json['tagKeys']).split(',').map((key) => key.trim()).filter((key) => key !== ''),
      stored: isStored && !isRegion ? { tags, matchAny: asBoolean(target['matchAny'], asBoolean(json['matchAny'])), ofDashboard: isBuiltIn || kind === 'dashboard', limit: asNumber(target['limit'] ?? json['limit'], 100) } : undefined,
      useValueForTime: asBoolean(json['useValueForTime']), datasource, panels: Array.isArray(filter['ids']) ? { exclude: asBoolean(filter['exclude']), ids: filter['ids'].map(Number) } : undefined,
      problem: (expr !== '' && foreign === undefined) || (isStored && !isRegion) ? undefined : foreign !== undefined ? `it asks a data source of type ${foreign}`  : isRegion ? 'it marks hours of the day or days of the week, which are not drawn' : 'it names no query',
    };
  });
}

function readTime(value: unknown): TimeRange {
  const time = asObject(value);
  return { from: asText(time['from'], 'now-6h'), to: asText(time['to'], 'now') };
}

function readMeta(value: unknown): Dashboard['meta'] {
  const meta = asObject(value);
  return { canSave: asBoolean(meta['canSave']), canDelete: asBoolean(meta['canDelete']), isProvisioned: asBoolean(meta['provisioned']), folderUid: asText(meta['folderUid']), folderTitle: asText(meta['folderTitle']) };
}

/** Throws an Error that names the reason when the document is no dashboard; everything else is read with defaults. */
export function loadDashboard(document: unknown): Dashboard {
  if (!isObject(document)) throw new Error('The document is not a dashboard: it is not a JSON object.');
  const json = isObject(document['dashboard']) ? document['dashboard'] : document;
  const kinds = new Map(asObjects(asObject(json['templating'])['list']).filter((one) => one['type'] === 'datasource').map((one) => [asText(one['name']), asText(one['query'])]));
  const raw = [...asObjects(json['panels']), ...rowsToPanels(asObjects(json['rows']))];
  if (raw.length > kPanelsMax) throw new Error(`The dashboard has ${raw.length} panels; at most ${kPanelsMax} are drawn.`);
  const used = new Set<number>(raw.map((panel) => asNumber(panel['id'], 0)));
  let lastId = 0;
  const nextId = () => {
    do lastId++; while (used.has(lastId));
    return lastId;
  };
  let bottom = Math.max(0, ...raw.map((panel) => { const at = asObject(panel['gridPos']); return asNumber(at['y'], 0) + asNumber(at['h'], 0); }));
  const nextY = (height: number) => {
    bottom += height;
    return bottom - height;
  };
  const timezone = asText(json['timezone']).toLowerCase();
  return {
    uid: asText(json['uid']),
    title: asText(json['title'], 'Untitled'),
    description: asText(json['description']),
    tags: asList(json['tags']).map((tag) => asText(tag)),
    utc: timezone === 'utc' || timezone === 'etc/utc' || (timezone === '' && prefersUtc()),
    otherZone: ['', 'utc', 'browser', 'etc/utc'].includes(timezone) ? undefined : asText(json['timezone']),
    nowDelayMs: parseDuration(asText(asObject(json['timepicker'])['nowDelay'])) ?? 0,
    time: readTime(json['time']),
    refresh: asText(json['refresh']),
    graphTooltip: asNumber(json['graphTooltip'], 0),
    panels: withDataOfOthers(raw.map((panel) => readPanel(panel, { nextId, nextY, kinds, elements: asObject(json['__elements']) }))),
    annotations: readAnnotations(json['annotations'], kinds),
    hideTimePicker: asBoolean(asObject(json['timepicker'])['hidden']),
    source: json,
    meta: readMeta(document['meta']),
    variables: asObjects(asObject(json['templating'])['list']).map((one) => readVariable(one, kinds)).filter((variable) => variable.name !== ''),
    links: readDashboardLinks(json['links']),
  };
}
