/** Time series: lines, bars and points over time, with Grafana's drawing options, a legend, and zooming by dragging. */
import { useMemo, useState } from 'react';
import type { MouseEvent } from 'react';
import { resolveColor } from '../app/theme';
import { TimeChart } from '../charts/TimeChart';
import { asBoolean, asObject, asText } from '../dashboards/read';
import { getFieldDisplayName } from '../grafana';
import { Legend } from './Legend';
import type { LegendEntry } from './Legend';
import { axesOf, joinTimes, linesOf, seriesOf, thresholdsOf, tickFormat } from './lines';
import type { PanelKind, PanelProps } from './panel';
import css from './timeseries.module.css';

/** More lines than can be told apart; the rest is left out and counted. */
const kSeriesMax = 300;

function TimeSeriesPanel({ panel, frames, theme, range, utc, syncKey, onZoom, marks, exemplars }: PanelProps) {
  const [only, setOnly] = useState<ReadonlySet<string> | undefined>(undefined);
  const all = useMemo(() => linesOf(frames), [frames]);
  const lines = all.slice(0, kSeriesMax);
  const names = lines.map((line) => getFieldDisplayName(line.field, line.frame, frames));
  const { times, columns } = useMemo(() => joinTimes(lines), [frames]);
  const series = useMemo(
    () => lines.map((line, index) => seriesOf(line, columns[index] ?? [], times, names[index] ?? '', only !== undefined && !only.has(names[index] ?? ''), theme)),
    [frames, only, theme],
  );
  const axes = useMemo(() => axesOf(lines, theme), [frames, theme]);
  const thresholds = useMemo(() => thresholdsOf(lines, theme), [frames, theme]);
  const markKey = JSON.stringify(marks.map(({ fromMs, toMs, title, text, color }) => [fromMs, toMs, title, text, color]));
  const shownMarks = useMemo(() => marks.map(({ fromMs, toMs, title, text, color }) => ({ fromMs, toMs, title, text, color: theme.visualization.getColorByName(color) })), [markKey, theme]);
  const dots = useMemo(() => exemplars.map(({ timeMs, value, facts }) => ({ ms: timeMs, value, color: resolveColor('--brass'), facts })), [exemplars, theme]);
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
          fromMs={range.fromMs} toMs={range.toMs} utc={utc} syncKey={syncKey} onZoom={onZoom} thresholds={thresholds} marks={shownMarks} dots={dots}
          tooltip={{ mode: mode === 'multi' || mode === 'none' ? mode : 'single', sort: sort === 'asc' || sort === 'desc' ? sort : 'none', hideZeros: asBoolean(tooltip['hideZeros']) }}
        />
      </div>
      {legend['showLegend'] !== false && <Legend entries={entries} options={legend} choose={choose} />}
      {all.length > kSeriesMax && <p className={css.note}>{kSeriesMax} of {all.length} series are drawn.</p>}
    </div>
  );
}

export const timeseries: PanelKind = { Component: TimeSeriesPanel, colorMode: 'palette-classic', asks: true, takesExemplars: true };
