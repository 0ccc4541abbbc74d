/** The box beside the cursor: the time, and the values of one series or of all, the nearest emphasised. */
import type uPlot from 'uplot';
import { formatDateTime } from '../time/format';
import { dotAtCursor, tellDot } from './dots';
import type { ChartSeries } from './types';
import type { TimeChartProps } from './TimeChart';
import { createBox, fillBox, placeBox } from './tooltipBox';

const kRowsMax = 20;

interface Row {
  series: ChartSeries;
  value: number;
  distance: number;
}

function rowsAt(u: uPlot, props: TimeChartProps, index: number): Row[] {
  const cursorTop = u.cursor.top ?? 0;
  const rows: Row[] = [];
  props.series.forEach((series, position) => {
    const value = series.values[index];
    const drawn = u.data[position + 1]?.[index];
    if (series.hidden || !series.inTooltip || value == null || drawn == null) return;
    if (props.tooltip.hideZeros && value === 0) return;
    rows.push({ series, value, distance: Math.abs(u.valToPos(drawn, series.axis) - cursorTop) });
  });
  return rows;
}

function render(box: HTMLElement, props: TimeChartProps, rows: Row[], timeMs: number, cursorMs: number): void {
  const nearest = rows.reduce<Row | undefined>((best, row) => (best === undefined || row.distance < best.distance ? row : best), undefined);
  let shown = props.tooltip.mode === 'single' ? rows.filter((row) => row === nearest) : rows;
  if (props.tooltip.sort !== 'none') {
    const sign = props.tooltip.sort === 'asc' ? 1 : -1;
    shown = [...shown].sort((a, b) => sign * (a.value - b.value));
  }
  const left = shown.length - kRowsMax;
  if (left > 0) {
    const kept = new Set([...shown].sort((a, b) => a.distance - b.distance).slice(0, kRowsMax));
    shown = shown.filter((row) => kept.has(row));
  }
  const lines = shown.map((row) => ({ color: row.series.color, name: row.series.name, value: row.series.format(row.value), near: row === nearest && rows.length > 1 }));
  const reachMs = (props.toMs - props.fromMs) / 150; // about the width of a mark's foot
  const marks = (props.marks ?? []).filter((mark) => mark.fromMs - reachMs <= cursorMs && cursorMs <= mark.toMs + reachMs).slice(0, 5);
  fillBox(box, formatDateTime(timeMs, props.utc), [...lines, ...marks.map((mark) => ({ color: mark.color, name: mark.title, value: mark.text }))], left);
}

/** Shows the box while the pointer is over this chart; synchronised charts only show their cursor. */
export function attachTooltip(u: uPlot, props: () => TimeChartProps): () => void {
  let box: HTMLElement | undefined; // made when it is first wanted
  const away = () => { if (box !== undefined) box.hidden = true; };
  const place = (event: PointerEvent) => {
    const index = u.cursor.idx;
    const time = index == null ? undefined : u.data[0][index];
    if (index == null || time === undefined || event.buttons !== 0) {
      away();
      return;
    }
    const dot = dotAtCursor(u, props());
    const rows = dot === undefined ? rowsAt(u, props(), index) : [];
    u.over.style.cursor = dot === undefined ? '' : 'pointer';
    if (dot === undefined && rows.length === 0) return away();
    box ??= createBox();
    box.hidden = false;
    if (dot === undefined) render(box, props(), rows, time, u.posToVal(u.cursor.left ?? 0, 'x'));
    else {
      const { title, lines } = tellDot(dot, props().utc);
      fillBox(box, title, lines);
    }
    placeBox(box, event);
  };
  const moved = (event: PointerEvent) => window.requestAnimationFrame(() => place(event));
  const leave = () => window.requestAnimationFrame(away);
  u.over.addEventListener('pointermove', moved);
  u.over.addEventListener('pointerleave', leave);
  u.over.addEventListener('pointerdown', leave);
  return () => {
    u.over.removeEventListener('pointermove', moved);
    u.over.removeEventListener('pointerleave', leave);
    u.over.removeEventListener('pointerdown', leave);
    box?.remove();
    box = undefined;
  };
}
