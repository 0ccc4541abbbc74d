/** Any dashboard of the server, by the uid in the address: /d/<uid>/<whatever reads well>. */
import { useAddress } from '../app/router';
import { getDashboard } from '../api/dashboards';
import { useResource } from '../api/useResource';
import { Loading, PageError } from '../components/States';
import { DashboardView } from './DashboardView';
import { loadDashboard } from './load';

export const uidOf = (path: string) => decodeURIComponent(/^\/d\/([^/]+)/.exec(path)?.[1] ?? '');

export default function DashboardPage() {
  const { path } = useAddress();
  return <OneDashboard key={uidOf(path)} uid={uidOf(path)} />;
}

function OneDashboard({ uid }: { uid: string }) {
  const { data, error, reload } = useResource(async (signal) => loadDashboard(await getDashboard(uid, signal)), [uid], { heedsRefresh: false });
  if (data !== undefined) return <DashboardView dashboard={data} changed={reload} />;
  if (error === undefined) return <Loading what="the dashboard" />;
  return <div style={{ padding: 16 }}><PageError title={`The dashboard ${uid} could not be loaded`} error={error} /></div>;
}
