/**
 * The server's data sources, and which of them a reference in a dashboard means. A source that the server knows by its uid
 * or name is asked through the server's proxy, and directly when it is the server itself; a reference to one that it
 * does not know (dashboards come from elsewhere) means the default among those that speak PromQL.
 */
import { fetchJson } from '../api/client';
import { kOwnApi } from '../api/prometheus';
import { kDataSources } from './addresses';
import { forReading, interpolate } from './interpolate';
import type { Values } from './interpolate';
import type { DataSourceRef } from './model';
import { asBoolean, asObjects, asText } from './read';

export interface DataSource {
  uid: string;
  name: string;
  type: string;
  isDefault: boolean;
  /** This server's own metrics: asked directly, all queries of a page together. */
  own: boolean;
  /** Why it cannot be asked. */
  unsupported: string | undefined;
}

export async function getDataSources(signal: AbortSignal): Promise<DataSource[]> {
  return asObjects(await fetchJson(kDataSources, {}, signal)).map((one) => ({
    uid: asText(one['uid']),
    name: asText(one['name']),
    type: asText(one['type']),
    isDefault: asBoolean(one['isDefault']),
    own: asBoolean(one['own']),
    unsupported: asText(one['unsupported']) === '' ? undefined : asText(one['unsupported']),
  }));
}

/** Those that a variable of this kind ("prometheus") chooses from, the default first. */
export function sourcesOfType(sources: readonly DataSource[], type: string): DataSource[] {
  const fitting = sources.filter((one) => one.type === type && one.unsupported === undefined);
  return [...fitting.filter((one) => one.isDefault), ...fitting.filter((one) => !one.isDefault)];
}

/** Where the API of the source is that a reference means. Throws for one that cannot be asked. */
export function apiOf(reference: DataSourceRef | undefined, sources: readonly DataSource[], values: Values): string {
  const wanted = interpolate(reference?.uid ?? '', values, forReading);
  const known = sources.find((one) => one.uid === wanted) ?? sources.find((one) => one.name === wanted);
  const source = known ?? (wanted === '' ? sources.find((one) => one.isDefault) : sourcesOfType(sources, 'prometheus')[0]);
  if (source === undefined) return kOwnApi;
  if (source.unsupported !== undefined) throw new Error(source.unsupported);
  if (source.own) return kOwnApi;
  return `/api/datasources/proxy/uid/${encodeURIComponent(source.uid)}${kOwnApi}`;
}
