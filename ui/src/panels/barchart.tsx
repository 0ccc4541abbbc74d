/** Bar chart and histogram: bars per category, beside each other or stacked. */
import { useMemo, useState } from 'react';
import { useSize } from '../components/useSize';
import { formatShort } from '../charts/numbers';
import { asBoolean, asNumber, asObject, asText } from '../dashboards/read';
import { formattedValueToString } from '../grafana';
import type { Field } from '../grafana';
import { readBars, readHistogram } from './bars';
import type { PanelProps } from './panel';
import css from './barchart.module.css';

const format = (field: Field | undefined, value: number) => (field?.display === undefined ? formatShort(value) : formattedValueToString(field.display(value)));

/** Round numbers that cover the span. */
function niceTicks(low: number, high: number, most: number): number[] {
  const raw = (high - low) / Math.max(1, most) || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5, 10].find((factor) => factor * power >= raw) ?? 10) * power;
  const ticks: number[] = [];
  for (let at = Math.ceil(low / step); at * step <= high + step * 1e-9; at++) ticks.push(at * step);
  return ticks;
}

export default function BarChartPanel({ panel, frames, theme }: PanelProps) {
  const [element, { width, height }] = useSize<HTMLDivElement>();
  const [only, setOnly] = useState<string | undefined>(undefined);
  const { options } = panel;
  const isHistogram = panel.type === 'histogram';
  const bars = useMemo(() => (isHistogram ? readHistogram(frames, options, theme) : readBars(frames, options, theme)), [frames, options, theme]);
  if (bars.categories.length === 0) return <p className={css.note} data-empty>{bars.note ?? 'No data'}</p>;
  const stacking = asText(options['stacking'], 'none');
  const stacked = stacking === 'normal' || stacking === 'percent';
  const series = bars.series.filter((one) => only === undefined || one.name === only);
  const totals = bars.categories.map((_, index) => series.reduce((sum, one) => sum + Math.abs(one.values[index] ?? 0), 0) || 1);
  const value = (one: (typeof series)[number], index: number) => {
    const raw = one.values[index];
    return typeof raw !== 'number' || !Number.isFinite(raw) ? undefined : stacking === 'percent' ? raw / (totals[index] ?? 1) : raw;
  };
  const sums = bars.categories.map((_, index) => {
    const all = series.map((one) => value(one, index) ?? 0);
    return stacked ? { up: all.filter((v) => v > 0).reduce((a, b) => a + b, 0), down: all.filter((v) => v < 0).reduce((a, b) => a + b, 0) } : { up: Math.max(0, ...all), down: Math.min(0, ...all) };
  });
  const defaults = panel.fieldConfig.defaults;
  const low = asNumber(defaults['min'], Math.min(0, ...sums.map(({ down }) => down)));
  const high = Math.max(asNumber(defaults['max'], Math.max(0, ...sums.map(({ up }) => up)) * 1.05), low + 1e-9);
  const across = options['orientation'] === 'horizontal';
  const [left, bottom, top] = [across ? Math.min(160, width * 0.3) : 52, across ? 18 : 24, 6];
  const [plotWidth, plotHeight] = [Math.max(10, width - left - 10), Math.max(10, height - bottom - top)];
  const long = across ? plotWidth : plotHeight;
  const slot = (across ? plotHeight : plotWidth) / bars.categories.length;
  const size = (one: number) => ((Math.min(Math.max(one, low), high) - low) / (high - low)) * long;
  const group = slot * (isHistogram ? 0.97 : Math.min(1, Math.max(0.1, asNumber(options['groupWidth'], 0.7))));
  const thick = stacked ? group : group / Math.max(1, series.length);
  const first = series[0]?.field;
  const opacity = asNumber(asObject(defaults['custom'])['fillOpacity'], 80) / 100;
  const every = Math.max(1, Math.ceil((across ? 15 : 64) / slot));
  const showValue = options['showValue'] === 'always' || (options['showValue'] !== 'never' && !isHistogram && thick > 34);
  const rects = bars.categories.flatMap((category, index) => {
    let [up, down] = [0, 0];
    return series.map((one, position) => {
      const size1 = value(one, index);
      if (size1 === undefined) return null;
      const base = stacked ? (size1 >= 0 ? up : down) : 0;
      if (size1 >= 0) up += size1; else down += size1;
      const [from, to] = [size(Math.min(base, base + size1)), size(Math.max(base, base + size1))];
      const side = index * slot + (slot - group) / 2 + (stacked ? 0 : position * thick);
      const text = format(one.field, one.values[index] ?? 0);
      const place = across ? { x: left + from, y: top + side, width: Math.max(0.5, to - from), height: Math.max(0.5, thick - 1) } : { x: left + side, y: top + plotHeight - to, width: Math.max(0.5, thick - 1), height: Math.max(0.5, to - from) };
      return (
        <g key={`${index} ${position}`}>
          <rect {...place} fill={one.color} fillOpacity={opacity}><title>{`${category}\n${one.name}: ${text}`}</title></rect>
          {showValue && <text x={across ? place.x + place.width + 3 : place.x + place.width / 2} y={across ? place.y + place.height / 2 + 4 : place.y - 3} textAnchor={across ? 'start' : 'middle'} className={css.value}>{text}</text>}
        </g>
      );
    });
  });
  const legend = asObject(options['legend']);
  return (
    <div className={legend['placement'] === 'right' ? css.beside : css.panel}>
      <div ref={element} className={css.chart}>
        {width > 0 && (
          <svg width={width} height={height} role="img" aria-label={`${panel.title || 'Bar chart'}: ${bars.categories.length} categories, ${series.length} series`}>
            {niceTicks(low, high, Math.max(2, long / (across ? 90 : 40))).map((tick) => {
              const label = stacking === 'percent' ? `${Math.round(tick * 100)}%` : isHistogram ? formatShort(tick) : format(first, tick);
              return across
                ? <g key={tick}><line x1={left + size(tick)} x2={left + size(tick)} y1={top} y2={top + plotHeight} className={css.grid} /><text x={left + size(tick)} y={height - 5} textAnchor="middle" className={css.tick}>{label}</text></g>
                : <g key={tick}><line x1={left} x2={width - 10} y1={top + plotHeight - size(tick)} y2={top + plotHeight - size(tick)} className={css.grid} /><text x={left - 6} y={top + plotHeight - size(tick) + 4} textAnchor="end" className={css.tick}>{label}</text></g>;
            })}
            {rects}
            {bars.categories.map((category, index) => index % every === 0 && (
              across
                ? <text key={index} x={left - 6} y={top + (index + 0.5) * slot + 4} textAnchor="end" className={css.tick}>{category.length > 24 ? `${category.slice(0, 23)}…` : category}</text>
                : <text key={index} x={left + (index + 0.5) * slot} y={height - 8} textAnchor="middle" className={css.tick}>{category.length > Math.max(4, (slot * every) / 7) ? `${category.slice(0, Math.max(3, Math.floor((slot * every) / 7)))}…` : category}</text>
            ))}
          </svg>
        )}
      </div>
      {asBoolean(legend['showLegend'], true) && (
        <ul className={css.legend} aria-label="Series">
          {bars.series.map((one, index) => (
            <li key={index}><button type="button" aria-pressed={only === undefined || only === one.name} onClick={() => setOnly(only === one.name ? undefined : one.name)}><i style={{ background: one.color }} />{one.name}</button></li>
          ))}
        </ul>
      )}
      {bars.note !== undefined && <p className={css.note}>{bars.note}</p>}
    </div>
  );
}
