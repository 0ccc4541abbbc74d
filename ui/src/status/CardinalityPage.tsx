import type { ReactNode } from 'react';
import { Link, setSearch, useAddress } from '../app/router';
import { getCardinality } from '../api/prometheus';
import type { CardinalityAnswer, SeriesCost } from '../api/types';
import { useResource } from '../api/useResource';
import { Choices, PageBar, Spacer } from '../components/Controls';
import { Loading, Notice, PageError } from '../components/States';
import { countQuery, formatBytes, formatCount, formatWindow, queryAddress, shareOf, valuesQuery } from './costs';
import css from './CardinalityPage.module.css';

const kRefreshMs = 15_000;
type Sort = 'series' | 'created';
type Rows = '10' | '50' | '200';

export default function CardinalityPage() {
  const { search } = useAddress();
  const parameters = new URLSearchParams(search);
  const sort: Sort = parameters.get('sort') === 'created' ? 'created' : 'series';
  const wanted = parameters.get('rows');
  const rows: Rows = wanted === '50' || wanted === '200' ? wanted : '10';
  const change = (name: string, value: string, none: string) => {
    if (value === none) parameters.delete(name);
    else parameters.set(name, value);
    setSearch(parameters, { replace: true });
  };
  const { data, error } = useResource((signal) => getCardinality(sort, Number(rows), signal), [sort, rows], { everyMs: kRefreshMs });
  return (
    <div className={css.page}>
      <PageBar title="Costs">
        <Choices
          label="Order" value={sort} onChange={(value) => change('sort', value, 'series')}
          choices={[{ value: 'series', label: 'Most series' }, { value: 'created', label: 'Most new series' }]}
        />
        <Spacer />
        <Choices
          label="Rows" value={rows} onChange={(value) => change('rows', value, '10')}
          choices={[{ value: '10', label: '10' }, { value: '50', label: '50' }, { value: '200', label: '200 rows' }]}
        />
      </PageBar>
      <div className={css.content}>
        <PageError title="The costs could not be read" error={error} />
        {data === undefined && error === undefined && <Loading what="costs" />}
        {data !== undefined && <Costs data={data} />}
      </div>
    </div>
  );
}

function Costs({ data }: { data: CardinalityAnswer }) {
  const { head, metrics, targets, labelPairs, labels } = data;
  const window = formatWindow(head.windowSeconds);
  const refused = head.refusedBySeriesLimit + head.refusedByBytesLimit;
  return (
    <>
      {refused > 0 && (
        <Notice tone="warn" title="New series were refused">
          {formatCount(refused)} samples since the start, because of{' '}
          {head.refusedBySeriesLimit > 0 ? 'the limit of series' : 'the limit of memory'} (
          <code className={css.flag}>{head.refusedBySeriesLimit > 0 ? '--series.limit' : '--memory.limit'}</code>). Series that were there go on.
        </Notice>
      )}
      <dl className={css.facts}>
        <Fact name="Series in memory" used={head.series} limit={head.seriesLimit} format={formatCount} />
        <Fact name="Their memory" used={head.bytes} limit={head.bytesLimit} format={formatBytes} />
        <div className={css.fact}><dt>New {window}</dt><dd>{formatCount(head.created)}</dd></div>
        <div className={css.fact}><dt>Labels with values</dt><dd>{formatCount(head.labelPairs)}</dd></div>
      </dl>
      <div className={css.tables}>
        <SeriesTable
          name="Metrics" what="Metric" window={window} total={head.series} rows={metrics}
          cell={({ metric }) => ({ key: metric, to: countQuery([['__name__', metric]], 'job'), text: metric })}
        />
        <SeriesTable
          name="Targets" what="Job and instance" window={window} total={head.series} rows={targets}
          cell={({ job, instance }) => ({
            key: `${job} ${instance}`, to: countQuery([['job', job], ['instance', instance]], '__name__'),
            text: <><span className={css.faint}>{job}</span> {instance}</>,
          })}
        />
        <SeriesTable
          name="Labels and values" what="Label" window={window} total={head.series} rows={labelPairs}
          cell={({ name, value }) => ({
            key: `${name}=${value}`, to: countQuery([[name, value]], '__name__'),
            text: <><span className={css.faint}>{name}=</span>{value}</>,
          })}
        />
        <LabelTable labels={labels} window={window} />
      </div>
    </>
  );
}

function Fact({ name, used, limit, format }: { name: string; used: number; limit: number; format: (value: number) => string }) {
  const share = shareOf(used, limit);
  return (
    <div className={css.fact}>
      <dt>{name}</dt>
      <dd>{format(used)}{share !== undefined && <span className={css.limit}> of {format(limit)}</span>}</dd>
      {share !== undefined && (
        <dd className={css.meter} aria-hidden="true"><span className={share > 0.9 ? css.nearlyFull : css.used} style={{ width: `${share * 100}%` }} /></dd>
      )}
    </div>
  );
}

interface SeriesTableProps<Row extends SeriesCost> {
  name: string;
  what: string;
  window: string;
  total: number;
  rows: Row[];
  cell: (row: Row) => { key: string; to: string; text: ReactNode };
}

function SeriesTable<Row extends SeriesCost>({ name, what, window, total, rows, cell }: SeriesTableProps<Row>) {
  return (
    <Section name={name} empty={rows.length === 0}>
      <table className={css.table} aria-label={name}>
        <thead><tr><th scope="col">{what}</th><th scope="col">Series</th><th scope="col" title={`New ${window}`}>New</th><th scope="col">Memory</th></tr></thead>
        <tbody>
          {rows.map((row) => {
            const { key, to, text } = cell(row);
            return (
              <tr key={key}>
                <td className={css.what}>
                  <Link to={queryAddress(to)} title={key}>{text}</Link>
                  <span className={css.share} aria-hidden="true" style={{ width: `${(shareOf(row.series, total) ?? 0) * 100}%` }} />
                </td>
                <td>{formatCount(row.series)}</td><td><New count={row.created} /></td><td>{formatBytes(row.bytes)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </Section>
  );
}

function LabelTable({ labels, window }: { labels: CardinalityAnswer['labels']; window: string }) {
  return (
    <Section name="Label names" empty={labels.length === 0}>
      <table className={css.table} aria-label="Label names">
        <thead><tr><th scope="col">Label</th><th scope="col">Values</th><th scope="col" title={`New ${window}`}>New</th><th scope="col">Text</th></tr></thead>
        <tbody>
          {labels.map(({ name, values, created, bytes }) => (
            <tr key={name}>
              <td className={css.what}><Link to={queryAddress(valuesQuery(name))} title={name}>{name}</Link></td>
              <td>{formatCount(values)}</td><td><New count={created} /></td><td>{formatBytes(bytes)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

const New = ({ count }: { count: number }) => <span className={count === 0 ? css.faint : css.new}>{count === 0 ? '0' : `+${formatCount(count)}`}</span>;

function Section({ name, empty, children }: { name: string; empty: boolean; children: ReactNode }) {
  return (
    <section className={css.section} aria-label={name}>
      <h2>{name}</h2>
      {empty ? <p className={css.empty}>None</p> : children}
    </section>
  );
}
