/** The calls of Alertmanager's API v2 that the pages make. */
import { fetchJson, sendJson } from './client';
import type { Labels } from './types';

const kApi = '/api/v2';

export interface Matcher {
  name: string;
  value: string;
  isRegex: boolean;
  isEqual: boolean;
}

export interface Silence {
  id: string;
  matchers: Matcher[];
  startsAt: string;
  endsAt: string;
  updatedAt: string;
  createdBy: string;
  comment: string;
  status: { state: 'active' | 'pending' | 'expired' };
}

export interface RoutedAlert {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
  generatorURL?: string;
  receivers: { name: string }[];
  status: { state: 'active' | 'suppressed' | 'unprocessed'; silencedBy: string[]; inhibitedBy: string[]; mutedBy?: string[] };
}

export interface AlertGroup {
  labels: Labels;
  receiver: { name: string };
  alerts: RoutedAlert[];
}

export interface AlertmanagerStatus {
  config: { original: string };
  cluster?: { status: string; name?: string; peers?: { name: string; address: string }[] };
  uptime: string;
  versionInfo?: { version?: string };
}

function list<T>(answer: unknown, what: string): T[] {
  if (!Array.isArray(answer)) throw new Error(`The answer holds no list of ${what}.`);
  return answer as T[];
}

export async function getSilences(filter: string[], signal?: AbortSignal): Promise<Silence[]> {
  return list<Silence>(await fetchJson(`${kApi}/silences`, { filter }, signal), 'silences');
}

export async function getAlertGroups(filter: string[], show: { silenced: boolean; inhibited: boolean }, signal?: AbortSignal): Promise<AlertGroup[]> {
  return list<AlertGroup>(await fetchJson(`${kApi}/alerts/groups`, { filter, silenced: String(show.silenced), inhibited: String(show.inhibited), active: 'true' }, signal), 'groups');
}

/** The alerts that matchers hold for, silenced ones too. */
export async function getRoutedAlerts(filter: string[], signal?: AbortSignal): Promise<RoutedAlert[]> {
  return list<RoutedAlert>(await fetchJson(`${kApi}/alerts`, { filter }, signal), 'alerts');
}

export async function getAlertmanagerStatus(signal?: AbortSignal): Promise<AlertmanagerStatus> {
  return (await fetchJson(`${kApi}/status`, {}, signal)) as AlertmanagerStatus;
}

export type NewSilence = Pick<Silence, 'matchers' | 'startsAt' | 'endsAt' | 'createdBy' | 'comment'> & { id?: string };

/** Makes a silence, or changes the one with the given id; gives its id. */
export async function saveSilence(silence: NewSilence): Promise<string> {
  const answer = (await sendJson('POST', `${kApi}/silences`, silence)) as { silenceID?: unknown } | undefined;
  return typeof answer?.silenceID === 'string' ? answer.silenceID : '';
}

export async function expireSilence(id: string): Promise<void> {
  await sendJson('DELETE', `${kApi}/silence/${encodeURIComponent(id)}`);
}
