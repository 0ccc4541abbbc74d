/** The application's pages by their paths. The code of each comes when it is first shown. */
import { begin } from '../api/begun';
import { dashboardAddress, kDataSources, kHostUid, uidOf } from '../dashboards/addresses';
import { lazyPage } from './lazyPage';
import type { LazyPage } from './lazyPage';
import { localPreferences } from './preferences';

export const Login = lazyPage('the page', () => import('./LoginPage'));

interface Entry {
  title: string;
  Page: LazyPage;
}

const page = (title: string, load: Parameters<typeof lazyPage>[1]): Entry => ({ title, Page: lazyPage('the page', load) });

const dashboard = page('Dashboard', () => import('../dashboards/DashboardPage'));
const query = page('Query', () => import('../explore/QueryPage'));
const alerts = page('Alerts', () => import('../alerting/AlertsPage'));
const status = page('Status', () => import('../status/StatusPage'));

const pages: Record<string, Entry> = {
  '/': page('Home', () => import('../dashboards/HomePage')),
  '/machine': page('Machine', () => import('../machine/MachinePage')),
  '/dashboards': page('Dashboards', () => import('../dashboards/DashboardsPage')),
  '/query': query,
  '/graph': query, // where the links inside Prometheus' alerts point
  '/explain': page('Explain', () => import('../explore/ExplainPage')),
  '/targets': page('Targets', () => import('../status/TargetsPage')),
  '/cardinality': page('Costs', () => import('../status/CardinalityPage')),
  '/alerts': alerts,
  '/alertmanager': page('Notifications', () => import('../alerting/NotificationsPage')),
  '/silences': page('Silences', () => import('../alerting/SilencesPage')),
  '/alert-history': page('Alert history', () => import('../alerting/HistoryPage')),
  '/routing': page('Routing', () => import('../alerting/RoutingPage')),
  '/rules': alerts, // Prometheus' address
  '/status': status,
  '/tsdb-status': status,
  '/config': page('Configuration', () => import('../status/ConfigPage')),
  '/flags': page('Flags', () => import('../status/FlagsPage')),
  '/pipelines': page('Pipelines', () => import('../pipelines/PipelinesPage')),
  '/users': page('Users', () => import('../admin/UsersPage')),
  '/service-accounts': page('Service accounts', () => import('../admin/ServiceAccountsPage')),
  '/profile': page('Profile', () => import('../admin/ProfilePage')),
  '/service-discovery': page('Service discovery', () => import('../status/DiscoveryPage')),
};

export function pageAt(path: string): Entry | undefined {
  return uidOf(path) === undefined ? pages[path] : dashboard;
}

/**
 * Has what the page at `path` is made of fetched: its code, and for a dashboard its document and the data sources. Called
 * before anything is drawn, so that neither waits for the drawing or for the other.
 */
export function beginPage(path: string): void {
  if (path === '/login') return Login.begin();
  pageAt(path)?.Page.begin();
  const uid = path === '/' ? localPreferences().homeDashboardUID || kHostUid : uidOf(path);
  if (uid !== undefined) [dashboardAddress(uid), kDataSources].forEach(begin);
}
