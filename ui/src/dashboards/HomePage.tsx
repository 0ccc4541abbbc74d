import { getDashboard } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Loading, PageError } from '../components/States';
import { EatingStrip } from '../machine/EatingStrip';
import { DashboardView } from './DashboardView';
import { loadDashboard } from './load';

/** The host now: an ordinary dashboard with a fixed uid. */
export default function HomePage() {
  const { data, error } = useResource(async (signal) => loadDashboard(await getDashboard('home', signal)), []);
  if (data !== undefined) return <DashboardView dashboard={data}><EatingStrip /></DashboardView>;
  if (error === undefined) return <Loading what="the dashboard" />;
  return <div style={{ padding: 16 }}><PageError title="The dashboard could not be loaded" error={error} /></div>;
}
