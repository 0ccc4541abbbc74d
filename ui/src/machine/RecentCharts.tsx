import { useMemo } from 'react';
import type { RecentHost } from '../api/host';
import { useScheme } from '../app/theme';
import { formatTicks } from '../charts/numbers';
import { seriesColor } from '../charts/palette';
import { TimeChart } from '../charts/TimeChart';
import type { ChartAxis, ChartSeries } from '../charts/types';
import { formatBytes } from '../status/costs';
import { chartsOf, formatByteTicks, formatCpu, formatRate } from './use';
import type { RecentChart } from './use';
import css from './RecentCharts.module.css';

interface Unit {
  axis: Partial<ChartAxis> & Pick<ChartAxis, 'format'>;
  format: (value: number) => string;
}

const percentTicks = (ticks: number[]) => formatTicks(ticks.map((tick) => tick * 100)).map((text) => `${text} %`);

const units: Record<RecentChart['unit'], Unit> = {
  percent: { axis: { min: 0, softMax: 0.1, format: percentTicks }, format: formatCpu },
  cores: { axis: { min: 0, softMax: 0.1, format: percentTicks }, format: formatCpu },
  bytes: { axis: { min: 0, binary: true, format: formatByteTicks }, format: formatBytes },
  rate: { axis: { min: 0, softMax: 1024, binary: true, format: (ticks) => formatByteTicks(ticks).map((text) => (text === '0' ? text : `${text}/s`)) }, format: formatRate },
};

/** The last minutes, second by second. */
export function RecentCharts({ recent, seconds }: { recent: RecentHost; seconds: number }) {
  const charts = useMemo(() => chartsOf(recent), [recent]);
  const toMs = recent.timesMs.at(-1) ?? 0;
  if (recent.timesMs.length < 2) return <p className={css.note}>The last hour, second by second, fills as it passes.</p>;
  return (
    <div className={css.charts}>
      {charts.map((chart) => (
        <Chart key={chart.title} chart={chart} times={recent.timesMs} fromMs={toMs - seconds * 1000} toMs={toMs} />
      ))}
    </div>
  );
}

interface ChartProps {
  chart: RecentChart;
  times: number[];
  fromMs: number;
  toMs: number;
}

function Chart({ chart, times, fromMs, toMs }: ChartProps) {
  const scheme = useScheme();
  const unit = units[chart.unit];
  const series = chart.lines.map(({ name, values }, index): ChartSeries => ({
    name, color: seriesColor(index, scheme), values, axis: 'y', style: 'line', interpolation: 'linear', lineWidth: 1.2,
    fillOpacity: chart.stacked ? 50 : 0, gradient: 'none', points: 'never', pointSize: 4, spanNullsMs: 0,
    stack: chart.stacked ? { group: 'all', percent: false } : undefined, hidden: false, inTooltip: true, format: unit.format,
  }));
  return (
    <section role="group" className={css.chart} aria-label={chart.title}>
      <h2>{chart.title}</h2>
      <div className={css.drawing}>
        <TimeChart
          label={`${chart.title}, second by second`} times={times} series={series} axes={[{ key: 'y', side: 'left', grid: true, ...unit.axis }]}
          fromMs={fromMs} toMs={toMs} tooltip={{ mode: 'multi', sort: 'desc', hideZeros: true }} syncKey="machine"
        />
      </div>
      <ul className={css.legend}>
        {series.map(({ name, color }) => <li key={name}><i style={{ background: color }} />{name.replaceAll('_', ' ')}</li>)}
      </ul>
    </section>
  );
}
