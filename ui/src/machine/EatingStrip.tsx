import { getMachineUse } from '../api/host';
import { useResource } from '../api/useResource';
import { Link } from '../app/router';
import { formatBytes } from '../status/costs';
import { formatCpu, formatRate, rowsOf } from './use';
import type { Row, Sort } from './use';
import css from './EatingStrip.module.css';

const kRefreshMs = 5_000;

/** What eats this machine, in one line that leads to the whole table; nothing where the server watches no machine. */
export function EatingStrip() {
  const { data } = useResource((signal) => getMachineUse(5, signal), [], { everyMs: kRefreshMs });
  if (data === undefined) return null;
  const most = (sort: Sort) => rowsOf(data, 'names', sort, 1)[0];
  return (
    <nav className={css.strip} aria-label="What uses this machine">
      <Most to="/machine?sort=cpu" what="Most CPU" row={most('cpu')} amount={(row) => formatCpu(row.cpuCores)} />
      <Most to="/machine?sort=memory" what="Most memory" row={most('memory')} amount={(row) => formatBytes(row.memoryBytes)} />
      <Most to="/machine?sort=io" what="Most disk" row={most('io')} amount={(row) => formatRate(row.readBytesPerSecond + row.writtenBytesPerSecond)} />
      <Link to="/machine" className={css.all}>All processes</Link>
    </nav>
  );
}

function Most({ to, what, row, amount }: { to: string; what: string; row: Row | undefined; amount: (row: Row) => string }) {
  if (row === undefined) return null;
  return (
    <Link to={to} className={css.most}>
      <span className={css.what}>{what}</span> <span className={css.name}>{row.name === '' ? '(no name)' : row.name}</span> <span className={css.amount}>{amount(row)}</span>
    </Link>
  );
}
