import { describe, expect, test } from 'vitest';
import type { HistoryEvent, RouteExplanation } from '../api/alertHistory';
import { describeEvent, describeRoute, isKindGroup, kindGroups, kindNames } from './history';

const event = (more: Partial<HistoryEvent>): HistoryEvent => ({ id: 1, time: '2026-01-01T00:00:00Z', kind: 'firing', fingerprint: 'f', labels: {}, ...more });
const route = (more: Partial<RouteExplanation>): RouteExplanation => ({ route: '{}', receiver: 'r', groupKey: '{}:{}', mutedBy: [], isOutsideOfActiveIntervals: false, integrations: [], ...more });

describe('events in words', () => {
  test.each([
    [event({ kind: 'notified', receiver: 'team', integration: 'slack', toldAs: 'resolved', detail: 'all alerts resolved' }), 'team by slack, as resolved (all alerts resolved)'],
    [event({ kind: 'notification_failed', receiver: 'team', integration: 'slack', detail: 'no answer' }), 'team by slack: no answer'],
    [event({ kind: 'inhibited', detail: '0a 0b' }), 'by the alerts 0a 0b'],
    [event({ kind: 'inhibited', detail: '0a' }), 'by the alert 0a'],
    [event({ kind: 'muted', receiver: 'team', detail: 'nights' }), 'nights for team'],
    [event({ kind: 'silenced', detail: 's1' }), ''],
    [event({ kind: 'firing' }), ''],
  ])('%o', (given, text) => expect(describeEvent(given)).toBe(text));
  test('each kind is in one group besides all', () => {
    expect([...kindGroups.changes, ...kindGroups.held, ...kindGroups.told].sort()).toEqual(Object.keys(kindNames).sort());
    expect([isKindGroup('told'), isKindGroup('toString'), isKindGroup(null)]).toEqual([true, false, false]);
  });
});

describe('routes in words', () => {
  const nowMs = Date.parse('2026-01-01T00:01:00Z');
  const ago = () => '1 min ago';
  test('what mutes comes first', () => {
    expect(describeRoute(route({ mutedBy: ['nights'], nextFlushAt: '2026-01-01T00:02:00Z' }), nowMs, ago)).toBe('muted by nights');
    expect(describeRoute(route({ mutedBy: ['office'], isOutsideOfActiveIntervals: true }), nowMs, ago)).toBe('silent outside of office');
  });
  test('who was told, and when it goes on', () => {
    const integrations = [{ integration: 'slack', index: 0, isSending: false, lastSentAt: '2026-01-01T00:00:00Z', toldAs: 'firing' }, { integration: 'email', index: 0, isSending: false }];
    expect(describeRoute(route({ integrations, nextFlushAt: '2026-01-01T00:01:30Z' }), nowMs, ago)).toBe('slack was told 1 min ago, looks again in 30 s');
    expect(describeRoute(route({ nextFlushAt: '2026-01-01T00:00:30Z' }), nowMs, ago)).toBe('looks again now');
    expect(describeRoute(route({}), nowMs, ago)).toBe('');
  });
});
