import { useState } from 'react';
import type { QueryResult } from '../api/types';
import { formatExact } from '../charts/numbers';
import { Button } from '../components/Controls';
import { Icon } from '../components/icons';
import { Empty } from '../components/States';
import { formatDateTime } from '../time/format';
import { SeriesName } from './SeriesName';
import { toRows } from './results';
import css from './ResultTable.module.css';

type Order = 'none' | 'down' | 'up';
const nextOrder: Record<Order, Order> = { none: 'down', down: 'up', up: 'none' };
const ariaSort = { none: 'none', down: 'descending', up: 'ascending' } as const;

/** Rows drawn at once; more on request, so that a selector for everything does not freeze the page. */
const kRowsAtOnce = 250;
const kSamplesShown = 12;

export function ResultTable({ result }: { result: QueryResult }) {
  const [order, setOrder] = useState<Order>('none');
  const [rowsShown, setRowsShown] = useState(kRowsAtOnce);
  const rows = toRows(result);
  if (rows.length === 0) return <Empty title="No series match">The query is valid, and nothing in the store answers it at this time.</Empty>;
  const number = (value: number) => (Number.isNaN(value) ? -Infinity : value);
  if (order !== 'none') rows.sort((a, b) => (order === 'down' ? 1 : -1) * (number(b.sortValue) - number(a.sortValue)));
  return (
    <div className={css.scroll}>
      <table className={css.table}>
        <thead>
          <tr>
            <th scope="col">{result.resultType === 'scalar' || result.resultType === 'string' ? `Result (${result.resultType})` : 'Series'}</th>
            <th scope="col" className={css.value} aria-sort={ariaSort[order]}>
              <button type="button" onClick={() => setOrder(nextOrder[order])}>
                {result.resultType === 'matrix' ? 'Samples' : 'Value'}
                <Icon name="chevron" size={12} className={css[order]} />
              </button>
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, rowsShown).map((row, index) => (
            <tr key={index}>
              <td>{result.resultType === 'scalar' || result.resultType === 'string' ? result.resultType : <SeriesName labels={row.labels} />}</td>
              <td className={css.value}>
                {row.values.slice(-kSamplesShown).map(({ value, timeMs }, line) => (
                  <div key={line}>
                    {formatExact(value)}
                    {timeMs !== undefined && <span className={css.time}> @ {formatDateTime(timeMs)}</span>}
                  </div>
                ))}
                {row.values.length > kSamplesShown && <div className={css.time}>and {row.values.length - kSamplesShown} earlier</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > rowsShown && (
        <div className={css.more}>
          {rowsShown} of {rows.length} series shown
          <Button onClick={() => setRowsShown(rowsShown + 4 * kRowsAtOnce)}>Show more</Button>
        </div>
      )}
    </div>
  );
}
