/** What a dashboard's page begins with: its document, and the data sources that its panels may name. */
import { getDashboard } from '../api/dashboards';
import { loadDashboard } from './load';
import type { Dashboard } from './model';
import { getDataSources } from './sources';
import type { DataSource } from './sources';

export interface Opened {
  dashboard: Dashboard;
  /** None when they cannot be read: everything then asks this server. */
  sources: readonly DataSource[];
}

/** `whenGone` may give another document in place of one that could not be had. */
export async function openDashboard(uid: string, signal: AbortSignal, whenGone?: (failure: unknown) => Promise<unknown>): Promise<Opened> {
  const found = getDashboard(uid, signal);
  const [document, sources] = await Promise.all([whenGone === undefined ? found : found.catch(whenGone), getDataSources(signal).catch(() => [])]);
  return { dashboard: loadDashboard(document), sources };
}
