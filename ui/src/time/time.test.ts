import { describe, expect, test } from 'vitest';
import { formatDuration, humanDuration, parseDuration } from './duration';
import { formatAgo, formatAxisTime, formatDateTime, parseTimestamp } from './format';
import { alignToStep, intervalFor, rateInterval, roundInterval } from './interval';
import { resolveRange, resolveTime } from './range';

const now = Date.UTC(2026, 10, 22, 17, 4, 9); // a Sunday

describe('durations', () => {
  test.each([['15s', 15_000], ['1h30m', 5_400_000], ['250ms', 250], ['1.5h', 5_400_000], ['2w', 1_209_600_000]])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });
  test.each(['', '15', 's', '1h x', '-5m', '5 m'])('%j is none', (text) => expect(parseDuration(text)).toBeUndefined());
  test('written and read again', () => {
    for (const ms of [1, 999, 1000, 90_000, 86_399_999, 86_400_000 * 9]) expect(parseDuration(formatDuration(ms))).toBe(ms);
  });
  test('for reading', () => {
    expect(humanDuration(0.25)).toBe('250 µs');
    expect(humanDuration(340)).toBe('340 ms');
    expect(humanDuration(1200)).toBe('1.2 s');
    expect(humanDuration(7_500_000)).toBe('2 h 5 min');
    expect(humanDuration(3_600_000)).toBe('1 h');
  });
});

describe('ranges', () => {
  test('relative ends', () => {
    expect(resolveTime('now', now, true)).toBe(now);
    expect(resolveTime('now-6h', now, false)).toBe(now - 21_600_000);
    expect(resolveTime('now/d', now, false, true)).toBe(Date.UTC(2026, 10, 22));
    expect(resolveTime('now/d', now, true, true)).toBe(Date.UTC(2026, 10, 23) - 1);
    expect(resolveTime('now-1d/d', now, false, true)).toBe(Date.UTC(2026, 10, 21));
    expect(resolveTime('now/w', now, false, true)).toBe(Date.UTC(2026, 10, 16));
    expect(resolveTime('now-1M/M', now, false, true)).toBe(Date.UTC(2026, 9, 1));
  });
  test('absolute ends', () => {
    expect(resolveTime(String(now), now, true)).toBe(now);
    expect(resolveTime('2026-11-22 10:00', now, false, true)).toBe(Date.UTC(2026, 10, 22, 10));
    expect(resolveTime('2026-11-22T10:00:00Z', now, false)).toBe(Date.UTC(2026, 10, 22, 10));
  });
  test.each(['', 'then', 'now-', 'now-5x', 'now5m', 'now--1h'])('%j is no time', (text) => expect(resolveTime(text, now, false)).toBeUndefined());
  test('backwards and empty ranges are none', () => {
    expect(resolveRange({ from: 'now', to: 'now-1h' }, now)).toBeUndefined();
    expect(resolveRange({ from: 'now', to: 'now' }, now)).toBeUndefined();
    expect(resolveRange({ from: 'now-1h', to: 'now' }, now)).toEqual({ fromMs: now - 3_600_000, toMs: now });
  });
});

describe('intervals', () => {
  test('steps read well on a clock', () => {
    expect(roundInterval(8000)).toBe(10_000);
    expect(roundInterval(14_000)).toBe(15_000);
    expect(roundInterval(40_000)).toBe(30_000);
    expect(roundInterval(3_000_000)).toBe(3_600_000);
  });
  test('the step never goes below the minimum', () => {
    expect(intervalFor(3_600_000, 1000, 15_000)).toBe(15_000);
    expect(intervalFor(7 * 86_400_000, 1000, 15_000)).toBe(600_000);
  });
  test('a rate window holds at least four scrapes, and one more than the step', () => {
    expect(rateInterval(15_000, 15_000)).toBe(60_000);
    expect(rateInterval(300_000, 15_000)).toBe(315_000);
  });
  test('ends move onto the grid', () => {
    expect(alignToStep(1007, 2999, 1000)).toEqual({ startMs: 1000, endMs: 2000 });
  });
});

describe('times for reading', () => {
  test('dates, ages and never', () => {
    expect(formatDateTime(now, true)).toBe('2026-11-22 17:04:09');
    expect(formatAgo(now - 12_400, now)).toBe('12 s ago');
    expect(formatAgo(undefined, now)).toBe('never');
    expect(parseTimestamp('0001-01-01T00:00:00Z')).toBeUndefined();
    expect(parseTimestamp('2026-11-22T17:04:09Z')).toBe(now);
  });
  test('an axis says as much of the date as it needs', () => {
    expect(formatAxisTime(now, 10_000, 60_000, true)).toBe('17:04:09');
    expect(formatAxisTime(now, 600_000, 3_600_000, true)).toBe('17:04');
    expect(formatAxisTime(now, 21_600_000, 4 * 86_400_000, true)).toBe('11-22 17:04');
    expect(formatAxisTime(now, 86_400_000, 30 * 86_400_000, true)).toBe('11-22');
  });
});
