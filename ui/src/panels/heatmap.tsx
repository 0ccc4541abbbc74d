/** Heatmap: how many values fell into which bucket when. */
import { useMemo } from 'react';
import { CellChart } from '../charts/CellChart';
import type { ChartCell } from '../charts/CellChart';
import { withOpacity } from '../charts/colors';
import { isScheme, schemeColors } from '../charts/schemes';
import { asBoolean, asNumber, asObject, asText } from '../dashboards/read';
import { formattedValueToString, getFieldDisplayName, getValueFormat } from '../grafana';
import { formatDateTime } from '../time/format';
import { painter, readHeat } from './heatmapData';
import type { Heat } from './heatmapData';
import type { PanelProps } from './panel';
import css from './heatmap.module.css';

interface Cell extends ChartCell {
  count: number;
}

function formatter(unit: unknown, decimals: unknown): (value: number) => string {
  const format = getValueFormat(asText(unit, 'short'));
  return (value) => (value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : formattedValueToString(format(value, typeof decimals === 'number' ? decimals : undefined)).trim());
}

function ticksOf(heat: Heat, format: (value: number) => string) {
  if (heat.boundaries.length > 0) return heat.boundaries.flatMap((edge, at) => (edge === -Infinity ? [] : [{ at, label: format(edge) }]));
  return heat.names.map((name, index) => ({ at: index + 0.5, label: name }));
}

export default function HeatmapPanel({ panel, frames, theme, range, utc, syncKey, onZoom }: PanelProps) {
  const options = panel.options;
  const yAxis = asObject(options['yAxis']);
  const color = asObject(options['color']);
  const heat = useMemo(
    () => readHeat(frames, options, range.fromMs, range.toMs, (field, frame) => getFieldDisplayName(field, frame, frames)),
    [frames, options, range.fromMs, range.toMs],
  );
  const scheme = asText(color['scheme'], 'Oranges');
  const steps = Math.min(128, Math.max(2, Math.round(asNumber(color['steps'], 64))));
  const paint = useMemo(() => {
    const fill = theme.visualization.getColorByName(asText(color['fill'], 'dark-orange'));
    const colors = color['mode'] === 'opacity'
      ? Array.from({ length: steps }, (_, index) => withOpacity(fill, (index + 1) / steps))
      : schemeColors(scheme, steps, asBoolean(color['reverse']), theme.isDark);
    return painter(heat.cells.map((cell) => cell.count), colors, color, asNumber(asObject(options['filterValues'])['le'], 1e-9));
  }, [heat, theme, options]);
  const reverse = asBoolean(yAxis['reverse']);
  const shownValues = options['showValue'] === 'always';
  const countFormat = formatter(asObject(options['cellValues'])['unit'] ?? panel.fieldConfig.defaults['unit'], asObject(options['cellValues'])['decimals']);
  const cells = useMemo(
    () => heat.cells.flatMap((cell): Cell[] => {
      const shade = paint.colorOf(cell.count);
      if (shade === undefined) return [];
      const [row, rowEnd] = reverse ? [heat.rows - cell.rowEnd, heat.rows - cell.row] : [cell.row, cell.rowEnd];
      return [{ ...cell, row, rowEnd, color: shade, ...(shownValues ? { text: countFormat(cell.count) } : {}) }];
    }),
    [heat, paint, reverse, shownValues],
  );
  const valueFormat = formatter(yAxis['unit'], yAxis['decimals']);
  const ticks = ticksOf(heat, valueFormat).map(({ at, label }) => ({ at: reverse ? heat.rows - at : at, label })).sort((a, b) => a.at - b.at);
  const bucketOf = (cell: Cell) => {
    const [row, rowEnd] = reverse ? [heat.rows - cell.rowEnd, heat.rows - cell.row] : [cell.row, cell.rowEnd];
    const [low, high] = [heat.boundaries[row], heat.boundaries[rowEnd]];
    return low === undefined || high === undefined ? (heat.names[row] ?? '') : low === -Infinity ? `up to ${valueFormat(high)}` : `${valueFormat(low)} to ${valueFormat(high)}`;
  };
  if (heat.cells.length === 0) return <p className={css.empty} data-empty>{heat.note ?? 'No data'}</p>;
  const legend = asObject(options['legend']);
  return (
    <div className={css.panel}>
      <div className={css.chart}>
        <CellChart
          label={`${panel.title || 'Heatmap'}: ${heat.rows} buckets`} rows={heat.rows} ticks={ticks} cells={cells} fromMs={range.fromMs} toMs={range.toMs} utc={utc} gapPx={asNumber(options['cellGap'], 1)}
          fill={1} align="center" showAxis={yAxis['axisPlacement'] !== 'hidden'} syncKey={syncKey} onZoom={onZoom}
          describe={(cell) => ({ title: formatDateTime(cell.toMs, utc), lines: [{ color: cell.color, name: bucketOf(cell), value: countFormat(cell.count), near: true }] })}
        />
      </div>
      {legend['show'] !== false && (
        <div className={css.scale} aria-hidden="true">
          <span>{countFormat(paint.low)}</span>
          <i style={{ background: `linear-gradient(to right, ${paint.colors.join(', ')})` }} />
          <span>{countFormat(paint.high)}</span>
        </div>
      )}
      {!isScheme(scheme) && color['mode'] !== 'opacity' && <p className={css.note}>The colour scale {scheme} is not known; Oranges stands in.</p>}
      {heat.note !== undefined && <p className={css.note}>{heat.note}</p>}
    </div>
  );
}
