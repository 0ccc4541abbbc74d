/** Answers of Prometheus' API as data frames, in the shapes that panels expect of the Prometheus data source. */
import type { Labels, MatrixSeries, QueryResult } from '../api/types';
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

/** Range results on the grid of their steps, so that gaps are nulls and all series of a panel share their times. */
function matrixFrame(series: MatrixSeries, target: Target, expr: string, step: Step): DataFrame {
  const length = Math.max(0, Math.round((step.endMs - step.startMs) / step.stepMs)) + 1;
  const times = Array.from({ length }, (_, index) => step.startMs + index * step.stepMs);
  const values = new Array<number | null>(length).fill(null);
  for (const [time, text] of series.values ?? []) {
    const index = Math.round((time * 1000 - step.startMs) / step.stepMs);
    if (index >= 0 && index < length) values[index] = toNumber(text);
  }
  return timeSeriesFrame(times, values, series.metric, target, expr, step.stepMs);
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
    if (target.format !== 'table') return result.result.map((series) => matrixFrame(series, target, expr, step));
    return [tableFrame(result.result.flatMap(({ metric, values = [] }) => values.map((point) => line(metric, point))), target, valueName)];
  }
  if (result.resultType === 'vector') {
    const samples = result.result.filter((sample) => sample.value !== undefined);
    if (target.format === 'table') return [tableFrame(samples.map(({ metric, value = [0, ''] }) => line(metric, value)), target, valueName)];
    return samples.map(({ metric, value = [0, ''] }) => timeSeriesFrame([value[0] * 1000], [toNumber(value[1])], metric, target, expr, step.stepMs));
  }
  const [time, text] = result.result;
  return [timeSeriesFrame([time * 1000], [toNumber(text)], {}, target, expr, step.stepMs)];
}
