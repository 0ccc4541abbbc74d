/**
 * Coloured cells over time, in rows: heatmaps and state timelines. Shares the time axis, the cursor and zooming by dragging
 * with the time chart, so that the charts of a page stand under each other and move together.
 */
import { useEffect, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { resolveColor, useScheme } from '../app/theme';
import { formatAxisTime } from '../time/format';
import { plain } from './colors';
import { axisSize, kFont, shortened } from './TimeChart';
import { createBox, fillBox, placeBox } from './tooltipBox';
import type { TooltipLine } from './tooltipBox';
import css from './TimeChart.module.css';

export interface ChartCell {
  fromMs: number;
  toMs: number;
  /** Rows count from below; the cell takes those from `row` up to but without `rowEnd`. */
  row: number;
  rowEnd: number;
  color: string;
  /** Drawn inside where it fits. */
  text?: string;
}

export interface CellChartProps<Cell extends ChartCell> {
  /** For those who cannot see the drawing. */
  label: string;
  rows: number;
  /** Along the left edge, at places between 0 and `rows`; those that find no room are left out. */
  ticks: { at: number; label: string }[];
  cells: Cell[];
  fromMs: number;
  toMs: number;
  utc: boolean;
  /** Pixels between two cells. */
  gapPx: number;
  /** Share of its row that a cell fills. */
  fill: number;
  align: 'left' | 'center' | 'right';
  showAxis: boolean;
  describe: (cell: Cell) => { title: string; lines: TooltipLine[] };
  syncKey: string | undefined;
  onZoom: (fromMs: number, toMs: number) => void;
}

const kTickPx = 16;

function contrast(color: string): string {
  const scale = color.startsWith('color(') ? 255 : 1; // color(srgb 0.1 0.2 0.3) or rgb(25, 51, 76)
  const [r = 0, g = 0, b = 0] = (/[\d.]+(?:,\s*|\s+)[\d.]+(?:,\s*|\s+)[\d.]+/.exec(color)?.[0] ?? '').split(/[,\s]+/).map((part) => Number(part) * scale);
  return r * 0.3 + g * 0.59 + b * 0.11 > 140 ? '#111418' : '#f5f7fa';
}

function drawCells(u: uPlot, { cells, gapPx, fill, align }: CellChartProps<ChartCell>): void {
  const { ctx, bbox } = u;
  const ratio = uPlot.pxRatio;
  const x = (ms: number) => Math.min(Math.max(u.valToPos(ms, 'x', true), bbox.left), bbox.left + bbox.width);
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = kFont.replace(/^\d+px/, `${11 * ratio}px`);
  ctx.textBaseline = 'middle';
  ctx.textAlign = 'left'; // uPlot leaves what its axes needed last
  for (const cell of cells) {
    const left = Math.round(x(cell.fromMs));
    const right = Math.round(x(cell.toMs));
    const whole = u.valToPos(cell.row, 'y', true) - u.valToPos(cell.rowEnd, 'y', true);
    const gap = Math.min(gapPx * ratio, Math.max(0, (right - left) / 3), whole / 3);
    const height = whole * fill - gap;
    const top = u.valToPos(cell.rowEnd, 'y', true) + (whole - whole * fill) / 2;
    const width = right - left - gap;
    if (width <= 0) continue;
    const color = plain(cell.color);
    ctx.fillStyle = color;
    ctx.fillRect(left, Math.round(top), Math.max(1, width), Math.max(1, Math.round(height)));
    if (cell.text === undefined || height < 13 * ratio) continue;
    const wide = ctx.measureText(cell.text).width;
    if (wide > width - 8 * ratio) continue;
    ctx.fillStyle = contrast(color);
    const at = align === 'left' ? left + 4 * ratio : align === 'right' ? left + width - wide - 4 * ratio : left + (width - wide) / 2;
    ctx.fillText(cell.text, at, top + height / 2);
  }
  ctx.restore();
}

function attach<Cell extends ChartCell>(u: uPlot, props: () => CellChartProps<Cell>): () => void {
  const box = createBox();
  const place = (event: PointerEvent) => {
    const { left = -1, top = -1 } = u.cursor;
    const [ms, row] = [u.posToVal(left, 'x'), u.posToVal(top, 'y')];
    const { cells, describe } = props();
    const cell = event.buttons === 0 && left >= 0 ? cells.find((one) => one.fromMs <= ms && ms < one.toMs && one.row <= row && row < one.rowEnd) : undefined;
    box.hidden = cell === undefined;
    if (cell === undefined) return;
    const { title, lines } = describe(cell);
    fillBox(box, title, lines);
    placeBox(box, event);
  };
  const moved = (event: PointerEvent) => window.requestAnimationFrame(() => place(event));
  const away = () => window.requestAnimationFrame(() => { box.hidden = true; });
  u.over.addEventListener('pointermove', moved);
  u.over.addEventListener('pointerleave', away);
  u.over.addEventListener('pointerdown', away);
  return () => box.remove();
}

/** Names take at most so much beside the cells. */
const kLabelPx = 206;

/** As many ticks as stand apart, evenly chosen. */
function thinned(ticks: { at: number; label: string }[], rows: number, heightPx: number): { at: number; label: string }[] {
  const every = Math.max(1, Math.ceil((ticks.length * kTickPx) / Math.max(1, heightPx)));
  return rows === 0 ? [] : ticks.filter((_, index) => index % every === 0);
}

export function CellChart<Cell extends ChartCell>(props: CellChartProps<Cell>) {
  const scheme = useScheme();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const { rows, ticks, utc, syncKey, showAxis } = props;
  const key = JSON.stringify([rows, ticks, utc, syncKey, showAxis, scheme]);

  useEffect(() => {
    const element = host.current;
    if (element === null) return;
    const line = resolveColor('--border');
    const shared = { stroke: resolveColor('--text-faint'), font: kFont, ticks: { show: false }, border: { show: false } };
    const shown = (u: uPlot) => thinned(ticks, rows, u.height - 28);
    const built = new uPlot(
      {
        width: Math.max(element.clientWidth, 50), height: Math.max(element.clientHeight, 40), ms: 1, padding: [6, 12, 0, 4], legend: { show: false },
        tzDate: (ms) => (utc ? uPlot.tzDate(new Date(ms), 'Etc/UTC') : new Date(ms)),
        cursor: {
          y: false, points: { show: false }, drag: { x: true, y: false, setScale: false }, bind: { dblclick: () => null },
          ...(syncKey === undefined ? {} : { sync: { key: syncKey, scales: ['x', null] as [string, null] } }),
        },
        scales: { x: { time: true, range: () => [latest.current.fromMs, latest.current.toMs] }, y: { range: () => [0, Math.max(1, latest.current.rows)] } },
        series: [{}, { scale: 'y', show: true, points: { show: false }, paths: () => null }],
        axes: [
          {
            ...shared, size: 20, gap: 5, space: 64, grid: { show: false },
            values: (u, splits, _axis, _space, step) => splits.map((ms) => formatAxisTime(ms, step, (u.scales['x']?.max ?? 0) - (u.scales['x']?.min ?? 0), utc)),
          },
          {
            ...shared, scale: 'y', show: showAxis, size: axisSize, gap: 6, grid: { show: false, stroke: line },
            splits: (u) => shown(u).map(({ at }) => at), values: (u) => shown(u).map(({ label }) => shortened(label, Math.min(kLabelPx, u.width * 0.4))),
          },
        ],
        hooks: {
          draw: [(u) => drawCells(u, latest.current as unknown as CellChartProps<ChartCell>)],
          setSelect: [
            (u) => {
              const { left, width } = u.select;
              if (width > 4) latest.current.onZoom(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
              u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      [[latest.current.fromMs, latest.current.toMs], [null, null]],
      element,
    );
    chart.current = built;
    const detach = attach(built, () => latest.current);
    const resized = new ResizeObserver(() => {
      if (element.clientWidth > 0 && element.clientHeight > 0) built.setSize({ width: element.clientWidth, height: element.clientHeight });
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      detach();
      built.destroy();
      chart.current = undefined;
    };
  }, [key]);

  useEffect(() => {
    chart.current?.setData([[props.fromMs, props.toMs], [null, null]]);
  }, [props.cells, props.fromMs, props.toMs]);

  return <div ref={host} className={`${css.chart} ${css.solid}`} role="img" aria-label={props.label} />;
}
