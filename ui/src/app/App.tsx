import { lazy, Suspense, useCallback, useEffect, useState } from 'react';
import { ErrorBoundary } from '../components/ErrorBoundary';
import { Loading } from '../components/States';
import { onLoggedOut } from '../api/loggedOut';
import { goToLogin } from '../api/login';
import { useAddress } from './router';
import { ShortcutHelp } from './ShortcutHelp';
import { Shell } from './Shell';
import { useShortcuts } from './shortcuts';

const Login = lazy(() => import('./LoginPage'));
const Home = lazy(() => import('../dashboards/HomePage'));
const Machine = lazy(() => import('../machine/MachinePage'));
const Dashboards = lazy(() => import('../dashboards/DashboardsPage'));
const Dashboard = lazy(() => import('../dashboards/DashboardPage'));
const Query = lazy(() => import('../explore/QueryPage'));
const Explain = lazy(() => import('../explore/ExplainPage'));
const Targets = lazy(() => import('../status/TargetsPage'));
const Cardinality = lazy(() => import('../status/CardinalityPage'));
const Discovery = lazy(() => import('../status/DiscoveryPage'));
const Config = lazy(() => import('../status/ConfigPage'));
const Flags = lazy(() => import('../status/FlagsPage'));
const Status = lazy(() => import('../status/StatusPage'));
const Notifications = lazy(() => import('../alerting/NotificationsPage'));
const Silences = lazy(() => import('../alerting/SilencesPage'));
const AlertHistory = lazy(() => import('../alerting/HistoryPage'));
const Routing = lazy(() => import('../alerting/RoutingPage'));
const Pipelines = lazy(() => import('../pipelines/PipelinesPage'));
const Users = lazy(() => import('../admin/UsersPage'));
const ServiceAccounts = lazy(() => import('../admin/ServiceAccountsPage'));
const Profile = lazy(() => import('../admin/ProfilePage'));
const Alerts = lazy(() => import('../alerting/AlertsPage'));

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
