/** The box beside the cursor: the time, and the values of one series or of all, the nearest emphasised. */
import type uPlot from 'uplot';
import { formatDateTime } from '../time/format';
import type { ChartSeries } from './types';
import type { TimeChartProps } from './TimeChart';
import css from './tooltip.module.css';

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

function render(box: HTMLElement, props: TimeChartProps, rows: Row[], timeMs: number): void {
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
  const head = document.createElement('div');
  head.className = css['time'] ?? '';
  head.textContent = formatDateTime(timeMs, props.utc);
  const lines = shown.map((row) => {
    const line = document.createElement('div');
    line.className = row === nearest && rows.length > 1 ? `${css['row']} ${css['near']}` : (css['row'] ?? '');
    const swatch = document.createElement('i');
    swatch.style.background = row.series.color;
    const name = document.createElement('span');
    name.textContent = row.series.name;
    const value = document.createElement('b');
    value.textContent = row.series.format(row.value);
    line.append(swatch, name, value);
    return line;
  });
  if (left > 0) {
    const more = document.createElement('div');
    more.className = css['more'] ?? '';
    more.textContent = `and ${left} more`;
    lines.push(more);
  }
  box.replaceChildren(head, ...lines);
}

/** Shows the box while the pointer is over this chart; synchronised charts only show their cursor. */
export function attachTooltip(u: uPlot, props: () => TimeChartProps): () => void {
  const box = document.createElement('div');
  box.className = css['box'] ?? '';
  box.setAttribute('role', 'tooltip');
  box.hidden = true;
  document.body.append(box);

  const place = (event: PointerEvent) => {
    const index = u.cursor.idx;
    const time = index == null ? undefined : u.data[0][index];
    if (index == null || time === undefined || event.buttons !== 0) {
      box.hidden = true;
      return;
    }
    const rows = rowsAt(u, props(), index);
    box.hidden = rows.length === 0;
    if (box.hidden) return;
    render(box, props(), rows, time);
    const { width, height } = box.getBoundingClientRect();
    const right = event.clientX + 16;
    const left = right + width > window.innerWidth - 8 ? event.clientX - width - 16 : right;
    const top = Math.min(Math.max(8, event.clientY + 12), window.innerHeight - height - 8);
    box.style.transform = `translate(${Math.max(8, left)}px, ${Math.max(8, top)}px)`;
  };
  const moved = (event: PointerEvent) => window.requestAnimationFrame(() => place(event));
  const away = () => window.requestAnimationFrame(() => { box.hidden = true; });
  u.over.addEventListener('pointermove', moved);
  u.over.addEventListener('pointerleave', away);
  u.over.addEventListener('pointerdown', away);
  return () => {
    u.over.removeEventListener('pointermove', moved);
    u.over.removeEventListener('pointerleave', away);
    box.remove();
  };
}
