/** Logs: lines of text with their time, newest first unless the document says otherwise. */
import { useMemo, useState } from 'react';
import { asBoolean, asObject } from '../dashboards/read';
import type { PanelProps } from './panel';
import { levelOf, readLines } from './logLines';
import { formatDateTime } from '../time/format';
import css from './logs.module.css';

const kLinesMax = 1000;

export default function LogsPanel({ panel, frames, utc }: PanelProps) {
  const { options } = panel;
  const [open, setOpen] = useState<number | undefined>(undefined);
  const lines = useMemo(() => readLines(frames, options['sortOrder'] === 'Ascending'), [frames, options]);
  if (lines.length === 0) return <p className={css.note} data-empty>No lines</p>;
  return (
    <div className={css.panel}>
      <ol className={css.lines} aria-label={panel.title || 'Logs'}>
        {lines.slice(0, kLinesMax).map((line, index) => (
          <li key={index} className={`${css.line} ${css[levelOf(line)] ?? ''}`}>
            <button type="button" aria-expanded={open === index} className={asBoolean(options['wrapLogMessage']) || open === index ? css.wrapped : css.single} onClick={() => setOpen(open === index ? undefined : index)}>
              {options['showTime'] !== false && <time>{formatDateTime(line.timeMs, utc)}</time>}
              {asBoolean(options['showLabels']) && <em>{Object.entries(line.labels).map(([name, value]) => `${name}=${value}`).join(' ')}</em>}
              <span>{line.text}</span>
            </button>
            {open === index && (
              <dl>
                {Object.entries(asObject(line.labels)).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{String(value)}</dd></div>)}
              </dl>
            )}
          </li>
        ))}
      </ol>
      {lines.length > kLinesMax && <p className={css.note}>{kLinesMax} of {lines.length} lines are shown.</p>}
    </div>
  );
}
