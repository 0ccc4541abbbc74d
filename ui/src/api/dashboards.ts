/** Dashboards as the server keeps them, in Grafana's shape: {dashboard, meta}. */
import { ApiError, fetchJson, sendJson } from './client';
import { dashboardAddress } from '../dashboards/addresses';
import { asNumber, asObject, asObjects, asText } from '../dashboards/read';

export const getDashboard = (uid: string, signal?: AbortSignal): Promise<unknown> => fetchJson(dashboardAddress(uid), {}, signal);

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

export interface SaveRequest {
  dashboard: Record<string, unknown>;
  folderUid: string;
  message: string;
  /** Whatever version is there. */
  overwrite: boolean;
}

/** Somebody else changed the dashboard since it was read, or there is one with this uid already. */
export class SaveConflict extends Error {}

/** Where it is now. */
export async function saveDashboard(request: SaveRequest): Promise<{ uid: string; version: number }> {
  try {
    const answer = asObject(await sendJson('POST', '/api/dashboards/db', request));
    return { uid: asText(answer['uid']), version: asNumber(answer['version'], 0) };
  } catch (error) {
    if (error instanceof ApiError && error.status === 412) throw new SaveConflict(error.message);
    throw error;
  }
}

export const deleteDashboard = (uid: string) => sendJson('DELETE', dashboardAddress(uid));

export interface DashboardVersion {
  version: number;
  created: string;
  message: string;
}

/** Newest first. */
export async function getVersions(uid: string, signal: AbortSignal): Promise<DashboardVersion[]> {
  const answer = asObject(await fetchJson(`${dashboardAddress(uid)}/versions`, {}, signal));
  return asObjects(answer['versions']).map((one) => ({ version: asNumber(one['version'], 0), created: asText(one['created']), message: asText(one['message']) }));
}

/** The dashboard as it was. */
export async function getVersion(uid: string, version: number): Promise<Record<string, unknown>> {
  return asObject(asObject(await fetchJson(`${dashboardAddress(uid)}/versions/${version}`))['data']);
}

export interface Folder {
  uid: string;
  title: string;
}

export async function getFolders(signal?: AbortSignal): Promise<Folder[]> {
  return asObjects(await fetchJson('/api/folders', {}, signal)).map((one) => ({ uid: asText(one['uid']), title: asText(one['title']) }));
}

export async function createFolder(title: string): Promise<Folder> {
  const made = asObject(await sendJson('POST', '/api/folders', { title }));
  return { uid: asText(made['uid']), title: asText(made['title']) };
}
