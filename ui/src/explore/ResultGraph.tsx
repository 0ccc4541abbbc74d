import { useMemo, useState } from 'react';
import type { MouseEvent } from 'react';
import type { MatrixSeries } from '../api/types';
import { resolveColor, useScheme } from '../app/theme';
import type { Exemplar } from '../api/prometheus';
import { formatDateTime } from '../time/format';
import { LabelChips } from '../components/Controls';
import { formatShort, formatTicks } from '../charts/numbers';
import { seriesColor } from '../charts/palette';
import { TimeChart } from '../charts/TimeChart';
import type { ChartAxis, ChartSeries } from '../charts/types';
import { Empty } from '../components/States';
import { SeriesName, seriesText } from './SeriesName';
import { toGrid } from './results';
import css from './ResultGraph.module.css';

/** Lines drawn; more would only be a smear, and the legend says so. */
const kSeriesMax = 200;
const kLegendMax = 60;

const axes: ChartAxis[] = [{ key: 'y', side: 'left', grid: true, format: formatTicks }];

export interface RangeResult {
  series: MatrixSeries[];
  startMs: number;
  endMs: number;
  stepMs: number;
}

interface ResultGraphProps {
  label: string;
  result: RangeResult;
  stacked: boolean;
  exemplars?: Exemplar[] | undefined;
  onZoom: (fromMs: number, toMs: number) => void;
}

export function ResultGraph({ label, result, stacked, exemplars, onZoom }: ResultGraphProps) {
  const scheme = useScheme();
  const [onlyShown, setOnlyShown] = useState<ReadonlySet<string> | undefined>(undefined);
  const drawn = useMemo(() => result.series.slice(0, kSeriesMax), [result]);
  const grid = useMemo(() => toGrid(drawn, result.startMs, result.endMs, result.stepMs), [drawn, result]);
  const series = useMemo(
    () =>
      drawn.map(({ metric }, index): ChartSeries => {
        const name = seriesText(metric);
        return {
          name, color: seriesColor(index, scheme), values: grid.columns[index] ?? [], axis: 'y', style: 'line', interpolation: 'linear',
          lineWidth: 1.4, fillOpacity: stacked ? 45 : drawn.length === 1 ? 10 : 0, gradient: 'none', points: 'auto', pointSize: 4, spanNullsMs: 0,
          stack: stacked ? { group: 'all', percent: false } : undefined, hidden: onlyShown !== undefined && !onlyShown.has(name), inTooltip: true,
          format: (value) => formatShort(value, 4),
        };
      }),
    [drawn, grid, stacked, onlyShown, scheme],
  );
  const dots = useMemo(() => exemplars?.map(({ timeMs, value }) => ({ ms: timeMs, value, color: resolveColor('--brass') })), [exemplars, scheme]);
  if (drawn.length === 0) return <Empty title="No series in this range">The query is valid, and nothing in the store answers it for this range.</Empty>;

  const choose = (name: string, event: MouseEvent) => {
    const next = new Set(onlyShown ?? []);
    if (event.ctrlKey || event.metaKey || event.shiftKey) {
      if (onlyShown === undefined) series.forEach((one) => next.add(one.name));
      if (!next.delete(name)) next.add(name);
      setOnlyShown(next.size === 0 || next.size === series.length ? undefined : next);
    } else {
      setOnlyShown(next.size === 1 && next.has(name) ? undefined : new Set([name]));
    }
  };

  return (
    <div>
      <div className={css.chart}>
        <TimeChart
          label={`Graph of ${label}: ${drawn.length} series`} times={grid.times} series={series} axes={axes}
          fromMs={result.startMs} toMs={result.endMs} tooltip={{ mode: 'multi', sort: 'desc', hideZeros: false }} syncKey="query" onZoom={onZoom} dots={dots}
        />
      </div>
      <ul className={css.legend} aria-label="Series">
        {drawn.slice(0, kLegendMax).map(({ metric }, index) => {
          const one = series[index];
          if (one === undefined) return null;
          return (
            <li key={index}>
              <button type="button" className={css.entry} aria-pressed={!one.hidden} title="Click: only this one. Ctrl+click: add or remove." onClick={(event) => choose(one.name, event)}>
                <i style={{ background: one.color }} />
                <SeriesName labels={metric} />
              </button>
            </li>
          );
        })}
      </ul>
      {result.series.length > kLegendMax && (
        <p className={css.note}>
          {result.series.length > kSeriesMax ? `${kSeriesMax} of ${result.series.length} series drawn` : `${result.series.length} series drawn`}, {kLegendMax} named.
          Narrow the query with labels, sum() or topk() to see more of less.
        </p>
      )}
      {exemplars !== undefined && <Exemplars exemplars={exemplars} />}
    </div>
  );
}

const kExemplarsMax = 200;

function Exemplars({ exemplars }: { exemplars: Exemplar[] }) {
  if (exemplars.length === 0) return <p className={css.note}>The series have no exemplars in this range.</p>;
  const newest = [...exemplars].sort((a, b) => b.timeMs - a.timeMs).slice(0, kExemplarsMax);
  return (
    <div className={css.exemplars} tabIndex={0} role="region" aria-label="Exemplars">
      <table>
        <thead><tr><th scope="col">Exemplar at</th><th scope="col">Value</th><th scope="col">Labels</th><th scope="col">Of</th></tr></thead>
        <tbody>{newest.map((one, index) => <tr key={index}><td>{formatDateTime(one.timeMs)}</td><td>{formatShort(one.value, 6)}</td><td><LabelChips labels={one.labels} /></td><td><SeriesName labels={one.seriesLabels} /></td></tr>)}</tbody>
      </table>
      {exemplars.length > kExemplarsMax && <p className={css.note}>{kExemplarsMax} of {exemplars.length} exemplars are listed.</p>}
    </div>
  );
}
