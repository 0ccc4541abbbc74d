/**
 * A time range as people write it: each end is `now`, `now-6h`, `now/d`, `now-1d/d`, milliseconds since the epoch, or a
 * date. Relative ends are resolved at every refresh; rounding goes down for the start and up for the end.
 */

export interface TimeRange {
  from: string;
  to: string;
}

export interface ResolvedRange {
  fromMs: number;
  toMs: number;
}

type Unit = 's' | 'm' | 'h' | 'd' | 'w' | 'M' | 'y';

const kFixedMs: Partial<Record<Unit, number>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** Calendar arithmetic in local time or UTC: a day is not always 24 hours. */
function shift(date: Date, amount: number, unit: Unit, utc: boolean): Date {
  const fixed = kFixedMs[unit];
  if (fixed !== undefined) return new Date(date.getTime() + amount * fixed);
  const next = new Date(date);
  const days = unit === 'd' ? amount : unit === 'w' ? amount * 7 : 0;
  const months = unit === 'M' ? amount : unit === 'y' ? amount * 12 : 0;
  if (utc) {
    next.setUTCMonth(next.getUTCMonth() + months);
    next.setUTCDate(next.getUTCDate() + days);
  } else {
    next.setMonth(next.getMonth() + months);
    next.setDate(next.getDate() + days);
  }
  return next;
}

function startOf(date: Date, unit: Unit, utc: boolean): Date {
  const [year, month, day, hour, minute, second] = utc
    ? [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()]
    : [date.getFullYear(), date.getMonth(), date.getDate(), date.getHours(), date.getMinutes(), date.getSeconds()];
  const weekday = ((utc ? date.getUTCDay() : date.getDay()) + 6) % 7; // weeks start on Monday
  const fields: Record<Unit, number[]> = {
    s: [year, month, day, hour, minute, second],
    m: [year, month, day, hour, minute, 0],
    h: [year, month, day, hour, 0, 0],
    d: [year, month, day, 0, 0, 0],
    w: [year, month, day - weekday, 0, 0, 0],
    M: [year, month, 1, 0, 0, 0],
    y: [year, 0, 1, 0, 0, 0],
  };
  const [a = 0, b = 0, c = 1, d = 0, e = 0, f = 0] = fields[unit];
  return utc ? new Date(Date.UTC(a, b, c, d, e, f)) : new Date(a, b, c, d, e, f);
}

/** Milliseconds, or undefined when `text` is none of the forms above. */
export function resolveTime(text: string, nowMs: number, isEnd: boolean, utc = false): number | undefined {
  const trimmed = text.trim();
  if (/^\d{9,}$/.test(trimmed)) return Number(trimmed);
  if (!trimmed.startsWith('now')) {
    const parsed = Date.parse(utc && /^\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?$/.test(trimmed) ? `${trimmed.replace(' ', 'T')}Z` : trimmed);
    return Number.isNaN(parsed) ? undefined : parsed;
  }
  const rest = trimmed.slice(3).replace(/\s+/g, '');
  if (!/^([+-]\d*[smhdwMy]|\/[smhdwMy])*$/.test(rest)) return undefined;
  let date = new Date(nowMs);
  for (const [, sign, amount, unit] of rest.matchAll(/([+\-/])(\d*)([smhdwMy])/g)) {
    if (sign === '/') {
      date = startOf(date, unit as Unit, utc);
      if (isEnd) date = new Date(shift(date, 1, unit as Unit, utc).getTime() - 1);
    } else {
      const count = amount === '' ? 1 : Number(amount);
      date = shift(date, sign === '-' ? -count : count, unit as Unit, utc);
    }
  }
  return date.getTime();
}

/** Undefined when an end cannot be read or the range is empty or backwards. */
export function resolveRange(range: TimeRange, nowMs: number, utc = false): ResolvedRange | undefined {
  const fromMs = resolveTime(range.from, nowMs, false, utc);
  const toMs = resolveTime(range.to, nowMs, true, utc);
  if (fromMs === undefined || toMs === undefined || fromMs >= toMs) return undefined;
  return { fromMs, toMs };
}

export const isRelative = (range: TimeRange) => range.from.startsWith('now') || range.to.startsWith('now');

export function absoluteRange(fromMs: number, toMs: number): TimeRange {
  return { from: String(Math.round(fromMs)), to: String(Math.round(toMs)) };
}

export const quickRanges: { range: TimeRange; label: string }[] = [
  ...([['5m', '5 minutes'], ['15m', '15 minutes'], ['30m', '30 minutes'], ['1h', '1 hour'], ['3h', '3 hours'], ['6h', '6 hours'],
    ['12h', '12 hours'], ['24h', '24 hours'], ['2d', '2 days'], ['7d', '7 days'], ['30d', '30 days'], ['90d', '90 days']] as const
  ).map(([span, label]) => ({ range: { from: `now-${span}`, to: 'now' }, label: `Last ${label}` })),
  { range: { from: 'now/d', to: 'now' }, label: 'Today so far' },
  { range: { from: 'now-1d/d', to: 'now-1d/d' }, label: 'Yesterday' },
];
