/** Running sums for stacked series: what is drawn is the sum so far, and the area between two neighbours is filled. */
import type { ChartSeries } from './types';

export interface Stacked {
  /** One list per series, in the order given. */
  values: (number | null | undefined)[][];
  /** Indexes of series between which to fill, from the outer one to the one nearer to zero: downwards, or upwards below zero. */
  bands: { outer: number; inner: number; upwards: boolean }[];
}

export function stackSeries(series: ChartSeries[], length: number): Stacked {
  const bands: Stacked['bands'] = [];
  const sums = new Map<string, Float64Array>();
  const tops = new Map<string, number>();
  const totals = new Map<string, Float64Array>();
  for (const one of series) {
    if (one.stack?.percent !== true || one.hidden) continue;
    const total = totals.get(one.stack.group) ?? new Float64Array(length);
    totals.set(one.stack.group, total);
    for (let i = 0; i < length; i++) total[i] = (total[i] ?? 0) + Math.abs(one.values[i] ?? 0);
  }
  const values = series.map((one, index) => {
    if (one.stack === undefined || one.hidden) return one.values;
    const { group, percent } = one.stack;
    const sum = sums.get(group) ?? new Float64Array(length);
    sums.set(group, sum);
    const total = totals.get(group);
    const drawn: (number | null | undefined)[] = new Array<number | null | undefined>(length);
    for (let i = 0; i < length; i++) {
      const value = one.values[i];
      const whole = percent ? (total?.[i] ?? 0) : 1;
      sum[i] = (sum[i] ?? 0) + (value == null || whole === 0 ? 0 : value / whole);
      drawn[i] = value === null || value === undefined ? value : (sum[i] ?? 0);
    }
    const below = tops.get(group);
    if (below !== undefined) bands.push({ outer: index, inner: below, upwards: (sum.find((value) => value !== 0) ?? 0) < 0 });
    tops.set(group, index);
    return drawn;
  });
  series.forEach((one, index) => {
    const below = one.fillBelowTo === undefined || one.hidden ? -1 : series.findIndex((other) => other.name === one.fillBelowTo && !other.hidden);
    if (below >= 0 && below !== index) bands.push({ outer: index, inner: below, upwards: false });
  });
  return { values, bands };
}
