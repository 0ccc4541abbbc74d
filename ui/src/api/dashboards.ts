/** Dashboards as the server keeps them, in Grafana's shape: {dashboard, meta}. */
import { fetchJson } from './client';

export function getDashboard(uid: string, signal?: AbortSignal): Promise<unknown> {
  return fetchJson(`/api/dashboards/uid/${encodeURIComponent(uid)}`, {}, signal);
}
