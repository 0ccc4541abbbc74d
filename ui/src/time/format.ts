/** Times for reading, in the browser's zone or UTC, always with a 24-hour clock. */
import { humanDuration } from './duration';

const two = (value: number) => String(value).padStart(2, '0');

interface Fields { year: number; month: number; day: number; hour: number; minute: number; second: number; ms: number }

function fields(ms: number, utc: boolean): Fields {
  const date = new Date(ms);
  return utc
    ? { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate(), hour: date.getUTCHours(), minute: date.getUTCMinutes(), second: date.getUTCSeconds(), ms: date.getUTCMilliseconds() }
    : { year: date.getFullYear(), month: date.getMonth() + 1, day: date.getDate(), hour: date.getHours(), minute: date.getMinutes(), second: date.getSeconds(), ms: date.getMilliseconds() };
}

/** 17:04:09 */
export function formatClock(ms: number, utc = false): string {
  const { hour, minute, second } = fields(ms, utc);
  return `${two(hour)}:${two(minute)}:${two(second)}`;
}

/** 2026-11-22 17:04:09 */
export function formatDateTime(ms: number, utc = false): string {
  const { year, month, day } = fields(ms, utc);
  return `${year}-${two(month)}-${two(day)} ${formatClock(ms, utc)}`;
}

/** "12 s ago"; a dash for a time that never was. */
export function formatAgo(ms: number | undefined, nowMs: number): string {
  if (ms === undefined) return 'never';
  const age = nowMs - ms;
  return age < 1000 ? 'just now' : `${humanDuration(Math.floor(age / 1000) * 1000)} ago`;
}

/** Milliseconds of an RFC 3339 time, undefined for Go's zero time, which means "never". */
export function parseTimestamp(text: string | undefined): number | undefined {
  if (text === undefined || text === '' || text.startsWith('0001-01-01')) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

/** Labels along a time axis: as much of the date as the distance between them makes necessary. */
export function formatAxisTime(ms: number, stepMs: number, rangeMs: number, utc = false): string {
  const { year, month, day, hour, minute, second, ms: milli } = fields(ms, utc);
  if (stepMs < 1000) return `${formatClock(ms, utc)}.${String(milli).padStart(3, '0')}`;
  if (stepMs < 60_000) return `${two(hour)}:${two(minute)}:${two(second)}`;
  if (rangeMs <= 86_400_000) return `${two(hour)}:${two(minute)}`;
  if (stepMs < 86_400_000) return `${two(month)}-${two(day)} ${two(hour)}:${two(minute)}`;
  if (rangeMs < 31_536_000_000) return `${two(month)}-${two(day)}`;
  return `${year}-${two(month)}`;
}
