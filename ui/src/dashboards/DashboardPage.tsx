/** Any dashboard of the server, by the uid in the address: /d/<uid>/<whatever reads well>. */
import { useAddress } from '../app/router';
import { useResource } from '../api/useResource';
import { Loading, PageError } from '../components/States';
import { uidOf } from './addresses';
import { DashboardView } from './DashboardView';
import { openDashboard } from './open';

export default function DashboardPage() {
  const { path } = useAddress();
  const uid = uidOf(path) ?? '';
  return <OneDashboard key={uid} uid={uid} />;
}

function OneDashboard({ uid }: { uid: string }) {
  const { data, error, reload } = useResource((signal) => openDashboard(uid, signal), [uid], { heedsRefresh: false });
  if (data !== undefined) return <DashboardView {...data} changed={reload} />;
  if (error === undefined) return <Loading what="the dashboard" />;
  return <div style={{ padding: 16 }}><PageError title={`The dashboard ${uid} could not be loaded`} error={error} /></div>;
}
