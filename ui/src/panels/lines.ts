/** What a time series panel draws, from its frames: lines with their times, axes and thresholds as the field rules say. */
import type { ChartAxis, ChartSeries, ChartThresholds, DrawStyle, Interpolation } from '../charts/types';
import { asBoolean, asList, asNumber, asObject, asOptionalNumber, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';
import { FieldColorModeId, FieldType, formattedValueToString, getFieldColorModeForField, getFieldSeriesColor, getValueFormat, ThresholdsMode } from '../grafana';
import type { DataFrame, Field, GrafanaTheme2 } from '../grafana';

const binaryUnits = new Set(['bytes', 'kbytes', 'mbytes', 'gbytes', 'tbytes', 'pbytes', 'bits', 'binBps', 'binbps', 'KiBs', 'Kibits', 'MiBs', 'Mibits', 'GiBs', 'Gibits']);

export interface Line {
  field: Field;
  frame: DataFrame;
  custom: Json;
}

export function linesOf(frames: DataFrame[]): Line[] {
  const lines: Line[] = [];
  for (const frame of frames) {
    if (!frame.fields.some((field) => field.type === FieldType.time)) continue;
    for (const field of frame.fields) {
      if (field.type === FieldType.number) lines.push({ field, frame, custom: asObject(field.config.custom) });
    }
  }
  return lines;
}

/** A missing value is null; a time that is only other queries' is undefined, and no gap. */
type Column = (number | null | undefined)[];

/** All times of all frames; frames of one query share theirs, which is the common and cheap case. */
export function joinTimes(lines: Line[]): { times: number[]; columns: Column[] } {
  const timesOf = (line: Line) => (line.frame.fields.find((field) => field.type === FieldType.time)?.values ?? []) as number[];
  const first = lines[0] === undefined ? [] : timesOf(lines[0]);
  const same = (times: number[]) => times.length === first.length && times[0] === first[0] && times.at(-1) === first.at(-1);
  if (lines.every((line) => same(timesOf(line)))) return { times: first, columns: lines.map((line) => line.field.values as Column) };
  const times = [...new Set(lines.flatMap(timesOf))].sort((a, b) => a - b);
  const place = new Map(times.map((time, index) => [time, index]));
  const columns = lines.map((line) => {
    const column = new Array<number | null | undefined>(times.length).fill(undefined);
    timesOf(line).forEach((time, index) => {
      column[place.get(time) ?? 0] = (line.field.values[index] as number | null) ?? null;
    });
    return column;
  });
  return { times, columns };
}

const isDrawable = (value: number | null | undefined) => value === null || value === undefined || Number.isFinite(value);

/** Numbers and what stands for none: the values themselves where there is nothing else among them. */
const drawables = (values: Column): Column => (values.every(isDrawable) ? values : values.map((value) => (isDrawable(value) ? value : null)));

const stackingOf = (line: Line) => asText(asObject(line.custom['stacking'])['mode'], 'none');

/** The axis of a field: fields share one that agree in everything that makes it. */
function axisKey(line: Line): string {
  const { config } = line.field;
  const { axisPlacement = 'auto', axisLabel = '', axisSoftMin, axisSoftMax, axisCenteredZero = false, scaleDistribution } = line.custom;
  return JSON.stringify([config.unit ?? '', axisPlacement, axisLabel, config.min, config.max, axisSoftMin, axisSoftMax, axisCenteredZero, scaleDistribution, stackingOf(line) === 'percent']);
}

const trimmed = (text: string) => text.replace(/(\.\d*?)0+(?=\D*$)/, '$1').replace(/\.(?=\D*$)/, '');

/** Tick labels in the field's unit, with just the digits that keep neighbours apart. */
export function tickFormat(unit: string | undefined): (ticks: number[]) => string[] {
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

function axisOf(line: Line, index: number, side: 'left' | 'right' | 'hidden', theme: GrafanaTheme2): ChartAxis {
  const { config } = line.field;
  const scale = asObject(line.custom['scaleDistribution']);
  const log = scale['type'] === 'log' || scale['type'] === 'symlog' ? (asNumber(scale['log'], 10) === 2 ? 2 : 10) : undefined;
  const unit = stackingOf(line) === 'percent' ? 'percentunit' : config.unit;
  return {
    key: axisKey(line), side, label: asText(line.custom['axisLabel']), min: asOptionalNumber(config.min), max: asOptionalNumber(config.max),
    softMin: asOptionalNumber(line.custom['axisSoftMin']), softMax: asOptionalNumber(line.custom['axisSoftMax']), centeredZero: asBoolean(line.custom['axisCenteredZero']),
    log, symlog: scale['type'] === 'symlog' ? Math.max(1e-9, asNumber(scale['linearThreshold'], 1)) : undefined, binary: binaryUnits.has(unit ?? ''),
    grid: line.custom['axisGridShow'] === true || (index === 0 && line.custom['axisGridShow'] !== false), format: tickFormat(unit),
    color: line.custom['axisColorMode'] === 'series' ? theme.visualization.getColorByName(getFieldSeriesColor(line.field, theme).color) : undefined,
  };
}

export function axesOf(lines: Line[], theme: GrafanaTheme2): ChartAxis[] {
  const axes: ChartAxis[] = [];
  for (const line of lines) {
    if (axes.some((axis) => axis.key === axisKey(line))) continue;
    const placement = asText(line.custom['axisPlacement'], 'auto');
    const side = placement === 'right' || placement === 'hidden' || placement === 'left' ? placement : axes.some((axis) => axis.side === 'left') ? 'right' : 'left';
    axes.push(axisOf(line, axes.length, side, theme));
  }
  return axes;
}

const drawStyles: readonly string[] = ['line', 'bars', 'points'];
const interpolations: readonly string[] = ['linear', 'smooth', 'stepBefore', 'stepAfter'];

/** Colours along the axis, for lines whose colour follows the value. */
function schemeOf(field: Field, theme: GrafanaTheme2): ChartSeries['scheme'] {
  const { color, thresholds, min, max } = field.config;
  if (color?.mode === FieldColorModeId.Thresholds) {
    const shares = thresholds?.mode === ThresholdsMode.Percentage;
    return { stops: (thresholds?.steps ?? []).map((step) => ({ value: shares && Number.isFinite(step.value) ? step.value / 100 : step.value, color: theme.visualization.getColorByName(step.color) })), shares, blend: false };
  }
  const colors = color?.mode?.startsWith('continuous') === true ? getFieldColorModeForField(field).getColors?.(theme) : undefined;
  if (colors === undefined || colors.length < 2) return undefined;
  const shares = typeof min !== 'number' || typeof max !== 'number';
  return { stops: colors.map((one, index) => ({ value: shares ? index / (colors.length - 1) : min + ((max - min) * index) / (colors.length - 1), color: theme.visualization.getColorByName(one) })), shares, blend: true };
}

/** Gaps that are short enough to be bridged become times without a value. */
function bridged(values: Column, times: number[], longestMs: number): Column {
  if (longestMs <= 0 || longestMs === Infinity) return values;
  const out = [...values];
  let before = -1;
  values.forEach((value, index) => {
    if (value === null || value === undefined) return;
    if (before >= 0 && (times[index] ?? 0) - (times[before] ?? 0) <= longestMs) out.fill(undefined, before + 1, index);
    before = index;
  });
  return out;
}

/** As the field's `transform` says: turned round, or all of it its last value. */
function transformed(values: Column, transform: unknown): Column {
  if (transform === 'negative-Y') return values.map((value) => (typeof value === 'number' ? -value : value));
  if (transform !== 'constant') return values;
  const last = values.findLast((value) => typeof value === 'number');
  return values.map(() => last ?? null);
}

const isBelowZero = (values: Column) => values.some((value) => typeof value === 'number' && value < 0) && !values.some((value) => typeof value === 'number' && value > 0);

export function seriesOf(line: Line, raw: Column, times: number[], name: string, hidden: boolean, theme: GrafanaTheme2): ChartSeries {
  const { custom, field } = line;
  const stacking = asObject(custom['stacking']);
  const mode = stackingOf(line);
  const style = asText(custom['drawStyle'], 'line');
  const interpolation = asText(custom['lineInterpolation'], 'linear');
  const lineStyle = asObject(custom['lineStyle']);
  const dash = asList(lineStyle['dash']).map((part) => asNumber(part, 0));
  const showPoints = asText(custom['showPoints'], 'auto');
  const hideFrom = asObject(custom['hideFrom']);
  const spanNullsMs = custom['spanNulls'] === true ? Infinity : Math.max(0, asNumber(custom['spanNulls'], 0));
  const negative = custom['transform'] === 'negative-Y';
  const values = bridged(transformed(drawables(raw), custom['transform']), times, spanNullsMs);
  const gradient = asText(custom['gradientMode'], 'none');
  const dotted = lineStyle['fill'] === 'dot';
  const alignment = asNumber(custom['barAlignment'], 0);
  const { color } = getFieldSeriesColor(field, theme);
  return {
    name, color: theme.visualization.getColorByName(color), axis: axisKey(line), values,
    style: (drawStyles.includes(style) ? style : 'line') as DrawStyle, interpolation: (interpolations.includes(interpolation) ? interpolation : 'linear') as Interpolation,
    lineWidth: asNumber(custom['lineWidth'], 1), fillOpacity: asNumber(custom['fillOpacity'], style === 'bars' ? 60 : 0), gradient: gradient === 'none' || gradient === 'scheme' ? gradient : 'opacity',
    scheme: gradient === 'scheme' ? schemeOf(field, theme) : undefined, round: dotted,
    dash: lineStyle['fill'] === 'dash' ? (dash.length > 0 ? dash : [10, 10]) : dotted ? (dash.length > 0 ? dash : [0, 10]) : undefined,
    points: showPoints === 'always' || showPoints === 'never' ? showPoints : 'auto', pointSize: asNumber(custom['pointSize'], 5),
    spanNullsMs, barAlignment: alignment < 0 ? -1 : alignment > 0 ? 1 : 0, barWidth: Math.min(1, Math.max(0.01, asNumber(custom['barWidthFactor'], 0.6))),
    fillBelowTo: asText(custom['fillBelowTo']) || undefined,
    stack: mode === 'normal' || mode === 'percent' ? { group: `${axisKey(line)} ${asText(stacking['group'], 'A')} ${isBelowZero(values) ? '-' : '+'}`, percent: mode === 'percent' } : undefined,
    hidden: hidden || hideFrom['viz'] === true, inTooltip: hideFrom['tooltip'] !== true,
    format: (value) => (field.display === undefined ? String(value) : formattedValueToString(field.display(negative ? -value : value))),
  };
}

export function thresholdsOf(lines: Line[], theme: GrafanaTheme2): ChartThresholds | undefined {
  for (const line of lines) {
    const mode = asText(asObject(line.custom['thresholdsStyle'])['mode'], 'off');
    const { thresholds } = line.field.config;
    if (mode === 'off' || mode === '' || thresholds === undefined) continue;
    const percent = thresholds.mode === ThresholdsMode.Percentage;
    const steps = thresholds.steps.map(({ value, color }) => ({ value, color: theme.visualization.getColorByName(color) }));
    return { percent, axis: axisKey(line), lines: /line|dashed/.test(mode), dashed: mode.includes('dashed'), areas: mode.includes('area'), steps };
  }
  return undefined;
}
