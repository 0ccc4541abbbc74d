/** What happened to alerts and what would have: the answers of ours beside Alertmanager's API v2 (docs/alert-history.md). */
import { fetchJson, sendText } from './client';
import type { Labels } from './types';

const kApi = '/api/v2';

export type HistoryKind = 'firing' | 'resolved' | 'inhibited' | 'silenced' | 'muted' | 'notified' | 'notification_failed';

export interface HistoryEvent {
  id: number;
  time: string;
  kind: HistoryKind;
  fingerprint: string;
  labels: Labels;
  integration?: string;
  toldAs?: 'firing' | 'resolved';
  receiver?: string;
  detail?: string;
}

export interface HistoryPageOfEvents {
  events: HistoryEvent[];
  nextBefore?: number;
}

export interface AlertnameStatistics {
  alertname: string;
  alerts: number;
  firings: number;
  changesPerHour: number;
  ended: number;
  meanDurationSeconds: number;
  isFlapping: boolean;
  flappingAlerts: number;
  notifications: number;
  notificationsFailed: number;
  toldAndEnded: number;
  neverActedOn: number;
  neverActedOnShare: number;
}

export interface HistoryStatistics {
  start: string;
  end: string;
  alertnames: AlertnameStatistics[];
  alertnamesTotal: number;
  receivers: { receiver: string; notifications: number; notificationsFailed: number; alertsTold: number }[];
}

export interface Delivery {
  time: string;
  receiver: string;
  integration: string;
  groupKey: string;
  reason: string;
  alerts: number;
  attempts: number;
  delivered: boolean;
  error: string;
}

export interface RouteExplanation {
  route: string;
  receiver: string;
  groupKey: string;
  nextFlushAt?: string;
  mutedBy: string[];
  isOutsideOfActiveIntervals: boolean;
  integrations: { integration: string; index: number; isSending: boolean; lastSentAt?: string; repeatsAfter?: string; toldAs?: string }[];
}

export interface Explanation {
  isKnown: boolean;
  isFiring: boolean;
  inhibitedBy: string[];
  silencedBy: string[];
  routes: RouteExplanation[];
}

export interface DryRun {
  notificationsTotal: number;
  receivers: { receiver: string; notifications: number; alertsTold: number }[];
  leftOut: Record<string, number>;
}

export interface DryRunAnswer {
  start: string;
  end: string;
  knownSince: string;
  current: DryRun;
  proposed: DryRun;
  changes: { labels: Labels; current: string[]; proposed: string[] }[];
  changesTotal: number;
}

export async function getHistory(filter: string[], kinds: string[], limit: number, signal?: AbortSignal): Promise<HistoryPageOfEvents> {
  const answer = (await fetchJson(`${kApi}/history`, { filter, kind: kinds, limit }, signal)) as HistoryPageOfEvents;
  if (!Array.isArray(answer?.events)) throw new Error('The answer holds no list of events.');
  return answer;
}

export async function getHistoryStatistics(filter: string[], limit: number, signal?: AbortSignal): Promise<HistoryStatistics> {
  const answer = (await fetchJson(`${kApi}/history/statistics`, { filter, limit }, signal)) as HistoryStatistics;
  if (!Array.isArray(answer?.alertnames) || !Array.isArray(answer.receivers)) throw new Error('The answer holds no statistics.');
  return answer;
}

export async function getDeliveries(signal?: AbortSignal): Promise<Delivery[]> {
  const answer = await fetchJson(`${kApi}/deliveries`, {}, signal);
  if (!Array.isArray(answer)) throw new Error('The answer holds no list of deliveries.');
  return answer as Delivery[];
}

/** Where an alert with these labels goes, and what holds it back there. */
export async function explainAlert(labels: string[], signal?: AbortSignal): Promise<Explanation> {
  const answer = (await fetchJson(`${kApi}/alerts/explain`, { label: labels }, signal)) as Explanation;
  if (!Array.isArray(answer?.routes)) throw new Error('The answer holds no routes.');
  return answer;
}

/** What a configuration would have told whom. */
export async function tryConfiguration(text: string, signal?: AbortSignal): Promise<DryRunAnswer> {
  const answer = (await sendText(`${kApi}/history/dry-run?limit=100`, text, signal)) as DryRunAnswer | undefined;
  if (answer === undefined || !Array.isArray(answer.changes)) throw new Error('The answer is none of a dry run.');
  return answer;
}
