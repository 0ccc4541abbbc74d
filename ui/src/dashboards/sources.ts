/**
 * The server's data sources, and which of them a reference in a dashboard means. A source that the server knows by its uid
 * or name is asked through the server's proxy, and directly when it is the server itself; a reference to one that it
 * does not know (dashboards come from elsewhere) means the default among those that speak PromQL.
 */
import { fetchJson } from '../api/client';
import { kOwnApi } from '../api/prometheus';
import { kDataSources } from './addresses';
import { interpolate } from './interpolate';
import type { Format, Values } from './interpolate';
import type { DataSourceRef } from './model';
import { asBoolean, asObject, asObjects, asText } from './read';
import type { Json } from './read';
import { parseDuration } from '../time/duration';

/** How often a source scrapes whose settings do not say it: the floor of a step. */
export const kScrapeIntervalMs = 15_000;

export interface DataSource {
  uid: string;
  name: string;
  type: string;
  isDefault: boolean;
  /** This server's own metrics: asked directly, all queries of a page together. */
  own: boolean;
  /** Why it cannot be asked. */
  unsupported: string | undefined;
  /** How often it scrapes, as its settings say. */
  scrapeIntervalMs: number;
  /** Where the traces are that labels of exemplars name. */
  traceLinks: TraceLink[];
  /** Labels of exemplars that lead into another data source, which the page does not do, and its uid. */
  tracesInSources: { label: string; uid: string }[];
}

export interface TraceLink {
  label: string;
  /** With `${__value.raw}` for the label's value. */
  url: string;
  title: string;
}

const destinations = (jsonData: Json): Json[] => asObjects(jsonData['exemplarTraceIdDestinations']);

const readTraceLinks = (jsonData: Json): TraceLink[] => destinations(jsonData)
  .map((one) => ({ label: asText(one['name']), url: asText(one['url']), title: asText(one['urlDisplayLabel']) }))
  .filter(({ label, url }) => label !== '' && url !== '');

const readTracesInSources = (jsonData: Json): { label: string; uid: string }[] => destinations(jsonData)
  .map((one) => ({ label: asText(one['name']), uid: asText(one['datasourceUid']) }))
  .filter(({ label, uid }) => label !== '' && uid !== '');

export async function getDataSources(signal: AbortSignal): Promise<DataSource[]> {
  return asObjects(await fetchJson(kDataSources, {}, signal)).map((one) => ({
    uid: asText(one['uid']),
    name: asText(one['name']),
    type: asText(one['type']),
    isDefault: asBoolean(one['isDefault']),
    own: asBoolean(one['own']),
    unsupported: asText(one['unsupported']) === '' ? undefined : asText(one['unsupported']),
    scrapeIntervalMs: parseDuration(asText(asObject(one['jsonData'])['timeInterval'])) || kScrapeIntervalMs,
    traceLinks: readTraceLinks(asObject(one['jsonData'])),
    tracesInSources: readTracesInSources(asObject(one['jsonData'])),
  }));
}

/** Those that a variable of this kind ("prometheus") chooses from, the default first. */
export function sourcesOfType(sources: readonly DataSource[], type: string): DataSource[] {
  const fitting = sources.filter((one) => one.type === type && one.unsupported === undefined);
  return [...fitting.filter((one) => one.isDefault), ...fitting.filter((one) => !one.isDefault)];
}

/** The source that a reference means; none where this server's are not known. */
export function sourceOf(reference: DataSourceRef | undefined, sources: readonly DataSource[], values: Values): DataSource | undefined {
  const wanted = interpolate(reference?.uid ?? '', values, joined);
  const known = sources.find((one) => one.uid === wanted) ?? sources.find((one) => one.name === wanted);
  return known ?? (wanted === '' ? sources.find((one) => one.isDefault) : sourcesOfType(sources, 'prometheus')[0]);
}

const joined: Format = ({ values }) => values.join(',');

/** Where the API of the source is that a reference means. Throws for one that cannot be asked. */
export function apiOf(reference: DataSourceRef | undefined, sources: readonly DataSource[], values: Values): string {
  const source = sourceOf(reference, sources, values);
  if (source === undefined) return kOwnApi;
  if (source.unsupported !== undefined) throw new Error(source.unsupported);
  if (source.own) return kOwnApi;
  return `/api/datasources/proxy/uid/${encodeURIComponent(source.uid)}${kOwnApi}`;
}
