import { ApiError } from '../api/client';
import { Notice, PageError } from '../components/States';

/** Why there is no list: users are off, or something went wrong. */
export function UsersProblem({ title, error }: { title: string; error: Error | undefined }) {
  if (error instanceof ApiError && error.status === 404) {
    return <Notice tone="info" title="Users are off">Everybody who reaches this server may do everything. A grafana.ini that sextant.yaml names switches users on.</Notice>;
  }
  return <PageError title={title} error={error} />;
}
