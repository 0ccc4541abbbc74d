/** Frames as comma-separated text, as spreadsheets read it. */
import { FieldType, formattedValueToString, getFieldDisplayName } from '../grafana';
import type { DataFrame } from '../grafana';

/** Text that a spreadsheet would take for a formula is marked as text. */
function quote(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
  return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}

export interface Table {
  head: string[];
  rows: string[][];
}

/** Time series that share their times become one table, with a column per series; other frames one table each. */
export function tablesOf(frames: DataFrame[], formatted: boolean): Table[] {
  const cell = (frame: DataFrame, column: number, row: number): string => {
    const field = frame.fields[column];
    const value = field?.values[row] as unknown;
    if (field === undefined || value === null || value === undefined) return '';
    if (field.type === FieldType.time) return new Date(Number(value)).toISOString();
    return formatted && field.display !== undefined ? formattedValueToString(field.display(value)) : typeof value === 'object' ? JSON.stringify(value) : String(value);
  };
  const times = (frame: DataFrame) => (frame.fields[0]?.type === FieldType.time ? frame.fields[0].values : undefined);
  const first = frames[0] === undefined ? undefined : times(frames[0]);
  const alike = frames.length > 1 && first !== undefined && frames.every((frame) => frame.fields.length === 2 && times(frame)?.length === first.length && times(frame)?.[0] === first[0]);
  if (alike && frames[0] !== undefined) {
    const [head] = frames;
    return [{
      head: ['Time', ...frames.map((frame) => getFieldDisplayName(frame.fields[1] ?? frame.fields[0] ?? ({} as never), frame, frames))],
      rows: Array.from({ length: head?.length ?? 0 }, (_, row) => [head === undefined ? '' : cell(head, 0, row), ...frames.map((frame) => cell(frame, 1, row))]),
    }];
  }
  return frames.map((frame) => ({
    head: frame.fields.map((field) => getFieldDisplayName(field, frame, frames)),
    rows: Array.from({ length: frame.length }, (_, row) => frame.fields.map((_field, column) => cell(frame, column, row))),
  }));
}

export function toCsv(tables: Table[]): string {
  return tables.map(({ head, rows }) => [head, ...rows].map((row) => row.map(quote).join(',')).join('\r\n')).join('\r\n\r\n');
}
