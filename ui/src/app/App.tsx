import { Suspense, useCallback, useEffect, useState } from 'react';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Loading } from '../components/States';
import { onLoggedOut } from '../api/loggedOut';
import { goToLogin } from '../api/login';
import { lazyPage } from './lazyPage';
import { useAddress } from './router';
import { ShortcutHelp } from './ShortcutHelp';
import { Shell } from './Shell';
import { useShortcuts } from './shortcuts';

const Login = lazyPage('the page', () => import('./LoginPage'));
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

const pages: Record<string, { title: string; Page: React.ComponentType }> = {
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

onLoggedOut(goToLogin);

function pageAt(path: string): { title: string; Page: React.ComponentType } | undefined {
  return /^\/d\/[^/]/.test(path) ? { title: 'Dashboard', Page: Dashboard } : pages[path];
}

function NotFound() {
  return (
    <div style={{ padding: 24 }}>
      <h1>No such page</h1>
      <p>Nothing is served at this address. The pages are in the navigation.</p>
    </div>
  );
}

// The server may have put another title in place of ours.
const product = document.title || 'Sextant';

export function App() {
  const { path } = useAddress();
  const [helpShown, setHelpShown] = useState(false);
  useShortcuts(useCallback(() => setHelpShown(true), []));
  const trimmed = path.length > 1 ? path.replace(/\/+$/, '') : path;
  const isLogin = trimmed === '/login';
  const { title, Page } = isLogin ? { title: 'Log in', Page: Login } : pageAt(trimmed) ?? { title: 'Not found', Page: NotFound };
  useEffect(() => {
    document.title = `${title} · ${product}`;
  }, [title]);
  if (isLogin) {
    return (
      <ErrorBoundary what="The login page">
        <Suspense fallback={<Loading what={title} />}><Page /></Suspense>
      </ErrorBoundary>
    );
  }
  return (
    <Shell path={trimmed} title={title} isPage={(wanted) => pageAt(wanted) !== undefined} showHelp={() => setHelpShown(true)}>
      <ErrorBoundary key={title === 'Dashboard' ? '/d' : trimmed} what={`The page ${title}`}>
        <Suspense fallback={<Loading what={title} />}>
          <Page />
        </Suspense>
      </ErrorBoundary>
      {helpShown && <ShortcutHelp close={() => setHelpShown(false)} />}
    </Shell>
  );
}
