import { getMachineUse, getRecentHost } from '../api/host';
import type { MachineUse } from '../api/host';
import { useResource } from '../api/useResource';
import { setSearch, useAddress } from '../app/router';
import { Choices, PageBar, Spacer } from '../components/Controls';
import { Empty, Loading, Notice, PageError } from '../components/States';
import { formatBytes, formatCount } from '../status/costs';
import { RecentCharts } from './RecentCharts';
import { formatCpu, formatRate, rowsOf, sharesOf } from './use';
import type { By, Row, Sort } from './use';
import css from './MachinePage.module.css';

const kRefreshMs = 3_000;
const kRows = 25;
const kSorts: Sort[] = ['cpu', 'memory', 'io'];
const kWindows = ['300', '900', '3600'] as const;
type Window = (typeof kWindows)[number];

const oneOf = <T extends string>(known: readonly T[], text: string | null): T => known.find((one) => one === text) ?? (known[0] as T);

export default function MachinePage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const by = oneOf<By>(['processes', 'names', 'groups'], parameters.get('by'));
  const sort = oneOf(kSorts, parameters.get('sort'));
  const window = oneOf<Window>(kWindows, parameters.get('seconds'));
  const change = (name: string, value: string) => {
    parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const use = useResource((signal) => getMachineUse(kRows, signal), [], { everyMs: kRefreshMs });
  const recent = useResource((signal) => getRecentHost(Number(window), [], signal), [window], { everyMs: kRefreshMs });
  const isWatched = use.data !== undefined || use.loading || use.error !== undefined;
  return (
    <div className={css.page}>
      <PageBar title="Machine">
        <Choices
          label="Rows are" value={by} onChange={(value) => change('by', value)}
          choices={[{ value: 'processes', label: 'Processes' }, { value: 'names', label: 'Programs' }, { value: 'groups', label: 'Services and containers' }]}
        />
        <Spacer />
        <Choices
          label="Time" value={window} onChange={(value) => change('seconds', value)}
          choices={[{ value: '300', label: '5 min' }, { value: '900', label: '15 min' }, { value: '3600', label: '1 h' }]}
        />
      </PageBar>
      <div className={css.content}>
        <PageError title="What uses the machine could not be read" error={use.error ?? recent.error} />
        {use.data === undefined && use.error === undefined && use.loading && <Loading what="what uses the machine" />}
        {!isWatched && <Empty title="This server watches no machine">It only stands in for another program. Start it as sextant to see what uses its machine.</Empty>}
        {use.data !== undefined && <Use use={use.data} by={by} sort={sort} setSort={(value) => change('sort', value)} />}
        {recent.data !== undefined && <RecentCharts recent={recent.data} seconds={Number(window)} />}
      </div>
    </div>
  );
}

interface UseProps {
  use: MachineUse;
  by: By;
  sort: Sort;
  setSort: (sort: Sort) => void;
}

function Use({ use, by, sort, setSort }: UseProps) {
  const rows = rowsOf(use, by, sort, kRows);
  const seconds = by === 'groups' ? use.groupIntervalSeconds : use.intervalSeconds;
  return (
    <section className={css.section} aria-label="What uses this machine">
      <h2>What uses this machine</h2>
      <p className={css.facts}>
        {formatCount(use.processes)} processes with {formatCount(use.threads)} threads on {use.cpus} {use.cpus === 1 ? 'core' : 'cores'},{' '}
        {formatCount(use.groups)} services and containers.{' '}
        {seconds > 0 ? `CPU of the last ${seconds < 10 ? seconds.toFixed(1) : seconds.toFixed(0)} s, 100 % is one core.` : 'Rates follow with the next look.'}
        {by !== 'groups' && use.ioDenied > 0 && ` Reads and writes of ${formatCount(use.ioDenied)} processes are hidden from the server.`}
      </p>
      {use.processesOverlooked > 0 && by !== 'groups' && (
        <Notice tone="warn" title="Not all processes are looked at">{formatCount(use.processesOverlooked)} are beyond the limit.</Notice>
      )}
      {rows.length === 0 ? (
        <p className={css.empty}>None</p>
      ) : (
        <Table rows={rows} shares={sharesOf(rows, sort)} sort={sort} setSort={setSort} what={by === 'processes' ? 'Process' : by === 'names' ? 'Program' : 'Service or container'} />
      )}
    </section>
  );
}

interface TableProps {
  rows: Row[];
  shares: number[];
  what: string;
  sort: Sort;
  setSort: (sort: Sort) => void;
}

function Table({ rows, shares, what, sort, setSort }: TableProps) {
  const head = (of: Sort, text: string) => (
    <th scope="col" aria-sort={sort === of ? 'descending' : undefined}>
      <button type="button" className={sort === of ? css.sorted : css.sort} onClick={() => setSort(of)}>{text}</button>
    </th>
  );
  return (
    <table className={css.table} aria-label="What uses this machine">
      <thead>
        <tr>
          <th scope="col">{what}</th>
          {head('cpu', 'CPU')}
          {head('memory', 'Memory')}
          {head('io', 'Disk')}
          <th scope="col" className={css.detail}>Read</th>
          <th scope="col" className={css.detail}>Written</th>
          <th scope="col" className={css.detail}>Threads</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={row.key}>
            <td className={css.what}>
              <span className={css.name}>{row.name === '' ? '(no name)' : row.name}</span> <span className={css.faint}>{row.note}</span>
              <span className={css.share} aria-hidden="true" style={{ width: `${(shares[index] ?? 0) * 100}%` }} />
            </td>
            <td>{formatCpu(row.cpuCores)}</td>
            <td>{formatBytes(row.memoryBytes)}</td>
            <td>{row.ioKnown ? formatRate(row.readBytesPerSecond + row.writtenBytesPerSecond) : <span className={css.faint}>hidden</span>}</td>
            <td className={css.detail}>{row.ioKnown ? formatRate(row.readBytesPerSecond) : ''}</td>
            <td className={css.detail}>{row.ioKnown ? formatRate(row.writtenBytesPerSecond) : ''}</td>
            <td className={css.detail}>{formatCount(row.threads)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
