/** Running sums for stacked series: what is drawn is the sum so far, and the area between two neighbours is filled. */
import type { ChartSeries } from './types';

export interface Stacked {
  /** One list per series, in the order given. */
  values: (number | null | undefined)[][];
  /** [upper, lower]: indexes of series between which to fill. */
  bands: [number, number][];
}

export function stackSeries(series: ChartSeries[], length: number): Stacked {
  const bands: [number, number][] = [];
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
    const drawn: (number | null)[] = new Array<number | null>(length);
    for (let i = 0; i < length; i++) {
      const value = one.values[i];
      const whole = percent ? (total?.[i] ?? 0) : 1;
      sum[i] = (sum[i] ?? 0) + (value == null || whole === 0 ? 0 : value / whole);
      drawn[i] = value === null || value === undefined ? null : (sum[i] ?? 0);
    }
    const below = tops.get(group);
    if (below !== undefined) bands.push([index, below]);
    tops.set(group, index);
    return drawn;
  });
  return { values, bands };
}
