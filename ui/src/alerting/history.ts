/** How events of alerts are put into words. */
import type { HistoryEvent, HistoryKind, RouteExplanation } from '../api/alertHistory';
import type { Tone } from '../components/States';

export const kindNames: Record<HistoryKind, string> = {
  firing: 'Began', resolved: 'Ended', inhibited: 'Inhibited', silenced: 'Silenced', muted: 'Muted', notified: 'Told', notification_failed: 'Not told',
};
export const kindTones: Record<HistoryKind, Tone> = {
  firing: 'bad', resolved: 'ok', inhibited: 'neutral', silenced: 'neutral', muted: 'neutral', notified: 'info', notification_failed: 'warn',
};

/** The choices of the page: what happened, what held alerts back, who was told. */
export const kindGroups = {
  all: [] as HistoryKind[],
  changes: ['firing', 'resolved'] as HistoryKind[],
  held: ['inhibited', 'silenced', 'muted'] as HistoryKind[],
  told: ['notified', 'notification_failed'] as HistoryKind[],
};
export type KindGroup = keyof typeof kindGroups;

export function isKindGroup(text: string | null): text is KindGroup {
  return text !== null && Object.hasOwn(kindGroups, text);
}

export function describeEvent({ kind, receiver, integration, toldAs, detail }: HistoryEvent): string {
  switch (kind) {
    case 'notified':
      return `${receiver ?? ''} by ${integration ?? ''}, as ${toldAs ?? 'firing'}${detail === undefined ? '' : ` (${detail})`}`;
    case 'notification_failed':
      return `${receiver ?? ''} by ${integration ?? ''}${detail === undefined ? '' : `: ${detail}`}`;
    case 'inhibited':
      return detail === undefined ? '' : `by ${detail.split(' ').length === 1 ? 'the alert' : 'the alerts'} ${detail}`;
    case 'muted':
      return `${detail ?? ''}${receiver === undefined ? '' : ` for ${receiver}`}`;
    default:
      return '';
  }
}

/** Why a route tells nobody now, or when it does. */
export function describeRoute(route: RouteExplanation, nowMs: number, formatAgo: (ms: number) => string): string {
  if (route.isOutsideOfActiveIntervals) return `silent outside of ${route.mutedBy.join(', ')}`;
  if (route.mutedBy.length > 0) return `muted by ${route.mutedBy.join(', ')}`;
  const told = route.integrations.filter((one) => one.lastSentAt !== undefined);
  const parts = told.map((one) => `${one.integration} was told ${formatAgo(Date.parse(one.lastSentAt ?? ''))}`);
  if (route.nextFlushAt !== undefined) parts.push(`looks again ${Date.parse(route.nextFlushAt) <= nowMs ? 'now' : `in ${Math.ceil((Date.parse(route.nextFlushAt) - nowMs) / 1000)} s`}`);
  return parts.join(', ');
}
