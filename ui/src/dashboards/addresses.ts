/** Where dashboards and what they need are, in the application and at the server. */

/** Of the host's dashboard, which is the first page where nobody prefers another. */
export const kHostUid = 'home';

export const kDataSources = '/api/datasources';
export const dashboardAddress = (uid: string) => `/api/dashboards/uid/${encodeURIComponent(uid)}`;

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not written by us: there is no dashboard of that name, which its page says
  }
}

/** The uid in a page's path, /d/<uid>/<whatever reads well>; undefined for a path of another page. */
export function uidOf(path: string): string | undefined {
  const named = /^\/d\/([^/]+)/.exec(path)?.[1];
  return named === undefined ? undefined : decoded(named);
}
