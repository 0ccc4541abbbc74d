/** One cell of a table: its text, its colour, a small gauge, links, a picture or what is inside a document. */
import { asList, asObject, asText } from '../dashboards/read';
import type { Json } from '../dashboards/read';
import { FieldType, formattedValueToString } from '../grafana';
import type { DisplayValue, Field, GrafanaTheme2 } from '../grafana';
import { safeUrl } from './options';
import { onColor, readable } from './readable';
import css from './table.module.css';

const customOf = (field: Field) => asObject(field.config.custom);

/** Newer documents have `cellOptions.type`, older ones `displayMode`. */
export function cellOptions(field: Field): Json & { type: string } {
  const options = asObject(customOf(field)['cellOptions']);
  const old = asText(customOf(field)['displayMode'], 'auto');
  const type = asText(options['type'], old);
  const isGauge = type.endsWith('-gauge') || type === 'basic' || type === 'gauge';
  return { ...(isGauge && type !== 'gauge' ? { mode: type.replace('-gauge', '') } : {}), ...options, type: isGauge ? 'gauge' : type.replace(/^color-background-solid$/, 'color-background') };
}

export function sideOf(field: Field): 'left' | 'right' | 'center' {
  const align = customOf(field)['align'];
  return align === 'left' || align === 'right' || align === 'center' ? align : field.type === FieldType.number ? 'right' : 'left';
}

export const displayOf = (field: Field, row: number): DisplayValue => field.display?.(field.values[row]) ?? { text: String(field.values[row] ?? ''), numeric: NaN };
export const textOf = (field: Field, row: number) => formattedValueToString(displayOf(field, row));

/** The colour of the first cell that colours its whole row. */
export function rowColor(fields: Field[], row: number): string | undefined {
  const field = fields.find((one) => { const options = cellOptions(one); return options.type === 'color-background' && options['applyToRow'] === true; });
  return field === undefined ? undefined : displayOf(field, row).color;
}

/** A value that holds a document, with its parts on lines of their own. */
function documentText(value: unknown): string {
  try {
    return JSON.stringify(typeof value === 'string' ? JSON.parse(value) : value, null, 2) ?? '';
  } catch {
    return String(value);
  }
}

function pillsOf(value: unknown): string[] {
  const list: unknown = Array.isArray(value) ? value : typeof value === 'string' && value.trim().startsWith('[') ? parsedList(value) : undefined;
  return (Array.isArray(list) ? list.map(String) : String(value ?? '').split(',')).map((one) => one.trim()).filter((one) => one !== '');
}

function parsedList(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Pictures come from this server or from the value itself; others are links. */
function Picture({ source, text }: { source: string; text: string }) {
  if (/^(data:image\/|\/(?!\/))/.test(source)) return <img className={css.picture} src={source} alt={text} />;
  const href = safeUrl(source);
  return href === undefined ? text : <a href={href} rel="noreferrer">{text}</a>;
}

interface CellProps {
  field: Field;
  row: number;
  theme: GrafanaTheme2;
  /** Of the row, where a cell of it colours all. */
  background: string | undefined;
}

export function Cell({ field, row, theme, background }: CellProps) {
  const value = displayOf(field, row);
  const raw = field.values[row] as unknown;
  const text = formattedValueToString(value);
  const options = cellOptions(field);
  const { type } = options;
  const color = value.color ?? theme.colors.text.primary;
  const links = field.config.links === undefined || field.config.links.length === 0 ? [] : (field.getLinks?.({ valueRowIndex: row }) ?? []).flatMap((link) => { const href = safeUrl(link.href); return href === undefined ? [] : [{ ...link, href }]; });
  const [link] = links;
  const wraps = customOf(field)['wrapText'] === true || options['wrapText'] === true;
  const style: React.CSSProperties = { textAlign: sideOf(field), ...(wraps ? { whiteSpace: 'normal', overflowWrap: 'anywhere' } : {}) };
  if (type === 'color-text') style.color = readable(color, theme);
  const filled = type === 'color-background' ? color : background;
  if (filled !== undefined) Object.assign(style, { background: filled, color: onColor(filled, theme) });
  if (type === 'gauge') return <td><CellGauge value={value} text={text} color={color} options={options} theme={theme} /></td>;
  if (type === 'json-view') return <td style={style}><pre className={css.json}>{documentText(raw)}</pre></td>;
  if (type === 'image') return <td style={style}><Picture source={String(raw ?? '')} text={asText(options['alt'], text)} /></td>;
  if (type === 'pill') return <td style={style}>{pillsOf(raw).map((one, index) => <span key={index} className={css.pill}>{one}</span>)}</td>;
  if (type === 'data-links') return <td style={style}>{links.map((one, index) => <a key={index} className={css.datalink} href={one.href} target={one.target} rel="noreferrer">{one.title}</a>)}</td>;
  return <td style={style} title={text}>{link === undefined ? text : <a href={link.href} target={link.target} rel="noreferrer" title={links.map(({ title }) => title).join(', ')}>{text}</a>}</td>;
}

const kLcdCells = 20;

function CellGauge({ value, text, color, options, theme }: { value: DisplayValue; text: string; color: string; options: Json; theme: GrafanaTheme2 }) {
  const share = Math.min(1, Math.max(0, value.percent ?? 0));
  const shown = options['valueDisplayMode'];
  return (
    <div className={css.gauge}>
      <span className={css.track}>
        {options['mode'] === 'lcd'
          ? <span className={css.lcd}>{Array.from({ length: kLcdCells }, (_, index) => <i key={index} style={{ background: color, opacity: (index + 0.5) / kLcdCells <= share ? 1 : 0.15 }} />)}</span>
          : <i style={{ width: `${share * 100}%`, background: color }} />}
      </span>
      {shown !== 'hidden' && <b style={{ color: shown === 'text' ? 'var(--text)' : readable(color, theme) }}>{text}</b>}
    </div>
  );
}

/** What a field's footer comes to: the reducers that its own options name, or the panel's. */
export const footerReducers = (field: Field): string[] => asList(asObject(customOf(field)['footer'])['reducers']).map((one) => asText(one));
