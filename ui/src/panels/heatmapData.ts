/**
 * What a heatmap draws: rows between boundaries and cells over time in them. Three kinds of answers become that: buckets with
 * one series each (already apart, see dashboards/frames.ts), native histograms as frames of cells, and plain values that are
 * counted into buckets here.
 */
import { FieldType } from '../grafana';
import type { DataFrame, Field } from '../grafana';
import { holdsHistograms } from '../dashboards/frames';
import { asBoolean, asNumber, asObject, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';

export interface HeatCell {
  fromMs: number;
  toMs: number;
  row: number;
  rowEnd: number;
  count: number;
}

export interface Heat {
  rows: number;
  /** Where rows meet, from the lowest: one more than rows. Empty when rows have names instead. */
  boundaries: number[];
  names: string[];
  cells: HeatCell[];
  /** Why it is not drawn whole, or not at all. */
  note?: string;
}

const kCellsMax = 60_000;
const kRowsMax = 400;
const none: Heat = { rows: 0, boundaries: [], names: [], cells: [] };

const valuesOf = (frame: DataFrame, name: string) => (frame.fields.find((field) => field.name === name)?.values ?? []) as number[];

function bounded(heat: Heat): Heat {
  if (heat.cells.length <= kCellsMax) return heat;
  return { ...heat, cells: heat.cells.slice(0, kCellsMax), note: `${kCellsMax} of ${heat.cells.length} cells are drawn; ask for a longer interval.` };
}

function nativeHeat(frames: DataFrame[]): Heat {
  const edges = new Set<number>();
  for (const frame of frames) for (const name of ['yMin', 'yMax']) for (const edge of valuesOf(frame, name)) edges.add(edge);
  const boundaries = [...edges].sort((a, b) => a - b);
  if (boundaries.length > kRowsMax) return { ...none, note: `The histograms have ${boundaries.length} boundaries; at most ${kRowsMax} are drawn.` };
  const place = new Map(boundaries.map((edge, index) => [edge, index]));
  const sums = new Map<string, HeatCell>();
  for (const frame of frames) {
    const stepMs = asNumber(frame.fields[0]?.config.interval, 0);
    const [times, lows, highs, counts] = [valuesOf(frame, 'Time'), valuesOf(frame, 'yMin'), valuesOf(frame, 'yMax'), valuesOf(frame, 'count')];
    times.forEach((toMs, index) => {
      const row = place.get(lows[index] ?? NaN);
      const rowEnd = place.get(highs[index] ?? NaN);
      const count = counts[index] ?? 0;
      if (row === undefined || rowEnd === undefined || rowEnd <= row || !(count > 0)) return;
      const key = `${toMs} ${row} ${rowEnd}`;
      const known = sums.get(key);
      if (known === undefined) sums.set(key, { fromMs: toMs - stepMs, toMs, row, rowEnd, count });
      else known.count += count;
    });
  }
  return bounded({ rows: Math.max(0, boundaries.length - 1), boundaries, names: [], cells: [...sums.values()] });
}

interface Row {
  name: string;
  times: number[];
  values: (number | null)[];
  stepMs: number;
}

function rowsOf(frames: DataFrame[], nameOf: (field: Field, frame: DataFrame) => string): Row[] {
  return frames.flatMap((frame) => {
    const time = frame.fields.find((field) => field.type === FieldType.time);
    if (time === undefined) return [];
    const times = time.values as number[];
    const stepMs = asNumber(time.config.interval, (times[1] ?? 0) - (times[0] ?? 0));
    return frame.fields.filter((field) => field.type === FieldType.number).map((field) => ({ name: nameOf(field, frame), times, values: field.values as (number | null)[], stepMs }));
  });
}

const toEdge = (name: string) => (name === '+Inf' || name === 'Inf' ? Infinity : name.trim() === '' ? NaN : Number(name));

/** One row per series. Names that are all numbers are upper boundaries, and sort as such. */
function bucketHeat(rows: Row[]): Heat {
  if (rows.length > kRowsMax) return { ...none, note: `${rows.length} series make too many rows; at most ${kRowsMax} are drawn.` };
  const numeric = rows.length > 0 && rows.every((row) => !Number.isNaN(toEdge(row.name)));
  const ordered = numeric ? [...rows].sort((a, b) => toEdge(a.name) - toEdge(b.name)) : rows;
  const cells = ordered.flatMap((row, index) =>
    row.times.flatMap((toMs, at) => {
      const count = row.values[at];
      return typeof count === 'number' && Number.isFinite(count) ? [{ fromMs: toMs - row.stepMs, toMs, row: index, rowEnd: index + 1, count }] : [];
    }),
  );
  const uppers = ordered.map((row) => toEdge(row.name));
  const low = (uppers[0] ?? 0) > 0 ? 0 : -Infinity;
  return bounded({ rows: rows.length, boundaries: numeric ? [low, ...uppers] : [], names: ordered.map((row) => row.name), cells });
}

/** 1, 2 or 5 times a power of ten, at least the given size. */
function niceSize(size: number): number {
  const power = 10 ** Math.floor(Math.log10(size));
  return (([1, 2, 5, 10].find((factor) => factor * power >= size * 0.999) ?? 10) * power) || 1;
}

/** Values counted into buckets of a fixed size, or of growing size when the document asks for a logarithmic scale. */
function countedHeat(rows: Row[], calculation: Json, fromMs: number, toMs: number): Heat {
  const all = rows.flatMap((row) => row.values.filter((value): value is number => typeof value === 'number' && Number.isFinite(value)));
  if (all.length === 0) return none;
  let [low, high] = [Infinity, -Infinity];
  for (const value of all) [low, high] = [Math.min(low, value), Math.max(high, value)];
  const yBuckets = asObject(calculation['yBuckets']);
  const scale = asObject(yBuckets['scale']);
  const base = scale['type'] === 'log' ? asNumber(scale['log'], 2) : undefined;
  if (base !== undefined && low <= 0) return { ...none, note: 'A logarithmic scale cannot place values of zero or below.' };
  const wanted = asNumber(yBuckets['value'], 0);
  let edge: (value: number) => number;
  let next: (bottom: number) => number;
  if (base !== undefined) {
    edge = (value) => base ** Math.floor(Math.log(value) / Math.log(base) + 1e-9);
    next = (bottom) => bottom * base;
  } else {
    const size = yBuckets['mode'] !== 'count' && wanted > 0 ? wanted : niceSize((high - low) / (yBuckets['mode'] === 'count' && wanted > 0 ? wanted : 20) || 1);
    edge = (value) => Math.floor(value / size + 1e-9) * size;
    next = (bottom) => (Math.round(bottom / size) + 1) * size;
  }
  const boundaries = [edge(low)];
  while ((boundaries.at(-1) ?? 0) <= high && boundaries.length <= kRowsMax) boundaries.push(next(boundaries.at(-1) ?? 0));
  if ((boundaries.at(-1) ?? 0) <= high) return { ...none, note: `The values would make more than ${kRowsMax} rows; ask for larger buckets.` };
  const columns = Math.min(200, Math.max(1, asText(asObject(calculation['xBuckets'])['mode']) === 'count' ? asNumber(asObject(calculation['xBuckets'])['value'], 30) : 30));
  const stepMs = Math.max((toMs - fromMs) / columns, ...rows.map((row) => row.stepMs));
  const cells = new Map<string, HeatCell>();
  for (const row of rows) {
    row.times.forEach((ms, at) => {
      const value = row.values[at];
      if (typeof value !== 'number' || !Number.isFinite(value)) return;
      const column = Math.floor((ms - fromMs) / stepMs);
      let place = 0;
      while (place < boundaries.length - 2 && value >= (boundaries[place + 1] ?? Infinity)) place++;
      const key = `${column} ${place}`;
      const known = cells.get(key);
      if (known === undefined) cells.set(key, { fromMs: fromMs + column * stepMs, toMs: fromMs + (column + 1) * stepMs, row: place, rowEnd: place + 1, count: 1 });
      else known.count++;
    });
  }
  return bounded({ rows: boundaries.length - 1, boundaries, names: [], cells: [...cells.values()] });
}

export function readHeat(frames: DataFrame[], options: Json, fromMs: number, toMs: number, nameOf: (field: Field, frame: DataFrame) => string): Heat {
  const native = frames.filter((frame) => holdsHistograms([frame]));
  if (native.length > 0) return native.length === frames.length ? nativeHeat(native) : { ...none, note: 'Native histograms and other series cannot share a heatmap.' };
  const rows = rowsOf(frames, nameOf);
  return asBoolean(options['calculate']) ? countedHeat(rows, asObject(options['calculation']), fromMs, toMs) : bucketHeat(rows);
}

export interface Painter {
  colors: string[];
  low: number;
  high: number;
  /** Undefined: the cell stays empty. */
  colorOf: (count: number) => string | undefined;
}

/** Counts to colours: `colors` from least to most, spread over what occurs, evenly or so that small counts stand out. */
export function painter(counts: number[], colors: string[], color: Json, hideBelow: number): Painter {
  let [low, high] = [Infinity, -Infinity];
  for (const count of counts) {
    if (count <= hideBelow) continue;
    [low, high] = [Math.min(low, count), Math.max(high, count)];
  }
  low = asNumber(color['min'], Number.isFinite(low) ? low : 0);
  high = asNumber(color['max'], Number.isFinite(high) ? high : 1);
  const exponent = color['mode'] === 'opacity' && color['scale'] !== 'linear' ? asNumber(color['exponent'], 0.5) : 1;
  const colorOf = (count: number) => {
    if (!(count > hideBelow)) return undefined;
    const share = high <= low ? 1 : Math.min(1, Math.max(0, (count - low) / (high - low))) ** exponent;
    return colors[Math.min(colors.length - 1, Math.floor(share * colors.length))];
  };
  return { colors, low, high, colorOf };
}
