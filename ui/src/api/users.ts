/** Users, service accounts, tokens, sessions and preferences, in Grafana's API. */
import { fetchJson, sendJson } from './client';
import { asBoolean, asNumber, asObject, asObjects, asText } from '../dashboards/read';

export type Role = 'Viewer' | 'Editor' | 'Admin';
export const roles: readonly Role[] = ['Viewer', 'Editor', 'Admin'];

const asRole = (value: unknown): Role => (value === 'Admin' || value === 'Editor' ? value : 'Viewer');

export interface User {
  id: number;
  login: string;
  email: string;
  name: string;
  role: Role;
  isDisabled: boolean;
  /** Came through a proxy: no password here. */
  isExternal: boolean;
  createdAt: string;
}

function readUser(one: Record<string, unknown>): User {
  return {
    id: asNumber(one['id'], 0), login: asText(one['login']), email: asText(one['email']), name: asText(one['name']), role: asRole(one['role']),
    isDisabled: asBoolean(one['isDisabled']), isExternal: asBoolean(one['isExternal']), createdAt: asText(one['createdAt']),
  };
}

/** More than a list is read through; the search narrows it. */
const kListedMax = 1000;

export interface Page<T> {
  total: number;
  shown: T[];
}

export async function searchUsers(query: string, signal: AbortSignal): Promise<Page<User>> {
  const answer = asObject(await fetchJson('/api/users/search', { query, perpage: kListedMax, page: 1 }, signal));
  return { total: asNumber(answer['totalCount'], 0), shown: asObjects(answer['users']).map(readUser) };
}

export interface NewUser {
  login: string;
  name: string;
  email: string;
  password: string;
  role: Role;
}

export const createUser = (user: NewUser) => sendJson('POST', '/api/admin/users', user);
export const renameUser = (id: number, names: { login: string; name: string; email: string }) => sendJson('PUT', `/api/users/${id}`, names);
export const setRole = (id: number, role: Role) => sendJson('PATCH', `/api/org/users/${id}`, { role });
export const setPassword = (id: number, password: string) => sendJson('PUT', `/api/admin/users/${id}/password`, { password });
export const setDisabled = (id: number, disabled: boolean) => sendJson('POST', `/api/admin/users/${id}/${disabled ? 'disable' : 'enable'}`);
export const logOutUser = (id: number) => sendJson('POST', `/api/admin/users/${id}/logout`);
export const deleteUser = (id: number) => sendJson('DELETE', `/api/admin/users/${id}`);

export async function getMyUser(signal: AbortSignal): Promise<User> {
  return readUser(asObject(await fetchJson('/api/user', {}, signal)));
}

export const renameMyself = (names: { login: string; name: string; email: string }) => sendJson('PUT', '/api/user', names);
export const changeMyPassword = (oldPassword: string, newPassword: string) => sendJson('PUT', '/api/user/password', { oldPassword, newPassword });

export interface Session {
  id: number;
  /** The one that this page uses. */
  isActive: boolean;
  address: string;
  os: string;
  browser: string;
  createdAt: string;
  seenAt: string;
}

export async function getMySessions(signal: AbortSignal): Promise<Session[]> {
  return asObjects(await fetchJson('/api/user/auth-tokens', {}, signal)).map((one) => ({
    id: asNumber(one['id'], 0), isActive: asBoolean(one['isActive']), address: asText(one['clientIp']), os: asText(one['os']), browser: asText(one['browser']),
    createdAt: asText(one['createdAt']), seenAt: asText(one['seenAt']),
  }));
}

export const endSession = (id: number) => sendJson('POST', '/api/user/revoke-auth-token', { authTokenId: id });
/** Has the server give this browser another session secret when its own is old. */
export const rotateSession = () => sendJson('POST', '/api/user/auth-tokens/rotate');

export interface Preferences {
  theme: '' | 'light' | 'dark';
  homeDashboardUID: string;
  timezone: '' | 'utc' | 'browser';
}

export async function getPreferences(signal?: AbortSignal): Promise<Preferences> {
  const answer = asObject(await fetchJson('/api/user/preferences', {}, signal));
  const theme = asText(answer['theme']);
  const timezone = asText(answer['timezone']);
  return { theme: theme === 'light' || theme === 'dark' ? theme : '', homeDashboardUID: asText(answer['homeDashboardUID']), timezone: timezone === 'utc' || timezone === 'browser' ? timezone : '' };
}

export const savePreferences = (preferences: Preferences) => sendJson('PUT', '/api/user/preferences', preferences);

export interface ServiceAccount {
  id: number;
  name: string;
  role: Role;
  isDisabled: boolean;
  tokens: number;
}

export async function searchAccounts(query: string, signal: AbortSignal): Promise<Page<ServiceAccount>> {
  const answer = asObject(await fetchJson('/api/serviceaccounts/search', { query, perpage: kListedMax, page: 1 }, signal));
  const shown = asObjects(answer['serviceAccounts']).map((one) => ({ id: asNumber(one['id'], 0), name: asText(one['name']), role: asRole(one['role']), isDisabled: asBoolean(one['isDisabled']), tokens: asNumber(one['tokens'], 0) }));
  return { total: asNumber(answer['totalCount'], 0), shown };
}

export const createAccount = (name: string, role: Role) => sendJson('POST', '/api/serviceaccounts', { name, role });
export const changeAccount = (id: number, changes: { name?: string; role?: Role; isDisabled?: boolean }) => sendJson('PATCH', `/api/serviceaccounts/${id}`, changes);
export const deleteAccount = (id: number) => sendJson('DELETE', `/api/serviceaccounts/${id}`);

export interface Token {
  id: number;
  name: string;
  created: string;
  expiration: string;
  hasExpired: boolean;
}

export async function getTokens(account: number, signal: AbortSignal): Promise<Token[]> {
  return asObjects(await fetchJson(`/api/serviceaccounts/${account}/tokens`, {}, signal)).map((one) => ({
    id: asNumber(one['id'], 0), name: asText(one['name']), created: asText(one['created']), expiration: asText(one['expiration']), hasExpired: asBoolean(one['hasExpired']),
  }));
}

/** The secret, which cannot be asked for again. */
export async function addToken(account: number, name: string, secondsToLive: number): Promise<string> {
  return asText(asObject(await sendJson('POST', `/api/serviceaccounts/${account}/tokens`, { name, secondsToLive }))['key']);
}

export const deleteToken = (account: number, token: number) => sendJson('DELETE', `/api/serviceaccounts/${account}/tokens/${token}`);
