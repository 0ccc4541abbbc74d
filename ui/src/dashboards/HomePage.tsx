import { localPreferences } from '../app/preferences';
import { ApiError } from '../api/client';
import { getDashboard } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Loading, PageError } from '../components/States';
import { EatingStrip } from '../machine/EatingStrip';
import { kHostUid } from './addresses';
import { DashboardView } from './DashboardView';
import { openDashboard } from './open';

/** The host now, an ordinary dashboard with a fixed uid, or the one that the person prefers. */
export default function HomePage() {
  const uid = localPreferences().homeDashboardUID || kHostUid;
  const { data, error, reload } = useResource((signal) => openDashboard(uid, signal, (failure) => {
    if (uid === kHostUid || !(failure instanceof ApiError) || failure.status !== 404) throw failure;
    return getDashboard(kHostUid, signal); // the preferred one is gone
  }), []);
  if (data !== undefined) return <DashboardView {...data} changed={reload}>{uid === kHostUid && <EatingStrip />}</DashboardView>;
  if (error === undefined) return <Loading what="the dashboard" />;
  return <div style={{ padding: 16 }}><PageError title="The dashboard could not be loaded" error={error} /></div>;
}
