/** Answers of Prometheus' API as data frames, in the shapes that panels expect of the Prometheus data source. */
import type { ApiBucketHistogram, ApiColumn, ApiPoint, Labels, MatrixSeries, QueryResult } from '../api/types';
import { createDataFrame, FieldType, renderLegendFormat } from '../grafana';
import type { DataFrame } from '../grafana';
import type { Target } from './model';

const toNumber = (text: string): number => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** `{a="b", c="d"}`, with the metric's name in front when it has one. */
export function labelsText({ __name__: name = '', ...labels }: Labels): string {
  const inner = Object.entries(labels).map(([label, value]) => `${label}="${value}"`).join(', ');
  return inner === '' ? name || '{}' : `${name}{${inner}}`;
}

/** A series' name: its template filled in; automatic names use what distinguishes the series, or the expression when nothing does. */
export function seriesName(labels: Labels, target: Target, expr: string): string | undefined {
  const template = target.legendFormat;
  if (template === '__auto' || template === '') return Object.keys(labels).length === 0 ? expr : template === '' ? labelsText(labels) : undefined;
  return renderLegendFormat(template, labels);
}

/** A column on the whole grid, as it came where it fills it. */
function valuesOfColumn({ from, values, hasTexts = false }: ApiColumn, length: number): (number | null)[] {
  if (from === 0 && values.length === length && !hasTexts) return values as (number | null)[];
  const whole: (number | null)[] = [];
  for (let index = 0; index < length; index++) {
    const value = values[index - from] ?? null;
    whole.push(typeof value === 'string' ? toNumber(value) : value);
  }
  return whole;
}

function valuesOfPoints(points: ApiPoint[], step: Step, length: number): (number | null)[] {
  // Grows as the points come: an array of numbers alone is kept as such, one that began with nulls has each number by itself.
  const values: (number | null)[] = [];
  for (const [time, text] of points) {
    const index = Math.round((time * 1000 - step.startMs) / step.stepMs);
    if (index < 0 || index >= length) continue;
    while (values.length < index) values.push(null);
    values[index] = toNumber(text);
  }
  while (values.length < length) values.push(null);
  return values;
}

/** Range results on the grid of their steps, so that gaps are nulls and all series of a panel share their times. */
function matrixFrame(series: MatrixSeries, target: Target, expr: string, step: Step, times: number[]): DataFrame {
  const values = series.column === undefined ? valuesOfPoints(series.values ?? [], step, times.length) : valuesOfColumn(series.column, times.length);
  return timeSeriesFrame(times, values, series.metric, target, expr, step.stepMs);
}

/** The grids that were made last: the panels of a page mostly ask for one or two. */
const grids = new Map<string, number[]>();
const kGridsMax = 8;

function timesOf({ startMs, endMs, stepMs }: Step): number[] {
  const key = `${startMs} ${endMs} ${stepMs}`;
  const known = grids.get(key);
  if (known !== undefined) return known;
  const length = Math.max(0, Math.round((endMs - startMs) / stepMs)) + 1;
  const times: number[] = [];
  for (let index = 0; index < length; index++) times.push(startMs + index * stepMs);
  if (grids.size >= kGridsMax) grids.clear();
  grids.set(key, times);
  return times;
}

function timeSeriesFrame(times: number[], values: (number | null)[], metric: Labels, target: Target, expr: string, stepMs: number): DataFrame {
  const name = seriesName(metric, target, expr);
  const { __name__: metricName, ...labels } = metric;
  return createDataFrame({
    refId: target.refId,
    ...(name === undefined ? {} : { name }),
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: stepMs }, values: times },
      // Without a name of its own the field is called by its labels, or by the metric when it has none.
      { name: name === undefined && Object.keys(labels).length === 0 ? (metricName ?? 'Value') : 'Value', type: FieldType.number, config: name === undefined ? {} : { displayNameFromDS: name }, labels, values },
    ],
  });
}

interface TableLine {
  timeMs: number;
  labels: Labels;
  value: number;
}

/** One frame with a column per label, as tables want it. */
function tableFrame(lines: TableLine[], target: Target, valueName: string): DataFrame {
  const names = new Set<string>();
  for (const { labels } of lines) for (const name of Object.keys(labels)) names.add(name);
  return createDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, config: {}, values: lines.map((line) => line.timeMs) },
      ...[...names].sort().map((name) => ({ name, type: FieldType.string, config: {}, values: lines.map((line) => line.labels[name] ?? '') })),
      { name: valueName, type: FieldType.number, config: {}, values: lines.map((line) => line.value) },
    ],
  });
}

/** Marks frames of native histograms; see panels/heatmapData.ts. */
const kCellsFrame = 'heatmap-cells';

/** Buckets of native histograms as one frame: a row per bucket, each with the time at which its step ends. */
function cellsFrame(points: [number, ApiBucketHistogram][], metric: Labels, target: Target, expr: string, stepMs: number): DataFrame {
  const rows = points.flatMap(([time, { buckets = [] }]) => buckets.map(([, low, high, count]) => [time * 1000, toNumber(low), toNumber(high), toNumber(count)] as const));
  const column = (index: 0 | 1 | 2 | 3) => rows.map((row) => row[index]);
  return createDataFrame({
    refId: target.refId, name: seriesName(metric, target, expr) ?? labelsText(metric), meta: { type: kCellsFrame as never },
    fields: [
      { name: 'Time', type: FieldType.time, config: { interval: stepMs }, values: column(0) },
      { name: 'yMin', type: FieldType.number, config: {}, values: column(1) },
      { name: 'yMax', type: FieldType.number, config: {}, values: column(2) },
      { name: 'count', type: FieldType.number, config: {}, values: column(3) },
    ],
  });
}

export const holdsHistograms = (frames: DataFrame[]) => frames.some((frame) => frame.meta?.type === (kCellsFrame as never));

/**
 * Buckets of classic histograms count everything up to their boundary. For a heatmap, series of one boundary are added up and
 * each bucket keeps only what the one below it has not. Series without a boundary pass as they are.
 */
export function splitBuckets(series: MatrixSeries[]): MatrixSeries[] {
  const edges = new Map<string, Map<number, number>>();
  const others: MatrixSeries[] = [];
  for (const one of series) {
    const edge = one.metric['le'];
    if (edge === undefined) {
      others.push(one);
      continue;
    }
    const sums = edges.get(edge) ?? new Map<number, number>();
    edges.set(edge, sums);
    for (const [time, text] of one.values ?? []) sums.set(time, (sums.get(time) ?? 0) + toNumber(text));
  }
  const ordered = [...edges].sort(([a], [b]) => toNumber(a) - toNumber(b));
  const split = ordered.map(([edge, sums], index): MatrixSeries => {
    const below = ordered[index - 1]?.[1];
    const values = [...sums].map(([time, sum]): [number, string] => [time, String(Math.max(0, sum - (below?.get(time) ?? 0)))]);
    return { metric: { le: edge }, values };
  });
  return [...split, ...others];
}

export interface Step {
  startMs: number;
  endMs: number;
  stepMs: number;
}

/** `several` says that other queries of the panel answer too, which gives the value column its letter. */
export function toFrames(result: QueryResult, target: Target, expr: string, step: Step, several: boolean): DataFrame[] {
  const valueName = several ? `Value #${target.refId}` : 'Value';
  const line = (labels: Labels, [time, text]: [number, string]): TableLine => ({ timeMs: time * 1000, labels, value: toNumber(text) });
  if (result.resultType === 'matrix') {
    const times = timesOf(step);
    const histograms = result.result.filter((series) => series.histograms !== undefined).map((series) => cellsFrame(series.histograms ?? [], series.metric, target, expr, step.stepMs));
    if (histograms.length > 0) return [...histograms, ...result.result.filter((series) => series.values !== undefined || series.column !== undefined).map((series) => matrixFrame(series, target, expr, step, times))];
    if (target.format === 'heatmap') {
      const byEdge = { ...target, legendFormat: '{{le}}' };
      return splitBuckets(result.result).map((series) => matrixFrame(series, series.metric['le'] === undefined ? target : byEdge, expr, step, times));
    }
    if (target.format !== 'table') return result.result.map((series) => matrixFrame(series, target, expr, step, times));
    return [tableFrame(result.result.flatMap(({ metric, values = [] }) => values.map((point) => line(metric, point))), target, valueName)];
  }
  if (result.resultType === 'vector') {
    const histograms = result.result.flatMap(({ metric, histogram }) => (histogram === undefined ? [] : [cellsFrame([histogram], metric, target, expr, step.stepMs)]));
    if (histograms.length > 0) return histograms;
    const samples = result.result.filter((sample) => sample.value !== undefined);
    if (target.format === 'table') return [tableFrame(samples.map(({ metric, value = [0, ''] }) => line(metric, value)), target, valueName)];
    return samples.map(({ metric, value = [0, ''] }) => timeSeriesFrame([value[0] * 1000], [toNumber(value[1])], metric, target, expr, step.stepMs));
  }
  const [time, text] = result.result;
  return [timeSeriesFrame([time * 1000], [toNumber(text)], {}, target, expr, step.stepMs)];
}
