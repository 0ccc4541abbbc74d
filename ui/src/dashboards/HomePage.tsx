import { getDashboard } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Loading, Notice } from '../components/States';
import { DashboardView } from './DashboardView';
import { loadDashboard } from './load';

/** The host now: an ordinary dashboard with a fixed uid. */
export default function HomePage() {
  const { data, error } = useResource(async (signal) => loadDashboard(await getDashboard('home', signal)), []);
  if (data !== undefined) return <DashboardView dashboard={data} />;
  if (error === undefined) return <Loading what="the dashboard" />;
  return <div style={{ padding: 16 }}><Notice tone="bad" title="The dashboard could not be loaded">{error.message}</Notice></div>;
}
