/** Table: one row per sample, cells with units, colours, small gauges and links. */
import { useState } from 'react';
import { asBoolean, asList, asNumber, asObject, asObjects, asText } from '../dashboards/read';
import { fieldReducers, FieldType, formattedValueToString, getFieldDisplayName, reduceField } from '../grafana';
import type { DataFrame, DisplayValue, Field, GrafanaTheme2 } from '../grafana';
import { Empty } from '../components/States';
import { safeUrl } from './options';
import type { PanelKind, PanelProps } from './panel';
import { onColor, readable } from './readable';
import css from './table.module.css';

/** Rows drawn; a table with more is a question for a query. */
const kRowsMax = 500;

interface Sort {
  column: string;
  down: boolean;
}

function shownFields(frame: DataFrame): Field[] {
  return frame.fields.filter((field) => asObject(field.config.custom)['hidden'] !== true);
}

function order(frame: DataFrame, field: Field | undefined, down: boolean): number[] {
  const rows = Array.from({ length: frame.length }, (_, index) => index);
  if (field === undefined) return rows;
  const sign = down ? -1 : 1;
  return rows.sort((a, b) => {
    const [left, right] = [field.values[a] as unknown, field.values[b] as unknown];
    if (left === right) return a - b;
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    if (typeof left === 'number' && typeof right === 'number') return Number.isNaN(left) ? 1 : Number.isNaN(right) ? -1 : sign * (left - right);
    return sign * String(left).localeCompare(String(right), undefined, { numeric: true });
  });
}

function cellType(field: Field): string {
  const custom = asObject(field.config.custom);
  const cell = asObject(custom['cellOptions']);
  return asText(cell['type'], asText(custom['displayMode'], 'auto'));
}

function Cell({ field, row, theme }: { field: Field; row: number; theme: GrafanaTheme2 }) {
  const value: DisplayValue = field.display?.(field.values[row]) ?? { text: String(field.values[row] ?? ''), numeric: NaN };
  const text = formattedValueToString(value);
  const type = cellType(field);
  const color = value.color ?? theme.colors.text.primary;
  const link = field.config.links === undefined || field.config.links.length === 0 ? undefined : field.getLinks?.({ valueRowIndex: row })[0];
  const href = safeUrl(link?.href);
  const content = href === undefined ? text : <a href={href} target={link?.target ?? undefined} rel="noreferrer" title={link?.title}>{text}</a>;
  const align = asText(asObject(field.config.custom)['align'], 'auto');
  const side = align === 'auto' || align === '' ? (field.type === FieldType.number ? 'right' : 'left') : align;
  const style: React.CSSProperties = { textAlign: side as 'left' | 'right' | 'center' };
  if (type === 'color-text') style.color = readable(color, theme);
  if (type.startsWith('color-background')) Object.assign(style, { background: color, color: onColor(color, theme) });
  if (type === 'gauge' || type.endsWith('-gauge') || type === 'basic') {
    const share = Math.min(1, Math.max(0, value.percent ?? 0));
    return (
      <td>
        <div className={css.gauge}>
          <span className={css.track}><i style={{ width: `${share * 100}%`, background: color }} /></span>
          <b style={{ color: readable(color, theme) }}>{text}</b>
        </div>
      </td>
    );
  }
  return <td style={style} title={text}>{content}</td>;
}

/** The line under the rows: how many there are, or what each number comes to. */
function footerOf(options: Record<string, unknown>, fields: Field[], rows: number[], nameOf: (field: Field) => string): string[] | undefined {
  const footer = asObject(options['footer']);
  if (footer['show'] !== true) return undefined;
  const reducers = asList(footer['reducer']).map((one) => asText(one)).filter((id) => fieldReducers.getIfExists(id) !== undefined);
  const id = reducers[0] ?? 'sum';
  if (id === 'count' && asBoolean(footer['countRows'])) return fields.map((_, index) => (index === 0 ? `Count: ${rows.length}` : ''));
  const only = asList(footer['fields']).map((one) => asText(one)).filter((one) => one !== '');
  return fields.map((field, index) => {
    if (field.type !== FieldType.number || (only.length > 0 && !only.includes(nameOf(field)) && !only.includes(field.name))) return index === 0 ? (fieldReducers.getIfExists(id)?.name ?? id) : '';
    const shown: Field = { ...field, values: rows.map((row) => field.values[row] as unknown), state: { ...field.state, calcs: {} } };
    const value = (reduceField({ field: shown, reducers: [id] }) as Record<string, unknown>)[id];
    return field.display === undefined ? String(value) : formattedValueToString(field.display(value));
  });
}

function TablePanel({ panel, frames, theme }: PanelProps) {
  const initial = asObjects(panel.options['sortBy'])[0];
  const [sort, setSort] = useState<Sort | undefined>(initial === undefined ? undefined : { column: asText(initial['displayName']), down: asBoolean(initial['desc']) });
  const [chosen, setChosen] = useState(0);
  const [filters, setFilters] = useState<ReadonlyMap<string, string>>(new Map());
  const frame = frames[Math.min(chosen, frames.length - 1)];
  if (frame === undefined || frame.fields.length === 0) return <Empty title="No data" />;
  const fields = shownFields(frame);
  const nameOf = (field: Field) => getFieldDisplayName(field, frame, frames);
  const wanted = [...filters].filter(([, text]) => text !== '');
  const kept = (row: number) => wanted.every(([name, text]) => {
    const field = fields.find((one) => nameOf(one) === name);
    return field === undefined || (field.display === undefined ? String(field.values[row]) : formattedValueToString(field.display(field.values[row]))).toLowerCase().includes(text.toLowerCase());
  });
  const rows = order(frame, fields.find((field) => nameOf(field) === sort?.column), sort?.down ?? false).filter(kept);
  const filterable = fields.filter((field) => asBoolean(asObject(field.config.custom)['filterable']) || asBoolean(field.config.filterable));
  const footer = footerOf(panel.options, fields, rows, nameOf);
  return (
    <div className={css.panel}>
      <div className={css.scroll}>
        <table className={css.table}>
          {panel.options['showHeader'] !== false && (
            <thead>
              <tr>
                {fields.map((field, index) => {
                  const name = nameOf(field);
                  const width = asNumber(asObject(field.config.custom)['width'], 0);
                  return (
                    <th
                      key={index} scope="col" style={{ textAlign: field.type === FieldType.number ? 'right' : 'left', ...(width > 0 ? { width } : {}) }}
                      aria-sort={sort?.column === name ? (sort.down ? 'descending' : 'ascending') : 'none'}
                    >
                      <button type="button" onClick={() => setSort(sort?.column !== name ? { column: name, down: field.type === FieldType.number } : { column: name, down: !sort.down })}>{name}</button>
                    </th>
                  );
                })}
              </tr>
              {filterable.length > 0 && (
                <tr>
                  {fields.map((field, index) => (
                    <td key={index}>
                      {filterable.includes(field) && <input className={css.filter} value={filters.get(nameOf(field)) ?? ''} placeholder="Filter" aria-label={`Filter ${nameOf(field)}`} onChange={(event) => setFilters(new Map(filters).set(nameOf(field), event.target.value))} />}
                    </td>
                  ))}
                </tr>
              )}
            </thead>
          )}
          <tbody>
            {rows.slice(0, kRowsMax).map((row) => (
              <tr key={row}>{fields.map((field, index) => <Cell key={index} field={field} row={row} theme={theme} />)}</tr>
            ))}
          </tbody>
          {footer !== undefined && <tfoot><tr>{footer.map((text, index) => <td key={index} style={{ textAlign: fields[index]?.type === FieldType.number ? 'right' : 'left' }}>{text}</td>)}</tr></tfoot>}
        </table>
      </div>
      {rows.length > kRowsMax && <p className={css.note}>{kRowsMax} of {rows.length} rows are shown.</p>}
      {frames.length > 1 && (
        <label className={css.frames}>
          <span className="visually-hidden">Series</span>
          <select value={chosen} onChange={(event) => setChosen(Number(event.target.value))}>
            {frames.map((one, index) => <option key={index} value={index}>{one.name ?? getFieldDisplayName(one.fields.find((field) => field.type === FieldType.number) ?? one.fields[0] ?? ({} as Field), one, frames)}</option>)}
          </select>
        </label>
      )}
    </div>
  );
}

export const table: PanelKind = { Component: TablePanel, colorMode: 'thresholds', asks: true };
