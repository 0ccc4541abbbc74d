/** The application's pages by their paths. The code of each comes when it is first shown. */
import { begin } from '../api/begun';
import { dashboardAddress, kDataSources, kHostUid, uidOf } from '../dashboards/addresses';
import { lazyPage } from './lazyPage';
import type { LazyPage } from './lazyPage';
import { localPreferences } from './preferences';

export const Login = lazyPage('the page', () => import('./LoginPage'));
const Home = lazyPage('the page', () => import('../dashboards/HomePage'));
const Machine = lazyPage('the page', () => import('../machine/MachinePage'));
const Dashboards = lazyPage('the page', () => import('../dashboards/DashboardsPage'));
const Dashboard = lazyPage('the page', () => import('../dashboards/DashboardPage'));
const Query = lazyPage('the page', () => import('../explore/QueryPage'));
const Explain = lazyPage('the page', () => import('../explore/ExplainPage'));
const Targets = lazyPage('the page', () => import('../status/TargetsPage'));
const Cardinality = lazyPage('the page', () => import('../status/CardinalityPage'));
const Discovery = lazyPage('the page', () => import('../status/DiscoveryPage'));
const Config = lazyPage('the page', () => import('../status/ConfigPage'));
const Flags = lazyPage('the page', () => import('../status/FlagsPage'));
const Status = lazyPage('the page', () => import('../status/StatusPage'));
const Notifications = lazyPage('the page', () => import('../alerting/NotificationsPage'));
const Silences = lazyPage('the page', () => import('../alerting/SilencesPage'));
const AlertHistory = lazyPage('the page', () => import('../alerting/HistoryPage'));
const Routing = lazyPage('the page', () => import('../alerting/RoutingPage'));
const Pipelines = lazyPage('the page', () => import('../pipelines/PipelinesPage'));
const Users = lazyPage('the page', () => import('../admin/UsersPage'));
const ServiceAccounts = lazyPage('the page', () => import('../admin/ServiceAccountsPage'));
const Profile = lazyPage('the page', () => import('../admin/ProfilePage'));
const Alerts = lazyPage('the page', () => import('../alerting/AlertsPage'));

interface Entry {
  title: string;
  Page: LazyPage;
}

const pages: Record<string, Entry> = {
  '/': { title: 'Home', Page: Home },
  '/machine': { title: 'Machine', Page: Machine },
  '/dashboards': { title: 'Dashboards', Page: Dashboards },
  '/query': { title: 'Query', Page: Query },
  '/graph': { title: 'Query', Page: Query }, // where the links inside Prometheus' alerts point
  '/explain': { title: 'Explain', Page: Explain },
  '/targets': { title: 'Targets', Page: Targets },
  '/cardinality': { title: 'Costs', Page: Cardinality },
  '/alerts': { title: 'Alerts', Page: Alerts },
  '/alertmanager': { title: 'Notifications', Page: Notifications },
  '/silences': { title: 'Silences', Page: Silences },
  '/alert-history': { title: 'Alert history', Page: AlertHistory },
  '/routing': { title: 'Routing', Page: Routing },
  '/rules': { title: 'Alerts', Page: Alerts }, // Prometheus' address
  '/status': { title: 'Status', Page: Status },
  '/tsdb-status': { title: 'Status', Page: Status },
  '/config': { title: 'Configuration', Page: Config },
  '/flags': { title: 'Flags', Page: Flags },
  '/pipelines': { title: 'Pipelines', Page: Pipelines },
  '/users': { title: 'Users', Page: Users },
  '/service-accounts': { title: 'Service accounts', Page: ServiceAccounts },
  '/profile': { title: 'Profile', Page: Profile },
  '/service-discovery': { title: 'Service discovery', Page: Discovery },
};

export function pageAt(path: string): Entry | undefined {
  return uidOf(path) === undefined ? pages[path] : { title: 'Dashboard', Page: Dashboard };
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
