/** Time series: lines, bars and points over time, with Grafana's drawing options, a legend, and zooming by dragging. */
import { useMemo, useState } from 'react';
import type { MouseEvent } from 'react';
import { TimeChart } from '../charts/TimeChart';
import type { ChartAxis, ChartSeries, ChartThresholds, DrawStyle, Interpolation } from '../charts/types';
import { asBoolean, asList, asNumber, asObject, asOptionalNumber, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';
import { FieldType, formattedValueToString, getFieldDisplayName, getFieldSeriesColor, getValueFormat, ThresholdsMode } from '../grafana';
import type { DataFrame, Field, GrafanaTheme2 } from '../grafana';
import { Legend } from './Legend';
import type { LegendEntry } from './Legend';
import type { PanelKind, PanelProps } from './panel';
import css from './timeseries.module.css';

/** More lines than can be told apart; the rest is left out and counted. */
const kSeriesMax = 300;

const binaryUnits = new Set(['bytes', 'kbytes', 'mbytes', 'gbytes', 'tbytes', 'pbytes', 'bits', 'binBps', 'binbps', 'KiBs', 'Kibits', 'MiBs', 'Mibits', 'GiBs', 'Gibits']);

interface Line {
  field: Field;
  frame: DataFrame;
  custom: Json;
}

function linesOf(frames: DataFrame[]): Line[] {
  const lines: Line[] = [];
  for (const frame of frames) {
    if (!frame.fields.some((field) => field.type === FieldType.time)) continue;
    for (const field of frame.fields) {
      if (field.type === FieldType.number) lines.push({ field, frame, custom: asObject(field.config.custom) });
    }
  }
  return lines;
}

/** All times of all frames; frames of one query share theirs, which is the common and cheap case. */
function joinTimes(lines: Line[]): { times: number[]; columns: (number | null)[][] } {
  const timesOf = (line: Line) => (line.frame.fields.find((field) => field.type === FieldType.time)?.values ?? []) as number[];
  const first = lines[0] === undefined ? [] : timesOf(lines[0]);
  const same = (times: number[]) => times.length === first.length && times[0] === first[0] && times.at(-1) === first.at(-1);
  if (lines.every((line) => same(timesOf(line)))) return { times: first, columns: lines.map((line) => line.field.values as (number | null)[]) };
  const times = [...new Set(lines.flatMap(timesOf))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const columns = lines.map((line) => {
    const column = new Array<number | null>(times.length).fill(null);
    timesOf(line).forEach((time, index) => {
      column[place.get(time) ?? 0] = (line.field.values[index] as number | null) ?? null;
    });
    return column;
  });
  return { times, columns };
}

const isDrawable = (value: number | null | undefined) => value === null || Number.isFinite(value);

/** Numbers and nulls: the values themselves where there is nothing else among them. */
function drawables(values: (number | null)[], negative: boolean): (number | null)[] {
  if (!negative && values.every(isDrawable)) return values;
  return values.map((value) => (value === null || !Number.isFinite(value) ? null : negative ? -value : value));
}

/** The axis of a field: fields of one unit and one side share it. */
function axisKey(line: Line): string {
  const placement = asText(line.custom['axisPlacement'], 'auto');
  return `${line.field.config.unit ?? ''} ${placement}`;
}

const trimmed = (text: string) => text.replace(/(\.\d*?)0+(?=\D*$)/, '$1').replace(/\.(?=\D*$)/, '');

/** Tick labels in the field's unit, with just the digits that keep neighbours apart. */
function tickFormat(unit: string | undefined): (ticks: number[]) => string[] {
  const format = getValueFormat(unit === undefined || unit === '' ? 'none' : unit);
  return (ticks) => {
    const key = `${unit} ${ticks.join(' ')}`;
    const known = tickLabels.get(key);
    if (known !== undefined) return known;
    let labels: string[] = [];
    for (const decimals of [undefined, 1, 2, 3, 4, 6]) {
      labels = ticks.map((tick) => trimmed(formattedValueToString(format(tick, decimals))));
      if (new Set(labels).size === labels.length) break;
    }
    if (tickLabels.size >= kTickLabelsMax) tickLabels.clear();
    tickLabels.set(key, labels);
    return labels;
  };
}

/** Many charts have the same ticks, and each asks for theirs several times. */
const tickLabels = new Map<string, string[]>();
const kTickLabelsMax = 500;

function axisOf(line: Line, index: number, side: 'left' | 'right' | 'hidden'): ChartAxis {
  const { config } = line.field;
  const scale = asObject(line.custom['scaleDistribution']);
  const log = scale['type'] === 'log' || scale['type'] === 'symlog' ? (asNumber(scale['log'], 10) === 2 ? 2 : 10) : undefined;
  return {
    key: axisKey(line), side, label: asText(line.custom['axisLabel']), min: asOptionalNumber(config.min), max: asOptionalNumber(config.max),
    softMin: asOptionalNumber(line.custom['axisSoftMin']), softMax: asOptionalNumber(line.custom['axisSoftMax']), centeredZero: asBoolean(line.custom['axisCenteredZero']),
    log, binary: binaryUnits.has(config.unit ?? ''), grid: index === 0 && line.custom['axisGridShow'] !== false, format: tickFormat(config.unit),
  };
}

function axesOf(lines: Line[]): ChartAxis[] {
  const axes: ChartAxis[] = [];
  for (const line of lines) {
    if (axes.some((axis) => axis.key === axisKey(line))) continue;
    const placement = asText(line.custom['axisPlacement'], 'auto');
    const side = placement === 'right' || placement === 'hidden' || placement === 'left' ? placement : axes.some((axis) => axis.side === 'left') ? 'right' : 'left';
    axes.push(axisOf(line, axes.length, side));
  }
  return axes;
}

const drawStyles: readonly string[] = ['line', 'bars', 'points'];
const interpolations: readonly string[] = ['linear', 'smooth', 'stepBefore', 'stepAfter'];

function seriesOf(line: Line, values: (number | null)[], name: string, hidden: boolean, theme: GrafanaTheme2): ChartSeries {
  const { custom, field } = line;
  const stacking = asObject(custom['stacking']);
  const mode = asText(stacking['mode'], 'none');
  const style = asText(custom['drawStyle'], 'line');
  const interpolation = asText(custom['lineInterpolation'], 'linear');
  const lineStyle = asObject(custom['lineStyle']);
  const dash = asList(lineStyle['dash']).map((part) => asNumber(part, 0));
  const showPoints = asText(custom['showPoints'], 'auto');
  const hideFrom = asObject(custom['hideFrom']);
  const spanNulls = custom['spanNulls'];
  const negative = custom['transform'] === 'negative-Y';
  const { color } = getFieldSeriesColor(field, theme);
  return {
    name, color: theme.visualization.getColorByName(color), axis: axisKey(line), values: drawables(values, negative),
    style: (drawStyles.includes(style) ? style : 'line') as DrawStyle, interpolation: (interpolations.includes(interpolation) ? interpolation : 'linear') as Interpolation,
    lineWidth: asNumber(custom['lineWidth'], 1), fillOpacity: asNumber(custom['fillOpacity'], style === 'bars' ? 60 : 0), gradient: asText(custom['gradientMode'], 'none') !== 'none',
    dash: lineStyle['fill'] === 'dash' ? (dash.length > 0 ? dash : [10, 10]) : lineStyle['fill'] === 'dot' ? [0, dash[1] ?? 10] : undefined,
    points: showPoints === 'always' || showPoints === 'never' ? showPoints : 'auto', pointSize: asNumber(custom['pointSize'], 5),
    spanNulls: spanNulls === true || (typeof spanNulls === 'number' && spanNulls > 0),
    stack: mode === 'normal' || mode === 'percent' ? { group: `${axisKey(line)} ${asText(stacking['group'], 'A')} ${negative ? '-' : '+'}`, percent: mode === 'percent' } : undefined,
    hidden: hidden || hideFrom['viz'] === true, inTooltip: hideFrom['tooltip'] !== true,
    format: (value) => (field.display === undefined ? String(value) : formattedValueToString(field.display(negative ? -value : value))),
  };
}

function thresholdsOf(lines: Line[], theme: GrafanaTheme2): ChartThresholds | undefined {
  for (const line of lines) {
    const mode = asText(asObject(line.custom['thresholdsStyle'])['mode'], 'off');
    const { thresholds, min = 0, max = 100 } = line.field.config;
    if (mode === 'off' || mode === '' || thresholds === undefined) continue;
    const percent = thresholds.mode === ThresholdsMode.Percentage;
    const steps = thresholds.steps.map((step) => ({
      value: percent && Number.isFinite(step.value) ? (min ?? 0) + (((max ?? 100) - (min ?? 0)) * step.value) / 100 : step.value, color: theme.visualization.getColorByName(step.color),
    }));
    return { axis: axisKey(line), lines: /line|dashed/.test(mode), dashed: mode.includes('dashed'), areas: mode.includes('area'), steps };
  }
  return undefined;
}

function TimeSeriesPanel({ panel, frames, theme, range, utc, syncKey, onZoom, marks }: PanelProps) {
  const [only, setOnly] = useState<ReadonlySet<string> | undefined>(undefined);
  const all = useMemo(() => linesOf(frames), [frames]);
  const lines = all.slice(0, kSeriesMax);
  const names = lines.map((line) => getFieldDisplayName(line.field, line.frame, frames));
  const { times, columns } = useMemo(() => joinTimes(lines), [frames]);
  const series = useMemo(
    () => lines.map((line, index) => seriesOf(line, columns[index] ?? [], names[index] ?? '', only !== undefined && !only.has(names[index] ?? ''), theme)),
    [frames, only, theme],
  );
  const axes = useMemo(() => axesOf(lines), [frames]);
  const thresholds = useMemo(() => thresholdsOf(lines, theme), [frames, theme]);
  const markKey = JSON.stringify(marks.map(({ fromMs, toMs, title, text, color }) => [fromMs, toMs, title, text, color]));
  const shownMarks = useMemo(() => marks.map(({ fromMs, toMs, title, text, color }) => ({ fromMs, toMs, title, text, color: theme.visualization.getColorByName(color) })), [markKey, theme]);
  const legend = asObject(panel.options['legend']);
  const tooltip = asObject(panel.options['tooltip']);
  const mode = asText(tooltip['mode'], 'single');
  const sort = asText(tooltip['sort'], 'none');

  const entries: LegendEntry[] = lines
    .map((line, index) => ({ field: line.field, name: names[index] ?? '', color: series[index]?.color ?? '', hidden: series[index]?.hidden === true && only !== undefined, off: asObject(line.custom['hideFrom'])['legend'] === true }))
    .filter((entry) => !entry.off);
  const choose = (name: string, event: MouseEvent) => {
    const next = new Set(only ?? []);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (only === undefined) names.forEach((one) => next.add(one));
      if (!next.delete(name)) next.add(name);
      setOnly(next.size === 0 || next.size === names.length ? undefined : next);
    } else {
      setOnly(next.size === 1 && next.has(name) ? undefined : new Set([name]));
    }
  };
  const atRight = legend['placement'] === 'right';
  return (
    <div className={atRight ? css.beside : css.below}>
      <div className={css.chart}>
        <TimeChart
          label={`${panel.title || 'Time series'}: ${lines.length} series`} times={times} series={series} axes={axes.length > 0 ? axes : [{ key: 'y', side: 'left', grid: true, format: tickFormat(undefined) }]}
          fromMs={range.fromMs} toMs={range.toMs} utc={utc} syncKey={syncKey} onZoom={onZoom} thresholds={thresholds} marks={shownMarks}
          tooltip={{ mode: mode === 'multi' || mode === 'none' ? mode : 'single', sort: sort === 'asc' || sort === 'desc' ? sort : 'none', hideZeros: asBoolean(tooltip['hideZeros']) }}
        />
      </div>
      {legend['showLegend'] !== false && <Legend entries={entries} options={legend} choose={choose} />}
      {all.length > kSeriesMax && <p className={css.note}>{kSeriesMax} of {all.length} series are drawn.</p>}
    </div>
  );
}

export const timeseries: PanelKind = { Component: TimeSeriesPanel, colorMode: 'palette-classic', asks: true };
