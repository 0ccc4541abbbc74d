/** A panel's own stretch of time: "the last 24 h", "today", the same time yesterday. */
import { parseDuration } from '../time/duration';
import { resolveRange } from '../time/range';
import type { ResolvedRange } from '../time/range';
import { forReading, interpolate } from './interpolate';
import type { Values } from './interpolate';
import type { Panel } from './model';

/** `1h` and `now-1h` are the last hour, `1d/d` and `now/d` begin with a day, the latter's end being the day's. */
function ownRange(text: string, nowMs: number, utc: boolean): ResolvedRange | undefined {
  if (text.startsWith('now/')) return resolveRange({ from: text, to: text }, nowMs, utc);
  return resolveRange({ from: text.startsWith('now') ? text : `now-${text}`, to: 'now' }, nowMs, utc);
}

/** `said` is what the panel's head tells of it. */
export function panelRange(panel: Panel, range: ResolvedRange, values: Values, utc: boolean): { range: ResolvedRange; said: string } {
  const said: string[] = [];
  let { fromMs, toMs } = range;
  const timeFrom = interpolate(panel.timeFrom, values, forReading).trim();
  if (timeFrom !== '') {
    const own = ownRange(timeFrom, toMs, utc);
    if (own !== undefined) ({ fromMs, toMs } = own);
    said.push(own === undefined ? `no time: ${timeFrom}` : timeFrom.includes('/') ? `from ${timeFrom}` : `last ${timeFrom.replace(/^now-/, '')}`);
  }
  const timeShift = interpolate(panel.timeShift, values, forReading).trim();
  if (timeShift !== '') {
    const shiftMs = parseDuration(timeShift.replace(/^-/, ''));
    fromMs -= shiftMs ?? 0;
    toMs -= shiftMs ?? 0;
    said.push(shiftMs === undefined ? `no duration: ${timeShift}` : `${timeShift.replace(/^-/, '')} earlier`);
  }
  return { range: { fromMs, toMs }, said: said.join(', ') };
}
