import { useId, useState } from 'react';
import { formatDateTime } from '../time/format';
import { absoluteRange, quickRanges, resolveRange } from '../time/range';
import type { TimeRange } from '../time/range';
import { Icon } from './icons';
import { Popover } from './Popover';
import css from './TimePicker.module.css';

interface TimePickerProps {
  range: TimeRange;
  onChange: (range: TimeRange) => void;
  utc?: boolean;
}

/** The range in words: a quick range's name, or both ends. */
export function describeRange(range: TimeRange, nowMs: number, utc: boolean): string {
  const quick = quickRanges.find((one) => one.range.from === range.from && one.range.to === range.to);
  if (quick !== undefined) return quick.label;
  if (range.to === 'now' && /^now-\d+[smhdw]$/.test(range.from)) return `Last ${range.from.slice(4)}`;
  const resolved = resolveRange(range, nowMs, utc);
  if (resolved === undefined) return 'Unreadable range';
  const to = formatDateTime(resolved.toMs, utc);
  const from = formatDateTime(resolved.fromMs, utc);
  return `${from} – ${from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to}`;
}

export function TimePicker({ range, onChange, utc = false }: TimePickerProps) {
  const zoomOut = () => {
    const resolved = resolveRange(range, Date.now(), utc);
    if (resolved === undefined) return;
    const half = resolved.toMs - resolved.fromMs;
    const to = Math.min(resolved.toMs + half / 2, Date.now());
    onChange(absoluteRange(to - 2 * half, to));
  };
  const words = describeRange(range, Date.now(), utc);
  return (
    <div className={css.group}>
      <Popover
        label="Time range" shows={words} align="right" buttonClass={css.trigger} title="Time range"
        button={
          <>
            <Icon name="clock" />
            <span className={css.text}>{words}</span>
            <Icon name="chevron" size={12} />
          </>
        }
      >
        {(close) => <Choose range={range} utc={utc} onChange={(next) => { onChange(next); close(); }} />}
      </Popover>
      <button type="button" className={css.zoom} title="Twice the range" aria-label="Zoom out" onClick={zoomOut}><Icon name="zoomOut" /></button>
    </div>
  );
}

const shownEnd = (end: string, utc: boolean) => (/^\d{9,}$/.test(end) ? formatDateTime(Number(end), utc) : end);

function Choose({ range, onChange, utc }: Required<TimePickerProps>) {
  const [from, setFrom] = useState(shownEnd(range.from, utc));
  const [to, setTo] = useState(shownEnd(range.to, utc));
  const id = useId();
  const resolved = resolveRange({ from, to }, Date.now(), utc);
  const submit = (event: React.FormEvent) => {
    event.preventDefault();
    if (resolved === undefined) return;
    const end = (text: string, ms: number) => (text.trim().startsWith('now') ? text.trim() : String(ms));
    onChange({ from: end(from, resolved.fromMs), to: end(to, resolved.toMs) });
  };
  return (
    <div className={css.choose}>
      <form className={css.form} onSubmit={submit}>
        <label htmlFor={`${id}-from`}>From</label>
        <input id={`${id}-from`} value={from} spellCheck={false} autoFocus onChange={(event) => setFrom(event.target.value)} />
        <label htmlFor={`${id}-to`}>To</label>
        <input id={`${id}-to`} value={to} spellCheck={false} onChange={(event) => setTo(event.target.value)} />
        <p className={resolved === undefined ? css.wrong : css.hint}>
          {resolved === undefined ? 'Not a range: the start must be before the end.' : 'now-90m, now/d, or 2026-01-31 14:00'}
        </p>
        <button type="submit" className={css.apply} disabled={resolved === undefined}>Apply</button>
      </form>
      <ul className={css.quick}>
        {quickRanges.map((quick) => (
          <li key={quick.label}>
            <button
              type="button" className={css.option} onClick={() => onChange(quick.range)}
              aria-pressed={quick.range.from === range.from && quick.range.to === range.to}
            >
              {quick.label}
            </button>
          </li>
        ))}
      </ul>
    </div>
  );
}

const refreshChoices = ['', '5s', '10s', '30s', '1m', '5m', '15m'];

interface RefreshPickerProps {
  every: string;
  onChange: (every: string) => void;
  onRefresh: () => void;
  busy: boolean;
  /** Gives up what is asked; absent where that cannot be. */
  onStop?: () => void;
}

/** Refresh now, and how often by itself. */
export function RefreshPicker({ every, onChange, onRefresh, busy, onStop }: RefreshPickerProps) {
  const choices = refreshChoices.includes(every) ? refreshChoices : [...refreshChoices, every];
  return (
    <div className={css.group}>
      <button type="button" className={css.trigger} title="Refresh (r)" aria-label="Refresh" onClick={onRefresh}>
        <Icon name="refresh" className={busy ? css.turning : undefined} />
      </button>
      {busy && onStop !== undefined && <button type="button" className={css.trigger} title="Give up the queries that are not answered yet" onClick={onStop}>Stop</button>}
      <Popover
        label="Refresh interval" shows={every} align="right" buttonClass={css.zoom} title="Refresh interval"
        button={<>{every === '' ? '' : <span className={css.every}>{every}</span>}<Icon name="chevron" size={12} /></>}
      >
        {(close) => (
          <ul>
            {choices.map((choice) => (
              <li key={choice}>
                <button type="button" className={css.option} aria-pressed={choice === every} onClick={() => { onChange(choice); close(); }}>
                  {choice === '' ? 'Off' : `Every ${choice}`}
                </button>
              </li>
            ))}
          </ul>
        )}
      </Popover>
    </div>
  );
}
