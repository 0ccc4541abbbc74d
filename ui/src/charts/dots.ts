/** Diamonds on a chart for single observations: drawn, found below the pointer, and kept open by a click to be read. */
import uPlot from 'uplot';
import { formatDateTime } from '../time/format';
import { plain } from './colors';
import { keepOpen } from './keptBox';
import { formatShort } from './numbers';
import type { TimeChartProps } from './TimeChart';
import type { TooltipLine } from './tooltipBox';
import type { ChartDot } from './types';

/** Half of a diamond. */
const kReachPx = 4;

/** How far from its middle the pointer still means a dot. */
const kNearPx = 8;

/** A press that moves further is a selection. */
const kClickPx = 4;

/** On the first axis, at its edge when the value is beyond it; none where there is no scale or the time is not shown. */
function placeOf(u: uPlot, { ms, value }: ChartDot, axis: string, onCanvas: boolean): { x: number; y: number } | undefined {
  const { x: time, [axis]: scale } = u.scales;
  if (scale?.min == null || scale.max == null || time?.min == null || time.max == null || ms < time.min || ms > time.max) return undefined;
  return { x: u.valToPos(ms, 'x', onCanvas), y: u.valToPos(Math.min(Math.max(value, scale.min), scale.max), axis, onCanvas) };
}

export function drawDots(u: uPlot, dots: ChartDot[], axis: string): void {
  const { ctx } = u;
  const reach = kReachPx * uPlot.pxRatio;
  ctx.save();
  for (const dot of dots) {
    const place = placeOf(u, dot, axis, true);
    if (place === undefined) continue;
    const { x, y } = place;
    ctx.fillStyle = plain(dot.color);
    ctx.beginPath();
    ctx.moveTo(x, y - reach);
    ctx.lineTo(x + reach, y);
    ctx.lineTo(x, y + reach);
    ctx.lineTo(x - reach, y);
    ctx.closePath();
    ctx.fill();
  }
  ctx.restore();
}

/** The dot below the cursor that has something to say. */
export function dotAtCursor(u: uPlot, { dots = [], axes }: TimeChartProps): ChartDot | undefined {
  const { left = -1, top = -1 } = u.cursor;
  if (left < 0 || top < 0) return undefined;
  let nearest: ChartDot | undefined;
  let distance = kNearPx;
  for (const dot of dots) {
    const place = dot.facts === undefined ? undefined : placeOf(u, dot, axes[0]?.key ?? 'y', false);
    if (place === undefined) continue;
    const away = Math.hypot(place.x - left, place.y - top);
    if (away <= distance) [nearest, distance] = [dot, away];
  }
  return nearest;
}

/** What the box beside the pointer says of a dot. */
export function tellDot({ ms, value, color, facts = [] }: ChartDot, utc?: boolean): { title: string; lines: TooltipLine[] } {
  return { title: formatDateTime(ms, utc), lines: [{ color, name: 'exemplar', value: formatShort(value, 6), near: true }, ...facts.map((fact) => ({ name: fact.name, value: fact.value }))] };
}

/** A click on a dot keeps open what is said of it, with its links. */
export function attachDots(u: uPlot, props: () => TimeChartProps): () => void {
  let pressed: { x: number; y: number } | undefined;
  let close: (() => void) | undefined;
  const down = (event: PointerEvent) => { pressed = { x: event.clientX, y: event.clientY }; };
  const up = (event: PointerEvent) => {
    const isClick = pressed !== undefined && Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) < kClickPx;
    pressed = undefined;
    const dot = isClick ? dotAtCursor(u, props()) : undefined;
    if (dot === undefined) return;
    close?.();
    const { title, lines } = tellDot(dot, props().utc);
    const links = (dot.facts ?? []).flatMap(({ link }) => link ?? []);
    close = keepOpen(`Exemplar at ${title}`, title, lines, links, event);
  };
  u.over.addEventListener('pointerdown', down);
  u.over.addEventListener('pointerup', up);
  return () => {
    u.over.removeEventListener('pointerdown', down);
    u.over.removeEventListener('pointerup', up);
    close?.();
  };
}
