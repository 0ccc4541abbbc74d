/** State timeline and status history: which state each series was in, over time. */
import { useMemo } from 'react';
import { CellChart } from '../charts/CellChart';
import type { ChartCell } from '../charts/CellChart';
import { withOpacity } from '../charts/colors';
import { asBoolean, asNumber, asObject, asText } from '../dashboards/read';
import { getFieldDisplayName } from '../grafana';
import { formatDateTime } from '../time/format';
import { humanDuration } from '../time/duration';
import type { PanelProps } from './panel';
import { distinctStates, readStates } from './states';
import css from './stateTimeline.module.css';

interface Cell extends ChartCell {
  name: string;
  state: string;
}

const kLegendMax = 24;

export default function StateTimelinePanel({ panel, frames, theme, range, utc, syncKey, onZoom }: PanelProps) {
  const { options } = panel;
  const each = panel.type === 'status-history';
  const { rows, left } = useMemo(
    () => readStates(frames, (field, frame) => getFieldDisplayName(field, frame, frames), theme, range.toMs, { merge: asBoolean(options['mergeValues'], true), each }),
    [frames, theme, options, range.toMs],
  );
  const opacity = asNumber(asObject(panel.fieldConfig.defaults['custom'])['fillOpacity'], 70) / 100;
  const showValue = asText(options['showValue'], 'auto');
  const cells = useMemo(
    () => rows.flatMap(({ name, stretches }, index) =>
      stretches.map((stretch): Cell => ({
        fromMs: stretch.fromMs, toMs: stretch.toMs, row: rows.length - 1 - index, rowEnd: rows.length - index, color: withOpacity(stretch.color, opacity), name, state: stretch.text,
        ...(showValue === 'never' ? {} : { text: stretch.text }),
      })),
    ),
    [rows, showValue, opacity],
  );
  const legend = asObject(options['legend']);
  const states = legend['showLegend'] === false ? [] : distinctStates(rows, kLegendMax);
  const align = asText(options['alignValue'], each ? 'center' : 'left');
  return (
    <div className={legend['placement'] === 'right' ? css.beside : css.panel}>
      <div className={css.chart}>
        <CellChart
          label={`${panel.title || 'State timeline'}: ${rows.length} series`} rows={rows.length} ticks={rows.map(({ name }, index) => ({ at: rows.length - 0.5 - index, label: name })).reverse()} cells={cells}
          fromMs={range.fromMs} toMs={range.toMs} utc={utc} gapPx={each ? 1 : 0} fill={Math.min(1, Math.max(0.1, asNumber(options['rowHeight'], 0.9)))}
          align={align === 'right' || align === 'center' ? align : 'left'} showAxis syncKey={syncKey} onZoom={onZoom}
          describe={(cell) => ({
            title: cell.name,
            lines: [{ color: cell.color, name: cell.state, value: humanDuration(cell.toMs - cell.fromMs), near: true }, { name: `${formatDateTime(cell.fromMs, utc)} to ${formatDateTime(cell.toMs, utc)}`, value: '' }],
          })}
        />
      </div>
      {states.length > 0 && (
        <ul className={css.legend} aria-label="States">
          {states.map(({ text, color }) => <li key={`${text} ${color}`}><i style={{ background: color }} />{text}</li>)}
        </ul>
      )}
      {left > 0 && <p className={css.note}>{left} more series are not drawn.</p>}
    </div>
  );
}
