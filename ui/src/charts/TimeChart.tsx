/**
 * Series over time on a canvas. React owns the element and says what to draw; uPlot draws it. The chart is built anew when
 * its structure changes (series, axes, colours), and only gets new numbers when they alone change, so a refresh costs one
 * redraw. Dragging selects a range and hands it to `onZoom`.
 */
import { useEffect, useLayoutEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { resolveColor, useScheme } from '../app/theme';
import { observeSize } from '../components/observeSize';
import type { Size } from '../components/observeSize';
import { formatAxisTime } from '../time/format';
import { plain, withOpacity } from './colors';
import { cursorPoints } from './cursorPoints';
import { attachDots, drawDots } from './dots';
import { lonePoints } from './lonePoints';
import { stackSeries } from './stack';
import type { ChartAxis, ChartDot, ChartMark, ChartSeries, ChartThresholds, ChartTooltip } from './types';
import { attachTooltip } from './tooltip';
import css from './TimeChart.module.css';

export interface TimeChartProps {
  /** For those who cannot see the drawing. */
  label: string;
  times: number[];
  series: ChartSeries[];
  axes: ChartAxis[];
  fromMs: number;
  toMs: number;
  utc?: boolean;
  tooltip: ChartTooltip;
  thresholds?: ChartThresholds | undefined;
  marks?: ChartMark[] | undefined;
  dots?: ChartDot[] | undefined;
  /** Charts with the same key move their cursors together. */
  syncKey?: string | undefined;
  showTimeAxis?: boolean;
  onZoom?: ((fromMs: number, toMs: number) => void) | undefined;
}

export const kFont = '11px Inter, ui-sans-serif, system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif';
/** uPlot prepares formats for labels that it does not make here. */
const noFormat = () => () => '';
const kBinaryTicks = Array.from({ length: 90 }, (_, power) => 2 ** (power - 30));

const widths = new Map<string, number>();
const kWidthsMax = 5000;
let measuring: CanvasRenderingContext2D | null = null;

/** Pixels of a tick's label, measured aside of the page: a canvas in it would have its styles computed for that. */
export function textWidth(text: string): number {
  const known = widths.get(text);
  if (known !== undefined) return known;
  measuring ??= document.createElement('canvas').getContext('2d');
  if (measuring === null) return 0;
  measuring.font = kFont;
  if (widths.size > kWidthsMax) widths.clear();
  const width = measuring.measureText(text).width;
  widths.set(text, width);
  return width;
}

/** The beginning of a text that fits. */
export function shortened(text: string, px: number, width: (text: string) => number = textWidth): string {
  if (width(text) <= px) return text;
  let [low, high] = [0, text.length];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (width(`${text.slice(0, middle)}…`) <= px) low = middle;
    else high = middle - 1;
  }
  return `${text.slice(0, low)}…`;
}

export function axisSize(u: uPlot, values: string[] | null, index: number, cycle: number): number {
  const axis = u.axes[index];
  if (cycle > 1 && axis !== undefined) return (axis as unknown as { _size: number })._size;
  return Math.ceil(Math.max(0, ...(values ?? []).map(textWidth))) + 14;
}

function valueScale(axis: ChartAxis, percent: boolean): uPlot.Scale {
  const { min, max, softMin, softMax, centeredZero, log, symlog } = axis;
  if (symlog !== undefined) {
    return {
      distr: 4, asinh: symlog,
      range: (_u, low, high) => {
        const [a, b] = uPlot.rangeAsinh(low ?? -symlog, high ?? symlog, log ?? 10, true);
        return [min ?? a, max ?? b];
      },
    };
  }
  if (log !== undefined) {
    return {
      distr: 3, log,
      range: (_u, low, high) => {
        const [a, b] = uPlot.rangeLog(low > 0 ? low : 1, high > 0 ? high : 10, log, true);
        return [min !== undefined && min > 0 ? min : a, max ?? b];
      },
    };
  }
  return {
    range: (_u, low, high) => {
      if (low === null || high === null) return [min ?? 0, max ?? 1];
      const [a, b] = uPlot.rangeNum(low, high, {
        min: { pad: 0.1, soft: softMin ?? 0, mode: softMin === undefined ? 3 : 1 },
        max: { pad: 0.1, soft: softMax ?? 0, mode: softMax === undefined ? 3 : 1 },
      });
      let [bottom, top] = [min ?? (percent ? 0 : (a ?? 0)), max ?? (percent ? 1 : (b ?? 1))];
      if (centeredZero === true) {
        const reach = Math.max(Math.abs(bottom), Math.abs(top));
        [bottom, top] = [-reach, reach];
      }
      return bottom < top ? [bottom, top] : [bottom, bottom + 1];
    },
  };
}

function pathsOf(one: ChartSeries): uPlot.Series.PathBuilder | undefined {
  const paths = uPlot.paths;
  if (one.style === 'bars') return paths.bars?.({ size: [one.barWidth ?? 0.8, 200, 1], align: one.barAlignment ?? 0 });
  if (one.style === 'points') return paths.points?.();
  if (one.interpolation === 'smooth') return paths.spline?.();
  if (one.interpolation === 'stepBefore') return paths.stepped?.({ align: -1 });
  if (one.interpolation === 'stepAfter') return paths.stepped?.({ align: 1 });
  return paths.linear?.();
}

/** Colours along a value axis, from its lower to its upper end. */
function schemeGradient(u: uPlot, axis: string, { stops, shares, blend }: NonNullable<ChartSeries['scheme']>, opacity: number): CanvasGradient | undefined {
  const scale = u.scales[axis];
  if (scale?.min == null || scale.max == null || !Number.isFinite(u.bbox.top) || u.bbox.height <= 0) return undefined;
  const { min, max } = scale;
  const gradient = u.ctx.createLinearGradient(0, u.bbox.top + u.bbox.height, 0, u.bbox.top);
  const place = (value: number) => {
    const y = u.valToPos(Math.min(Math.max(shares ? min + (max - min) * value : value, min), max), axis, true);
    return Math.min(1, Math.max(0, (u.bbox.top + u.bbox.height - y) / u.bbox.height));
  };
  stops.forEach(({ value, color }, index) => {
    const shade = plain(withOpacity(color, opacity));
    const next = stops[index + 1];
    gradient.addColorStop(value === -Infinity ? 0 : place(value), shade);
    if (!blend && next !== undefined) gradient.addColorStop(place(next.value), shade);
  });
  return gradient;
}

function toSeries(one: ChartSeries): uPlot.Series {
  const color = plain(one.color);
  const opacity = one.fillOpacity / 100;
  const fill = (u: uPlot): string | CanvasGradient => {
    if (one.gradient === 'scheme' && one.scheme !== undefined) return schemeGradient(u, one.axis, one.scheme, opacity) ?? plain(withOpacity(one.color, opacity));
    if (one.gradient === 'none' || !Number.isFinite(u.bbox.top) || u.bbox.height <= 0) return plain(withOpacity(one.color, opacity));
    const gradient = u.ctx.createLinearGradient(0, u.bbox.top, 0, u.bbox.top + u.bbox.height);
    gradient.addColorStop(0, plain(withOpacity(one.color, opacity)));
    gradient.addColorStop(1, plain(withOpacity(one.color, opacity * 0.08)));
    return gradient;
  };
  return {
    label: one.name,
    scale: one.axis,
    show: !one.hidden,
    stroke: one.gradient === 'scheme' && one.scheme !== undefined ? (u: uPlot) => (one.scheme === undefined ? color : schemeGradient(u, one.axis, one.scheme, 1) ?? color) : color,
    width: one.style === 'points' ? 0 : one.lineWidth,
    ...(one.round === true ? { cap: 'round' as const } : {}),
    dash: one.dash ?? [],
    spanGaps: one.spanNullsMs === Infinity,
    paths: pathsOf(one) ?? null,
    ...(opacity > 0 && one.style !== 'points' ? { fill } : {}),
    points: {
      ...(one.points === 'auto' && one.style === 'line' ? {} : { show: one.points === 'always' || one.style === 'points' }),
      size: one.pointSize, fill: color, stroke: color, width: 0,
      ...(one.style === 'line' ? { filter: (u: uPlot, index: number, show: boolean, gaps?: number[][] | null) => (show ? null : lonePoints(u.data[index] ?? [], gaps)) } : {}),
    },
  } as uPlot.Series;
}

function drawThresholds(u: uPlot, thresholds: ChartThresholds): void {
  const { ctx, bbox } = u;
  const scale = u.scales[thresholds.axis];
  if (scale?.min == null || scale.max == null) return;
  const { min: bottom, max: top } = scale;
  const steps = thresholds.percent ? thresholds.steps.map((step) => ({ ...step, value: Number.isFinite(step.value) ? bottom + ((top - bottom) * step.value) / 100 : step.value })) : thresholds.steps;
  const position = (value: number) => u.valToPos(Math.min(Math.max(value, scale.min ?? value), scale.max ?? value), thresholds.axis, true);
  ctx.save();
  steps.forEach(({ value, color }, index) => {
    const next = steps[index + 1]?.value ?? Infinity;
    if (thresholds.areas) {
      const upper = position(next);
      ctx.fillStyle = plain(withOpacity(color, 0.1));
      ctx.fillRect(bbox.left, upper, bbox.width, position(value) - upper);
    }
    if (thresholds.lines && Number.isFinite(value) && value >= (scale.min ?? value) && value <= (scale.max ?? value)) {
      ctx.strokeStyle = plain(withOpacity(color, 0.8));
      ctx.lineWidth = uPlot.pxRatio;
      ctx.setLineDash(thresholds.dashed ? [8 * uPlot.pxRatio, 6 * uPlot.pxRatio] : []);
      ctx.beginPath();
      ctx.moveTo(bbox.left, position(value));
      ctx.lineTo(bbox.left + bbox.width, position(value));
      ctx.stroke();
    }
  });
  ctx.restore();
}

function drawMarks(u: uPlot, marks: ChartMark[]): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.lineWidth = uPlot.pxRatio;
  ctx.setLineDash([4 * uPlot.pxRatio, 4 * uPlot.pxRatio]);
  for (const { fromMs, toMs, color } of marks) {
    ctx.strokeStyle = plain(color);
    const [left, right] = [u.valToPos(fromMs, 'x', true), u.valToPos(toMs, 'x', true)];
    if (right > left) {
      ctx.fillStyle = plain(withOpacity(color, 0.12));
      ctx.fillRect(left, bbox.top, right - left, bbox.height);
    }
    for (const at of right > left ? [left, right] : [left]) {
      ctx.beginPath();
      ctx.moveTo(at, bbox.top);
      ctx.lineTo(at, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.fillStyle = plain(color);
    ctx.fillRect(left - 3 * uPlot.pxRatio, bbox.top + bbox.height - 4 * uPlot.pxRatio, Math.max(6 * uPlot.pxRatio, right - left), 4 * uPlot.pxRatio);
  }
  ctx.restore();
}

/** Everything that makes a new chart necessary, as a text; functions and numbers are read through a reference instead. */
function structure({ series, axes, thresholds, tooltip, syncKey, utc, showTimeAxis }: TimeChartProps, scheme: string): string {
  const shapes = series.map(({ values: _values, format: _format, ...shape }) => shape);
  return JSON.stringify([shapes, axes, thresholds, tooltip, syncKey, utc, showTimeAxis, scheme]);
}

/** Another number for each other structure; the first is not looked at before there is a second to be held against. */
function useStructure(props: TimeChartProps, scheme: string): number {
  const last = useRef<{ count: number; props: TimeChartProps; scheme: string; text?: string }>({ count: 0, props, scheme });
  const { current } = last;
  if (current.props === props && current.scheme === scheme) return current.count;
  const text = structure(props, scheme);
  const isSame = text === (current.text ?? structure(current.props, current.scheme));
  last.current = { count: isSame ? current.count : current.count + 1, props, scheme, text };
  return last.current.count;
}

export function TimeChart(props: TimeChartProps) {
  const scheme = useScheme();
  const host = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot>(undefined);
  const latest = useRef(props);
  latest.current = props;
  const key = useStructure(props, scheme);
  const stacked = useMemo(() => stackSeries(props.series, props.times.length), [props.series, props.times.length]);
  const drawn = useRef(stacked);
  drawn.current = stacked;
  const shown = useRef<TimeChartProps>(undefined); // of what is on the canvas

  // Before the first paint: the chart is there in the frame that has its room.
  useLayoutEffect(() => {
    const element = host.current;
    if (element === null) return;
    let detach: (() => void) | undefined;
    // The first size builds the chart, others fit it.
    const leave = observeSize(element, (size) => {
      if (size.width <= 0 || size.height <= 0) return;
      const built = chart.current;
      if (built === undefined) detach = build(element, size);
      else if (built.width !== size.width || built.height !== size.height) built.setSize(size);
    });
    return () => {
      leave();
      detach?.();
      chart.current?.destroy();
      chart.current = undefined;
    };
  }, [key]);

  /** Makes the chart; gives what takes its tooltip away. */
  function build(element: HTMLElement, size: Size): () => void {
    const { series, axes, tooltip, thresholds, syncKey, utc = false, showTimeAxis = true } = latest.current;
    const percentAxes = new Set(series.filter((one) => one.stack?.percent === true && !one.hidden).map((one) => one.axis));
    const line = resolveColor('--border');
    const text = resolveColor('--text-faint');
    const shared = { stroke: text, font: kFont, ticks: { show: false }, border: { show: false } };
    // Drawn before it stands on the page: a canvas that does has the page's styles computed for each text.
    const aside = document.createElement('div');
    const options: uPlot.Options = {
      width: Math.max(size.width, 50),
      height: Math.max(size.height, 40),
      ms: 1,
      padding: [8, axes.some((axis) => axis.side === 'right') ? 0 : 18, showTimeAxis ? 0 : 4, 4],
      legend: { show: false },
      fmtDate: noFormat,
      tzDate: (ms) => (utc ? uPlot.tzDate(new Date(ms), 'Etc/UTC') : new Date(ms)),
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false },
        bind: { dblclick: () => null },
        ...(syncKey === undefined ? {} : { sync: { key: syncKey, scales: ['x', null] as [string, null] } }),
      },
      scales: {
        x: { time: true, range: () => [latest.current.fromMs, latest.current.toMs] },
        ...Object.fromEntries(axes.map((axis) => [axis.key, valueScale(axis, percentAxes.has(axis.key))])),
      },
      series: [{}, ...series.map(toSeries)],
      bands: drawn.current.bands.map(({ outer, inner, upwards }) => ({ series: [outer + 1, inner + 1] as [number, number], dir: upwards ? 1 : -1 })),
      axes: [
        {
          ...shared, show: showTimeAxis, size: 20, gap: 5, space: 64, grid: { stroke: line, width: 1 },
          values: (u, splits, _axis, _space, step) =>
            splits.map((ms) => formatAxisTime(ms, step, (u.scales['x']?.max ?? 0) - (u.scales['x']?.min ?? 0), utc)),
        },
        ...axes.map((axis): uPlot.Axis => ({
          ...shared, ...(axis.color === undefined ? {} : { stroke: plain(axis.color) }), scale: axis.key, show: axis.side !== 'hidden', side: axis.side === 'right' ? 1 : 3, size: axisSize, gap: 6,
          space: 32, grid: { show: axis.grid, stroke: line, width: 1 },
          ...(axis.binary === true && axis.log === undefined && axis.symlog === undefined ? { incrs: kBinaryTicks } : {}),
          ...(axis.label === undefined || axis.label === '' ? {} : { label: axis.label, labelSize: 18, labelFont: kFont, labelGap: 2 }),
          values: (_u, splits) => {
            const shown = splits.filter((tick): tick is number => tick !== null);
            const labels = (latest.current.axes.find((one) => one.key === axis.key) ?? axis).format(shown);
            let next = 0;
            return splits.map((tick) => (tick === null ? '' : (labels[next++] ?? '')));
          },
        })),
      ],
      hooks: {
        ready: [(u) => { if (chart.current === u) element.append(aside); }],
        drawClear: thresholds === undefined ? [] : [(u) => drawThresholds(u, thresholds)],
        draw: [(u) => drawMarks(u, latest.current.marks ?? []), (u) => drawDots(u, latest.current.dots ?? [], axes[0]?.key ?? 'y')],
        setCursor: [cursorPoints(series.map((one) => plain(one.color)))],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width > 4) latest.current.onZoom?.(u.posToVal(left, 'x'), u.posToVal(left + width, 'x'));
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    };
    const built = new uPlot(options, [latest.current.times, ...drawn.current.values] as uPlot.AlignedData, aside);
    chart.current = built;
    shown.current = latest.current;
    const leaveDots = attachDots(built, () => latest.current);
    const leaveTooltip = tooltip.mode === 'none' ? undefined : attachTooltip(built, () => latest.current);
    return () => {
      leaveDots();
      leaveTooltip?.();
    };
  }

  useEffect(() => {
    if (shown.current === props) return; // just built with it
    shown.current = props;
    chart.current?.setData([props.times, ...stacked.values] as uPlot.AlignedData);
  }, [props.times, stacked, props.fromMs, props.toMs, props.marks, props.dots]);

  return <div ref={host} className={css.chart} role="img" aria-label={props.label} />;
}
