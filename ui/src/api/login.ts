/** Who uses the page: the calls about logging in, and the way to the login page and back. */
import { currentPath, toBrowser } from './basePath';
import { fetchJson, sendJson } from './client';

export interface Myself {
  login: string;
  role: string;
}

/** A user, somebody who looks without having logged in, or nobody in particular: users are off. */
export type Visitor = 'user' | 'anonymous' | 'off';

/** Whom the server gave the page to. It says so in the page, which need not ask where there is nobody to ask about. */
export function readVisitor(page: Document): Visitor {
  const said = page.querySelector('meta[name="sextant-visitor"]')?.getAttribute('content');
  return said === 'user' || said === 'anonymous' ? said : 'off';
}

export async function getMyself(signal?: AbortSignal): Promise<Myself> {
  const answer = (await fetchJson('/api/user', {}, signal)) as Partial<Myself> | null;
  return { login: String(answer?.login ?? ''), role: String(answer?.role ?? '') };
}

export async function logIn(user: string, password: string): Promise<void> {
  await sendJson('POST', '/login', { user, password });
}

/** The login page's address that leads back to `from` (the application's path and search). */
export function loginAddress(from: string): string {
  return from === '/' ? '/login' : `/login?${new URLSearchParams({ redirectTo: from })}`;
}

/** Where to go after logging in: a place of this application, whatever the address says. */
export function destinationAfterLogin(search: string): string {
  const wanted = new URLSearchParams(search).get('redirectTo') ?? '/';
  const isOurs = /^\/(?![/\\])/.test(wanted) && !/[\u0000-\u001f\\]/.test(wanted);
  return isOurs && !/^\/log(in|out)\b/.test(wanted) ? wanted : '/';
}

/** Loads the login page when a call was answered that nobody is logged in (any more). */
export function goToLogin(): void {
  const here = currentPath();
  if (here !== '/login') window.location.assign(toBrowser(loginAddress(here + window.location.search)));
}
