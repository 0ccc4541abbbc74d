/** Answers of the query calls in the forms that the table and the graph show. */
import type { ApiBucketHistogram, Labels, MatrixSeries, QueryResult } from '../api/types';

export interface TableRow {
  labels: Labels;
  /** As text, one line per sample; range vectors have several. */
  values: { value: string; timeMs?: number }[];
  /** For sorting; NaN when it is no number. */
  sortValue: number;
}

function histogramText({ count, sum, buckets = [] }: ApiBucketHistogram): string {
  const shape = buckets.map(([, low, high, n]) => `${low}…${high}: ${n}`).join('  ');
  return `count ${count}, sum ${sum}${shape === '' ? '' : `, ${shape}`}`;
}

export function toRows(result: QueryResult): TableRow[] {
  switch (result.resultType) {
    case 'scalar':
    case 'string':
      return [{ labels: {}, values: [{ value: result.result[1] }], sortValue: Number(result.result[1]) }];
    case 'vector':
      return result.result.map(({ metric, value, histogram }) => {
        const text = value?.[1] ?? (histogram === undefined ? '' : histogramText(histogram[1]));
        return { labels: metric, values: [{ value: text }], sortValue: Number(value?.[1] ?? histogram?.[1].count) };
      });
    case 'matrix':
      return result.result.map(({ metric, values = [], histograms = [] }) => {
        const lines = [
          ...values.map(([time, value]) => ({ value, timeMs: time * 1000 })),
          ...histograms.map(([time, histogram]) => ({ value: histogramText(histogram), timeMs: time * 1000 })),
        ];
        return { labels: metric, values: lines, sortValue: Number(values.at(-1)?.[1]) };
      });
  }
}

export interface Grid {
  times: number[];
  /** One list per series, null where the series has no sample. */
  columns: (number | null)[][];
}

/** Range results share one grid of steps: start, start+step, …, so a sample's place is found by arithmetic. */
export function toGrid(series: MatrixSeries[], startMs: number, endMs: number, stepMs: number): Grid {
  const length = Math.max(0, Math.floor((endMs - startMs) / stepMs + 1e-6)) + 1;
  const times = Array.from({ length }, (_, index) => startMs + index * stepMs);
  const columns = series.map(({ values = [], histograms = [] }) => {
    const column = new Array<number | null>(length).fill(null);
    const place = (time: number, value: number) => {
      const index = Math.round((time * 1000 - startMs) / stepMs);
      if (index >= 0 && index < length) column[index] = Number.isFinite(value) ? value : null;
    };
    for (const [time, value] of values) place(time, Number(value));
    for (const [time, histogram] of histograms) place(time, Number(histogram.count));
    return column;
  });
  return { times, columns };
}
