/** Dashboards as the server keeps them, in Grafana's shape: {dashboard, meta}. */
import { fetchJson } from './client';

export function getDashboard(uid: string, signal?: AbortSignal): Promise<unknown> {
  return fetchJson(`/api/dashboards/uid/${encodeURIComponent(uid)}`, {}, signal);
}

export interface FoundDashboard {
  uid: string;
  title: string;
  tags: string[];
  folder: string;
}

/** More than a list is read through; the search narrows it. */
const kFoundMax = 5000;

/** All dashboards of the server, by title. */
export async function searchDashboards(signal?: AbortSignal): Promise<FoundDashboard[]> {
  const answer = await fetchJson('/api/search', { type: 'dash-db', limit: kFoundMax }, signal);
  if (!Array.isArray(answer)) throw new Error('The list of dashboards is not a list.');
  return (answer as Record<string, unknown>[])
    .filter((one) => typeof one === 'object' && one !== null && typeof one['uid'] === 'string' && (one['type'] === undefined || one['type'] === 'dash-db'))
    .map((one) => ({
      uid: String(one['uid']), title: typeof one['title'] === 'string' ? one['title'] : String(one['uid']), folder: typeof one['folderTitle'] === 'string' ? one['folderTitle'] : '',
      tags: Array.isArray(one['tags']) ? one['tags'].filter((tag): tag is string => typeof tag === 'string') : [],
    }))
    .sort((a, b) => a.title.localeCompare(b.title));
}
