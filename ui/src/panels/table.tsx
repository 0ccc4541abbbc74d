/** Table: one row per sample, cells with units, colours, small gauges and links. */
import { useState } from 'react';
import { asBoolean, asList, asNumber, asObject, asObjects, asText } from '../dashboards/read';
import { fieldReducers, FieldType, formattedValueToString, getFieldDisplayName, reduceField } from '../grafana';
import type { DataFrame, Field } from '../grafana';
import { Button } from '../components/Controls';
import { Empty } from '../components/States';
import { useSize } from '../components/useSize';
import type { PanelKind, PanelProps } from './panel';
import { Cell, footerReducers, rowColor, sideOf, textOf } from './tableCell';
import css from './table.module.css';

/** Rows of one page. */
const kRowsMax = 500;
const kRowPx = 26;

interface Sort {
  column: string;
  down: boolean;
}

function shownFields(frame: DataFrame): Field[] {
  return frame.fields.filter((field) => { const custom = asObject(field.config.custom); return custom['hidden'] !== true && asObject(custom['hideFrom'])['viz'] !== true; });
}

function compare(left: unknown, right: unknown, down: boolean): number {
  const sign = down ? -1 : 1;
  if (left === right) return 0;
  if (left === null || left === undefined) return 1;
  if (right === null || right === undefined) return -1;
  if (typeof left === 'number' && typeof right === 'number') return Number.isNaN(left) ? 1 : Number.isNaN(right) ? -1 : sign * (left - right);
  return sign * String(left).localeCompare(String(right), undefined, { numeric: true });
}

/** By the first column, where that says nothing by the next. */
function order(frame: DataFrame, by: { field: Field | undefined; down: boolean }[]): number[] {
  return Array.from({ length: frame.length }, (_, index) => index).sort((a, b) => {
    for (const { field, down } of by) {
      const found = field === undefined ? 0 : compare(field.values[a], field.values[b], down);
      if (found !== 0) return found;
    }
    return a - b;
  });
}

/** Lines under the rows, one per reducer: how many rows there are, or what each number comes to. */
function footersOf(options: Record<string, unknown>, fields: Field[], rows: number[], nameOf: (field: Field) => string): string[][] {
  const footer = asObject(options['footer']);
  const isShown = footer['show'] === true;
  const known = (ids: string[]) => ids.filter((id) => fieldReducers.getIfExists(id) !== undefined);
  const general = isShown ? known(asList(footer['reducer']).map((one) => asText(one))) : [];
  if (general[0] === 'count' && asBoolean(footer['countRows'])) return [fields.map((_, index) => (index === 0 ? `Count: ${rows.length}` : ''))];
  const only = asList(footer['fields']).map((one) => asText(one)).filter((one) => one !== '');
  const reducersOf = (field: Field) => {
    const own = known(footerReducers(field));
    if (own.length > 0) return own;
    return field.type === FieldType.number && (only.length === 0 || only.includes(nameOf(field)) || only.includes(field.name)) ? (isShown && general.length === 0 ? ['sum'] : general) : [];
  };
  const wanted = [...new Set(fields.flatMap(reducersOf))];
  return wanted.map((id) => {
    const called = fieldReducers.getIfExists(id)?.name ?? id;
    return fields.map((field, index) => {
      if (!reducersOf(field).includes(id)) return index === 0 ? called : '';
      const shown: Field = { ...field, values: rows.map((row) => field.values[row] as unknown), state: { ...field.state, calcs: {} } };
      const value = (reduceField({ field: shown, reducers: [id] }) as Record<string, unknown>)[id];
      const text = field.display === undefined ? String(value) : formattedValueToString(field.display(value));
      return index === 0 ? `${called}: ${text}` : text;
    });
  });
}

function TablePanel({ panel, frames, theme }: PanelProps) {
  const [sorts, setSorts] = useState<Sort[]>(() => asObjects(panel.options['sortBy']).map((one) => ({ column: asText(one['displayName']), down: asBoolean(one['desc']) })));
  const [sort] = sorts;
  const [chosen, setChosen] = useState(Math.max(0, asNumber(panel.options['frameIndex'], 0)));
  const [page, setPage] = useState(0);
  const [box, { height }] = useSize<HTMLDivElement>();
  const [filters, setFilters] = useState<ReadonlyMap<string, string>>(new Map());
  const frame = frames[Math.min(chosen, frames.length - 1)];
  if (frame === undefined || frame.fields.length === 0) return <Empty title="No data" />;
  const fields = shownFields(frame);
  const nameOf = (field: Field) => getFieldDisplayName(field, frame, frames);
  const wanted = [...filters].filter(([, text]) => text !== '');
  const kept = (row: number) => wanted.every(([name, text]) => {
    const field = fields.find((one) => nameOf(one) === name);
    return field === undefined || textOf(field, row).toLowerCase().includes(text.toLowerCase());
  });
  const rows = order(frame, sorts.map(({ column, down }) => ({ field: frame.fields.find((field) => nameOf(field) === column), down }))).filter(kept);
  const filterable = fields.filter((field) => asBoolean(asObject(field.config.custom)['filterable']) || asBoolean(field.config.filterable));
  const footers = footersOf(panel.options, fields, rows, nameOf);
  const pages = asBoolean(panel.options['enablePagination']) || asBoolean(asObject(panel.options['footer'])['enablePagination']);
  const size = pages && height > 0 ? Math.min(kRowsMax, Math.max(1, Math.floor(height / kRowPx) - 1 - footers.length - (filterable.length > 0 ? 1 : 0))) : kRowsMax;
  const last = Math.max(0, Math.ceil(rows.length / size) - 1);
  const first = Math.min(page, last) * size;
  return (
    <div className={css.panel}>
      <div className={css.scroll} ref={box}>
        <table className={css.table} style={{ '--columns': fields.length } as React.CSSProperties}>
          {panel.options['showHeader'] !== false && (
            <thead>
              <tr>
                {fields.map((field, index) => {
                  const name = nameOf(field);
                  const width = asNumber(asObject(field.config.custom)['width'], 0);
                  const minWidth = asNumber(asObject(field.config.custom)['minWidth'], 0);
                  return (
                    <th
                      key={index} scope="col" style={{ textAlign: sideOf(field), ...(width > 0 ? { width } : minWidth > 0 ? { minWidth } : {}) }}
                      aria-sort={sort?.column === name ? (sort.down ? 'descending' : 'ascending') : 'none'}
                    >
                      <button type="button" title={name} onClick={() => setSorts([{ column: name, down: sort?.column === name ? !sort.down : field.type === FieldType.number }])}>{name}</button>
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
            {rows.slice(first, first + size).map((row) => {
              const background = rowColor(fields, row);
              return <tr key={row}>{fields.map((field, index) => <Cell key={index} field={field} row={row} theme={theme} background={background} />)}</tr>;
            })}
          </tbody>
          {footers.length > 0 && (
            <tfoot>{footers.map((footer, line) => <tr key={line}>{fields.map((field, index) => <td key={index} style={{ textAlign: sideOf(field) }}>{footer[index]}</td>)}</tr>)}</tfoot>
          )}
        </table>
      </div>
      {last > 0 && (
        <div className={css.pages}>
          <Button disabled={first === 0} onClick={() => setPage(Math.min(page, last) - 1)}>Earlier</Button>
          <span>{first + 1} to {Math.min(first + size, rows.length)} of {rows.length} rows</span>
          <Button disabled={first + size >= rows.length} onClick={() => setPage(Math.min(page, last) + 1)}>Later</Button>
        </div>
      )}
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
